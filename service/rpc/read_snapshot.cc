#include "service/rpc/read_snapshot.h"

#include <memory>
#include <string>
#include <utility>

#include "newsprint/v1/admin_service.pb.h"
#include "service/common/status_macros.h"
#include "service/rpc/log.h"
#include "service/rpc/message_bytes.h"
#include "service/rpc/status.h"
#include "service/rpc/trace_context.h"

namespace newsprint::rpc {
namespace {

using grpc::ByteBuffer;

constexpr size_t kChunkBytesMax = size_t{256} << 10;

// One thing happens at a time: a task of the pool reads a chunk, or gRPC writes one. So a stream
// takes the memory of one chunk, however slowly its client reads, and needs no lock.
class ReadSnapshotCall final : public grpc::ServerWriteReactor<ByteBuffer> {
 public:
  ReadSnapshotCall(Dispatcher* dispatcher, const grpc::CallbackServerContext& context,
                   const ByteBuffer& request)
      : dispatcher_(*dispatcher), trace_(TraceFields(context)), request_bytes_(request) {}

  void Start() {
    opened_ = dispatcher_.admission()->OpenStream();
    if (!opened_.ok()) return End(dispatcher_.Refuse(opened_));
    dispatcher_.pool().Submit([this] { GoOn(); });
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return End(absl::CancelledError("stream: broken off"));
    dispatcher_.pool().Submit([this] { GoOn(); });
  }

  void OnDone() override { delete this; }

 private:
  // Reads a chunk and begins to write it, or ends the call.
  void GoOn() {
    absl::StatusOr<SnapshotReader::Chunk> chunk = ReadChunk();
    if (!chunk.ok()) return End(chunk.status());
    if (chunk->path.empty()) return End(absl::OkStatus());
    v1::ReadSnapshotResponse response;
    response.set_path(std::move(chunk->path));
    response.set_offset(static_cast<int64_t>(chunk->offset));
    response.set_data(std::move(chunk->bytes));
    write_buffer_ = SerializeStreamAnswer(response, dispatcher_.admission());
    StartWrite(&write_buffer_);
  }

  absl::StatusOr<SnapshotReader::Chunk> ReadChunk() {
    RETURN_IF_ERROR(dispatcher_.CheckServing());
    if (dispatcher_.admission()->many_stream_answers()) {
      return dispatcher_.Refuse(absl::ResourceExhaustedError(
          "server: answers wait for callers that read slowly; go on from here after a pause"));
    }
    if (reader_ == nullptr) {
      v1::ReadSnapshotRequest request;
      RETURN_IF_ERROR(ParseMessage(request_bytes_, &request));
      ASSIGN_OR_RETURN(reader_, dispatcher_.handlers().ReadSnapshot(request));
    }
    return reader_->Next(kChunkBytesMax);
  }

  void End(const absl::Status& status) {
    // That the server stops is no fault of it.
    if (dispatcher_.CheckServing().ok()) LogServerFault("ReadSnapshot", status, trace_);
    dispatcher_.metrics().RecordStream("ReadSnapshot", status);
    if (opened_.ok()) dispatcher_.admission()->CloseStream();
    Finish(ToGrpc(status));
  }

  Dispatcher& dispatcher_;
  const std::string trace_;
  const ByteBuffer request_bytes_;
  absl::Status opened_;  // whether it counts as an open stream
  std::unique_ptr<SnapshotReader> reader_;
  ByteBuffer write_buffer_;  // gRPC's while it is written
};

}  // namespace

grpc::ServerWriteReactor<ByteBuffer>* MakeReadSnapshot(Dispatcher* dispatcher,
                                                       const grpc::CallbackServerContext& context,
                                                       const ByteBuffer& request) {
  auto* call = new ReadSnapshotCall(dispatcher, context, request);
  call->Start();
  return call;
}

}  // namespace newsprint::rpc
