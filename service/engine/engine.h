// The data folder with its collections.
#ifndef NEWSPRINT_SERVICE_ENGINE_ENGINE_H_
#define NEWSPRINT_SERVICE_ENGINE_ENGINE_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/common/mutex.h"
#include "service/common/types.h"
#include "service/engine/collection.h"
#include "service/engine/prepare.h"
#include "service/store/store.h"

namespace newsprint {

inline constexpr char kDefaultCollection[] = "default";

// Thread-safe. Order of calls: Open, LoadIndexes, then anything.
class Engine {
 public:
  // Opens or creates the data folder, with a collection "default". FAILED_PRECONDITION when it is
  // in use, of a newer format, or holds a collection with another fingerprint scheme or embedder.
  static absl::StatusOr<std::unique_ptr<Engine>> Open(const store::Store::Options& options);

  // Builds the indexes of all collections; calls `progress` after each one. CANCELLED soon after
  // `keep_going` says false.
  absl::Status LoadIndexes(absl::FunctionRef<void(const Collection&)> progress,
                           absl::FunctionRef<bool()> keep_going);

  // NOT_FOUND when there is none of that name.
  absl::StatusOr<std::shared_ptr<Collection>> Find(absl::string_view name) const;
  // ALREADY_EXISTS, or INVALID_ARGUMENT for settings that don't fit together. Zeros in
  // `shingle_words` and `embedding_dimension` mean the defaults; scheme, embedder and time are set
  // here.
  absl::StatusOr<std::shared_ptr<Collection>> Create(CollectionSettings settings);
  // FAILED_PRECONDITION for the default collection.
  absl::Status Drop(absl::string_view name);
  // Collections by name, from `first` on, at most `collections_max`.
  std::vector<std::shared_ptr<Collection>> List(absl::string_view first,
                                                size_t collections_max) const;

  // See Store::NotifyDurable.
  void NotifyDurable(absl::AnyInvocable<void(absl::Status)> callback) {
    store_->NotifyDurable(std::move(callback));
  }
  // Returns when everything applied before is on disk.
  absl::Status WaitDurable();

 private:
  explicit Engine(std::unique_ptr<store::Store> store);

  absl::Status CheckCompatible(const CollectionSettings& settings) const;
  std::shared_ptr<Collection> MakeCollection(store::CollectionRecord record) const;

  const std::unique_ptr<store::Store> store_;
  const BuiltInEmbedding embedding_;

  // Held while a collection is created or dropped, which the store does not order by itself.
  Mutex admin_mutex_;
  mutable Mutex mutex_;
  std::map<std::string, std::shared_ptr<Collection>, std::less<>> collections_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_ENGINE_ENGINE_H_
