// Turns exceptions of FAISS into statuses. For the files of this folder only.
#ifndef NEWSPRINT_SERVICE_INDEX_FAISS_STATUS_H_
#define NEWSPRINT_SERVICE_INDEX_FAISS_STATUS_H_

#include <exception>
#include <new>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace newsprint::index {

template <typename Function>
absl::Status CatchFaiss(absl::string_view what, Function&& function) {
  try {
    function();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(absl::StrCat(what, ": out of memory"));
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat(what, ": ", error.what()));
  }
  return absl::OkStatus();
}

}  // namespace newsprint::index

#endif  // NEWSPRINT_SERVICE_INDEX_FAISS_STATUS_H_
