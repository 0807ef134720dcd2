// The Open Inference Protocol: KServe v2, Triton. One request a batch: a BYTES tensor of n texts
// in, an FP32 tensor of n rows out.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "inference/grpc_service.grpc.pb.h"
#include "service/common/status_macros.h"
#include "service/embed/remote/connection.h"

namespace newsprint::embed {
namespace {

// One batch is computed while the next is on its way; what comes meanwhile makes up another.
constexpr int kRequestsAtOnce = 2;

using TensorMetadata = inference::ModelMetadataResponse::TensorMetadata;

// What the model's metadata say about sending and reading.
struct Layout {
  bool has_column = false;  // the input is [n, 1], not [n]
  bool is_single = false;   // takes one text at a time
  std::string output;
};

absl::StatusOr<Layout> ReadLayout(const inference::ModelMetadataResponse& model,
                                  const RemoteOptions& options) {
  const auto input =
      std::find_if(model.inputs().begin(), model.inputs().end(),
                   [&](const auto& tensor) { return tensor.name() == options.input; });
  if (input == model.inputs().end()) {
    return absl::FailedPreconditionError(
        absl::StrCat("input: the model has none of that name, got \"", options.input, "\""));
  }
  const auto& shape = input->shape();
  const bool has_column = shape.size() == 2;
  if (input->datatype() != "BYTES" || shape.size() > 2 ||
      (has_column && shape[1] != 1 && shape[1] != -1) ||
      (!shape.empty() && shape[0] != 1 && shape[0] != -1)) {
    return absl::FailedPreconditionError(
        absl::StrCat("input: not texts, got ", input->datatype().substr(0, 16), " of shape [",
                     shape.size() > 8 ? "..." : absl::StrJoin(shape, ","),
                     "], expected BYTES of [-1] or [-1,1]"));
  }
  Layout layout;
  layout.has_column = has_column;
  layout.is_single = !shape.empty() && shape[0] == 1;
  int outputs = 0;
  for (const TensorMetadata& tensor : model.outputs()) {
    if (tensor.datatype() != "FP32") continue;
    if (!options.output.empty() && tensor.name() != options.output) continue;
    layout.output = tensor.name();
    ++outputs;
  }
  if (outputs == 1) return layout;
  return absl::FailedPreconditionError(absl::StrCat(
      "output: ",
      options.output.empty() ? "not one tensor of type FP32" : "the model has no such FP32 tensor",
      ", got ", outputs, ", expected 1"));
}

inference::ModelInferRequest MakeRequest(absl::Span<const absl::string_view> texts,
                                         const RemoteOptions& options, const Layout& layout) {
  inference::ModelInferRequest request;
  request.set_model_name(options.model);
  inference::ModelInferRequest::InferInputTensor* input = request.add_inputs();
  input->set_name(options.input);
  input->set_datatype("BYTES");
  input->add_shape(static_cast<int64_t>(texts.size()));
  if (layout.has_column) input->add_shape(1);
  request.add_outputs()->set_name(layout.output);
  for (const absl::string_view text : texts) {
    if (!options.raw_contents) {
      input->mutable_contents()->add_bytes_contents(text.data(), text.size());
      continue;
    }
    if (request.raw_input_contents_size() == 0) request.add_raw_input_contents();
    std::string* raw = request.mutable_raw_input_contents(0);
    const auto size = static_cast<uint32_t>(text.size());
    for (int shift = 0; shift < 32; shift += 8) raw->push_back(static_cast<char>(size >> shift));
    raw->append(text.data(), text.size());
  }
  return request;
}

absl::Status Mismatch(absl::string_view what, int64_t got, int64_t expected) {
  return absl::UnavailableError(
      absl::StrCat("answered with ", got, " ", what, ", expected ", expected));
}

float LittleEndianFloat(const char* bytes) {
  uint32_t bits = 0;
  for (int i = 3; i >= 0; --i) bits = bits << 8 | static_cast<unsigned char>(bytes[i]);
  float value = 0;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

// The values of the output `name`, which has to have the shape [texts, d], or [d] for one text.
absl::StatusOr<std::vector<float>> ReadValues(const inference::ModelInferResponse& response,
                                              const std::string& name, size_t texts) {
  int at = 0;
  while (at < response.outputs_size() && response.outputs(at).name() != name) ++at;
  if (at == response.outputs_size()) {
    return absl::UnavailableError("answered without the output tensor");
  }
  const auto& output = response.outputs(at);
  if (output.datatype() != "FP32") return absl::UnavailableError("answered with another type");
  std::vector<float> values;
  if (response.raw_output_contents_size() > 0) {
    if (response.raw_output_contents_size() != response.outputs_size()) {
      return Mismatch("raw tensors", response.raw_output_contents_size(), response.outputs_size());
    }
    const std::string& raw = response.raw_output_contents(at);
    if (raw.size() % sizeof(float) != 0) {
      return absl::UnavailableError(
          absl::StrCat("answered with ", raw.size(), " bytes, expected a multiple of 4"));
    }
    values.resize(raw.size() / sizeof(float));
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = LittleEndianFloat(raw.data() + i * sizeof(float));
    }
  } else {
    const auto& typed = output.contents().fp32_contents();
    values.assign(typed.begin(), typed.end());
  }
  const auto& shape = output.shape();
  const bool is_flat = shape.size() == 1 && texts == 1;
  if (!is_flat && (shape.size() != 2 || shape[0] != static_cast<int64_t>(texts))) {
    return Mismatch("rows", shape.empty() ? 0 : shape[0], texts);
  }
  // Divided, not multiplied: the shape is the server's and may be of any size.
  const int64_t width = shape[shape.size() - 1];
  if (values.size() % texts != 0 || width != static_cast<int64_t>(values.size() / texts)) {
    return Mismatch("values in all, for rows of another length", values.size(), texts);
  }
  return values;
}

class KserveRequest final : public PendingRequest {
 public:
  KserveRequest(inference::GRPCInferenceService::Stub& stub,
                const inference::ModelInferRequest& request, std::string output,
                std::string version, size_t texts, absl::Duration timeout,
                grpc::CompletionQueue* queue, void* tag)
      : output_(std::move(output)), version_(std::move(version)), texts_(texts) {
    context_.set_deadline(std::chrono::system_clock::now() + absl::ToChronoNanoseconds(timeout));
    reader_ = stub.AsyncModelInfer(&context_, request, queue);
    reader_->Finish(&response_, &status_, tag);
  }

