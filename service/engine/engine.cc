#include "service/engine/engine.h"

#include <future>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "service/common/status_macros.h"

namespace newsprint {
namespace {

constexpr char kCallerEmbedder[] = "caller";
constexpr int kDefaultShingleWords = 5;

}  // namespace

Engine::Engine(std::unique_ptr<store::Store> store) : store_(std::move(store)) {}

absl::StatusOr<std::unique_ptr<Engine>> Engine::Open(const store::Store::Options& options) {
  ASSIGN_OR_RETURN(std::unique_ptr<store::Store> store, store::Store::Open(options));
  std::unique_ptr<Engine> engine(new Engine(std::move(store)));
  ASSIGN_OR_RETURN(const std::vector<store::CollectionRecord> records,
                   engine->store_->Collections());
  for (const store::CollectionRecord& record : records) {
    RETURN_IF_ERROR(engine->CheckCompatible(record.settings));
    MutexLock lock(engine->mutex_);
    engine->collections_.emplace(record.settings.name, engine->MakeCollection(record));
  }
  if (!engine->Find(kDefaultCollection).ok()) {
    CollectionSettings settings;
    settings.name = kDefaultCollection;
    RETURN_IF_ERROR(engine->Create(settings).status());
  }
  return engine;
}

absl::Status Engine::CheckCompatible(const CollectionSettings& settings) const {
  const std::string scheme = FingerprintScheme(settings.shingle_words);
  if (settings.fingerprint_scheme != scheme) {
    return absl::FailedPreconditionError(
        absl::StrCat("data_dir: collection \"", settings.name,
                     "\" has a fingerprint scheme that this server does not make, got ",
                     settings.fingerprint_scheme, ", expected ", scheme));
  }
  const absl::string_view embedder = settings.caller_embeddings ? absl::string_view(kCallerEmbedder)
                                                                : embedding_.projection.identity();
  if (settings.embedder != embedder) {
    return absl::FailedPreconditionError(
        absl::StrCat("data_dir: collection \"", settings.name,
                     "\" has an embedder that this server does not have, got ", settings.embedder,
                     ", expected ", embedder));
  }
  return absl::OkStatus();
}

std::shared_ptr<Collection> Engine::MakeCollection(store::CollectionRecord record) const {
  const BuiltInEmbedding* embedding = record.settings.caller_embeddings ? nullptr : &embedding_;
  return std::make_shared<Collection>(store_.get(), std::move(record), embedding);
}

absl::Status Engine::LoadIndexes(absl::FunctionRef<void(const Collection&)> progress,
                                 absl::FunctionRef<bool()> keep_going) {
  for (const std::shared_ptr<Collection>& collection : List("", SIZE_MAX)) {
    RETURN_IF_ERROR(collection->LoadIndexes(keep_going));
    progress(*collection);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<Collection>> Engine::Find(absl::string_view name) const {
  ReaderMutexLock lock(mutex_);
  const auto found = collections_.find(std::string(name));
  if (found == collections_.end()) {
    return absl::NotFoundError(absl::StrCat("collection: not found, got \"", name, "\""));
  }
  return found->second;
}

absl::StatusOr<std::shared_ptr<Collection>> Engine::Create(CollectionSettings settings) {
  if (settings.shingle_words == 0) settings.shingle_words = kDefaultShingleWords;
  if (settings.embedding_dimension == 0)
    settings.embedding_dimension = embedding_.projection.dimension();
  if (settings.embedding_dimension != embedding_.projection.dimension())
    settings.caller_embeddings = true;
  settings.fingerprint_scheme = FingerprintScheme(settings.shingle_words);
  settings.embedder = std::string(settings.caller_embeddings ? absl::string_view(kCallerEmbedder)
                                                             : embedding_.projection.identity());
  settings.created_at = absl::Now();

  MutexLock admin_lock(admin_mutex_);
  if (Find(settings.name).ok()) {
    return absl::AlreadyExistsError(
        absl::StrCat("collection.name: exists already, got \"", settings.name, "\""));
  }
  ASSIGN_OR_RETURN(const uint32_t uid, store_->AddCollection(settings));
  std::shared_ptr<Collection> collection = MakeCollection({uid, settings});
  if (absl::Status status = collection->LoadIndexes([] { return true; }); !status.ok()) {
    store_->DropCollection(uid).IgnoreError();  // else a second try would make another of this name
    return status;
  }
  MutexLock lock(mutex_);
  collections_[settings.name] = collection;
  return collection;
}

absl::Status Engine::Drop(absl::string_view name) {
  if (name == kDefaultCollection) {
    return absl::FailedPreconditionError("name: the default collection cannot be deleted");
  }
  MutexLock admin_lock(admin_mutex_);
  ASSIGN_OR_RETURN(const std::shared_ptr<Collection> collection, Find(name));
  collection->Close();
  if (absl::Status status = store_->DropCollection(collection->uid()); !status.ok()) {
    collection->Reopen();
    return status;
  }
  MutexLock lock(mutex_);
  collections_.erase(collection->settings().name);
  return absl::OkStatus();
}

std::vector<std::shared_ptr<Collection>> Engine::List(absl::string_view first,
                                                      size_t collections_max) const {
  std::vector<std::shared_ptr<Collection>> list;
  ReaderMutexLock lock(mutex_);
  for (auto at = collections_.lower_bound(std::string(first));
       at != collections_.end() && list.size() < collections_max; ++at) {
    list.push_back(at->second);
  }
  return list;
}

absl::Status Engine::WaitDurable() {
  std::promise<absl::Status> promise;
  store_->NotifyDurable([&promise](absl::Status status) { promise.set_value(std::move(status)); });
  return promise.get_future().get();
}

}  // namespace newsprint
