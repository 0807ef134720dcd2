// The commands of the CLI, each run as main() would, against a fake server.
#include <csignal>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cli/help.h"
#include "client/cli/interrupt.h"
#include "client/cli/session.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/client/cli_fixture.h"

namespace newsprint::cli {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

TEST_F(CliTest, ImportCountsEverything) {
  const std::string one =
      WriteFile(Article("a", "same text") + Article("b", "same text") + "{broken\n" +
                Article("c", "") + "\n" + "{\"id\":\"d\",\"body\":\"caf\xE9\"}\n");
  const std::string two = WriteFile(Article("e", "other", ",\"published_at\":\"yesterday\""));
  EXPECT_EQ(Run({"import", one, two}), 1);
  const json summary = Output();
  EXPECT_EQ(summary["articles"], 4);
  EXPECT_EQ(summary["failed"], 2);
  EXPECT_GT(summary["seconds"], 0);
  EXPECT_GT(summary["articles_per_second"], 0);
  EXPECT_EQ(summary.size(), 5u);
  EXPECT_EQ(summary["relations"],
            json::parse(R"({"new":3,"exact":1,"near_duplicate":0,"excerpt":0,"extension":0,)"
                        R"("revision":0,"template":0,"related":0})"));
  EXPECT_THAT(server_.IngestedIds(), ElementsAre("a", "b", "d", "e"));
  EXPECT_EQ(server_.Stored("d").raw_body(), "caf\xE9");
  EXPECT_THAT(err_, HasSubstr(one + ":3: not valid JSON at byte"));
  EXPECT_THAT(err_, HasSubstr("c: body: missing\n"));
  EXPECT_THAT(err_, HasSubstr("not RFC 3339 in 1 article,"));
  EXPECT_THAT(err_, HasSubstr("newsprint: 2 of 6 articles failed\n"));
}

TEST_F(CliTest, ImportOfACleanFileSucceeds) {
  EXPECT_EQ(Run({"import", WriteFile(Article("a", "text"))}), 0);
  EXPECT_EQ(err_, "");
  settings_.json = false;
  EXPECT_EQ(Run({"import", WriteFile(Article("b", "text"))}), 0);
  EXPECT_THAT(out_, HasSubstr("1 article in"));
  EXPECT_THAT(out_, HasSubstr("exact            1"));
}

TEST_F(CliTest, ImportSurvivesBrokenStreams) {
  std::string text;
  for (int i = 0; i < 100; ++i) {
    text += Article(absl::StrCat("a", i), absl::StrCat("text ", i));
  }
  server_.faults.broken_streams = 3;
  server_.faults.broken_stream_answers = 10;
  EXPECT_EQ(Run({"import", WriteFile(text)}), 0);
  EXPECT_EQ(Output()["articles"], 100);
}

TEST_F(CliTest, ImportIntoAMissingCollectionFailsAtOnce) {
  settings_.collection = "none";
  EXPECT_EQ(Run({"import", WriteFile(Article("a", "text"))}), 1);
  EXPECT_EQ(err_, "newsprint: collection: not found (NOT_FOUND)\n");
  EXPECT_EQ(server_.streams, 0);
}

TEST_F(CliTest, ImportOfAMissingFileChangesNothing) {
  EXPECT_EQ(Run({"import", WriteFile(Article("a", "text")), "/no/such/file"}), 1);
  EXPECT_THAT(err_, HasSubstr("newsprint: cannot read /no/such/file: "));
  EXPECT_TRUE(server_.IngestedIds().empty());
}

TEST_F(CliTest, FindByIdAndByFile) {
  ASSERT_EQ(Run({"import", WriteFile(Article("a", "x y") + Article("b", "x y"))}), 0);
  ASSERT_EQ(Run({"find", "b"}), 0);
  json found = Output();
  EXPECT_EQ(found["relation"], "exact");
  EXPECT_EQ(found["canonical_id"], "a");
  ASSERT_THAT(found["matches"], SizeIs(1));
  EXPECT_EQ(found["matches"][0]["id"], "a");
  EXPECT_EQ(found["matches"][0]["evidence"]["jaccard"], 1.0);

  settings_.file = WriteFile("{\"body\":\"x y\"}\n" + Article("c", "z"));
  ASSERT_EQ(Run({"find"}), 0);
  EXPECT_THAT(Output()["matches"], SizeIs(2));
  EXPECT_THAT(err_, HasSubstr("more than one article"));
  EXPECT_EQ(Run({"find", "a"}), 2);  // both an id and a file

  settings_.json = false;
  settings_.file.clear();
  ASSERT_EQ(Run({"find", "b"}), 0);
  EXPECT_THAT(out_, HasSubstr("exact: canonical a, group g0"));
}

TEST_F(CliTest, RelatedIsBestFirst) {
  ASSERT_EQ(Run({"import",
                 WriteFile(Article("a", "x y z") + Article("b", "x q r") + Article("c", "x y q"))}),
            0);
  ASSERT_EQ(Run({"related", "a"}), 0);
  const json related = Output()["related"];
  ASSERT_THAT(related, SizeIs(2));
  EXPECT_EQ(related[0]["id"], "c");
  EXPECT_EQ(related[0]["title"], "Title of c");
  EXPECT_DOUBLE_EQ(related[0]["score"], 0.5);
  EXPECT_EQ(related[1]["id"], "b");

  settings_.json = false;
  settings_.score_min = 2;
  ASSERT_EQ(Run({"related", "a"}), 0);
  EXPECT_EQ(out_, "nothing related\n");
}

TEST_F(CliTest, CompareGetAndDelete) {
  ASSERT_EQ(Run({"import", WriteFile(Article("a", "x y") + Article("b", "x z"))}), 0);
  ASSERT_EQ(Run({"compare", "a", "b"}), 0);
  EXPECT_EQ(Output()["relation"], "related");
  EXPECT_EQ(Output()["explanation"], "they share words");
  ASSERT_EQ(Run({"get", "a"}), 0);
  EXPECT_EQ(Output()["body"], "x y");
  EXPECT_EQ(Output()["relation"], "new");

  EXPECT_EQ(Run({"delete", "a", "none", "b"}), 1);
  EXPECT_THAT(Output()["deleted"], SizeIs(2));
  EXPECT_EQ(Output()["failed"][0]["id"], "none");
  EXPECT_THAT(err_, HasSubstr("newsprint: 1 of 3 articles were not deleted\n"));
  EXPECT_EQ(Run({"get", "a"}), 1);
  EXPECT_EQ(err_, "newsprint: id: no such article (NOT_FOUND)\n");
}

TEST_F(CliTest, GroupsFollowThePages) {
  ASSERT_EQ(Run({"import", WriteFile(Article("a", "x") + Article("b", "y") + Article("c", "x") +
                                     Article("d", "y") + Article("e", "z"))}),
            0);
  ASSERT_EQ(Run({"groups"}), 0);
  ASSERT_THAT(Output()["groups"], SizeIs(2));
  EXPECT_EQ(Output()["groups"][1]["canonical_id"], "b");
  EXPECT_EQ(Output()["groups"][1]["member_count"], 2);
  settings_.members_min = 1;
  ASSERT_EQ(Run({"groups"}), 0);
  EXPECT_THAT(Output()["groups"], SizeIs(3));
  settings_.limit = 1;
  ASSERT_EQ(Run({"groups"}), 0);
  EXPECT_THAT(Output()["groups"], SizeIs(1));
  settings_.limit = 0;

  for (const char* name : {"c", "g0"}) {
    ASSERT_EQ(Run({"groups", name}), 0);
    EXPECT_EQ(Output()["group"]["id"], "g0");
    ASSERT_THAT(Output()["members"], SizeIs(2));
    EXPECT_EQ(Output()["members"][0]["id"], "a");
  }
  EXPECT_EQ(Run({"groups", "none"}), 1);
}

TEST_F(CliTest, CollectionsAndStats) {
  settings_.new_collection.set_omit_text(true);
  ASSERT_EQ(Run({"collections", "create", "wire"}), 0);
  EXPECT_EQ(Output()["name"], "wire");
  EXPECT_EQ(Output()["omit_text"], true);
  EXPECT_EQ(Run({"collections", "create", "wire"}), 1);
  ASSERT_EQ(Run({"collections"}), 0);
  ASSERT_THAT(Output()["collections"], SizeIs(2));
  EXPECT_EQ(Output()["collections"][1]["name"], "wire");
  EXPECT_EQ(Run({"collections", "update", "wire"}), 2);
  settings_.retention_seconds = 2 * 24 * 3600;
  ASSERT_EQ(Run({"collections", "update", "wire"}), 0) << err_;
  EXPECT_EQ(Output()["retention_seconds"], 172800);
  settings_.retention_seconds = absl::nullopt;
  settings_.retention_articles = 1000;
  settings_.durability = "async";
  settings_.new_collection.set_durability(v1::DURABILITY_ASYNC);
  ASSERT_EQ(Run({"collections", "update", "wire"}), 0) << err_;
  EXPECT_EQ(Output()["retention_seconds"], 172800);  // what no flag was given for stays
  EXPECT_EQ(Output()["retention_articles"], 1000);
  EXPECT_EQ(Output()["durability"], "async");
  settings_.json = false;
  ASSERT_EQ(Run({"collections"}), 0);
  EXPECT_THAT(out_, HasSubstr("2 days, 1,000 articles  async"));
  settings_.json = true;
  settings_.retention_seconds = 0;  // no limit of age any more
  ASSERT_EQ(Run({"collections", "update", "wire"}), 0) << err_;
  EXPECT_EQ(Output()["retention_seconds"], 0);
  EXPECT_EQ(Run({"collections", "update", "nowhere"}), 1);
  ASSERT_EQ(Run({"collections", "delete", "wire"}), 0);
  EXPECT_EQ(Run({"collections", "delete", "wire"}), 1);
  EXPECT_EQ(Run({"collections", "rename", "wire"}), 2);

  ASSERT_EQ(Run({"stats"}), 0);
  EXPECT_EQ(Output()["articles"], 0);
  EXPECT_THAT(Output()["relations"], SizeIs(8));
}

TEST_F(CliTest, EvaluateDuplicates) {
  const std::string file =
      WriteFile(Article("a", "x", ",\"label\":\"1\",\"kind\":\"original\"") +
                Article("b", "x", ",\"label\":\"1\",\"kind\":\"copy\"") +
                Article("c", "y", ",\"label\":\"1\",\"kind\":\"trimmed\"") +
                Article("d", "y", ",\"label\":\"2\",\"kind\":\"original\"") + Article("e", "x"));
  settings_.pairs = WriteFile(R"({"id_a":"a","id_b":"b","jaccard":1.0,"containment":1.0})"
                              "\n"
                              R"({"id_a":"a","id_b":"c","jaccard":0.55,"containment":0.8})"
                              "\n"
                              R"({"id_a":"a","id_b":"gone","jaccard":0.5,"containment":0.8})"
                              "\n");
  ASSERT_EQ(Run({"evaluate", "duplicates", file}), 0) << err_;
  const json figures = Output();
  EXPECT_EQ(figures["articles"], 5);
  EXPECT_EQ(figures["failed"], 0);
  EXPECT_EQ(figures["groups"], 2);
  EXPECT_EQ(figures["pair_precision"], 0.5);    // ab of ab, cd
  EXPECT_EQ(figures["pair_recall"], 0.333333);  // ab of ab, ac, bc
  EXPECT_EQ(figures["pair_f1"], 0.4);
  EXPECT_EQ(figures["recall_by_kind"], json::parse(R"({"original":1.0,"copy":1.0,"trimmed":0.0})"));
  EXPECT_EQ(figures["recall_by_jaccard"],
            json::parse(R"({"0.5-0.6":{"pairs":1,"recall":0.0},"1.0":{"pairs":1,"recall":1.0}})"));
  EXPECT_EQ(figures["recall_at_jaccard"], json::parse(R"({"0.3":0.5,"0.5":0.5,"0.8":1.0})"));
  EXPECT_EQ(figures["recall_at_containment"], json::parse(R"({"0.6":0.5,"0.8":0.5})"));
  EXPECT_EQ(figures["called_pairs"], 4);  // ab, ae, be, cd
  EXPECT_EQ(figures["called_pairs_supported"], 0.25);
  EXPECT_THAT(err_, HasSubstr("1 pairs name articles"));
  EXPECT_THAT(server_.CollectionNames(), ElementsAre("default"));
}

TEST_F(CliTest, EvaluateDuplicatesWithoutLabels) {
  ASSERT_EQ(Run({"evaluate", "duplicates", WriteFile(Article("a", "x") + Article("a", "x"))}), 0);
  EXPECT_TRUE(Output()["pair_precision"].is_null());
  EXPECT_EQ(Output()["articles"], 2);  // the second gets an id of its own
  EXPECT_EQ(Output()["groups"], 1);
  EXPECT_FALSE(Output().contains("recall_by_kind"));
}

TEST_F(CliTest, EvaluateDuplicatesExplainsErrors) {
  // Groups {a b} {c d} {e}: of the labels a c e and b d, each in the wrong company.
  const std::string file =
      WriteFile(Article("a", "v w x y z", ",\"label\":\"1\",\"kind\":\"original\"") +
                Article("b", "v w x y z", ",\"label\":\"2\",\"kind\":\"copy\"") +
                Article("c", "v w x q r", ",\"label\":\"1\",\"kind\":\"rewrite\"") +
                Article("d", "v w x q r", ",\"label\":\"2\"") +
                Article("e", "v w x y q", ",\"label\":\"1\",\"kind\":\"rewrite\""));
  ASSERT_EQ(Run({"evaluate", "duplicates", file}), 0) << err_;
  EXPECT_FALSE(Output().contains("errors"));
  settings_.show_errors = 2;
  ASSERT_EQ(Run({"evaluate", "duplicates", file}), 0) << err_;
  const json errors = Output()["errors"];
  ASSERT_THAT(errors["false_matches"], SizeIs(2));
  EXPECT_EQ(errors["false_matches"][0],
            json::parse(R"({"id_a":"b","id_b":"a","kind_a":"copy","kind_b":"original",)"
                        R"("canonical_id_a":"a","canonical_id_b":"a","relation":"related",)"
                        R"("explanation":"they share words","evidence":{"jaccard":1.0,)"
                        R"("containment":0.0,"reverse_containment":0.0,"cosine":0.125,)"
                        R"("term_cosine":0.5,"score":0.625,)"
                        R"("shared_shingles":0,"query_shingles":0,"match_shingles":0,)"
                        R"("query_boilerplate":5,"match_boilerplate":4,"shared_boilerplate":3,)"
                        R"("lede_containment":0.25},)"
                        R"("passages":[{"words":5,"text":"v w x y z"}]})"));
  EXPECT_EQ(errors["false_matches"][1]["id_a"], "d");
  EXPECT_FALSE(errors["false_matches"][1].contains("kind_a"));
  // The likest rewrite, and then the other kind (none), though the other rewrite is as like.
  ASSERT_THAT(errors["misses"], SizeIs(2));
  EXPECT_EQ(errors["misses"][0]["id_a"], "e");
  EXPECT_EQ(errors["misses"][0]["id_b"], "a");
  EXPECT_EQ(errors["misses"][0]["canonical_id_a"], "e");
  EXPECT_THAT(errors["misses"][0]["passages"], SizeIs(0));
  EXPECT_EQ(errors["misses"][1]["id_a"], "d");
  EXPECT_EQ(errors["misses"][1]["id_b"], "b");
  EXPECT_THAT(server_.CollectionNames(), ElementsAre("default"));

  settings_.json = false;
  ASSERT_EQ(Run({"evaluate", "duplicates", file}), 0) << err_;
  EXPECT_THAT(out_, HasSubstr("false matches: 2, shown: 2\n\nb (copy) and a (original)\n"));
  EXPECT_THAT(out_, HasSubstr("contained 0.000, contains 0.000, score 0.625\n"));
  EXPECT_THAT(out_, HasSubstr("5 words in common: v w x y z\n"));
  EXPECT_THAT(out_, HasSubstr("misses: 3, shown: 2\n\ne (rewrite) and a (original)\n"
                              "  canonical e and a\n  related: they share words\n"));
}

TEST_F(CliTest, EvaluateDuplicatesExplainsErrorsByPairs) {
  const std::string file = WriteFile(Article("a", "x y z") + Article("b", "x y z") +
                                     Article("c", "x y q") + Article("d", "o p q"));
  settings_.show_errors = 5;
  EXPECT_EQ(Run({"evaluate", "duplicates", file}), 1);
  EXPECT_THAT(err_, HasSubstr("no article has a label"));
  settings_.pairs = WriteFile(R"({"id_a":"c","id_b":"a","jaccard":0.5,"containment":0.6})"
                              "\n"
                              R"({"id_a":"c","id_b":"b","jaccard":0.4,"containment":0.7})"
                              "\n"
                              R"({"id_a":"b","id_b":"d","jaccard":0.1,"containment":0.8})"
                              "\n"
                              R"({"id_a":"c","id_b":"a","jaccard":0.5,"containment":0.6})"
                              "\n");
  ASSERT_EQ(Run({"evaluate", "duplicates", file}), 0) << err_;
  json errors = Output()["errors"];
  ASSERT_THAT(errors["false_matches"], SizeIs(1));
  EXPECT_EQ(errors["false_matches"][0]["id_a"], "b");
  ASSERT_THAT(errors["misses"], SizeIs(2));  // cb is no clear copy, ca is one miss
  EXPECT_EQ(errors["misses"][0]["id_a"], "c");
  EXPECT_EQ(errors["misses"][0]["id_b"], "a");
  EXPECT_EQ(errors["misses"][1]["id_a"], "d");

  settings_.pairs = WriteFile(R"({"id_a":"b","id_b":"a","jaccard":1,"containment":1})");
  ASSERT_EQ(Run({"evaluate", "duplicates", file}), 0) << err_;
  errors = Output()["errors"];
  EXPECT_THAT(errors["false_matches"], SizeIs(0));
  EXPECT_THAT(errors["misses"], SizeIs(0));
}

TEST_F(CliTest, EvaluateDuplicatesSweeps) {
  const std::string file = WriteFile(Article("a", "x", ",\"label\":\"1\"") +
                                     Article("b", "x", ",\"label\":\"1\"") + "{broken\n");
  settings_.sweep = "near_duplicate_jaccard=0.2:0.3:0.05";
  settings_.new_collection.mutable_thresholds()->set_tokens_min(7);
  ASSERT_EQ(Run({"evaluate", "duplicates", file}), 0) << err_;
  const json sweep = Output()["sweep"];
  EXPECT_EQ(sweep["threshold"], "near_duplicate_jaccard");
  ASSERT_THAT(sweep["values"], SizeIs(3));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(sweep["values"][i]["pair_f1"], 1.0);
    EXPECT_EQ(sweep["values"][i]["articles"], 2);
    EXPECT_EQ(sweep["values"][i]["failed"], 1);
  }
  EXPECT_EQ(sweep["values"][1]["value"], 0.25);
  EXPECT_EQ(sweep["best_f1_values"], json::parse("[0.2,0.25,0.3]"));
  std::vector<double> values;
  for (const v1::Collection& collection : server_.CreatedCollections()) {
    values.push_back(collection.thresholds().near_duplicate_jaccard());
    EXPECT_EQ(collection.thresholds().tokens_min(), 7);
  }
  // The extremes are tried first.
  EXPECT_THAT(values, ElementsAre(0.2, 0.3, 0.2, 0.25, 0.3));
  EXPECT_THAT(server_.CollectionNames(), ElementsAre("default"));

