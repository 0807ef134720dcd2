#include "service/engine/groups.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "service/common/status_macros.h"

namespace newsprint {

absl::StatusOr<LoadedGroup> LoadGroup(const store::Store& store, uint32_t uid, GroupNumber number) {
  while (true) {
    ASSIGN_OR_RETURN(auto record, store.GetGroup(uid, number));
    if (!record.has_value()) {
      return absl::NotFoundError(absl::StrCat("group_id: no such group, got \"g", number, "\""));
    }
    if (record->merged_into == 0) return LoadedGroup{number, *std::move(record)};
    number = record->merged_into;
  }
}

absl::StatusOr<std::string> CanonicalId(const store::Store& store, uint32_t uid,
                                        const LoadedGroup& group) {
  if (group.record.members == 0) return std::string();
  ASSIGN_OR_RETURN(store::ArticleRecord canonical, store.GetArticle(uid, group.record.canonical));
  return std::move(canonical.article.id);
}

}  // namespace newsprint