  absl::StatusOr<std::vector<float>> Rows(int dimension) const override {
    if (response_.model_version() != version_) {
      return absl::FailedPreconditionError("answered by another version of the model");
    }
    ASSIGN_OR_RETURN(const std::vector<float> values, ReadValues(response_, output_, texts_));
    if (values.size() != texts_ * dimension) {
      return Mismatch("values", values.size() / texts_, dimension);
    }
    std::vector<float> rows;
    rows.reserve(values.size());
    for (size_t i = 0; i < texts_; ++i) {
      RETURN_IF_ERROR(
          AppendUnitRow(absl::MakeConstSpan(values).subspan(i * dimension, dimension), &rows));
    }
    return rows;
  }

 private:
  const std::string output_;
  const std::string version_;
  const size_t texts_;
  inference::ModelInferResponse response_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<inference::ModelInferResponse>> reader_;
};

class KserveConnection final : public Connection {
 public:
  explicit KserveConnection(const RemoteOptions& options)
      : Connection(options),
        options_(options),
        stub_(inference::GRPCInferenceService::NewStub(channel())) {}

  absl::StatusOr<RemoteModel> Describe(std::chrono::system_clock::time_point deadline) override {
    using Stub = inference::GRPCInferenceService::Stub;
    inference::ModelReadyRequest ready_request;
    inference::ModelReadyResponse ready;
    ready_request.set_name(options_.model);
    RETURN_IF_ERROR(Ask(*stub_, &Stub::ModelReady, deadline, ready_request, &ready));
    if (!ready.ready()) return absl::UnavailableError("the model is not ready");
    inference::ModelMetadataRequest metadata_request;
    inference::ModelMetadataResponse metadata;
    metadata_request.set_name(options_.model);
    RETURN_IF_ERROR(Ask(*stub_, &Stub::ModelMetadata, deadline, metadata_request, &metadata));
    ASSIGN_OR_RETURN(layout_, ReadLayout(metadata, options_));
    inference::ModelInferResponse probe;
    RETURN_IF_ERROR(Ask(*stub_, &Stub::ModelInfer, deadline,
                        MakeRequest({kProbeText}, options_, layout_), &probe));
    ASSIGN_OR_RETURN(const std::vector<float> values, ReadValues(probe, layout_.output, 1));
    RETURN_IF_ERROR(CheckDimension(values.size()));
    version_ = probe.model_version();
    // A server that does not say which version ran has told which it has.
    const std::string version =
        version_.empty() ? absl::StrJoin(metadata.versions(), ",") : version_;
    return RemoteModel{
        FitIdentity(absl::StrCat("kserve/1/", options_.model, "@", version, "/", layout_.output)),
        static_cast<int>(values.size())};
  }

  std::unique_ptr<PendingRequest> Send(absl::Span<const absl::string_view> texts,
                                       absl::Duration timeout, grpc::CompletionQueue* queue,
                                       void* tag) override {
    return std::make_unique<KserveRequest>(*stub_, MakeRequest(texts, options_, layout_),
                                           layout_.output, version_, texts.size(), timeout, queue,
                                           tag);
  }

  int texts_per_request() const override {
    return layout_.is_single ? 1 : options_.batch_items_max;
  }
  int requests_at_once() const override { return kRequestsAtOnce; }

 private:
  const RemoteOptions options_;
  const std::unique_ptr<inference::GRPCInferenceService::Stub> stub_;
  // Of the last Describe, on the thread that sends.
  Layout layout_;
  std::string version_;
};

}  // namespace

std::shared_ptr<Connection> OpenKserve(const RemoteOptions& options) {
  return std::make_shared<KserveConnection>(options);
}

}  // namespace newsprint::embed
