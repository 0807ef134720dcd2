#include "bench/hoarders.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/article_generator.h"
#include "bench/grpc_load.h"
#include "newsprint/v1/article_service.pb.h"

namespace newsprint::bench {
namespace {

using grpc::ByteBuffer;

constexpr char kFindDuplicates[] = "/newsprint.v1.ArticleService/FindDuplicates";
constexpr char kBatchGet[] = "/newsprint.v1.ArticleService/BatchGetArticles";
constexpr char kStreamIngest[] = "/newsprint.v1.ArticleService/StreamIngest";
constexpr std::chrono::milliseconds kSlowPause(100);
constexpr std::chrono::milliseconds kPauseAfterError(200);
constexpr int kBatchArticles = 3;
constexpr int kCallsEach = 4;
constexpr int kDistinctArticles = 16;

// Of about `bytes`; one for each `number`.
std::string Text(uint64_t number, size_t bytes) {
  static const ArticleGenerator generator({});
  std::string text;
  GeneratedArticle made;
  for (uint64_t i = 0; text.size() < bytes; ++i) {
    generator.Make(number * 1000 + i, &made);
    absl::StrAppend(&text, made.body, "\n");
  }
  text.resize(bytes);
  return text;
}

void Fill(uint64_t number, size_t bytes, v1::Article* article) {
  article->set_id(absl::StrCat("hoarded-", number));
  article->set_title(absl::StrCat("Report ", number));
  article->set_raw_body(Text(number, bytes));
}

// One connection that streams: sequences grow, whatever the answers say.
class StreamHoarder final : public grpc::ClientBidiReactor<ByteBuffer, ByteBuffer> {
 public:
  // `request`: a StreamIngestRequest without its sequence.
  StreamHoarder(const std::string& target, grpc::Slice request, bool reads)
      : stub_(Connect(target)), reads_(reads), request_(std::move(request)) {
    stub_.PrepareBidiStreamingCall(&context_, kStreamIngest, {}, this);
    Write();
    if (reads_) StartRead(&answer_);
    StartCall();
  }

  void OnWriteDone(bool ok) override {
    if (ok) Write();
  }
  void OnReadDone(bool ok) override {
    if (!ok) return;
    std::thread([this] {
      std::this_thread::sleep_for(kSlowPause);
      StartRead(&answer_);
    }).detach();
  }

 private:
  void Write() {
    v1::StreamIngestRequest sequence;
    sequence.set_sequence(++sequence_);
    const grpc::Slice slices[] = {grpc::Slice(sequence.SerializeAsString()), request_};
    message_ = ByteBuffer(slices, 2);
    StartWrite(&message_);
  }

  grpc::GenericStub stub_;
  const bool reads_;
  grpc::ClientContext context_;
  const grpc::Slice request_;
  uint64_t sequence_ = 0;
  ByteBuffer message_, answer_;
};

// One connection that makes the same calls over and over.
class CallHoarder {
 public:
  CallHoarder(const std::string& target, const char* method, const ByteBuffer& request)
      : stub_(Connect(target)), method_(method), request_(request) {}

  void Call() {
    auto* call = new OneCall;
    stub_.UnaryCall(&call->context, method_, {}, &request_, &call->response,
                    [this, call](const grpc::Status& status) {
                      delete call;
                      if (status.ok()) return Call();
                      std::thread([this] {
                        std::this_thread::sleep_for(kPauseAfterError);
                        Call();
                      }).detach();
                    });
  }

 private:
  struct OneCall {
    grpc::ClientContext context;
    ByteBuffer response;
  };

  grpc::GenericStub stub_;
  const std::string method_;
  const ByteBuffer request_;
};

}  // namespace

void RunHoarders(const std::string& target, const std::string& kind, int connections,
                 size_t article_bytes) {
  std::vector<std::unique_ptr<StreamHoarder>> streams;
  std::vector<std::unique_ptr<CallHoarder>> callers;
  std::vector<grpc::Slice> articles;
  ByteBuffer request;
  if (kind == "never" || kind == "slow") {
    for (int i = 0; i < kDistinctArticles; ++i) {
      v1::StreamIngestRequest article;
      Fill(i, article_bytes, article.mutable_request()->mutable_article());
      articles.emplace_back(article.SerializeAsString());
    }
  } else if (kind == "calls") {
    v1::FindDuplicatesRequest find;
    Fill(0, article_bytes, find.mutable_article());
    find.mutable_article()->clear_id();
    request = ToBuffer(find.SerializeAsString());
  } else if (kind == "answers") {
    v1::BatchGetArticlesRequest get;
    for (int i = 0; i < kBatchArticles; ++i) get.add_ids(absl::StrCat("large-", i));
    request = ToBuffer(get.SerializeAsString());
  } else {
    std::fprintf(stderr, "hoard: got \"%s\", limit never, slow, calls or answers\n", kind.c_str());
    std::exit(2);
  }
  for (int i = 0; i < connections; ++i) {
    if (!articles.empty()) {
      streams.push_back(
          std::make_unique<StreamHoarder>(target, articles[i % articles.size()], kind == "slow"));
      continue;
    }
    callers.push_back(std::make_unique<CallHoarder>(
        target, kind == "calls" ? kFindDuplicates : kBatchGet, request));
    for (int k = 0; k < (kind == "calls" ? 1 : kCallsEach); ++k) callers.back()->Call();
  }
  std::printf("listening on nothing\n");  // as ServerProcess waits for a line
  std::fflush(stdout);
  while (true) std::this_thread::sleep_for(std::chrono::hours(1));
}

}  // namespace newsprint::bench
