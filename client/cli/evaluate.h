// What the three evaluations share: labelled files, a collection of their own, work on two threads.
#ifndef NEWSPRINT_CLIENT_CLI_EVALUATE_H_
#define NEWSPRINT_CLIENT_CLI_EVALUATE_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "client/cli/jsonl.h"
#include "client/cli/progress.h"
#include "client/cli/session.h"

namespace newsprint::cli {

// A collection of a name nobody else uses, dropped at the end, however that comes about.
class ScratchCollection {
 public:
  // With these settings; their name is ignored. `session` must outlive it.
  static absl::StatusOr<std::unique_ptr<ScratchCollection>> Create(Session& session,
                                                                   const v1::Collection& settings);
  // Drops the collection. What goes wrong is said on `session.err`.
  ~ScratchCollection();
  ScratchCollection(const ScratchCollection&) = delete;
  ScratchCollection& operator=(const ScratchCollection&) = delete;

  const std::string& name() const { return name_; }

 private:
  ScratchCollection(Session& session, std::string name);

  Session& session_;
  const std::string name_;
};

struct LabelledArticle {
  v1::Article article;  // without its text once it was ingested
  absl::optional<std::string> label;
  absl::optional<std::string> kind;
  bool ingested = false;
  bool embedding_pending = false;  // ingested, but its vector is still to come
};

// Reads an article file. Bad lines are reported to `progress` and left out. An id that was there
// before gets a suffix, as each line is an article of its own here.
absl::StatusOr<std::vector<LabelledArticle>> ReadLabelledArticles(const std::string& path,
                                                                  Progress& progress);

// Ingests in order and without the vector search, and fills in `ingested` and `embedding_pending`.
absl::Status IngestAll(Session& session, const std::string& collection, Progress& progress,
                       std::vector<LabelledArticle>& articles);

// An error when vectors are still to come: figures about nearness would be too low.
absl::Status CheckVectors(const std::vector<LabelledArticle>& articles);

// Calls `line(json, position)` for each line of a file of pairs. Lines that are not JSON or for
// which it returns an error are reported to `progress` and left out.
absl::Status ForEachPairLine(const std::string& path, Progress& progress,
                             const std::function<absl::Status(const JsonLine& json)>& line);

// Calls `work(i)` for i below `count`, on two threads: the service should be measured, and not the
// round trip. Stops at the first error, which it returns, and at an interrupt (CANCELLED).
absl::Status OnTwoThreads(size_t count, const std::function<absl::Status(size_t)>& work);

absl::Status EvaluateDuplicates(Session& session, const std::string& path);
absl::Status EvaluateRelated(Session& session, const std::string& path);
absl::Status EvaluateSimilarity(Session& session, const std::string& path);

}  // namespace newsprint::cli

#endif  // NEWSPRINT_CLIENT_CLI_EVALUATE_H_
