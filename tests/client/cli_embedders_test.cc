// The commands of the CLI for embedders, moves between them, and vectors that are still to come.
#include <atomic>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/client/cli_fixture.h"

namespace newsprint::cli {
namespace {

using nlohmann::json;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class EmbeddersTest : public CliTest {
 protected:
  // Five articles, the last of them without its text.
  void ImportFive() {
    v1::Fingerprint fingerprint;
    fingerprint.set_text_hash("h");
    ASSERT_EQ(
        Run({"import", WriteFile(Article("a", "u") + Article("b", "v") + Article("c", "w") +
                                 Article("d", "x") + "{\"id\":\"e\",\"fingerprint\":\"" +
                                 absl::Base64Escape(fingerprint.SerializeAsString()) + "\"}\n")}),
        0)
        << err_;
  }

  v1::Collection Look() {
    v1::GetCollectionRequest request;
    const auto response = server_.MakeClient().GetCollection(request);
    return response.ok() ? response->collection() : v1::Collection();
  }

  // Does something once the command looks at the move.
  template <typename Action>
  std::thread Meanwhile(Action action) {
    return std::thread([this, action, calls = server_.unary_calls + 2] {
      while (server_.unary_calls < calls) absl::SleepFor(absl::Milliseconds(1));
      action();
    });
  }
};

TEST_F(EmbeddersTest, AreListed) {
  ASSERT_EQ(Run({"embedders"}), 0);
  ASSERT_THAT(Output()["embedders"], SizeIs(4));
  EXPECT_EQ(Output()["embedders"][3],
            json::parse(R"({"name":"news-256","kind":"trained","identity":"news-256/1:4567",)"
                        R"("dimension":256})"));
  settings_.json = false;
  ASSERT_EQ(Run({"embedders"}), 0);
  EXPECT_EQ(out_,
            "name      kind     dimension  identity\n"
            "builtin   builtin        256  builtin/2:0123\n"
            "caller    caller           -  caller\n"
            "minilm    remote           -  -\n"
            "news-256  trained        256  news-256/1:4567\n");
}

TEST_F(EmbeddersTest, CollectionsTellTheirs) {
  settings_.new_collection.set_embedder("caller");
  ASSERT_EQ(Run({"collections", "create", "wire"}), 0);
  EXPECT_EQ(Output()["embedder"], "caller");
  EXPECT_EQ(Output()["embedder_identity"], "caller");
  EXPECT_FALSE(Output().contains("reembedding"));
  settings_.new_collection.set_embedder("none");
  EXPECT_EQ(Run({"collections", "create", "other"}), 1);
  EXPECT_EQ(err_, "newsprint: embedder: none of this name, got none (INVALID_ARGUMENT)\n");

  ImportFive();
  settings_.embedder = "news-256";
  settings_.wait = false;
  ASSERT_EQ(Run({"reembed"}), 0) << err_;
  server_.faults.move_problems = {"embedder: disk full"};
  server_.faults.move_step = 2;
  Look();  // a look, by which the move goes on
  ASSERT_EQ(Run({"collections"}), 0);
  EXPECT_EQ(Output()["collections"][0]["embedder"], "builtin");
  EXPECT_EQ(Output()["collections"][0]["reembedding"],
            json::parse(R"({"embedder":"news-256","embedder_identity":"news-256/1:4567",)"
                        R"("articles_done":2,"articles":5,"articles_without_text":0,)"
                        R"("problem":"embedder: disk full","started_at":"2011-05-04T17:30:00Z"})"));
  EXPECT_FALSE(Output()["collections"][1].contains("reembedding"));
  settings_.json = false;
  settings_.limit = 0;
  ASSERT_EQ(Run({"collections"}), 0);
  EXPECT_THAT(out_, ContainsRegex("\ndefault .* builtin +builtin/2:0123 "));
  EXPECT_THAT(out_, ::testing::EndsWith("\n\ndefault: moving to news-256: 2 of 5 articles (40 %); "
                                        "embedder: disk full\n"));
}

TEST_F(EmbeddersTest, ReembedWaits) {
  ImportFive();
  settings_.embedder = "news-256";
  server_.faults.move_step = 2;
  server_.faults.move_problems = {"", "", ""};  // so that the last look sees them all done
  ASSERT_EQ(Run({"reembed"}), 0) << err_;
  const json moved = Output();
  EXPECT_EQ(moved["collection"], "default");
  EXPECT_EQ(moved["state"], "moved");
  EXPECT_EQ(moved["embedder"], "news-256");
  EXPECT_EQ(moved["embedder_identity"], "news-256/1:4567");
  EXPECT_EQ(moved["articles"], 5);
  EXPECT_EQ(moved["articles_without_text"], 1);
  EXPECT_GT(moved["seconds"], 0);
  EXPECT_EQ(err_, "");
  EXPECT_EQ(Look().embedder(), "news-256");

  ASSERT_EQ(Run({"reembed"}), 0);
  EXPECT_EQ(Output()["state"], "unchanged");
  settings_.json = false;
  ASSERT_EQ(Run({"reembed"}), 0);
  EXPECT_EQ(out_, "default has news-256 already\n");

  settings_.embedder = "builtin";
  server_.faults.move_problems = {"", "", ""};
  ASSERT_EQ(Run({"reembed"}), 0);
  EXPECT_THAT(out_, ContainsRegex("^moved to builtin: 5 articles, 1 without text, [0-9.]+ s\n$"));
  EXPECT_EQ(err_, "note: \"newsprint related\" does not find articles without text\n");
}

TEST_F(EmbeddersTest, ReembedSaysOnceWhatHoldsItUp) {
  ImportFive();
  settings_.embedder = "minilm";
  settings_.json = false;
  server_.faults.move_step = 5;
  server_.faults.move_problems = {"embedder: no answer", "embedder: no answer", "",
                                  "embedder: no answer"};
  ASSERT_EQ(Run({"reembed"}), 0);
  EXPECT_EQ(err_,
            "note: embedder: no answer\nnote: the move goes on\nnote: embedder: no answer\n"
            "note: \"newsprint related\" does not find articles without text\n");
}

TEST_F(EmbeddersTest, ReembedOutlivesAServerThatIsAway) {
  ImportFive();
  settings_.embedder = "news-256";
  server_.faults.move_step = 5;
  server_.faults.failed_looks = 7;  // more than the attempts of one call
  ASSERT_EQ(Run({"reembed"}), 0) << err_;
  EXPECT_EQ(Output()["state"], "moved");
  EXPECT_EQ(err_, absl::StrCat("note: ", server_.target(), " does not answer: connection lost\n"));
}

TEST_F(EmbeddersTest, InterruptEndsTheWaitingOnly) {
  ImportFive();
  settings_.embedder = "news-256";
  server_.faults.move_step = 0;
  std::thread interrupter = Meanwhile([] { raise(SIGINT); });
  EXPECT_EQ(Run({"reembed"}), 130);
  interrupter.join();
  EXPECT_EQ(Output()["state"], "moving");
  EXPECT_EQ(Output()["embedder"], "builtin");
  EXPECT_EQ(Output()["reembedding"]["embedder"], "news-256");
  EXPECT_EQ(Output()["reembedding"]["articles"], 5);
  EXPECT_EQ(err_,
            "note: the server goes on; \"newsprint reembed --embedder=news-256\" waits for it, "
            "\"newsprint reembed --cancel\" ends it\n"
            "newsprint: interrupted\n");
  EXPECT_EQ(Look().reembedding().embedder(), "news-256");

  // The same command waits again, and gets to the end.
  server_.faults.move_step = 5;
  ASSERT_EQ(Run({"reembed"}), 0) << err_;
  EXPECT_EQ(Output()["state"], "moved");
}

TEST_F(EmbeddersTest, SomebodyElseEndsTheMove) {
  ImportFive();
  settings_.embedder = "news-256";
  server_.faults.move_step = 0;
  std::thread other =
      Meanwhile([this] { EXPECT_TRUE(server_.MakeClient().CancelReembedding({}).ok()); });
  EXPECT_EQ(Run({"reembed"}), 1);
  other.join();
  EXPECT_EQ(err_,
            "newsprint: the move to news-256 was ended by another call; the vectors of builtin "
            "stay\n");
  EXPECT_EQ(out_, "");
}

TEST_F(EmbeddersTest, DeletedWhileItMoves) {
  ASSERT_EQ(Run({"collections", "create", "wire"}), 0);
  settings_.collection = "wire";
  ImportFive();
  settings_.embedder = "news-256";
  server_.faults.move_step = 0;
  std::thread other = Meanwhile([this] {
    v1::DeleteCollectionRequest request;
    request.set_name("wire");
    EXPECT_TRUE(server_.MakeClient().DeleteCollection(request).ok());
  });
  EXPECT_EQ(Run({"reembed"}), 1);
  other.join();
  EXPECT_EQ(err_, "newsprint: collection: not found (NOT_FOUND)\n");
}

TEST_F(EmbeddersTest, ReembedWithoutWaitingAndCancel) {
  ASSERT_EQ(Run({"collections", "create", "wire"}), 0);
  settings_.collection = "wire";
  ImportFive();
  settings_.embedder = "news-256";
  settings_.wait = false;
  settings_.json = false;
  ASSERT_EQ(Run({"reembed"}), 0);
  EXPECT_EQ(out_, "moving to news-256: 0 of 5 articles (0 %)\n");
  EXPECT_EQ(err_,
            "note: the server goes on; \"newsprint reembed --collection=wire --embedder=news-256\" "
            "waits for it, \"newsprint reembed --collection=wire --cancel\" ends it\n");
  settings_.embedder = "minilm";
  EXPECT_EQ(Run({"reembed"}), 1);
  EXPECT_EQ(err_, "newsprint: embedder: moving to news-256 (FAILED_PRECONDITION)\n");

  settings_.embedder.clear();
  settings_.cancel = true;
  ASSERT_EQ(Run({"reembed"}), 0);
  EXPECT_EQ(out_, "ended the move to news-256 at 1 of 5 articles; wire keeps builtin\n");
  ASSERT_EQ(Run({"reembed"}), 0);
  EXPECT_EQ(out_, "nothing to end: wire has builtin\n");

  settings_.json = true;
  ASSERT_EQ(Run({"reembed"}), 0);
  EXPECT_EQ(Output()["state"], "unchanged");
  settings_.cancel = false;
  settings_.embedder = "news-256";
  ASSERT_EQ(Run({"reembed"}), 0);
  EXPECT_EQ(Output()["state"], "moving");
  EXPECT_EQ(Output()["reembedding"]["articles_done"], 0);
  settings_.embedder.clear();
  settings_.cancel = true;
  ASSERT_EQ(Run({"reembed"}), 0);
  EXPECT_EQ(Output()["state"], "cancelled");
  EXPECT_EQ(Output()["embedder"], "builtin");
  EXPECT_EQ(Output()["reembedding"]["embedder"], "news-256");
}

TEST_F(EmbeddersTest, ReembedNeedsOneOfTwoFlags) {
  EXPECT_EQ(Run({"reembed"}), 2);
  EXPECT_EQ(err_, "newsprint: reembed: give either --embedder=NAME or --cancel\n");
  settings_.cancel = true;
  settings_.embedder = "news-256";
  EXPECT_EQ(Run({"reembed"}), 2);
  EXPECT_EQ(Run({"reembed", "news-256"}), 2);
  EXPECT_EQ(server_.unary_calls, 0);
  settings_.cancel = false;
  settings_.embedder = "caller";
  EXPECT_EQ(Run({"reembed"}), 1);
  EXPECT_EQ(err_, "newsprint: embedder: none to move to (INVALID_ARGUMENT)\n");
}

TEST_F(EmbeddersTest, WhatTheServerMissesIsNotAServerThatIsMissing) {
  server_.faults.unary_failures = 5;
  server_.faults.unary_status =
      grpc::Status(grpc::StatusCode::UNAVAILABLE, "embedder minilm: no answer within 500 ms");
  EXPECT_EQ(Run({"stats"}), 1);
  EXPECT_EQ(err_, "newsprint: embedder minilm: no answer within 500 ms (UNAVAILABLE)\n");
  server_.faults.unary_failures = 5;
  server_.faults.unary_status = grpc::Status(grpc::StatusCode::UNAVAILABLE, "Socket closed");
  EXPECT_EQ(Run({"stats"}), 1);
  EXPECT_EQ(err_, absl::StrCat("newsprint: cannot reach ", server_.target(), ": Socket closed\n"));
  server_.faults.unary_failures = 1;
  server_.faults.unary_status = grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "");
  EXPECT_EQ(Run({"embedders"}), 1);
  EXPECT_EQ(err_,
            "newsprint: the server does not know this call here; it is older than this "
            "program, or has it on another address, --admin_listen (UNIMPLEMENTED)\n");
}

TEST_F(EmbeddersTest, VectorsStillToComeAreCounted) {
  server_.faults.pending_ids = {"b", "c"};
  const std::string file = WriteFile(Article("a", "u") + Article("b", "v") + Article("c", "w"));
  ASSERT_EQ(Run({"import", file}), 0);
  EXPECT_EQ(Output()["articles"], 3);
  EXPECT_EQ(Output()["embeddings_pending"], 2);
  EXPECT_EQ(err_,
            "note: 2 articles wait for the embedding server; the vectors are filled in when it "
            "answers\n");
  ASSERT_EQ(Run({"stats"}), 0);
  EXPECT_EQ(Output()["embeddings_pending"], 2);
  ASSERT_EQ(Run({"get", "b"}), 0);
  EXPECT_EQ(Output()["embedding_pending"], true);
  ASSERT_EQ(Run({"get", "a"}), 0);
  EXPECT_FALSE(Output().contains("embedding_pending"));
  settings_.json = false;
  ASSERT_EQ(Run({"get", "b"}), 0);
  EXPECT_THAT(out_, HasSubstr("\nvector        still to come: the embedding server did not"));
  ASSERT_EQ(Run({"stats"}), 0);
  EXPECT_THAT(out_, ContainsRegex("waiting for the embedding server +2\n"));

  server_.faults.pending_ids.clear();
  ASSERT_EQ(Run({"stats"}), 0);
  EXPECT_THAT(out_, Not(HasSubstr("embedding server")));
  settings_.json = true;
  ASSERT_EQ(Run({"stats"}), 0);
  EXPECT_EQ(Output()["embeddings_pending"], 0);
}

TEST_F(EmbeddersTest, EvaluationsUseTheEmbedderAndNeedAllVectors) {
  settings_.new_collection.set_embedder("news-256");
  const std::string articles =
      WriteFile(Article("a", "u v", ",\"label\":\"1\"") + Article("b", "u w", ",\"label\":\"1\""));
  const std::string pairs = WriteFile(R"({"text1":"u v","text2":"u w","overall":1})");
  ASSERT_EQ(Run({"evaluate", "related", articles}), 0) << err_;
  EXPECT_FALSE(server_.LastFindRelated().has_score_min());
  ASSERT_EQ(Run({"evaluate", "similarity", pairs}), 0) << err_;
  ASSERT_EQ(Run({"evaluate", "duplicates", articles}), 0) << err_;
  ASSERT_THAT(server_.CreatedCollections(), SizeIs(3));
  for (const v1::Collection& collection : server_.CreatedCollections()) {
    EXPECT_EQ(collection.embedder(), "news-256");
  }

  server_.faults.pending_ids = {"b", "pair-1-text1"};
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"evaluate", "related", articles}, {"evaluate", "similarity", pairs}}) {
    EXPECT_EQ(Run(words), 1);
    EXPECT_EQ(err_,
              "newsprint: the embedding server did not answer for 1 article: without their vectors "
              "nothing can be measured\n");
    EXPECT_EQ(out_, "");
  }
  EXPECT_EQ(Run({"evaluate", "duplicates", articles}), 0);  // copies are told without vectors
  EXPECT_THAT(server_.CollectionNames(), ElementsAre("default"));
}

