# Options that all of our own targets share, and none of the generated ones.
add_library(newsprint_options INTERFACE)
target_compile_options(newsprint_options INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Werror)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  target_compile_options(newsprint_options INTERFACE -Wthread-safety)
endif()
target_include_directories(newsprint_options INTERFACE ${PROJECT_SOURCE_DIR})

if(NEWSPRINT_SANITIZE)
  add_compile_options(-fsanitize=${NEWSPRINT_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${NEWSPRINT_SANITIZE})
endif()
if(NEWSPRINT_COVERAGE)
  # Atomic counters: the server's threads count the same lines.
  add_compile_options(--coverage -fprofile-update=atomic)
  add_link_options(--coverage)
endif()

# newsprint_library(NAME SOURCES file... [DEPS target...] [PRIVATE_DEPS target...])
function(newsprint_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC ${ARG_DEPS} PRIVATE newsprint_options ${ARG_PRIVATE_DEPS})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
endfunction()

# newsprint_binary(NAME SOURCES file... [DEPS target...])
function(newsprint_binary name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE newsprint_options ${ARG_DEPS})
endfunction()
