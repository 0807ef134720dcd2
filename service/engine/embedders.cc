#include "service/engine/embedders.h"

#include <dirent.h>
#include <sys/stat.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "service/common/status_macros.h"
#include "service/embed/builtin_model.h"
#include "service/embed/model2vec.h"
#include "service/embed/remote/remote_embedder.h"
#include "service/embed/term_embedder.h"

namespace newsprint {
namespace {

constexpr int kCallerDimension = 256;
constexpr char kModelEnding[] = ".model";

bool IsFolder(const std::string& path) {
  struct stat info = {};
  return stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

std::vector<std::string> Entries(const std::string& folder) {
  std::vector<std::string> names;
  DIR* const open = opendir(folder.c_str());
  if (open == nullptr) return names;
  while (const dirent* entry = readdir(open)) names.emplace_back(entry->d_name);
  closedir(open);
  return names;
}

// As collection names, and dots within.
bool IsEmbedderName(absl::string_view name) {
  if (name.empty() || name.size() > kEmbedderNameBytesMax) return false;
  const auto letter_or_digit = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  for (const char c : name) {
    if (!letter_or_digit(c) && c != '-' && c != '_' && c != '.') return false;
  }
  return letter_or_digit(name[0]);
}

bool IsReserved(absl::string_view name) {
  return name == kBuiltInEmbedder || name == kCallerEmbedder;
}

absl::Status DimensionError(absl::string_view name, int got, int expected) {
  return absl::InvalidArgumentError(
      absl::StrCat("collection.embedding_dimension: not the embedder's, got ", got, ", and \"",
                   name, "\" has ", expected));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Embedders>> Embedders::Create(const Options& options) {
  if (!options.models_dir.empty() && !IsFolder(options.models_dir)) {
    return absl::InvalidArgumentError(
        absl::StrCat("models_dir: no such folder, got ", options.models_dir));
  }
  std::unique_ptr<Embedders> embedders(new Embedders());
  embedders->models_dir_ = options.models_dir;
  for (const std::string& flag : options.remote) {
    ASSIGN_OR_RETURN(embed::RemoteOptions remote, embed::ParseRemoteFlag(flag));
    const std::string name = remote.name;
    if (IsReserved(name) || !embedders->remote_.emplace(name, std::move(remote)).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("remote_embedders: name is taken, got \"", name, "\""));
    }
  }
  return embedders;
}

std::map<std::string, EmbedderKind> Embedders::Kinds() const {
  std::map<std::string, EmbedderKind> kinds = {{kBuiltInEmbedder, EmbedderKind::kBuiltIn},
                                               {kCallerEmbedder, EmbedderKind::kCaller}};
  for (const auto& [name, remote] : remote_) kinds.emplace(name, EmbedderKind::kRemote);
  if (models_dir_.empty()) return kinds;
  for (const std::string& entry : Entries(models_dir_)) {
    absl::string_view name = entry;
    const bool is_file = absl::ConsumeSuffix(&name, kModelEnding);
    if (!IsEmbedderName(name)) continue;
    const bool is_folder = IsFolder(absl::StrCat(models_dir_, "/", entry));
    if (is_file == is_folder) continue;
    // Names that are taken stay with what has them.
    kinds.emplace(std::string(name), is_file ? EmbedderKind::kTrained : EmbedderKind::kModel2Vec);
  }
  return kinds;
}

absl::StatusOr<std::shared_ptr<const embed::Embedder>> Embedders::LoadModel(const std::string& name,
                                                                            EmbedderKind kind) {
  MutexLock lock(mutex_);
  if (const auto loaded = loaded_.find(name); loaded != loaded_.end()) return loaded->second;
  std::shared_ptr<const embed::Embedder> embedder;
  const std::string path = absl::StrCat(models_dir_, "/", name);
  if (kind == EmbedderKind::kBuiltIn) {
    // The built-in model lives as long as the process.
    embedder = std::make_shared<embed::TermEmbedder>(
        std::shared_ptr<const embed::TermModel>(&embed::BuiltInModel(), [](const void*) {}));
  } else if (kind == EmbedderKind::kTrained) {
    ASSIGN_OR_RETURN(embed::TermModel model,
                     embed::TermModel::Load(absl::StrCat(path, kModelEnding)));
    embedder = std::make_shared<embed::TermEmbedder>(
        std::make_shared<const embed::TermModel>(std::move(model)));
  } else {
    ASSIGN_OR_RETURN(embedder, embed::Model2VecEmbedder::Load(path));
  }
  loaded_.emplace(name, embedder);
  return embedder;
}

std::vector<EmbedderInfo> Embedders::List() {
  std::vector<EmbedderInfo> list;
  for (const auto& [name, kind] : Kinds()) {
    EmbedderInfo& info = list.emplace_back();
    info.name = name;
    info.kind = kind;
    if (kind == EmbedderKind::kCaller || kind == EmbedderKind::kRemote) continue;
    const auto embedder = LoadModel(name, kind);
    if (embedder.ok()) {
      info.identity = (*embedder)->identity();
      info.dimension = (*embedder)->dimension();
    } else {
      info.problem = std::string(embedder.status().message());
    }
  }
  return list;
}

absl::StatusOr<Embedding> Embedders::Open(absl::string_view field, absl::string_view name,
                                          int dimension) {
  Embedding embedding;
  EmbeddingSettings& settings = embedding.settings;
  settings.embedder = name.empty() ? kBuiltInEmbedder : std::string(name);
  const std::map<std::string, EmbedderKind> kinds = Kinds();
  const auto kind = kinds.find(settings.embedder);
  if (kind == kinds.end()) {
    return absl::InvalidArgumentError(absl::StrCat(
        field, ": no such embedder, got ",
        IsEmbedderName(name) ? absl::StrCat("\"", name, "\"") : absl::StrCat(name.size(), " bytes"),
        "; ListEmbedders names those there are"));
  }
  if (kind->second == EmbedderKind::kCaller) {
    settings.identity = kCallerEmbedder;
    settings.dimension = dimension == 0 ? kCallerDimension : dimension;
    return embedding;
  }
  if (kind->second == EmbedderKind::kRemote) {
    const embed::RemoteOptions& options = remote_.at(settings.embedder);
    ASSIGN_OR_RETURN(const embed::RemoteModel model, embed::RemoteEmbedder::Describe(options));
    ASSIGN_OR_RETURN(embedding.embedder, Connect(options, model));
    embedding.remote = true;
  } else {
    absl::StatusOr<std::shared_ptr<const embed::Embedder>> loaded =
        LoadModel(settings.embedder, kind->second);
    if (!loaded.ok()) {
      return absl::FailedPreconditionError(absl::StrCat(
          field, ": \"", settings.embedder, "\" cannot be loaded: ", loaded.status().message()));
    }
    embedding.embedder = *std::move(loaded);
  }
  settings.identity = embedding.embedder->identity();
  settings.dimension = embedding.embedder->dimension();
  if (dimension != 0 && dimension != settings.dimension) {
    return DimensionError(settings.embedder, dimension, settings.dimension);
  }
  return embedding;
}

absl::StatusOr<Embedding> Embedders::Reopen(const EmbeddingSettings& settings) {
  Embedding embedding;
  embedding.settings = settings;
  if (settings.embedder == kCallerEmbedder) return embedding;
  const std::map<std::string, EmbedderKind> kinds = Kinds();
  const auto kind = kinds.find(settings.embedder);
  if (kind == kinds.end()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "embedder: \"", settings.embedder,
        "\" is not among --models_dir and --remote_embedders, expected ", settings.identity));
  }
  if (kind->second == EmbedderKind::kRemote) {
    embedding.remote = true;
    ASSIGN_OR_RETURN(embedding.embedder, Connect(remote_.at(settings.embedder),
                                                 {settings.identity, settings.dimension}));
    return embedding;
  }
  ASSIGN_OR_RETURN(embedding.embedder, LoadModel(settings.embedder, kind->second));
  if (embedding.embedder->identity() != settings.identity) {
    return absl::FailedPreconditionError(
        absl::StrCat("embedder: \"", settings.embedder, "\" is another one than before, got ",
                     embedding.embedder->identity(), ", expected ", settings.identity));
  }
  return embedding;
}

absl::StatusOr<std::shared_ptr<const embed::Embedder>> Embedders::Connect(
    const embed::RemoteOptions& options, const embed::RemoteModel& model) {
  const std::string key = absl::StrCat(options.name, "/", model.identity);
  MutexLock lock(mutex_);
  if (const auto known = connected_.find(key); known != connected_.end()) {
    if (auto embedder = known->second.lock()) return embedder;
  }
  ASSIGN_OR_RETURN(std::shared_ptr<const embed::Embedder> embedder,
                   embed::RemoteEmbedder::Create(options, model));
  connected_[key] = embedder;
  return embedder;
}

}  // namespace newsprint
