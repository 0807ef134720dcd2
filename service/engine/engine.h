// The data folder with its collections.
#ifndef NEWSPRINT_SERVICE_ENGINE_ENGINE_H_
#define NEWSPRINT_SERVICE_ENGINE_ENGINE_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "service/common/clock.h"
#include "service/common/mutex.h"
#include "service/common/types.h"
#include "service/engine/background_worker.h"
#include "service/engine/collection.h"
#include "service/engine/embedders.h"
#include "service/engine/snapshots.h"
#include "service/store/store.h"

namespace newsprint {

inline constexpr char kDefaultCollection[] = "default";

// NOT_FOUND, as Find says it.
absl::Status NoSuchCollection(absl::string_view name);

// Thread-safe. Order of calls: Open, LoadIndexes, then anything.
class Engine {
 public:
  struct Options {
    store::Store::Options store;
    Embedders::Options embedders;
    Clock clock = absl::Now;
    std::string newsprint_version;  // for the manifests of snapshots
  };

  // Opens or creates the data folder, with a collection "default". FAILED_PRECONDITION when it is
  // in use, of another format, or holds a collection with a fingerprint scheme or an embedder that
  // this server does not have.
  static absl::StatusOr<std::unique_ptr<Engine>> Open(const Options& options);

  // Builds the indexes of all collections; calls `progress` after each one. CANCELLED soon after
  // `keep_going` says false, which is asked for each record, from several threads.
  absl::Status LoadIndexes(absl::FunctionRef<void(const Collection&)> progress,
                           absl::FunctionRef<bool()> keep_going);

  // From now on vectors that are to come are made in the background ("embedding"), articles that
  // have expired are deleted ("expiring"), the memory of deleted ones is given back ("compacting"),
  // and the graphs over the vectors are saved now and then ("saving_graphs"). Call after
  // LoadIndexes.
  void StartBackgroundWork(BackgroundWorker::Report report);
  // Of each of these tasks, how many collections it is held up for by a problem. Empty before and
  // after.
  std::vector<BackgroundWorker::Problems> BackgroundProblems() const;
  // Ends that, and saves all graphs, so that the next start need not build any. Call at the end.
  absl::Status FinishBackgroundWork();

  // About how often LoadIndexes will ask `keep_going`.
  absl::StatusOr<int64_t> RecordsToLoad() const;

  // NOT_FOUND when there is none of that name.
  absl::StatusOr<std::shared_ptr<Collection>> Find(absl::string_view name) const;
  // ALREADY_EXISTS, or an error of Embedders::Open. A zero in `shingle_words` means the default;
  // scheme and time are set here.
  absl::StatusOr<std::shared_ptr<Collection>> Create(NewCollection wanted);
  // FAILED_PRECONDITION for the default collection.
  absl::Status Drop(absl::string_view name);
  // Collections by name, from `first` on, at most `collections_max`, of those whose name begins
  // with `prefix`. Takes no longer when there are others.
  std::vector<std::shared_ptr<Collection>> List(absl::string_view first, size_t collections_max,
                                                absl::string_view prefix = "") const;

  std::vector<EmbedderInfo> ListEmbedders() { return embedders_->List(); }
  // Collection::BeginReembedding with the embedder of this name; errors also as Embedders::Open.
  absl::Status BeginReembedding(Collection& collection, absl::string_view embedder);

  Snapshots& snapshots() { return snapshots_; }

  // Waits for nothing.
  store::WriteState write_state() const { return store_->write_state(); }
  // See Store.
  std::optional<store::DiskSpace> disk_space() const { return store_->disk_space(); }
  int64_t disk_reserve_bytes() const { return store_->disk_reserve_bytes(); }
  // Of all collections: see Store::disk_bytes.
  int64_t store_bytes() const { return store_->disk_bytes(); }

  // See Store::NotifyDurable.
  void NotifyDurable(absl::AnyInvocable<void(absl::Status)> callback) {
    store_->NotifyDurable(std::move(callback));
  }
  void NotifySynced(absl::AnyInvocable<void(absl::Status)> callback) {
    store_->NotifySynced(std::move(callback));
  }
  // Returns when everything applied before is on disk.
  absl::Status WaitDurable() { return store_->WaitSynced(); }

 private:
  Engine(const Options& options, std::unique_ptr<store::Store> store,
         std::unique_ptr<Embedders> embedders, std::string graphs_dir);

  absl::StatusOr<std::shared_ptr<Collection>> Reopen(const store::CollectionRecord& record) const;
  absl::StatusOr<std::shared_ptr<Collection>> MakeCollection(
      const store::CollectionRecord& record, std::shared_ptr<const Embedding> embedding,
      std::shared_ptr<const Embedding> next) const;

  // Deletes files of graphs that are of no collection any more.
  void DeleteOldGraphs() const;

  const std::unique_ptr<store::Store> store_;
  const std::unique_ptr<Embedders> embedders_;
  const embed::GeneralTerms general_terms_;
  const std::string graphs_dir_;
  const Clock clock_;
  Snapshots snapshots_;

  // Held while a collection is created or dropped, which the store does not order by itself.
  Mutex admin_mutex_;
  mutable Mutex mutex_;
  std::map<std::string, std::shared_ptr<Collection>, std::less<>> collections_
      ABSL_GUARDED_BY(mutex_);
  mutable Mutex worker_mutex_;
  // Last, so that it ends first.
  std::unique_ptr<BackgroundWorker> worker_ ABSL_GUARDED_BY(worker_mutex_);
};

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_ENGINE_ENGINE_H_
