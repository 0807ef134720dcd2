// The fake server's embedders, and moves from one to another.
#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "tests/client/fake_server.h"

namespace newsprint::client::testing {
namespace {

struct KnownEmbedder {
  const char* name;
  v1::EmbedderKind kind;
  const char* identity;
  int dimension;
};

constexpr KnownEmbedder kEmbedders[] = {
    {"builtin", v1::EMBEDDER_KIND_BUILTIN, "builtin/2:0123", 256},
    {"caller", v1::EMBEDDER_KIND_CALLER, "caller", 0},
    {"minilm", v1::EMBEDDER_KIND_REMOTE, "", 0},
    {"news-256", v1::EMBEDDER_KIND_TRAINED, "news-256/1:4567", 256},
};

const KnownEmbedder* FindEmbedder(const std::string& name) {
  const auto* it = std::find_if(std::begin(kEmbedders), std::end(kEmbedders),
                                [&](const KnownEmbedder& one) { return one.name == name; });
  return it == std::end(kEmbedders) ? nullptr : it;
}

}  // namespace

grpc::Status FakeServer::SetEmbedder(v1::Collection& settings) {
  if (settings.embedder().empty()) settings.set_embedder("builtin");
  const KnownEmbedder* embedder = FindEmbedder(settings.embedder());
  if (embedder == nullptr) {
    return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT,
                        absl::StrCat("embedder: none of this name, got ", settings.embedder()));
  }
  settings.set_embedder_identity(embedder->identity);
  return grpc::Status::OK;
}

void FakeServer::MoveOn(Store& store) {
  if (!store.settings.has_reembedding()) return;
  v1::Reembedding& move = *store.settings.mutable_reembedding();
  const auto articles = static_cast<int64_t>(store.order.size());
  move.set_articles(articles);
  move.set_articles_done(std::min(articles, move.articles_done() + faults.move_step));
  int64_t without_text = 0;
  for (int64_t i = 0; i < move.articles_done(); ++i) {
    if (store.entries[store.order[static_cast<size_t>(i)]].article.has_fingerprint()) {
      ++without_text;
    }
  }
  move.set_articles_without_text(without_text);
  move.clear_problem();
  if (!faults.move_problems.empty()) {
    move.set_problem(faults.move_problems.front());
    faults.move_problems.erase(faults.move_problems.begin());
  } else if (move.articles_done() == articles && faults.move_step > 0) {
    store.settings.set_embedder(move.embedder());
    store.settings.set_embedder_identity(move.embedder_identity());
    store.settings.clear_reembedding();
  }
}

grpc::Status FakeServer::ListEmbedders(grpc::ServerContext*, const v1::ListEmbeddersRequest*,
                                       v1::ListEmbeddersResponse* response) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (grpc::Status status = Enter(); !status.ok()) return status;
  for (const KnownEmbedder& known : kEmbedders) {
    v1::Embedder& embedder = *response->add_embedders();
    embedder.set_name(known.name);
    embedder.set_kind(known.kind);
    embedder.set_identity(known.identity);
    embedder.set_dimension(known.dimension);
  }
  return Leave();
}

grpc::Status FakeServer::ReembedCollection(grpc::ServerContext*,
                                           const v1::ReembedCollectionRequest* request,
                                           v1::ReembedCollectionResponse* response) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (grpc::Status status = Enter(); !status.ok()) return status;
  Store* store = Find(request->collection());
  if (store == nullptr) return NotFound("collection: not found");
  const KnownEmbedder* embedder = FindEmbedder(request->embedder());
  if (embedder == nullptr || embedder->kind == v1::EMBEDDER_KIND_CALLER) {
    return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "embedder: none to move to");
  }
  v1::Collection& settings = store->settings;
  if (settings.has_reembedding() && settings.reembedding().embedder() != request->embedder()) {
    return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION,
                        absl::StrCat("embedder: moving to ", settings.reembedding().embedder()));
  }
  if (!settings.has_reembedding() && settings.embedder() != request->embedder()) {
    v1::Reembedding& move = *settings.mutable_reembedding();
    move.set_embedder(embedder->name);
    move.set_embedder_identity(embedder->identity);
    move.set_articles(static_cast<int64_t>(store->order.size()));
    move.mutable_started_at()->set_seconds(1304530200);
  }
  *response->mutable_collection() = settings;
  return Leave();
}

grpc::Status FakeServer::UpdateCollection(grpc::ServerContext*,
                                          const v1::UpdateCollectionRequest* request,
                                          v1::UpdateCollectionResponse* response) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (grpc::Status status = Enter(); !status.ok()) return status;
  Store* store = Find(request->collection().name());
  if (store == nullptr) return NotFound("collection: not found");
  for (const std::string& path : request->update_mask().paths()) {
    if (path == "retention") {
      *store->settings.mutable_retention() = request->collection().retention();
    } else {
      store->settings.set_durability(request->collection().durability());
    }
  }
  *response->mutable_collection() = store->settings;
  return Leave();
}

grpc::Status FakeServer::CancelReembedding(grpc::ServerContext*,
                                           const v1::CancelReembeddingRequest* request,
                                           v1::CancelReembeddingResponse* response) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (grpc::Status status = Enter(); !status.ok()) return status;
  Store* store = Find(request->collection());
  if (store == nullptr) return NotFound("collection: not found");
  store->settings.clear_reembedding();
  *response->mutable_collection() = store->settings;
  return Leave();
}

}  // namespace newsprint::client::testing
