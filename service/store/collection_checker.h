// Whether the records of one collection fit together.
#ifndef NEWSPRINT_SERVICE_STORE_COLLECTION_CHECKER_H_
#define NEWSPRINT_SERVICE_STORE_COLLECTION_CHECKER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/store/checker.h"
#include "service/store/keys.h"
#include "service/store/records.h"

namespace newsprint::store {

// Takes the records in the order of their keys, then the bodies, in order too, then compares. Not
// thread-safe.
class CollectionChecker {
 public:
  // `problems` must outlive it.
  CollectionChecker(CollectionRecord record, Problems* problems);

  // A record of the default column family: what stands behind the uid in its key, and its value.
  void Add(char tag, absl::string_view rest, absl::string_view value);
  // A record of the column family "bodies".
  void AddBody(absl::string_view rest);
  // Room for as many articles, so that it need not grow on the way.
  void Reserve(size_t articles) { articles_.reserve(articles); }
  // The first article from `first` on that should have a body.
  std::optional<Ordinal> NextWithBody(Ordinal first) const;
  // Compares what has come. Call once, at the end; `complete`: nothing that should have come could
  // not be read.
  void Finish(bool complete);

  uint64_t articles() const { return live_articles_; }

 private:
  // What is remembered of an article.
  struct SeenArticle {
    Ordinal ordinal = 0;
    uint16_t parts = 0;  // of Part
    uint8_t relation = 0;
    bool deleted = false;
    GroupNumber group = 0;
    uint64_t text_hash = 0;  // the low halves
    uint64_t id_hash = 0;
    int64_t time = 0;  // microseconds
  };
  static_assert(sizeof(SeenArticle) == 40,
                "CheckDataFolder and docs/operations.md tell the memory");
  struct SeenGroup {
    GroupNumber number = 0;
    GroupNumber merged_into = 0;
    uint64_t members = 0;
    uint64_t members_seen = 0;
    Ordinal canonical = 0;
    bool canonical_seen = false;
    bool withdrawn = false;
  };
  static_assert(sizeof(SeenGroup) == 40, "the same");

  void Report(ProblemKind kind, absl::string_view what) const;
  void ReportArticle(Ordinal ordinal, absl::string_view what) const;
  void ReportGroup(GroupNumber group, absl::string_view what) const;
  SeenArticle* FindArticle(Ordinal ordinal);
  SeenGroup* FindGroup(GroupNumber group);
  // The record, when `rest` is of this length and `value` can be read; a problem else.
  template <typename Record>
  std::optional<Record> Read(absl::string_view rest, size_t rest_bytes, absl::string_view name,
                             absl::StatusOr<Record> record) const;
  // Marks a part of an article; a problem when there is no such article.
  void Mark(absl::string_view rest, uint16_t part);

  void AddArticle(absl::string_view rest, absl::string_view value);
  void AddGroup(absl::string_view rest, absl::string_view value);
  void AddMember(absl::string_view rest, absl::string_view value);
  void AddId(absl::string_view rest, absl::string_view value);
  void AddText(absl::string_view rest);
  void AddTime(absl::string_view rest, absl::string_view value);
  void AddVector(absl::string_view rest, absl::string_view value);
  void AddPending(absl::string_view rest, absl::string_view value);
  void AddLesson(absl::string_view rest, absl::string_view value);
  void AddChange(absl::string_view rest, absl::string_view value);
  void AddRequestPlace(absl::string_view rest, absl::string_view value);
  void AddRequest(absl::string_view rest, absl::string_view value);

  void FinishArticles();
  void FinishTombstone(const SeenArticle& article);
  void FinishGroups();
  void FinishState();
  void FinishRings();

  const CollectionRecord record_;
  Problems* const problems_;

  std::vector<SeenArticle> articles_;  // ascending
  std::vector<SeenGroup> groups_;      // ascending
  std::optional<CollectionState> state_;
  std::optional<BoilerplateRecord> boilerplate_;
  uint64_t live_articles_ = 0;
  uint64_t pending_ = 0;
  std::optional<Ordinal> first_lesson_;
  uint64_t changes_ = 0;
  uint64_t first_change_ = 0;
  uint64_t last_change_ = 0;
  uint64_t places_ = 0;  // of the ring of requests
  uint64_t first_place_ = 0;
  uint64_t last_place_ = 0;
  uint64_t requests_ = 0;
  absl::flat_hash_set<uint64_t> request_ids_;  // hashes of those in the ring
};

}  // namespace newsprint::store

#endif  // NEWSPRINT_SERVICE_STORE_COLLECTION_CHECKER_H_
