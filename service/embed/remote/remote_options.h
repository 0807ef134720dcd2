// Which server an embedder asks, and how. Pure functions, safe from any thread.
#ifndef NEWSPRINT_SERVICE_EMBED_REMOTE_REMOTE_OPTIONS_H_
#define NEWSPRINT_SERVICE_EMBED_REMOTE_REMOTE_OPTIONS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace newsprint::embed {

enum class RemoteProtocol {
  kTei,     // Text Embeddings Inference: proto/tei/v1/tei.proto
  kKserve,  // Open Inference Protocol (KServe v2, Triton): proto/inference/grpc_service.proto
};

struct RemoteOptions {
  std::string name;  // what the operator calls it; in error messages alone
  RemoteProtocol protocol = RemoteProtocol::kTei;
  std::string target;  // HOST:PORT, in plaintext

  // KServe alone. `output` is a tensor's name; empty for the only one of type FP32. Texts are sent
  // in the tensor's `contents`, which all servers read, or, with `raw_contents`, in
  // `raw_input_contents`.
  std::string model;
  std::string input = "text";
  std::string output;
  bool raw_contents = false;

  // What an Embed may take in all, waiting and repeated attempts included, and what one request to
  // the server may take. 1 ms to 10 min.
  absl::Duration deadline = absl::Milliseconds(500);
  // Texts in one request (KServe), or requests at a time, of one text each (TEI). 1 to 1,024. A
  // model of Triton takes no more than its max_batch_size.
  int batch_items_max = 32;
  // Texts that may wait to be sent. 1 to 65,536; memory: that times text_bytes_max.
  int queue_items_max = 1024;
  // Of a request that fails with UNAVAILABLE or RESOURCE_EXHAUSTED. 1 to 10.
  int attempts_max = 3;
  // Longer texts are cut. 64 to 1,048,576.
  int text_bytes_max = 8192;
  // After a failure the server is left alone for `down_for_min`, which doubles with each failed
  // trial up to `down_for_max`. 1 ms to 1 h.
  absl::Duration down_for_min = absl::Seconds(1);
  absl::Duration down_for_max = absl::Seconds(30);
  // How often the server is asked which model it serves, while there are texts. 1 ms to 1 h.
  absl::Duration model_check_interval = absl::Seconds(60);
};

// OK when every value is in its range; else INVALID_ARGUMENT that names the first that is not.
absl::Status CheckRemoteOptions(const RemoteOptions& options);

// Reads `NAME=tei://HOST:PORT` or `NAME=kserve://HOST:PORT/MODEL`, and behind a "?" any of
// `deadline_ms`, `batch`, `queue`, `attempts`, `text_bytes`, and for kserve `input`, `output` and
// `contents` (`typed` or `raw`), as `key=value` with "&" between them. NAME is 1 to 64 of a-z, 0-9,
// "-", "_", beginning with a letter or digit. Nothing is percent-decoded. INVALID_ARGUMENT names
// the part of the flag.
absl::StatusOr<RemoteOptions> ParseRemoteFlag(absl::string_view flag);

}  // namespace newsprint::embed

#endif  // NEWSPRINT_SERVICE_EMBED_REMOTE_REMOTE_OPTIONS_H_