TEST_F(EmbeddersTest, RelatedSendsItsFilters) {
  ImportFive();
  settings_.limit = 7;
  settings_.half_life = "36h";
  settings_.sources = {"AP"};
  settings_.languages = {"en", "de"};
  settings_.since = "2011-05-01";
  settings_.until = "2011-06-01";
  settings_.diversity = 0.3;
  ASSERT_EQ(Run({"related", "a"}), 0) << err_;
  const v1::FindRelatedRequest request = server_.LastFindRelated();
  EXPECT_EQ(request.id(), "a");
  EXPECT_EQ(request.max_results(), 7);
  EXPECT_EQ(request.half_life().seconds(), 129'600);
  EXPECT_THAT(request.sources(), ElementsAre("AP"));
  EXPECT_THAT(request.languages(), ElementsAre("en", "de"));
  EXPECT_EQ(request.published_from().seconds(), 1'304'208'000);
  EXPECT_EQ(request.published_before().seconds(), 1'306'886'400);
  EXPECT_EQ(request.diversity(), 0.3);

  settings_.since = "soon";
  EXPECT_EQ(Run({"related", "a"}), 2);
  EXPECT_EQ(err_,
            "newsprint: --since: must be a date or a time, as 2011-05-04 or "
            "2011-05-04T17:30:00Z\n");
}

}  // namespace
}  // namespace newsprint::cli
