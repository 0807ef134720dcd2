// A newsprintd of our own to put load on, and articles streamed into it.
#ifndef NEWSPRINT_BENCH_LOADED_SERVICE_H_
#define NEWSPRINT_BENCH_LOADED_SERVICE_H_

#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bench/article_generator.h"
#include "bench/grpc_load.h"
#include "bench/server_process.h"
#include "client/client.h"
#include "tests/testing/temp_dir.h"

namespace newsprint::bench {

// Ends the program with a message.
[[noreturn]] void Die(const std::string& message);

template <typename T>
T OrDie(absl::StatusOr<T> result) {
  if (!result.ok()) Die(result.status().ToString());
  return *std::move(result);
}

// Progress, on standard error.
void Report(const std::string& message);

// newsprintd over a data folder of its own below TMPDIR, which stays when the
// server is started anew and goes with this object. Not thread-safe, but that several threads may
// read.
class LoadedService {
 public:
  // Ready for calls by its health service, as after each start.
  // `flags` go with default settings, and `credentials` with `flags`.
  explicit LoadedService(std::vector<std::string> flags = {}, Credentials credentials = nullptr)
      : flags_(std::move(flags)), credentials_(std::move(credentials)) {
    Start();
  }

  const std::string& address() const { return server_->address(); }
  const ServerProcess& process() const { return *server_; }
  const client::Client& client() const { return *client_; }
  const std::string& data_dir() const { return data_dir_.path(); }

  // Both wait until the server has ended, and return the seconds from then until it is ready again.
  double StopAndStart();
  double KillAndStart();

  // Waits until the server has done nothing for a second, but no longer than `seconds_max`; returns
  // the seconds until then, without that second.
  double WaitUntilIdle(double seconds_max) const;

 private:
  double Start();

  const std::vector<std::string> flags_;
  const Credentials credentials_;
  const testing::TempDir data_dir_;
  std::unique_ptr<ServerProcess> server_;
  std::unique_ptr<client::Client> client_;
};

// How verdicts compare with what the generator knows.
struct VerdictCounts {
  int64_t originals = 0;
  int64_t originals_taken_for_copies = 0;
  int64_t originals_related = 0;
  int64_t copies = 0;
  int64_t copies_recognised = 0;  // with the right canonical
};

// Of one or several ingestions.
struct IngestLoad {
  int64_t articles = 0;
  double seconds = 0;
  double server_cpu_seconds = 0;
  double client_cpu_seconds = 0;  // of this whole process

  double articles_per_second() const { return static_cast<double>(articles) / seconds; }
};

// Streams the articles 0, 1, 2... of a generator into a collection. They are made before the time
// begins and their answers read after it has ended, so that the client takes as little as it can of
// the cores that it shares with the server; any answer that is an error ends the program. Not
// thread-safe.
class CollectionFiller {
 public:
  // Creates the collection, with these settings. `service` and `generator` must outlive this.
  CollectionFiller(const LoadedService& service, const ArticleGenerator& generator,
                   const v1::Collection& collection, bool skip_related = false);
  // With default settings.
  CollectionFiller(const LoadedService& service, const ArticleGenerator& generator,
                   const std::string& collection, bool skip_related = false);

  // Articles acknowledged so far.
  int64_t articles() const { return articles_; }
  const std::string& collection() const { return collection_; }
  const VerdictCounts& verdicts() const { return verdicts_; }

  // The next `articles`, over one stream, in chunks of equal size between which the stream rests
  // while the next chunk is made. Returns the load of each chunk.
  std::vector<IngestLoad> Fill(int64_t articles, int chunks = 1);

  // The next `articles` at a steady pace, while `meanwhile` runs on the calling thread.
  IngestLoad FillPaced(int64_t articles, double per_second, const std::function<void()>& meanwhile);

 private:
  std::vector<grpc::ByteBuffer> Make(int64_t articles) const;
  void Check(const std::vector<grpc::ByteBuffer>& answers);

  const LoadedService& service_;
  const ArticleGenerator& generator_;
  const std::string collection_;
  const bool skip_related_;
  int64_t articles_ = 0;
  VerdictCounts verdicts_;
};

// Whether an article with this relation joins the group of another.
bool IsCopy(v1::Relation relation);

// Moves the parts of a made article into the message.
void MoveInto(GeneratedArticle&& made, v1::Article* article);

}  // namespace newsprint::bench

#endif  // NEWSPRINT_BENCH_LOADED_SERVICE_H_
