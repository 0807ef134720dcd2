// Settings of the client library: plain values, no dependencies on a connection.
#ifndef NEWSPRINT_CLIENT_OPTIONS_H_
#define NEWSPRINT_CLIENT_OPTIONS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"

namespace grpc {
class ChannelCredentials;
}  // namespace grpc

namespace newsprint::client {

// How a connection reaches the server and how hard it tries. MakeConnection() clamps each field to
// its range once.
struct ClientOptions {
  // Address of the server, "host:port", or any other name that gRPC resolves.
  std::string target = "127.0.0.1:7420";

  // Transport security. Null means none: right for one machine or a trusted network only.
  // ReadTlsCredentials() of client/credentials.h makes them from files.
  std::shared_ptr<grpc::ChannelCredentials> credentials;

  // Bearer token that says who calls, or a file that holds one and is read again when it changes;
  // the file counts when both are given. Sent only with `credentials` that encrypt, or to this
  // machine; else every call fails with INVALID_ARGUMENT. Both empty: none.
  std::string token;
  std::string token_file;

  // Time for one call with all its attempts, 1 ms or more. Long enough for a queued write on a busy
  // server; a caller with a tighter budget sets CallOptions::deadline. Streams have no deadline.
  absl::Duration deadline = absl::Seconds(30);

  // Attempts for one call, the first included, 1 to 100. More ride out a longer restart of the
  // server, fewer report a dead one sooner: with the backoff below, 5 attempts give up after 1 to
  // 2 seconds.
  int attempts_max = 5;

  // Pause after the first failed attempt, 1 ms or more; it doubles with each further one. The
  // actual pause is drawn from the upper half of it, so that clients do not come back in step.
  absl::Duration backoff_initial = absl::Milliseconds(100);

  // Longest pause, `backoff_initial` or more.
  absl::Duration backoff_max = absl::Seconds(5);

  // Largest message in either direction, bytes, 4 KiB to 1 GiB. The server has its own limit
  // (`--message_bytes_max`); a higher one here only moves the error there.
  int message_bytes_max = 16 << 20;
};

// What a single call may set for itself.
struct CallOptions {
  // Time for the call with all its attempts. Zero means ClientOptions::deadline.
  absl::Duration deadline = absl::ZeroDuration();
};

// How StreamIngester fills its stream and how it comes back after a failure.
struct StreamIngesterOptions {
  // Name of the collection. Empty means "default".
  std::string collection;

  // Do without the vector search: verdicts are NEW where they might have been RELATED.
  bool skip_related = false;

  // Articles sent or waiting to be sent, but not acknowledged, 1 to 100,000. Twice what the server
  // reads ahead, so that it never waits for us. A wider window costs memory, and more is sent again
  // after a broken stream.
  int window_items = 512;

  // The same limit in bytes, 1 or more; a single larger article is let through alone.
  int64_t window_bytes = int64_t{16} << 20;

  // An article whose message is larger than this is answered with RESOURCE_EXHAUSTED without being
  // sent, as one message over the server's limit would end the stream. Bytes.
  int64_t message_bytes_max = int64_t{16} << 20;

  // Streams opened in a row without one acknowledgment before giving up, 1 or more.
  int attempts_max = 8;

  // Once there was an acknowledgment, streams that end with UNAVAILABLE do not count among these,
  // and a server may be away for so long: long enough for one with millions of articles to be
  // started again. Add() and Finish() wait meanwhile; is_cancelled ends that. Zero or more. A
  // server that answers that it cannot write counts.
  absl::Duration outage_max = absl::Minutes(10);

  // Told why when a stream broke or could not be opened, but not again for each further attempt.
  // Called by the ingester's thread. Null means nobody is told.
  std::function<void(const absl::Status& status)> on_broken;

  // As in ClientOptions.
  absl::Duration backoff_initial = absl::Milliseconds(100);
  absl::Duration backoff_max = absl::Seconds(5);

  // With articles outstanding and no acknowledgment for this long, the stream counts as broken.
  absl::Duration stall_timeout = absl::Seconds(60);

  // Asked a few times a second while Add() or Finish() waits; once it says true they return
  // CANCELLED. Null means never. Must be safe from any thread.
  std::function<bool()> is_cancelled;
};

// Where GroupWatcher begins and how it comes back after a failure.
struct GroupWatcherOptions {
  // Name of the collection. Empty means "default".
  std::string collection;

  // Changes after this one; 0 for all that are kept from the first on. Absent: from now on, that is
  // from when the server answers first.
  absl::optional<int64_t> after_sequence;

  // Streams opened in a row without one response before giving up, 1 or more. UNAVAILABLE does not
  // count: a server may be away for as long as it likes.
  int attempts_max = 8;

  // As in ClientOptions.
  absl::Duration backoff_initial = absl::Milliseconds(100);
  absl::Duration backoff_max = absl::Seconds(5);

  // With no response for this long, the stream counts as broken. The server sends one every 30
  // seconds even when nothing happens.
  absl::Duration stall_timeout = absl::Seconds(90);

  // Told why when a stream broke or could not be opened, but not again for each further attempt.
  // Called by the thread of the callback. Null means nobody is told.
  std::function<void(const absl::Status& status)> on_broken;

  // Asked a few times a second while Wait() waits; once it says true that returns CANCELLED. Null
  // means never. Must be safe from any thread.
  std::function<bool()> is_cancelled;
};

}  // namespace newsprint::client

#endif  // NEWSPRINT_CLIENT_OPTIONS_H_
