#include "tests/embed/fake_embedding_server.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "service/common/hash.h"

namespace newsprint::embed::testing {
namespace {

constexpr char kProbe[] = "news";

grpc::Status Error(grpc::StatusCode code) {
  return code == grpc::StatusCode::OK ? grpc::Status::OK : grpc::Status(code, "on command");
}

// The texts of a BYTES tensor in raw form.
std::vector<std::string> ParseRaw(const std::string& raw) {
  std::vector<std::string> texts;
  for (size_t at = 0; at + 4 <= raw.size();) {
    uint32_t size = 0;
    std::memcpy(&size, raw.data() + at, sizeof(size));
    texts.push_back(raw.substr(at + 4, size));
    at += 4 + size;
  }
  return texts;
}

}  // namespace

std::vector<float> FakeEmbeddingServer::VectorOf(const std::string& text, int dimension) {
  std::mt19937_64 random(Hash64(text.data(), text.size()));
  std::normal_distribution<float> normal;
  std::vector<float> vector(dimension);
  double squares = 0;
  for (float& value : vector) {
    value = normal(random);
    squares += static_cast<double>(value) * value;
  }
  for (float& value : vector) value = static_cast<float>(value / std::sqrt(squares));
  return vector;
}

std::vector<float> FakeEmbeddingServer::Answer(const std::string& text,
                                               const Behaviour& behaviour) {
  std::vector<float> vector = VectorOf(text, behaviour.dimension);
  // Not of length 1: that is the embedder's business.
  for (float& value : vector) value = behaviour.is_zero ? 0 : 3 * value;
  if (text == kProbe) return vector;
  vector.resize(vector.size() + behaviour.extra_values);
  if (behaviour.is_nan) vector[1] = std::numeric_limits<float>::quiet_NaN();
  return vector;
}

grpc::Status FakeEmbeddingServer::Enter(const std::vector<std::string>& texts,
                                        Behaviour* behaviour) {
  std::unique_lock<std::mutex> lock(mutex_);
  *behaviour = behaviour_;
  if (texts == std::vector<std::string>{kProbe}) {
    ++seen_.checks;
    held_ += is_holding_checks_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !is_holding_checks_; });
    return Error(behaviour_.check_failure);
  }
  ++seen_.requests;
  seen_.batch_largest = std::max(seen_.batch_largest, texts.size());
  seen_.texts.insert(seen_.texts.end(), texts.begin(), texts.end());
  held_ += is_holding_;
  changed_.notify_all();
  changed_.wait(lock, [this] { return !is_holding_; });
  if (behaviour_.failures > 0) {
    --behaviour_.failures;
    return Error(behaviour_.failure);
  }
  for (const std::string& text : texts) {
    if (!behaviour_.refused_word.empty() && absl::StrContains(text, behaviour_.refused_word)) {
      return Error(grpc::StatusCode::INVALID_ARGUMENT);
    }
    if (!behaviour_.failing_word.empty() && absl::StrContains(text, behaviour_.failing_word)) {
      return Error(grpc::StatusCode::INTERNAL);
    }
  }
  return grpc::Status::OK;
}

class FakeEmbeddingServer::TeiInfo final : public tei::v1::Info::Service {
 public:
  explicit TeiInfo(FakeEmbeddingServer* server) : server_(server) {}

  grpc::Status Info(grpc::ServerContext*, const tei::v1::InfoRequest*,
                    tei::v1::InfoResponse* response) override {
    const Behaviour behaviour = server_->behaviour();
    response->set_model_id(behaviour.model);
    if (!behaviour.version.empty()) response->set_model_sha(behaviour.version);
    if (behaviour.is_reranker) response->set_model_type(tei::v1::MODEL_TYPE_RERANKER);
    return grpc::Status::OK;
  }

 private:
  FakeEmbeddingServer* const server_;
};

class FakeEmbeddingServer::Tei final : public tei::v1::Embed::Service {
 public:
  explicit Tei(FakeEmbeddingServer* server) : server_(server) {}

  grpc::Status Embed(grpc::ServerContext*, const tei::v1::EmbedRequest* request,
                     tei::v1::EmbedResponse* response) override {
    if (!request->truncate() || !request->normalize() || request->inputs().empty()) {
      return Error(grpc::StatusCode::INVALID_ARGUMENT);
    }
    Behaviour behaviour;
    const grpc::Status status = server_->Enter({request->inputs()}, &behaviour);
    if (!status.ok()) return status;
    for (const float value : Answer(request->inputs(), behaviour)) {
      response->add_embeddings(value);
    }
    return status;
  }

 private:
  FakeEmbeddingServer* const server_;
};

class FakeEmbeddingServer::Kserve final : public inference::GRPCInferenceService::Service {
 public:
  explicit Kserve(FakeEmbeddingServer* server) : server_(server) {}

  grpc::Status ModelReady(grpc::ServerContext*, const inference::ModelReadyRequest* request,
                          inference::ModelReadyResponse* response) override {
    const Behaviour behaviour = server_->behaviour();
    if (request->name() != behaviour.model) return Error(grpc::StatusCode::NOT_FOUND);
    response->set_ready(!behaviour.is_not_ready);
    return grpc::Status::OK;
  }

