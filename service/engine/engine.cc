#include "service/engine/engine.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "service/common/status_macros.h"

namespace newsprint {
namespace {

constexpr int kDefaultShingleWords = 5;

// An error of a stored collection, for whoever starts the server.
absl::Status StoredCollectionError(const CollectionSettings& settings, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat("data_dir: collection \"", settings.name,
                                                  "\": ", status.message()));
}

}  // namespace

Engine::Engine(const Options& options, std::unique_ptr<store::Store> store,
               std::unique_ptr<Embedders> embedders, std::string graphs_dir)
    : store_(std::move(store)),
      embedders_(std::move(embedders)),
      graphs_dir_(std::move(graphs_dir)),
      clock_(options.clock),
      snapshots_(store_.get(), options.store, options.newsprint_version) {}

absl::StatusOr<std::unique_ptr<Engine>> Engine::Open(const Options& options) {
  ASSIGN_OR_RETURN(std::unique_ptr<Embedders> embedders, Embedders::Create(options.embedders));
  ASSIGN_OR_RETURN(std::unique_ptr<store::Store> store, store::Store::Open(options.store));
  const std::string graphs_dir = absl::StrCat(options.store.data_dir, "/graphs");
  std::error_code error;
  std::filesystem::create_directories(graphs_dir, error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("data_dir: cannot make ", graphs_dir, ": ", error.message()));
  }
  std::unique_ptr<Engine> engine(
      new Engine(options, std::move(store), std::move(embedders), graphs_dir));
  ASSIGN_OR_RETURN(const std::vector<store::CollectionRecord> records,
                   engine->store_->Collections());
  for (const store::CollectionRecord& record : records) {
    absl::StatusOr<std::shared_ptr<Collection>> collection = engine->Reopen(record);
    if (!collection.ok()) return StoredCollectionError(record.settings, collection.status());
    MutexLock lock(engine->mutex_);
    engine->collections_.emplace(record.settings.name, *std::move(collection));
  }
  // Not before all is well: it makes a data folder of a backup.
  RETURN_IF_ERROR(engine->snapshots_.Begin());
  if (!engine->Find(kDefaultCollection).ok()) {
    NewCollection wanted;
    wanted.settings.name = kDefaultCollection;
    RETURN_IF_ERROR(engine->Create(std::move(wanted)).status());
  }
  return engine;
}

absl::StatusOr<std::shared_ptr<Collection>> Engine::Reopen(
    const store::CollectionRecord& record) const {
  const std::string scheme = FingerprintScheme(record.settings.shingle_words);
  if (record.settings.fingerprint_scheme != scheme) {
    return absl::FailedPreconditionError(
        absl::StrCat("has a fingerprint scheme that this server does not make, got ",
                     record.settings.fingerprint_scheme, ", expected ", scheme));
  }
  ASSIGN_OR_RETURN(Embedding embedding, embedders_->Reopen(record.embedding));
  std::shared_ptr<const Embedding> next;
  if (record.next_embedding.has_value()) {
    ASSIGN_OR_RETURN(Embedding moving_to, embedders_->Reopen(*record.next_embedding));
    next = std::make_shared<const Embedding>(std::move(moving_to));
  }
  return MakeCollection(record, std::make_shared<const Embedding>(std::move(embedding)),
                        std::move(next));
}

absl::StatusOr<std::shared_ptr<Collection>> Engine::MakeCollection(
    const store::CollectionRecord& record, std::shared_ptr<const Embedding> embedding,
    std::shared_ptr<const Embedding> next) const {
  ASSIGN_OR_RETURN(std::unique_ptr<SubjectIndex> subjects,
                   SubjectIndex::Create(std::move(embedding), std::move(next), &general_terms_,
                                        absl::StrCat(graphs_dir_, "/", record.uid, "-")));
  return std::make_shared<Collection>(store_.get(), record, clock_, std::move(subjects),
                                      &general_terms_);
}

void Engine::StartBackgroundWork(BackgroundWorker::Report report) {
  std::vector<BackgroundWorker::Task> tasks;
  tasks.push_back({"embedding", [](Collection& collection) -> std::optional<absl::Status> {
                     if (!collection.HasEmbeddingWork()) return std::nullopt;
                     return collection.EmbedSome();
                   }});
  const auto done = [](const absl::StatusOr<bool>& did) -> std::optional<absl::Status> {
    if (did.ok() && !*did) return std::nullopt;
    return did.status();
  };
  tasks.push_back(
      {"expiring", [done](Collection& collection) { return done(collection.ExpireSome()); }});
  tasks.push_back({"compacting", [done](Collection& collection) {
                     return done(collection.subjects().Compact());
                   }});
  tasks.push_back({"saving_graphs", [done](Collection& collection) {
                     return done(collection.subjects().SaveGraphs(/*all=*/false));
                   }});
  MutexLock lock(worker_mutex_);
  worker_ = std::make_unique<BackgroundWorker>([this] { return List("", SIZE_MAX); },
                                               std::move(tasks), std::move(report));
}

std::vector<BackgroundWorker::Problems> Engine::BackgroundProblems() const {
  ReaderMutexLock lock(worker_mutex_);
  if (worker_ == nullptr) return {};
  return worker_->problems();
}

