// Reading lists that the service gives page by page.
#ifndef NEWSPRINT_CLIENT_CLI_PAGING_H_
#define NEWSPRINT_CLIENT_CLI_PAGING_H_

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "absl/status/status.h"

namespace newsprint::cli {

inline constexpr int64_t kPageSize = 1000;  // the most that the service gives

// Calls `fetch(page_size, page_token, &next_page_token, &added)` until `limit` entries are there or
// no page is left. 0 means no limit.
template <typename Fetch>
absl::Status ForEachPage(int64_t limit, const Fetch& fetch) {
  int64_t left = limit > 0 ? limit : std::numeric_limits<int64_t>::max();
  std::string token;
  do {
    int64_t added = 0;
    std::string next;
    const auto page_size = static_cast<int32_t>(std::min(left, kPageSize));
    if (absl::Status status = fetch(page_size, token, &next, &added); !status.ok()) return status;
    left -= added;
    token = std::move(next);
  } while (!token.empty() && left > 0);
  return absl::OkStatus();
}

}  // namespace newsprint::cli

#endif  // NEWSPRINT_CLIENT_CLI_PAGING_H_