  grpc::Status ModelMetadata(grpc::ServerContext*, const inference::ModelMetadataRequest*,
                             inference::ModelMetadataResponse* response) override {
    const Behaviour behaviour = server_->behaviour();
    response->add_versions(behaviour.version);
    auto* input = response->add_inputs();
    input->set_name("text");
    input->set_datatype(behaviour.input_datatype);
    for (const int64_t size : behaviour.input_shape) input->add_shape(size);
    response->add_outputs()->set_name("tokens");
    response->mutable_outputs(0)->set_datatype("INT64");
    for (const std::string& name : behaviour.outputs) {
      auto* output = response->add_outputs();
      output->set_name(name);
      output->set_datatype("FP32");
    }
    return grpc::Status::OK;
  }

  grpc::Status ModelInfer(grpc::ServerContext*, const inference::ModelInferRequest* request,
                          inference::ModelInferResponse* response) override {
    std::vector<std::string> texts;
    const auto& input = request->inputs(0);
    if (request->raw_input_contents_size() > 0) {
      texts = ParseRaw(request->raw_input_contents(0));
    } else {
      texts.assign(input.contents().bytes_contents().begin(),
                   input.contents().bytes_contents().end());
    }
    Behaviour behaviour;
    const grpc::Status status = server_->Enter(texts, &behaviour);
    if (!status.ok()) return status;
    if (input.shape_size() != static_cast<int>(behaviour.input_shape.size()) ||
        input.shape(0) != static_cast<int64_t>(texts.size()) ||
        texts.size() > static_cast<size_t>(behaviour.batch_max)) {
      return Error(grpc::StatusCode::INVALID_ARGUMENT);
    }
    if (!behaviour.hides_version) response->set_model_version(behaviour.version);
    const bool is_probe = texts == std::vector<std::string>{kProbe};
    if (!is_probe) texts.resize(texts.size() - behaviour.missing_rows);
    std::vector<float> values;
    for (const std::string& text : texts) {
      const std::vector<float> vector = Answer(text, behaviour);
      values.insert(values.end(), vector.begin(), vector.end());
    }
    auto* output = response->add_outputs();
    output->set_name(request->outputs(0).name());
    output->set_datatype("FP32");
    output->add_shape(static_cast<int64_t>(texts.size()));
    output->add_shape(texts.empty() ? 0 : static_cast<int64_t>(values.size() / texts.size()));
    if (!is_probe && !behaviour.output_shape.empty()) {
      output->clear_shape();
      for (const int64_t size : behaviour.output_shape) output->add_shape(size);
    }
    if (behaviour.answers_raw) {
      response->add_raw_output_contents(values.data(), values.size() * sizeof(float));
    } else {
      for (const float value : values) output->mutable_contents()->add_fp32_contents(value);
    }
    return status;
  }

 private:
  FakeEmbeddingServer* const server_;
};

FakeEmbeddingServer::FakeEmbeddingServer(Behaviour behaviour, int port)
    : behaviour_(std::move(behaviour)),
      tei_(std::make_unique<Tei>(this)),
      tei_info_(std::make_unique<TeiInfo>(this)),
      kserve_(std::make_unique<Kserve>(this)) {
  grpc::ServerBuilder builder;
  builder.AddListeningPort(absl::StrCat("127.0.0.1:", port), grpc::InsecureServerCredentials(),
                           &port_);
  builder.RegisterService(tei_.get());
  builder.RegisterService(tei_info_.get());
  builder.RegisterService(kserve_.get());
  server_ = builder.BuildAndStart();
}

FakeEmbeddingServer::~FakeEmbeddingServer() {
  Release();
  if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
}

std::string FakeEmbeddingServer::target() const { return absl::StrCat("127.0.0.1:", port_); }

void FakeEmbeddingServer::Set(Behaviour behaviour) {
  std::lock_guard<std::mutex> lock(mutex_);
  behaviour_ = std::move(behaviour);
}

FakeEmbeddingServer::Behaviour FakeEmbeddingServer::behaviour() {
  std::lock_guard<std::mutex> lock(mutex_);
  return behaviour_;
}

FakeEmbeddingServer::Seen FakeEmbeddingServer::seen() {
  std::lock_guard<std::mutex> lock(mutex_);
  return seen_;
}

void FakeEmbeddingServer::Hold(bool checks_too) {
  std::lock_guard<std::mutex> lock(mutex_);
  is_holding_ = true;
  is_holding_checks_ = checks_too;
}

void FakeEmbeddingServer::Release() {
  std::lock_guard<std::mutex> lock(mutex_);
  is_holding_ = is_holding_checks_ = false;
  held_ = 0;
  changed_.notify_all();
}

void FakeEmbeddingServer::AwaitHeld(int requests) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [&] { return held_ >= requests; });
}

}  // namespace newsprint::embed::testing
