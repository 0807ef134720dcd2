#include "tests/testing/fake_embedder.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "service/common/hash.h"

namespace newsprint::testing {
namespace {

void DieUnless(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "fake collection: %s\n", status.ToString().c_str());
  std::abort();
}

std::unique_ptr<store::Store> OpenStore(const std::string& path) {
  store::Store::Options options;
  options.data_dir = path;
  options.block_cache_bytes = size_t{8} << 20;
  absl::StatusOr<std::unique_ptr<store::Store>> store = store::Store::Open(options);
  DieUnless(store.status());
  return *std::move(store);
}

}  // namespace

FakeEmbedder::FakeEmbedder(std::string name, int dimension)
    : name_(std::move(name)), identity_(absl::StrCat(name_, "/1")), dimension_(dimension) {}

void FakeEmbedder::Answer(const absl::Status& status) {
  MutexLock lock(mutex_);
  answer_code_ = status.code();
  answer_message_ = std::string(status.message());
}

void FakeEmbedder::Refuse(std::string text) {
  MutexLock lock(mutex_);
  refused_ = std::move(text);
}

void FakeEmbedder::RunInNextEmbed(std::function<void()> action) {
  MutexLock lock(mutex_);
  action_ = std::move(action);
}

int FakeEmbedder::calls() const {
  MutexLock lock(mutex_);
  return calls_;
}

absl::Status FakeEmbedder::Embed(absl::Span<const embed::EmbedInput> inputs,
                                 absl::Span<float> vectors) const {
  std::function<void()> action;
  {
    MutexLock lock(mutex_);
    ++calls_;
    action.swap(action_);
  }
  if (action) action();
  {
    MutexLock lock(mutex_);
    if (answer_code_ != absl::StatusCode::kOk) return absl::Status(answer_code_, answer_message_);
    for (const embed::EmbedInput& input : inputs) {
      if (!refused_.empty() && absl::StrContains(input.body, refused_)) {
        return absl::InvalidArgumentError("the model takes no such text");
      }
    }
  }
  const size_t dimension = static_cast<size_t>(dimension_);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const std::vector<float> vector = VectorOf(inputs[i].title, inputs[i].body);
    std::copy(vector.begin(), vector.end(), vectors.begin() + i * dimension);
  }
  return absl::OkStatus();
}

std::vector<float> FakeEmbedder::VectorOf(absl::string_view title, absl::string_view body) const {
  std::vector<text::Token> tokens;
  text::Tokenize(title, &tokens);
  text::Tokenize(body, &tokens);
  const uint64_t seed = Hash64(name_.data(), name_.size());
  std::vector<float> vector(static_cast<size_t>(dimension_));
  for (const text::Token token : tokens) {
    const uint64_t mixed = Mix64(token ^ seed);
    vector[(mixed >> 1) % vector.size()] += (mixed & 1) == 0 ? 1.0f : -1.0f;
  }
  double squares = 0;
  for (const float value : vector) squares += value * value;
  if (squares == 0) return vector;
  for (float& value : vector) value = static_cast<float>(value / std::sqrt(squares));
  return vector;
}

FakeCollection::FakeCollection(Fakes fakes, bool omit_text)
    : fakes_(std::move(fakes)), store_(OpenStore(dir_.path())) {
  store::CollectionRecord record;
  record.settings.name = "faked";
  record.settings.omit_text = omit_text;
  record.settings.fingerprint_scheme = FingerprintScheme(record.settings.shingle_words);
  record.settings.created_at = absl::Now();
  record.embedding = EmbeddingOf(fakes_.front()).settings;
  absl::StatusOr<uint32_t> added = store_->AddCollection(record);
  DieUnless(added.status());
  record.uid = *added;
  Open(record);
}

Embedding FakeCollection::EmbeddingOf(const std::shared_ptr<FakeEmbedder>& fake) {
  Embedding embedding;
  embedding.settings = {fake->name(), fake->identity(), fake->dimension(), 1, absl::Now()};
  embedding.embedder = fake;
  embedding.remote = true;
  return embedding;
}

std::shared_ptr<const Embedding> FakeCollection::FindFake(const EmbeddingSettings& settings) const {
  for (const std::shared_ptr<FakeEmbedder>& fake : fakes_) {
    if (fake->identity() != settings.identity) continue;
    Embedding embedding = EmbeddingOf(fake);
    embedding.settings = settings;
    return std::make_shared<const Embedding>(std::move(embedding));
  }
  DieUnless(absl::NotFoundError(settings.identity));
  return nullptr;
}

void FakeCollection::Open(const store::CollectionRecord& record) {
  auto subjects = SubjectIndex::Create(
      FindFake(record.embedding),
      record.next_embedding.has_value() ? FindFake(*record.next_embedding) : nullptr, &general_);
  DieUnless(subjects.status());
  collection_ = std::make_unique<Collection>(store_.get(), record, absl::Now, *std::move(subjects),
                                             &general_);
  DieUnless(collection_->LoadIndexes([] { return true; }));
}

void FakeCollection::Reopen() {
  collection_.reset();
  store_.reset();
  store_ = OpenStore(dir_.path());
  const auto records = store_->Collections();
  DieUnless(records.status());
  Open(records->front());
}

void FakeCollection::SkipOrdinals(Ordinal next) {
  absl::StatusOr<store::CollectionState> state = store_->State(uid());
  DieUnless(state.status());
  state->next_ordinal = next;
  store::Batch batch(uid());
  batch.PutState(*state);
  DieUnless(store_->Apply(batch));
  Reopen();
}

absl::Status FakeCollection::EmbedAll() {
  // Far more than any test needs: whatever does not end is an error.
  for (int step = 0; step < 10'000; ++step) {
    if (!collection_->HasEmbeddingWork()) return absl::OkStatus();
    if (absl::Status status = collection_->EmbedSome(); !status.ok()) return status;
  }
  return absl::InternalError("there is still something to do after 10,000 steps");
}

std::optional<std::vector<float>> FakeCollection::StoredVector(const std::string& id) {
  return StoredVector(id, collection_->Info().embedding.generation);
}

std::optional<std::vector<float>> FakeCollection::StoredVector(const std::string& id,
                                                               uint32_t generation) {
  const auto ordinal = store_->FindId(uid(), id);
  DieUnless(ordinal.status());
  if (!ordinal->has_value()) return std::nullopt;
  const auto vector = store_->FindVector(uid(), generation, **ordinal);
  DieUnless(vector.status());
  return *vector;
}

int FakeCollection::CountVectors(uint32_t generation, Ordinal ordinals_max) const {
  int vectors = 0;
  for (Ordinal ordinal = 0; ordinal < ordinals_max; ++ordinal) {
    const auto vector = store_->FindVector(uid(), generation, ordinal);
    DieUnless(vector.status());
    if (vector->has_value()) ++vectors;
  }
  return vectors;
}

int FakeCollection::CountPending(uint32_t generation) const {
  const auto pending = store_->Pending(uid(), generation, 0, 100'000);
  DieUnless(pending.status());
  return static_cast<int>(pending->size());
}

}  // namespace newsprint::testing
