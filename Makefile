# Every target installs what it needs (Debian 12, as root or with sudo), builds, and does its job.
JOBS ?= $(shell nproc)
RELEASE := build/release
BUILD_PACKAGES := scripts/packages-build.txt
TEST_PACKAGES := scripts/packages-build.txt scripts/packages-test.txt
# Undefined behaviour fails a test; without this it is only printed.
export UBSAN_OPTIONS ?= halt_on_error=1:print_stacktrace=1

.PHONY: help build demo test test-release test-asan test-tsan sanitize bench bench-quick coverage \
	fuzz lint format packages packages-test clean crash-binary crash-test soak \
	deb deb-test image-test debian13 monitoring-test
.DEFAULT_GOAL := help

help:
	@echo 'make demo         build, and show the main job on sample articles'
	@echo 'make build        newsprintd and newsprint in $(RELEASE)/bin'
	@echo 'make test         all tests, also under the address, undefined and thread sanitizers'
	@echo 'make coverage     line coverage of service/ and client/'
	@echo 'make bench        the tables of bench/README.md; bench-quick: in under 3 minutes'
	@echo 'make deb          a Debian package in build/deb; deb-test: in a clean Debian with systemd'
	@echo 'make image-test   the image of deploy/docker; debian13: the release and its tests on Debian 13'
	@echo 'make monitoring-test  dashboard and alerts against a real Prometheus'
	@echo 'make crash-test   ROUNDS (200) kills of the server, failing disks and damaged files'
	@echo 'make soak         MINUTES (30) of load with faults: memory and errors'
	@echo 'make fuzz         each of FUZZ_TARGETS (all) for FUZZ_SECONDS (60)'
	@echo 'make sanitize     all tests, the end-to-end ones too, under the sanitizers'
	@echo 'make lint         clang-tidy, thread-safety analysis and formatting; format: formats'

packages:
	@scripts/install-packages.sh $(BUILD_PACKAGES)

packages-test:
	@scripts/install-packages.sh $(TEST_PACKAGES)

build: packages
	@[ -f $(RELEASE)/build.ninja ] || cmake --preset release -DNEWSPRINT_TESTS=OFF \
	  -DNEWSPRINT_BENCH=OFF >/dev/null
	@cmake --build --preset release -j $(JOBS) --target newsprintd newsprint

# The times in the package are those of the commit, so that it comes out the same again.
deb: build
	@scripts/install-packages.sh scripts/packages-deb.txt
	@SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null || date +%s)}; \
	  export SOURCE_DATE_EPOCH; rm -rf build/deb && cmake --preset release >/dev/null && \
	  cmake --build --preset release -j $(JOBS) --target package_files && \
	  cpack --config $(RELEASE)/CPackConfig.cmake -B build/deb >/dev/null
	@rm -rf build/deb/_CPack_Packages && ls build/deb/*.deb

deb-test: deb
	@scripts/install-packages.sh scripts/packages-deploy.txt
	@tests/deploy/deb.sh build/deb/*.deb

image-test:
	@scripts/install-packages.sh scripts/packages-deploy.txt
	@tests/deploy/image.sh

# In a root of its own; may be stopped and run again.
debian13:
	@scripts/install-packages.sh scripts/packages-deploy.txt
	@scripts/debian13.sh

demo: build
	@scripts/demo.sh $(RELEASE)/bin

test: test-release test-asan test-tsan

test-release: packages-test
	@cmake --preset release -DNEWSPRINT_TESTS=ON -DNEWSPRINT_BENCH=ON >/dev/null
	@cmake --build --preset release -j $(JOBS)
	@ctest --test-dir $(RELEASE) --output-on-failure -j $(JOBS)

test-asan: packages-test
	@cmake --preset asan >/dev/null
	@cmake --build --preset asan -j $(JOBS) --target server_tests
	@ctest --test-dir build/asan --output-on-failure -j $(JOBS) \
	  -R '^(unit|property|race|rpc|remote)_tests$$|^fuzz_replay$$'

# gRPC in one process drowns it in false reports, so only what lies below.
test-tsan: packages-test
	@cmake --preset tsan >/dev/null
	@cmake --build --preset tsan -j $(JOBS) --target race_tests
	@TSAN_OPTIONS="suppressions=$(CURDIR)/tests/tsan.supp" build/tsan/bin/race_tests

# The long form of the two above. EmbeddersTest asks servers by way of gRPC.
sanitize: packages-test
	@cmake --preset asan >/dev/null
	@cmake --build --preset asan -j $(JOBS)
	@ctest --test-dir build/asan --output-on-failure -j $(JOBS)
	@cmake --preset tsan >/dev/null
	@cmake --build --preset tsan -j $(JOBS) --target unit_tests property_tests race_tests
	@GTEST_FILTER='-EmbeddersTest.*' TSAN_OPTIONS="suppressions=$(CURDIR)/tests/tsan.supp" \
	  ctest --test-dir build/tsan --output-on-failure -j $(JOBS) -R '^(unit|property|race)_tests$$'

bench: packages-test
	@cmake --preset release -DNEWSPRINT_BENCH=ON >/dev/null
	@cmake --build --preset release -j $(JOBS)
	@/usr/bin/python3 bench/run.py full

bench-quick: packages-test
	@cmake --preset release -DNEWSPRINT_BENCH=ON >/dev/null
	@cmake --build --preset release -j $(JOBS)
	@/usr/bin/python3 bench/run.py quick

coverage: packages-test
	@cmake --preset coverage >/dev/null
	@cmake --build --preset coverage -j $(JOBS)
	@find build/coverage -name '*.gcda' -delete
	@ctest --test-dir build/coverage --output-on-failure -j $(JOBS)
	@gcovr --root . --filter 'service/' --filter 'client/' --exclude-throw-branches \
	  --object-directory build/coverage build/coverage

ROUNDS ?= 200
MINUTES ?= 30
crash-binary: packages-test
	@cmake --preset release -DNEWSPRINT_TESTS=ON >/dev/null
	@cmake --build --preset release -j $(JOBS) --target crash_test

crash-test: crash-binary
	@$(RELEASE)/bin/crash_test --rounds=$(ROUNDS)

soak: crash-binary
	@$(RELEASE)/bin/crash_test --soak_minutes=$(MINUTES)

# A part of `make test`, alone.
monitoring-test: packages-test build
	@NEWSPRINT_BIN=$(RELEASE)/bin /usr/bin/python3 tests/monitoring/monitoring_test.py

FUZZ_SECONDS ?= 60
# Names of folders in tests/fuzz/corpus; empty: all.
FUZZ_TARGETS ?=
fuzz:
	@scripts/install-packages.sh $(TEST_PACKAGES) scripts/packages-lint.txt
	@cmake --preset fuzz >/dev/null
	@cmake --build --preset fuzz -j $(JOBS) --target fuzzers
	@scripts/fuzz.sh build/fuzz $(FUZZ_SECONDS) $(FUZZ_TARGETS)

lint:
	@scripts/install-packages.sh $(TEST_PACKAGES) scripts/packages-lint.txt
	@git ls-files '*.h' '*.cc' | xargs clang-format --dry-run -Werror
	@cmake --preset dev >/dev/null
	@cmake --build --preset dev -j $(JOBS)
	@git ls-files 'service/*.cc' 'client/*.cc' | xargs -P $(JOBS) -n 4 clang-tidy -quiet -p build/dev

format:
	@scripts/install-packages.sh scripts/packages-lint.txt
	@git ls-files '*.h' '*.cc' | xargs clang-format -i

clean:
	@rm -rf build
