// The embedder against a server in another process and another language,
// tests/e2e/embedding_server.py, which shares no code with it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/strip.h"
#include "service/embed/remote/remote_embedder.h"

namespace newsprint::embed {
namespace {

class ServerProcess {
 public:
  explicit ServerProcess(std::vector<std::string> flags) {
    int pipe_ends[2];
    if (pipe(pipe_ends) != 0) return;
    std::vector<std::string> words = {"/usr/bin/python3",
                                      NEWSPRINT_SOURCE_DIR "/tests/e2e/embedding_server.py"};
    words.insert(words.end(), flags.begin(), flags.end());
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) {
      dup2(pipe_ends[1], STDOUT_FILENO);
      close(pipe_ends[0]);
      execv(arguments[0], arguments.data());
      _exit(127);
    }
    close(pipe_ends[1]);
    FILE* const output = fdopen(pipe_ends[0], "r");
    char line[256] = "";
    if (fgets(line, sizeof(line), output) == nullptr) line[0] = '\0';
    fclose(output);
    absl::string_view said = line;
    if (absl::ConsumePrefix(&said, "listening on ")) {
      target_ = std::string(absl::StripSuffix(said, "\n"));
    }
  }
  ~ServerProcess() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }

  const std::string& target() const { return target_; }  // empty when it did not start

 private:
  pid_t pid_ = -1;
  std::string target_;
};

double Cosine(const std::vector<float>& vectors, size_t a, size_t b, size_t dimension) {
  return std::inner_product(vectors.begin() + a * dimension, vectors.begin() + (a + 1) * dimension,
                            vectors.begin() + b * dimension, 0.0);
}

class EmbeddingServerProcessTest : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Protocols, EmbeddingServerProcessTest,
                         ::testing::Values("tei", "kserve", "kserve raw"), [](const auto& form) {
                           return std::string(form.param == "tei"      ? "Tei"
                                              : form.param == "kserve" ? "Kserve"
                                                                       : "KserveRaw");
                         });

TEST_P(EmbeddingServerProcessTest, EmbedsAndNoticesAnotherModel) {
  const bool is_tei = GetParam() == "tei";
  const std::string protocol = is_tei ? "tei" : "kserve";
  auto server = std::make_unique<ServerProcess>(std::vector<std::string>{
      "--protocol=" + protocol, "--model_id=words", "--model_sha=abc", "--dimension=64"});
  const std::string target = server->target();
  ASSERT_NE(target, "") << "the server did not start";
  auto options =
      ParseRemoteFlag("t=" + protocol + "://" + target + (is_tei ? "?" : "/words?") +
                      "deadline_ms=60000" + (GetParam() == "kserve raw" ? "&contents=raw" : ""));
  ASSERT_TRUE(options.ok()) << options.status();
  options->down_for_min = options->down_for_max = absl::Milliseconds(1);
  const auto model = RemoteEmbedder::Describe(*options);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->identity, is_tei ? "tei/1/words@abc" : "kserve/1/words@abc/embedding");
  EXPECT_EQ(model->dimension, 64);

  const auto embedder = RemoteEmbedder::Create(*options, *model);
  ASSERT_TRUE(embedder.ok()) << embedder.status();
  const std::vector<EmbedInput> inputs = {
      {"Harbour strike", "Dockers in the harbour began a strike over pay.", {}, {}},
      {"Strike over pay", "<p>Dockers at the harbour are on strike.</p>", {}, {}},
      {"Telescope", "Astronomers found a faint distant galaxy &amp; its halo.", {}, {}},
      {"", "", {}, {}}};
  std::vector<float> vectors(inputs.size() * 64);
  const absl::Status status = (*embedder)->Embed(inputs, absl::MakeSpan(vectors));
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_NEAR(Cosine(vectors, 0, 0, 64), 1, 1e-5);
  EXPECT_NEAR(Cosine(vectors, 2, 2, 64), 1, 1e-5);
  EXPECT_EQ(Cosine(vectors, 3, 3, 64), 0);
  EXPECT_GT(Cosine(vectors, 0, 1, 64), Cosine(vectors, 0, 2, 64) + 0.2);

  server.reset();
  server = std::make_unique<ServerProcess>(
      std::vector<std::string>{"--protocol=" + protocol, "--model_id=words", "--model_sha=def",
                               "--dimension=64", "--listen=" + target});
  ASSERT_EQ(server->target(), target) << "the server did not start again";
  absl::Status refused;
  do {
    refused = (*embedder)->Embed({inputs.data(), 1}, absl::MakeSpan(vectors).first(64));
  } while (absl::IsUnavailable(refused));
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition) << refused;
}

}  // namespace
}  // namespace newsprint::embed
