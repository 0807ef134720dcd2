// What can make vectors on this server, by name.
#ifndef NEWSPRINT_SERVICE_ENGINE_EMBEDDERS_H_
#define NEWSPRINT_SERVICE_ENGINE_EMBEDDERS_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/common/mutex.h"
#include "service/common/types.h"
#include "service/embed/embedder.h"
#include "service/embed/remote/remote_embedder.h"
#include "service/engine/embedding.h"

namespace newsprint {

// See EmbedderKind in admin_service.proto.
enum class EmbedderKind { kBuiltIn, kCaller, kTrained, kModel2Vec, kRemote };

inline constexpr size_t kEmbedderNameBytesMax = 64;

struct EmbedderInfo {
  std::string name;
  EmbedderKind kind = EmbedderKind::kBuiltIn;
  std::string identity;
  int dimension = 0;
  std::string problem;  // why it cannot be used; empty when it can
};

// Thread-safe. Models are loaded when they are first asked for, and kept.
class Embedders {
 public:
  struct Options {
    // Folder of models: "NAME.model", as `newsprint train` writes them, and Model2Vec folders
    // "NAME". Empty: none. Looked through at every question, so that a model can be added.
    std::string models_dir;
    // Embedding servers, as `NAME=tei://HOST:PORT` or `NAME=kserve://HOST:PORT/MODEL`.
    std::vector<std::string> remote;
  };

  // INVALID_ARGUMENT, naming the option.
  static absl::StatusOr<std::unique_ptr<Embedders>> Create(const Options& options);

  // By name. Loads what was not loaded before.
  std::vector<EmbedderInfo> List();

  // An embedder for a collection that begins to use it; empty means the built-in one. `dimension`:
  // what was asked for, 0 for the embedder's. INVALID_ARGUMENT when there is none of that name or
  // it has another dimension, FAILED_PRECONDITION when it cannot be loaded, UNAVAILABLE when it is
  // a server that does not answer. `field` names the field that the name came in.
  absl::StatusOr<Embedding> Open(absl::string_view field, absl::string_view name, int dimension);

  // The embedder that a collection has used before. FAILED_PRECONDITION when it is no longer here,
  // or is another one under the same name. A server need not answer.
  absl::StatusOr<Embedding> Reopen(const EmbeddingSettings& settings);

 private:
  Embedders() = default;

  std::map<std::string, EmbedderKind> Kinds() const;
  absl::StatusOr<std::shared_ptr<const embed::Embedder>> LoadModel(const std::string& name,
                                                                   EmbedderKind kind);
  // One embedder for all collections with this model of this server.
  absl::StatusOr<std::shared_ptr<const embed::Embedder>> Connect(
      const embed::RemoteOptions& options, const embed::RemoteModel& model);

  // Set by Create.
  std::string models_dir_;
  std::map<std::string, embed::RemoteOptions> remote_;

  Mutex mutex_;
  std::map<std::string, std::shared_ptr<const embed::Embedder>> loaded_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::weak_ptr<const embed::Embedder>> connected_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_ENGINE_EMBEDDERS_H_