  settings_.json = false;
  settings_.pairs = WriteFile(R"({"id_a":"a","id_b":"b","jaccard":1,"containment":1})");
  settings_.sweep = "template_numbers_min=4:5:1";
  ASSERT_EQ(Run({"evaluate", "duplicates", file}), 0) << err_;
  EXPECT_EQ(
      out_,
      "template_numbers_min  precision  recall     F1  recall at J .5   J .8  containment .8  "
      "called pairs  supported\n"
      "                   4      1.000   1.000  1.000           1.000  1.000           1.000  "
      "           1      1.000\n"
      "                   5      1.000   1.000  1.000           1.000  1.000           1.000  "
      "           1      1.000\n"
      "\nbest F1 at template_numbers_min 4, 5\n");
}

TEST_F(CliTest, EvaluateRefusesWhatASweepCannotDo) {
  const std::string file = WriteFile(Article("a", "x", ",\"label\":\"1\""));
  const auto expect_usage_error = [&](const std::vector<std::string>& words, const char* problem) {
    EXPECT_EQ(Run(words), 2);
    EXPECT_THAT(err_, HasSubstr(problem));
    EXPECT_EQ(err_.find('\n'), err_.size() - 1) << err_;
    EXPECT_EQ(out_, "");
  };
  settings_.sweep = "near_duplicate_jaccard=0.2:0.3:0.05";
  expect_usage_error({"evaluate", "related", file}, "are for duplicates");
  expect_usage_error({"evaluate", "duplicates", "-"}, "- can be read only once");
  settings_.pairs = "-";
  expect_usage_error({"evaluate", "duplicates", file}, "- can be read only once");
  settings_.pairs.clear();
  settings_.show_errors = 1;
  expect_usage_error({"evaluate", "duplicates", file}, "do not go together");
  settings_.show_errors = 0;
  settings_.new_collection.mutable_thresholds()->set_near_duplicate_jaccard(0.2);
  expect_usage_error({"evaluate", "duplicates", file}, "--near_duplicate_jaccard do not go");
  settings_.new_collection.clear_thresholds();
  settings_.sweep = "near_duplicate_jaccard=0.2:0.3";
  expect_usage_error({"evaluate", "duplicates", file}, "THRESHOLD=FROM:TO:STEP");
  settings_.sweep.clear();
  settings_.show_errors = 1;
  expect_usage_error({"evaluate", "similarity", file}, "are for duplicates");
  settings_.new_collection.set_omit_text(true);
  expect_usage_error({"evaluate", "duplicates", file}, "--omit_text");
  EXPECT_EQ(server_.unary_calls, 0);
}

