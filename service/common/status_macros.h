// Early return on error, for functions that return absl::Status or absl::StatusOr.
#ifndef NEWSPRINT_SERVICE_COMMON_STATUS_MACROS_H_
#define NEWSPRINT_SERVICE_COMMON_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define RETURN_IF_ERROR(expression)                                     \
  do {                                                                  \
    if (absl::Status status_macro = (expression); !status_macro.ok()) { \
      return status_macro;                                              \
    }                                                                   \
  } while (false)

// ASSIGN_OR_RETURN(auto value, MayFail());
#define ASSIGN_OR_RETURN(target, expression) \
  NEWSPRINT_ASSIGN_OR_RETURN(NEWSPRINT_CONCAT(status_or_, __LINE__), target, expression)
#define NEWSPRINT_ASSIGN_OR_RETURN(status_or, target, expression) \
  auto status_or = (expression);                                  \
  if (!status_or.ok()) return std::move(status_or).status();      \
  target = *std::move(status_or)
#define NEWSPRINT_CONCAT(a, b) NEWSPRINT_CONCAT_INNER(a, b)
#define NEWSPRINT_CONCAT_INNER(a, b) a##b

#endif  // NEWSPRINT_SERVICE_COMMON_STATUS_MACROS_H_
