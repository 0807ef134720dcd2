// Vectors from a server that runs a model, over gRPC.
#ifndef NEWSPRINT_SERVICE_EMBED_REMOTE_REMOTE_EMBEDDER_H_
#define NEWSPRINT_SERVICE_EMBED_REMOTE_REMOTE_EMBEDDER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "service/embed/embedder.h"
#include "service/embed/remote/remote_options.h"

namespace newsprint::embed {

// What a server serves, to be stored with what is made of its vectors.
struct RemoteModel {
  std::string identity;  // as Embedder::identity(); protocol, model and its revision or version
  int dimension = 0;     // 1 to 4,096
};

// Since the start.
struct RemoteStats {
  int64_t calls = 0;     // of Embed
  int64_t failures = 0;  // of these; those that were refused at once are among them
  int64_t refusals = 0;
  int64_t texts = 0;         // that got their vector
  int64_t requests = 0;      // sent to the server; those that were repeated count again
  int64_t model_checks = 0;  // the server was asked which model it has
  int queued = 0;            // texts that wait now
  bool is_down = false;      // calls are refused now
};

class Dispatcher;

// An article is sent as one text: the plain text of its title, a line break, that of its body, cut
// to `text_bytes_max`; a text without any character but white space is not sent, and its vector is
// zero. Texts of several calls travel together. Which model answers is checked on every new
// connection, after every failure, and every `model_check_interval`, before any text is sent: no
// vector of another model is given out, but for one that a proxy or load balancer puts in its place
// between two checks without breaking the connection.
//
// Errors of Embed, beside those that Embedder names: INVALID_ARGUMENT when the server refuses one
// of the texts, and would again; the other texts of other calls are not concerned. After a failure
// of the server (not RESOURCE_EXHAUSTED, nor a refused text) calls are refused at once, until
// `down_for_min` or, doubling, `down_for_max` has passed; then one call tries again. While another
// model answers they are refused with FAILED_PRECONDITION, which names both.
//
// Thread-safe. Has one thread of its own, beside gRPC's. The vectors are written by the time that
// Embed returns. No Embed may run when it is destroyed: Stop() ends them.
class RemoteEmbedder final : public Embedder {
 public:
  // Asks the server for its model, to create something new with; blocks, for 5 s at most or
  // `options.deadline` if that is longer. INVALID_ARGUMENT for options out of range; UNAVAILABLE or
  // DEADLINE_EXCEEDED when the server does not answer; FAILED_PRECONDITION when its model does not
  // turn texts into vectors.
  static absl::StatusOr<RemoteModel> Describe(const RemoteOptions& options);

  // `expected` is what Describe once told: vectors of no other model are given out. Does not wait
  // for the server, nor need it. INVALID_ARGUMENT for options or a model out of range.
  static absl::StatusOr<std::unique_ptr<RemoteEmbedder>> Create(const RemoteOptions& options,
                                                                RemoteModel expected);

  // Stops.
  ~RemoteEmbedder() override;

  const std::string& identity() const override { return expected_.identity; }
  int dimension() const override { return expected_.dimension; }
  absl::Status Embed(absl::Span<const EmbedInput> inputs, absl::Span<float> vectors) const override;

  RemoteStats stats() const;

  // Calls that wait and later ones get UNAVAILABLE; requests on their way are cancelled. May be
  // called more than once.
  void Stop();

 private:
  RemoteEmbedder(const RemoteOptions& options, RemoteModel expected);

  const RemoteModel expected_;
  const int text_bytes_max_;
  const std::unique_ptr<Dispatcher> dispatcher_;
};

}  // namespace newsprint::embed

#endif  // NEWSPRINT_SERVICE_EMBED_REMOTE_REMOTE_EMBEDDER_H_