TEST_F(CliTest, EvaluateSweepsOnlyValuesThatTheServerTakes) {
  settings_.sweep = "near_duplicate_jaccard=0.5:1.5:0.5";
  EXPECT_EQ(Run({"evaluate", "duplicates", WriteFile(Article("a", "x", ",\"label\":\"1\""))}), 1);
  EXPECT_EQ(err_, "newsprint: near_duplicate_jaccard: out of range (INVALID_ARGUMENT)\n");
  EXPECT_EQ(server_.streams, 0);
  EXPECT_THAT(server_.CollectionNames(), ElementsAre("default"));
}

TEST_F(CliTest, EvaluateRelated) {
  // a and b are nearest to each other; c, of their label, ranks second for both. d is alone.
  const std::string file = WriteFile(
      Article("a", "x y z w", ",\"label\":\"1\"") + Article("b", "x y z v", ",\"label\":\"1\"") +
      Article("d", "x q r s") + Article("e", "x y o p", ",\"label\":\"2\"") +
      Article("c", "m n o p", ",\"label\":\"1\""));
  ASSERT_EQ(Run({"evaluate", "related", file}), 0) << err_;
  const json figures = Output();
  EXPECT_EQ(figures["articles"], 5);
  EXPECT_EQ(figures["queries"], 3);
  EXPECT_EQ(figures["p_at_1"], 0.666667);
  // a: b e d c -> (1 + 2/4) / 2; b: the same; c: e, then a b d all 0 -> (1/2 + 2/3) / 2.
  EXPECT_EQ(figures["map"], 0.694444);
  EXPECT_EQ(figures["recall_at_10"], 1.0);
  EXPECT_THAT(server_.CollectionNames(), ElementsAre("default"));
}

