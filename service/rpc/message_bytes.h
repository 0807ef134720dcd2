// Messages from and to the bytes that gRPC carries.
//
// The services take requests as bytes and parse them themselves, on the compute pool: where gRPC
// parses, a string that is not valid UTF-8 ends a unary call with UNIMPLEMENTED and a stream with
// no error at all. Here it is an INVALID_ARGUMENT that names the field.
#ifndef NEWSPRINT_SERVICE_RPC_MESSAGE_BYTES_H_
#define NEWSPRINT_SERVICE_RPC_MESSAGE_BYTES_H_

#include <google/protobuf/message_lite.h>
#include <grpcpp/support/byte_buffer.h>

#include <memory>

#include "absl/status/status.h"
#include "service/rpc/admission.h"

namespace newsprint::rpc {

// Takes protobuf's own log messages, of which parse errors need the field's name, off standard
// error. Once a process, before the first parse.
void CaptureProtobufLog();

// CANCELLED when there are none: gRPC makes a call all the same when the client is gone before its
// request has come. INVALID_ARGUMENT when the bytes are no such message; what could be read is in
// `message` all the same.
absl::Status ParseMessage(const grpc::ByteBuffer& bytes, google::protobuf::MessageLite* message);

// An answer counts in `admission` until gRPC needs its bytes no more: they are sent, or will not
// be.
grpc::ByteBuffer SerializeStreamAnswer(const google::protobuf::MessageLite& answer,
                                       std::shared_ptr<Admission> admission);
// The same for the answer to a unary call that has to be given.
grpc::ByteBuffer SerializeNeededAnswer(const google::protobuf::MessageLite& answer,
                                       std::shared_ptr<Admission> admission);
// The same for one that need not be given: RESOURCE_EXHAUSTED when it is large and there is
// no room for it.
absl::Status SerializeAnswer(const google::protobuf::MessageLite& answer,
                             std::shared_ptr<Admission> admission, grpc::ByteBuffer* bytes);

}  // namespace newsprint::rpc

#endif  // NEWSPRINT_SERVICE_RPC_MESSAGE_BYTES_H_
