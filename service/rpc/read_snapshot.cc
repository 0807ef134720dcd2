#include "service/rpc/read_snapshot.h"

#include <grpcpp/alarm.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "newsprint/v1/admin_service.pb.h"
#include "service/common/status_macros.h"
#include "service/rpc/log.h"
#include "service/rpc/message_bytes.h"
#include "service/rpc/status.h"
#include "service/rpc/stream_caller.h"
#include "service/rpc/trace_context.h"

namespace newsprint::rpc {
namespace {

using grpc::ByteBuffer;

constexpr char kMethod[] = "ReadSnapshot";
constexpr size_t kChunkBytesMax = size_t{256} << 10;
// The longest pause of a caller that has used up its rate, so that an end is noticed,
// and that of the server before it breaks off what is left.
constexpr absl::Duration kPauseMax = absl::Milliseconds(500);

// One thing happens at a time: a task of the pool reads a chunk, or gRPC writes one. So a stream
// takes the memory of one chunk, however slowly its client reads, and needs no lock.
class ReadSnapshotCall final : public grpc::ServerWriteReactor<ByteBuffer> {
 public:
  ReadSnapshotCall(Dispatcher* dispatcher, const grpc::CallbackServerContext& context,
                   const ByteBuffer& request)
      : dispatcher_(*dispatcher),
        trace_(TraceFields(context)),
        request_bytes_(request),
        caller_(dispatcher, kMethod, trace_) {}

  void Start(const grpc::CallbackServerContext& context) {
    if (const absl::Status opened = caller_.Open(context, request_bytes_.Length()); !opened.ok()) {
      return End(opened);
    }
    dispatcher_.pool().Submit([this] { GoOn(); });
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return End(absl::CancelledError("stream: broken off"));
    dispatcher_.pool().Submit([this] { GoOn(); });
  }

  // Whatever is under way goes on to the end of the call.
  void OnCancel() override { cancelled_ = true; }

  void OnDone() override { delete this; }

 private:
  // Reads a chunk and begins to write it, or ends the call.
  void GoOn() {
    if (const absl::Status status = CheckGoingOn(); !status.ok()) return End(status);
    if (const absl::Duration wait = caller_.caller().Wait(); wait > absl::ZeroDuration()) {
      alarm_ = std::make_unique<grpc::Alarm>();
      alarm_->Set(absl::ToChronoTime(absl::Now() + std::min(wait, kPauseMax)),
                  [this](bool /*expired*/) { dispatcher_.pool().Submit([this] { GoOn(); }); });
      return;
    }
    absl::StatusOr<SnapshotReader::Chunk> chunk = ReadChunk();
    if (!chunk.ok()) return End(chunk.status());
    if (chunk->path.empty()) return End(absl::OkStatus());
    v1::ReadSnapshotResponse response;
    response.set_path(std::move(chunk->path));
    response.set_offset(static_cast<int64_t>(chunk->offset));
    response.set_data(std::move(chunk->bytes));
    write_buffer_ = SerializeStreamAnswer(response, dispatcher_.admission());
    caller_.caller().Charge(1, write_buffer_.Length());
    StartWrite(&write_buffer_);
  }

  // Before any pause: one that follows another would outlast what ends the call.
  absl::Status CheckGoingOn() {
    if (cancelled_) return absl::CancelledError("stream: broken off");
    RETURN_IF_ERROR(dispatcher_.CheckServing());
    return caller_.Recheck("");
  }

  absl::StatusOr<SnapshotReader::Chunk> ReadChunk() {
    if (dispatcher_.admission()->many_stream_answers()) {
      return dispatcher_.Refuse(
          absl::ResourceExhaustedError(
              "server: answers wait for callers that read slowly; go on from here after a pause"),
          [this] { return trace_; });
    }
    if (reader_ == nullptr) {
      v1::ReadSnapshotRequest request;
      RETURN_IF_ERROR(ParseMessage(request_bytes_, &request));
      RETURN_IF_ERROR(caller_.Authorize(""));
      ASSIGN_OR_RETURN(reader_, dispatcher_.handlers().ReadSnapshot(request));
    }
    return reader_->Next(kChunkBytesMax);
  }

  void End(const absl::Status& status) {
    // That the server stops is no fault of it.
    if (dispatcher_.CheckServing().ok()) {
      LogServerFault(kMethod, status, OriginFields(caller_.caller().name(), trace_));
    }
    dispatcher_.metrics().RecordStream(kMethod, status);
    if (reader_ != nullptr) LogAdministration(caller_.caller().name(), kMethod, "", status);
    caller_.Close();
    Finish(ToGrpc(status));
  }

  Dispatcher& dispatcher_;
  const std::string trace_;
  const ByteBuffer request_bytes_;
  std::atomic<bool> cancelled_{false};  // the client is gone
  StreamCaller caller_;
  std::unique_ptr<grpc::Alarm> alarm_;  // at the end of a pause
  std::unique_ptr<SnapshotReader> reader_;
  ByteBuffer write_buffer_;  // gRPC's while it is written
};

}  // namespace

grpc::ServerWriteReactor<ByteBuffer>* MakeReadSnapshot(Dispatcher* dispatcher,
                                                       const grpc::CallbackServerContext& context,
                                                       const ByteBuffer& request) {
  auto* call = new ReadSnapshotCall(dispatcher, context, request);
  call->Start(context);
  return call;
}

}  // namespace newsprint::rpc