TEST_F(CliTest, EvaluateSimilarity) {
  const auto pair = [](const char* a, const char* b, const char* languages, double overall) {
    return absl::StrCat("{\"text1\":\"", a, "\",\"text2\":\"", b, "\",", languages,
                        ",\"overall\":", overall, "}\n");
  };
  const char* en = "\"lang1\":\"en\",\"lang2\":\"en\"";
  const char* de = "\"lang1\":\"de\",\"lang2\":\"en\"";
  const std::string file =
      WriteFile(pair("x y", "x y", en, 1) + pair("x y", "x z", en, 2) + pair("x", "z", en, 4) +
                pair("x", "x", de, 4) + pair("x", "z", de, 1) + pair("", "z", de, 1) +
                pair("", "", de, 1) + "{broken\n");
  ASSERT_EQ(Run({"evaluate", "similarity", file}), 0) << err_;
  const json figures = Output();
  EXPECT_EQ(figures["pairs"], 5);
  EXPECT_EQ(figures["failed"], 3);  // a pair is one failure, whichever text was refused
  EXPECT_EQ(figures["by_language"]["en-en"]["pairs"], 3);
  EXPECT_EQ(figures["by_language"]["en-en"]["spearman"], 1.0);
  EXPECT_EQ(figures["by_language"]["de-en"]["pearson"], -1.0);
  EXPECT_TRUE(figures["pearson"].is_number());
  // By id, in a collection that has all the texts.
  EXPECT_EQ(server_.streams, 1);
  EXPECT_TRUE(server_.LastCompare().a().has_id());
  EXPECT_TRUE(server_.LastCompare().b().has_id());
  ASSERT_THAT(server_.CreatedCollections(), SizeIs(1));
  EXPECT_EQ(server_.LastCompare().collection(), server_.CreatedCollections()[0].name());
  EXPECT_THAT(server_.CollectionNames(), ElementsAre("default"));
}

