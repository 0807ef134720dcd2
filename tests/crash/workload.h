// Makes up what happens to one collection: articles with known copies, revisions, deletions, work
// on groups.
#ifndef NEWSPRINT_TESTS_CRASH_WORKLOAD_H_
#define NEWSPRINT_TESTS_CRASH_WORKLOAD_H_

#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "bench/article_generator.h"
#include "tests/crash/operation.h"

namespace newsprint::crash {

// Draws from one seed. Not thread-safe.
class Dice {
 public:
  explicit Dice(uint64_t seed) : engine_(seed) {}
  uint64_t Next() { return engine_(); }
  // Below `limit`, which is at least 1.
  uint64_t Below(uint64_t limit) { return engine_() % limit; }
  bool Percent(uint64_t percent) { return Below(100) < percent; }

 private:
  std::mt19937_64 engine_;
};

// Not thread-safe. What it makes is a function of the seed and of the answers.
class Workload {
 public:
  struct Options {
    std::string collection;
    uint64_t seed = 0;
    uint64_t first_article = 0;   // number of the generator's that it begins with
    int body_parts = 1;           // articles that one body is made of; more: large bodies
    size_t articles_kept = 0;     // deletes down to so many; 0: no limit
    bool skip_related = false;    // in all ingestions; else in some
    bool expires = false;         // the server takes articles away
    int embedding_dimension = 0;  // of the vectors that articles bring; 0: none
  };
  // `generator` must outlive it.
  Workload(const bench::ArticleGenerator* generator, Options options);

  // The next operation; only ingestions when `ingest_only`, as what is done to groups builds on the
  // answers of all that went before.
  OperationPtr Next(bool ingest_only);
  // Takes the final answer, and checks what the generator knows to be true of it. Answers come in
  // the order of Next. Returns what is wrong, or nothing.
  std::string Settle(const Operation& operation, const Answer& answer);

  // What must be stored after all that was settled, and what must not.
  struct Known {
    std::string group;
    uint64_t story = 0;
    uint64_t text_hash = 0;
  };
  const std::map<std::string, Known>& living() const { return living_; }
  const std::set<std::string>& deleted() const { return deleted_; }
  // Whether that is not known, as articles expire.
  bool expires() const { return options_.expires; }
  // Ids that were changed last, newest at the end.
  const std::vector<std::string>& recent() const { return recent_; }
  // Whether two stories may share a group, as they are one or an editor has mixed them.
  bool MayShareGroup(uint64_t a, uint64_t b) { return Root(a) == Root(b); }

 private:
  v1::Article MakeArticle(uint64_t number, uint64_t* story);
  const std::string& AnyLiving();
  void Add(v1::Article article, uint64_t story, Operation* operation);
  void MakeNew(Operation* operation);
  void MakeVerbatimCopy(Operation* operation);
  void MakeRevision(Operation* operation);
  void MakeRepeat(Operation* operation);
  void MakeBad(Operation* operation);
  bool MakeGroupEdit(Operation* operation);
  void MakeDelete(Operation* operation);
  void MakeSplit(const std::string& id, Operation* operation);
  std::string RequestId(const Operation& operation);
  // What is wrong with the verdict, or nothing.
  std::string SettleIngest(const Operation& operation, const v1::Verdict& verdict);
  void SettleMerge(const v1::MergeGroupsRequest& merge);
  void Touch(const std::string& id);
  void LeaveGroup(const std::string& id, const std::string& group);
  void Forget(const std::string& id);
  void Move(const std::string& id, const std::string& group);
  void Unite(uint64_t a, uint64_t b) { roots_[Root(a)] = Root(b); }
  uint64_t Root(uint64_t story);

  const bench::ArticleGenerator* const generator_;
  const Options options_;
  Dice dice_;
  uint64_t next_number_ = 1;   // of operations
  uint64_t next_article_ = 0;  // of the generator's
  std::map<std::string, Known> living_;
  std::vector<std::string> living_ids_;  // for drawing; may name ids that are gone
  std::map<std::string, std::set<std::string>> groups_;
  std::unordered_map<std::string, OperationPtr> last_ingest_;  // of each living id
  std::set<std::string> deleted_;
  std::set<std::string> in_flight_;
  std::vector<std::string> recent_;
  std::vector<std::string> withdrawn_;  // ids whose story was withdrawn at some time
  std::unordered_map<uint64_t, uint64_t> roots_;
};

}  // namespace newsprint::crash

#endif  // NEWSPRINT_TESTS_CRASH_WORKLOAD_H_
