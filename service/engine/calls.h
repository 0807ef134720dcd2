// What goes into the calls of Collection and what comes out. The proto says what each field means
// to a caller.
#ifndef NEWSPRINT_SERVICE_ENGINE_CALLS_H_
#define NEWSPRINT_SERVICE_ENGINE_CALLS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "service/common/types.h"
#include "service/engine/prepare.h"

namespace newsprint {

struct IngestRequest {
  Article article;
  std::string request_id;  // empty: none
  bool skip_related = false;
};

// An IngestRequest whose costly, pure part is done.
struct PreparedIngest {
  PreparedArticle prepared;
  std::string request_id;
  bool skip_related = false;
};

// A stored article, by id, or one that need not be stored.
using ArticleQuery = std::variant<std::string, Article>;
// Or a vector, of the collection's dimension.
using RelatedQuery = std::variant<ArticleQuery, std::vector<float>>;

struct RelatedOptions {
  int results_max = 10;
  double score_min = 0;
  bool include_duplicates = false;
  absl::Duration half_life = absl::InfiniteDuration();
  std::vector<std::string> sources;    // empty: all
  std::vector<std::string> languages;  // empty: all; lower case
  absl::Time published_from = absl::InfinitePast();
  absl::Time published_before = absl::InfiniteFuture();
  double diversity = 0;  // 0 to 1
};

struct RelatedArticle {
  ArticleSummary article;
  double score = 0;  // 0 to 1
  GroupNumber group = 0;
  bool same_group = false;
  bool withdrawn = false;
};

// A new collection. 0 for `dimension`: the embedder's.
struct NewCollection {
  CollectionSettings settings;
  std::string embedder;
  int dimension = 0;
};

struct Comparison {
  Relation relation = Relation::kNew;
  Evidence evidence;
  double similarity = 0;  // 0 to 1
  std::string explanation;
};

struct StoredArticle {
  Article article;
  ArticleState state;
};

struct GroupSummary {
  GroupNumber group = 0;
  std::string canonical_id;  // empty: without members, as is `title`
  std::string title;
  int64_t members = 0;
  bool canonical_pinned = false;
  std::optional<Withdrawal> withdrawal;
};

struct GroupMember {
  ArticleSummary article;
  Relation relation = Relation::kNew;
  std::optional<Evidence> evidence;
  absl::Time ingested_at;
  bool placed_by_editor = false;
};

// A page of a list, and where the next one begins.
template <typename Item, typename Position>
struct Page {
  std::vector<Item> items;
  std::optional<Position> next;
};

struct GroupPage {
  GroupSummary group;
  Page<GroupMember, Ordinal> members;
};

struct GroupFilter {
  uint64_t members_min = 0;
  bool withdrawn_only = false;
};

struct Deleted {
  GroupNumber group = 0;
  std::string canonical_id;  // empty: the group has no members any more
};

struct SplitRequest {
  GroupNumber group = 0;
  std::vector<std::string> ids;
  std::string request_id;  // empty: none
};

struct Split {
  GroupSummary group;
  GroupSummary new_group;
};

struct Withdrawn {
  GroupSummary group;
  int64_t affected = 0;
};

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_ENGINE_CALLS_H_