absl::Status Engine::FinishBackgroundWork() {
  std::unique_ptr<BackgroundWorker> worker;
  {
    MutexLock lock(worker_mutex_);
    worker.swap(worker_);
  }
  worker = nullptr;
  absl::Status status;
  for (const std::shared_ptr<Collection>& collection : List("", SIZE_MAX)) {
    status.Update(collection->subjects().SaveGraphs(/*all=*/true).status());
  }
  return status;
}

void Engine::DeleteOldGraphs() const {
  absl::flat_hash_set<std::string> present;
  for (const std::shared_ptr<Collection>& collection : List("", SIZE_MAX)) {
    for (std::string& path : collection->subjects().GraphPaths()) present.insert(std::move(path));
  }
  std::error_code error;  // what cannot be deleted only takes up room
  for (std::filesystem::directory_iterator at(graphs_dir_, error), end; !error && at != end;
       at.increment(error)) {
    std::error_code ignored;
    if (!present.contains(at->path().string())) std::filesystem::remove(at->path(), ignored);
  }
}

absl::Status Engine::BeginReembedding(Collection& collection, absl::string_view embedder) {
  ASSIGN_OR_RETURN(Embedding next, embedders_->Open("embedder", embedder, /*dimension=*/0));
  if (next.embedder == nullptr) {
    return absl::InvalidArgumentError(
        "embedder: vectors of callers come with their articles, got \"caller\"");
  }
  return collection.BeginReembedding(std::move(next));
}

absl::Status Engine::LoadIndexes(absl::FunctionRef<void(const Collection&)> progress,
                                 absl::FunctionRef<bool()> keep_going) {
  DeleteOldGraphs();
  for (const std::shared_ptr<Collection>& collection : List("", SIZE_MAX)) {
    RETURN_IF_ERROR(collection->LoadIndexes(keep_going));
    progress(*collection);
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> Engine::RecordsToLoad() const {
  int64_t records = 0;
  for (const std::shared_ptr<Collection>& collection : List("", SIZE_MAX)) {
    ASSIGN_OR_RETURN(const store::CollectionState state, store_->State(collection->uid()));
    // Of each article the sketch, the terms, and its vectors.
    const int64_t each = collection->subjects().next() == nullptr ? 3 : 4;
    records += each * static_cast<int64_t>(state.articles);
  }
  return records;
}

absl::Status NoSuchCollection(absl::string_view name) {
  return absl::NotFoundError(absl::StrCat("collection: not found, got \"", name, "\""));
}

absl::StatusOr<std::shared_ptr<Collection>> Engine::Find(absl::string_view name) const {
  ReaderMutexLock lock(mutex_);
  const auto found = collections_.find(std::string(name));
  if (found == collections_.end()) return NoSuchCollection(name);
  return found->second;
}

absl::StatusOr<std::shared_ptr<Collection>> Engine::Create(NewCollection wanted) {
  CollectionSettings& settings = wanted.settings;
  if (settings.shingle_words == 0) settings.shingle_words = kDefaultShingleWords;
  settings.fingerprint_scheme = FingerprintScheme(settings.shingle_words);
  settings.created_at = clock_();
  ASSIGN_OR_RETURN(Embedding embedding,
                   embedders_->Open("collection.embedder", wanted.embedder, wanted.dimension));
  embedding.settings.chosen_at = settings.created_at;

  MutexLock admin_lock(admin_mutex_);
  if (Find(settings.name).ok()) {
    return absl::AlreadyExistsError(
        absl::StrCat("collection.name: exists already, got \"", settings.name, "\""));
  }
  store::CollectionRecord record;
  record.settings = settings;
  record.embedding = embedding.settings;
  ASSIGN_OR_RETURN(record.uid, store_->AddCollection(record));
  const auto make = [&]() -> absl::StatusOr<std::shared_ptr<Collection>> {
    ASSIGN_OR_RETURN(
        std::shared_ptr<Collection> collection,
        MakeCollection(record, std::make_shared<const Embedding>(std::move(embedding)), nullptr));
    RETURN_IF_ERROR(collection->LoadIndexes([] { return true; }));
    return collection;
  };
  absl::StatusOr<std::shared_ptr<Collection>> collection = make();
  if (!collection.ok()) {
    // Else a second try would make another of this name.
    store_->DropCollection(record.uid).IgnoreError();
    return collection;
  }
  MutexLock lock(mutex_);
  collections_[settings.name] = *collection;
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
  std::error_code error;  // the next start deletes them, else
  for (const std::string& path : collection->subjects().GraphPaths()) {
    std::filesystem::remove(path, error);
  }
  MutexLock lock(mutex_);
  collections_.erase(collection->settings().name);
  return absl::OkStatus();
}

std::vector<std::shared_ptr<Collection>> Engine::List(absl::string_view first,
                                                      size_t collections_max,
                                                      absl::string_view prefix) const {
  std::vector<std::shared_ptr<Collection>> list;
  ReaderMutexLock lock(mutex_);
  for (auto at = collections_.lower_bound(std::string(std::max(first, prefix)));
       at != collections_.end() && list.size() < collections_max &&
       absl::StartsWith(at->first, prefix);
       ++at) {
    list.push_back(at->second);
  }
  return list;
}

}  // namespace newsprint
