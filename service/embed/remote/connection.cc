#include "service/embed/remote/connection.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "service/common/hash.h"

namespace newsprint::embed {
namespace {

constexpr size_t kIdentityBytesMax = 200;
constexpr size_t kRemoteMessageBytesMax = 200;
// Room for an answer's names, shapes and metadata beside its vectors.
constexpr int kAnswerOverheadBytes = 64 << 10;

std::string Printable(absl::string_view text) {
  std::string printable(text);
  for (char& c : printable) {
    if (!absl::ascii_isprint(static_cast<unsigned char>(c))) c = '?';
  }
  return printable;
}

std::shared_ptr<grpc::Channel> MakeChannel(const RemoteOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(options.batch_items_max * kDimensionMax *
                                         static_cast<int>(sizeof(float)) +
                                     kAnswerOverheadBytes);
  // A connection of its own, straight to the server. gRPC must not repeat a request by itself: it
  // might reach another model on a new connection.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  // Notices a peer that vanished without closing the connection.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 5 * 60 * 1000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20 * 1000);
  return grpc::CreateCustomChannel(absl::StrCat("dns:///", options.target),
                                   grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace

std::shared_ptr<Connection> Connection::Open(const RemoteOptions& options) {
  return options.protocol == RemoteProtocol::kTei ? OpenTei(options) : OpenKserve(options);
}

Connection::Connection(const RemoteOptions& options) : channel_(MakeChannel(options)) {}

bool Connection::is_connected() const {
  return channel_->GetState(/*try_to_connect=*/false) == GRPC_CHANNEL_READY;
}

void Connection::CancelDescribe() {
  MutexLock lock(mutex_);
  is_cancelled_ = true;
  if (asking_ != nullptr) asking_->TryCancel();
}

bool Connection::Enter(grpc::ClientContext* context) {
  MutexLock lock(mutex_);
  if (is_cancelled_) return false;
  asking_ = context;
  return true;
}

void Connection::Leave() {
  MutexLock lock(mutex_);
  asking_ = nullptr;
}

absl::Status Connection::FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  // No article has been sent with such a call, so the message can hold none.
  const std::string message = Printable(status.error_message().substr(0, kRemoteMessageBytesMax));
  // The codes of the two are the same by definition.
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  if (code == absl::StatusCode::kDeadlineExceeded) return absl::Status(code, message);
  return absl::UnavailableError(
      absl::StrCat("got ", absl::StatusCodeToString(code), ": ", message));
}

absl::Status AppendUnitRow(absl::Span<const float> values, std::vector<float>* rows) {
  double squares = 0;
  for (const float value : values) squares += static_cast<double>(value) * value;
  // A sum of finite squares is finite: the largest float squared is 1e77.
  if (!std::isfinite(squares)) {
    return absl::UnavailableError("answered with a value that is not a finite number");
  }
  const double scale = squares > 0 ? 1 / std::sqrt(squares) : 0;
  for (const float value : values) rows->push_back(static_cast<float>(value * scale));
  return absl::OkStatus();
}

absl::Status CheckDimension(size_t values) {
  if (values >= 1 && values <= kDimensionMax) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("answered with a vector of ", values, " values, limit 1 to ", kDimensionMax));
}

std::string FitIdentity(absl::string_view identity) {
  std::string fitting = Printable(identity);
  if (fitting.size() > kIdentityBytesMax) {
    const std::string hash =
        absl::StrCat("#", absl::Hex(Hash64(identity.data(), identity.size()), absl::kZeroPad16));
    fitting.resize(kIdentityBytesMax - hash.size());
    fitting += hash;
  }
  return fitting;
}

}  // namespace newsprint::embed