TEST_F(CliTest, EvaluateDropsItsCollectionOnError) {
  server_.faults.broken_streams = 1;
  server_.faults.stream_status = grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "not you");
  settings_.words = {"evaluate", "related", WriteFile(Article("a", "x", ",\"label\":\"1\""))};
  EXPECT_EQ(Run(settings_.words), 1);
  EXPECT_EQ(err_, "newsprint: not you (PERMISSION_DENIED)\n");
  EXPECT_THAT(server_.CollectionNames(), ElementsAre("default"));
}

TEST_F(CliTest, PlainOutputOfEvaluations) {
  settings_.json = false;
  const std::string file =
      WriteFile(Article("a", "x", ",\"label\":\"1\"") + Article("b", "x", ",\"label\":\"1\""));
  ASSERT_EQ(Run({"evaluate", "duplicates", file}), 0);
  EXPECT_THAT(out_, HasSubstr("pair precision  1.000"));
  ASSERT_EQ(Run({"evaluate", "related", file}), 0);
  EXPECT_THAT(out_, HasSubstr("mean average precision  1.000"));
}

TEST_F(CliTest, WrongUsageIsOneLineAndTwo) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{},
                                             {"frob"},
                                             {"import"},
                                             {"get"},
                                             {"get", "a", "b"},
                                             {"find"},
                                             {"help", "frob"},
                                             {"evaluate", "frob", "x"},
                                             {"get", "caf\xE9"}}) {
    EXPECT_EQ(Run(words), 2);
    EXPECT_EQ(err_.find('\n'), err_.size() - 1) << err_;
    EXPECT_EQ(err_.rfind("newsprint: ", 0), 0u) << err_;
    EXPECT_EQ(out_, "");
  }
}

