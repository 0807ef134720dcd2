// Reading groups of copies from the store.
#ifndef NEWSPRINT_SERVICE_ENGINE_GROUPS_H_
#define NEWSPRINT_SERVICE_ENGINE_GROUPS_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/common/types.h"
#include "service/store/store.h"

namespace newsprint {

struct LoadedGroup {
  GroupNumber number = 0;
  store::GroupRecord record;
};

// A group, or the one that it was merged into. NOT_FOUND when there is none.
absl::StatusOr<LoadedGroup> LoadGroup(const store::Store& store, uint32_t uid, GroupNumber number);

// The id of the article that stands for the group; empty when it has no members.
absl::StatusOr<std::string> CanonicalId(const store::Store& store, uint32_t uid,
                                        const LoadedGroup& group);

// Whether the withdrawal of a group is about this article.
inline bool Affects(const std::optional<Withdrawal>& withdrawal, absl::string_view id) {
  if (!withdrawal.has_value()) return false;
  return withdrawal->replacement_id.empty() || withdrawal->replacement_id != id;
}

// Reads go over articles and groups that may be deleted meanwhile: true when `status` says just
// that.
inline bool IsGone(const absl::Status& status) { return absl::IsNotFound(status); }

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_ENGINE_GROUPS_H_
