#include "service/common/types.h"

namespace newsprint {

absl::string_view RelationName(Relation relation) {
  switch (relation) {
    case Relation::kNew:
      return "new";
    case Relation::kExact:
      return "exact";
    case Relation::kNearDuplicate:
      return "near_duplicate";
    case Relation::kExcerpt:
      return "excerpt";
    case Relation::kExtension:
      return "extension";
    case Relation::kRevision:
      return "revision";
    case Relation::kTemplate:
      return "template";
    case Relation::kRelated:
      return "related";
  }
  return "unknown";
}

bool IsDuplicate(Relation relation) {
  switch (relation) {
    case Relation::kExact:
    case Relation::kNearDuplicate:
    case Relation::kExcerpt:
    case Relation::kExtension:
    case Relation::kRevision:
      return true;
    case Relation::kNew:
    case Relation::kTemplate:
    case Relation::kRelated:
      return false;
  }
  return false;
}

}  // namespace newsprint