TEST_F(CliTest, HelpForEveryCommand) {
  ASSERT_EQ(Run({"help"}), 0);
  const std::string general = out_;
  for (const char* command :
       {"import",      "find",  "related",     "compare",   "get",      "delete",    "groups",
        "canonical",   "merge", "split",       "watch",     "withdraw", "reinstate", "affected",
        "fingerprint", "stats", "collections", "embedders", "reembed",  "evaluate",  "help"}) {
    EXPECT_THAT(general, HasSubstr(absl::StrCat("\n  ", command)));
    ASSERT_EQ(Run({"help", command}), 0);
    EXPECT_EQ(out_.rfind(absl::StrCat("Usage: newsprint ", command), 0), 0u);
  }
}

TEST(UnreachableTest, SaysSoInOneLine) {
  Settings settings;
  settings.target = "127.0.0.1:1";
  settings.words = {"stats"};
  client::ClientOptions options;
  options.target = settings.target;
  options.attempts_max = 1;
  std::ostringstream out;
  std::ostringstream err;
  Session session{settings, client::Client(client::MakeConnection(options)), out, err, false, 0};
  EXPECT_EQ(RunCommand(session), 1);
  EXPECT_EQ(err.str().rfind("newsprint: cannot reach 127.0.0.1:1: ", 0), 0u) << err.str();
  EXPECT_EQ(err.str().find('\n'), err.str().size() - 1);
}

TEST_F(CliTest, InterruptDropsTheCollection) {
  server_.faults.silent_streams = 1;
  std::string text;
  for (int i = 0; i < 2000; ++i) {
    text += Article(absl::StrCat("a", i), absl::StrCat("text ", i), ",\"label\":\"1\"");
  }
  const std::string file = WriteFile(text);
  std::thread interrupter([&] {
    while (server_.streams == 0) absl::SleepFor(absl::Milliseconds(1));
    raise(SIGINT);
  });
  EXPECT_EQ(Run({"evaluate", "duplicates", file}), 130);
  interrupter.join();
  EXPECT_EQ(err_, "newsprint: interrupted\n");
  EXPECT_TRUE(Interrupted());
  EXPECT_THAT(server_.CollectionNames(), ElementsAre("default"));
}

}  // namespace
}  // namespace newsprint::cli
