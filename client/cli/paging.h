// Reading lists that the service gives page by page.
#ifndef NEWSPRINT_CLIENT_CLI_PAGING_H_
#define NEWSPRINT_CLIENT_CLI_PAGING_H_

#include <algorithm>
#include <cstdint>
#include <limits>

#include "absl/status/status.h"

namespace newsprint::cli {

inline constexpr int64_t kPageSize = 1000;  // the most that the service gives

// Asks for page after page with `list(request)`, which returns StatusOr of a response, and calls
// `show(response)`, which returns how many entries that had, until `limit` entries were shown or no
// page is left. 0 means no limit. `request` is without page size and token.
template <typename Request, typename List, typename Show>
absl::Status ForEachPage(int64_t limit, Request request, const List& list, const Show& show) {
  int64_t left = limit > 0 ? limit : std::numeric_limits<int64_t>::max();
  do {
    request.set_page_size(static_cast<int32_t>(std::min(left, kPageSize)));
    const auto response = list(request);
    if (!response.ok()) return response.status();
    left -= show(*response);
    request.set_page_token(response->next_page_token());
  } while (!request.page_token().empty() && left > 0);
  return absl::OkStatus();
}

}  // namespace newsprint::cli

#endif  // NEWSPRINT_CLIENT_CLI_PAGING_H_
