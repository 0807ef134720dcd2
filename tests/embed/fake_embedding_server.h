// An embedding server of either protocol for tests: in-process, over a real connection, with faults
// on demand. The vector of a text depends on its bytes alone: see VectorOf.
#ifndef NEWSPRINT_TESTS_EMBED_FAKE_EMBEDDING_SERVER_H_
#define NEWSPRINT_TESTS_EMBED_FAKE_EMBEDDING_SERVER_H_

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "inference/grpc_service.grpc.pb.h"
#include "tei/v1/tei.grpc.pb.h"

namespace newsprint::embed::testing {

class FakeEmbeddingServer final {
 public:
  // What is served, and what goes wrong. Counters count down, one for each request for vectors of
  // articles; requests for the vector of the word "news" alone are the check of the model.
  struct Behaviour {
    std::string model = "fake-model";
    std::string version = "1";  // TEI: model_sha
    int dimension = 16;
    int failures = 0;  // requests that end with `failure`
    grpc::StatusCode failure = grpc::StatusCode::UNAVAILABLE;
    grpc::StatusCode check_failure = grpc::StatusCode::OK;  // of every check
    std::string refused_word;                    // texts with it are refused with INVALID_ARGUMENT
    std::string failing_word;                    // texts with it end with INTERNAL
    int extra_values = 0;                        // that each vector has too many
    int missing_rows = 0;                        // KServe: that each answer has too few
    bool is_nan = false;                         // a value of each vector
    bool is_zero = false;                        // all values
    bool is_reranker = false;                    // TEI: the type of the model
    bool is_not_ready = false;                   // KServe
    bool answers_raw = true;                     // KServe: raw_output_contents
    bool hides_version = false;                  // KServe: in answers
    int batch_max = 1024;                        // KServe: larger batches are INVALID_ARGUMENT
    std::vector<int64_t> input_shape = {-1, 1};  // KServe
    std::string input_datatype = "BYTES";        // KServe
    std::vector<std::string> outputs = {"embedding"};  // KServe, all FP32
    std::vector<int64_t> output_shape;                 // KServe: told in place of the true one
  };
  struct Seen {
    int checks = 0;
    int requests = 0;
    size_t batch_largest = 0;
    std::vector<std::string> texts;
  };

  // Listens on both protocols. `port` 0 picks a free one.
  explicit FakeEmbeddingServer(Behaviour behaviour, int port = 0);
  ~FakeEmbeddingServer();  // breaks connections

  int port() const { return port_; }
  std::string target() const;
  bool is_listening() const { return server_ != nullptr; }

  void Set(Behaviour behaviour);
  Behaviour behaviour();
  Seen seen();

  // From now on requests for vectors of articles, and checks if `checks_too`, wait for Release.
  void Hold(bool checks_too = false);
  void Release();
  // Waits until `requests` of them wait.
  void AwaitHeld(int requests);

  static std::vector<float> VectorOf(const std::string& text, int dimension);  // of length 1

 private:
  class Tei;
  class TeiInfo;
  class Kserve;

  // Takes note of a request, and decides how it ends.
  grpc::Status Enter(const std::vector<std::string>& texts, Behaviour* behaviour);
  static std::vector<float> Answer(const std::string& text, const Behaviour& behaviour);

  std::mutex mutex_;
  std::condition_variable changed_;
  Behaviour behaviour_;
  Seen seen_;
  bool is_holding_ = false;
  bool is_holding_checks_ = false;
  int held_ = 0;

  std::unique_ptr<tei::v1::Embed::Service> tei_;
  std::unique_ptr<tei::v1::Info::Service> tei_info_;
  std::unique_ptr<inference::GRPCInferenceService::Service> kserve_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

}  // namespace newsprint::embed::testing

#endif  // NEWSPRINT_TESTS_EMBED_FAKE_EMBEDDING_SERVER_H_
