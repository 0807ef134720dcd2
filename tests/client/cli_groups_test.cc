// The commands of the CLI for edited groups, changes, withdrawals and fingerprints.
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
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

TEST_F(CliTest, CanonicalIsChosenAndGivenBack) {
  Import({{"a", "x"}, {"b", "x"}});
  ASSERT_EQ(Run({"canonical", "g0", "b"}), 0);
  EXPECT_EQ(Output()["group"]["canonical_id"], "b");
  EXPECT_EQ(Output()["group"]["canonical_pinned"], true);
  settings_.json = false;
  ASSERT_EQ(Run({"groups", "g0"}), 0);
  EXPECT_THAT(out_, HasSubstr("group g0: 2 members, canonical b (chosen by an editor)\n"));
  EXPECT_EQ(Run({"canonical", "g0"}), 2);
  EXPECT_EQ(Run({"canonical", "g0", "none"}), 1);
  EXPECT_EQ(err_, "newsprint: article_id: not a member (FAILED_PRECONDITION)\n");

  settings_.by_policy = true;
  EXPECT_EQ(Run({"canonical", "g0", "a"}), 2);
  ASSERT_EQ(Run({"canonical", "g0"}), 0);
  EXPECT_EQ(out_, "group g0: 2 members, canonical a\n");
}

TEST_F(CliTest, MergeAndSplit) {
  Import({{"a", "x"}, {"b", "x"}, {"c", "y"}});
  ASSERT_EQ(Run({"merge", "g0", "g2"}), 0);
  EXPECT_EQ(Output()["group"]["member_count"], 3);
  EXPECT_EQ(Run({"merge", "g0", "g0"}), 1);
  ASSERT_EQ(Run({"split", "g0", "b", "c"}), 0);
  EXPECT_EQ(Output()["group"]["member_count"], 1);
  EXPECT_EQ(Output()["new_group"]["member_count"], 2);
  settings_.json = false;
  ASSERT_EQ(Run({"split", "s0", "c"}), 0);
  EXPECT_EQ(out_, "group s0: 1 member, canonical b\nnew group s1: 1 member, canonical c\n");
  EXPECT_EQ(Run({"split", "g0"}), 2);
}

TEST_F(CliTest, WithdrawnStoriesAreShownEverywhere) {
  Import({{"a", "x y"}, {"b", "x y"}, {"c", "x z"}});
  settings_.reason = "killed";
  settings_.note = "wrong\nperson";
  settings_.replacement = "b";
  ASSERT_EQ(Run({"withdraw", "a"}), 0) << err_;
  EXPECT_EQ(Output()["affected_count"], 1);
  EXPECT_EQ(Output()["group"]["withdrawal"],
            json::parse(R"({"article_id":"a","reason":"killed","note":"wrong\nperson",)"
                        R"("replacement_id":"b","withdrawn_at":"2011-05-04T17:30:00Z"})"));
  for (const char* command : {"find", "get"}) {
    ASSERT_EQ(Run({command, "b"}), 0);
    EXPECT_EQ(Output()["withdrawal"]["reason"], "killed") << command;
    ASSERT_EQ(Run({command, "c"}), 0);
    EXPECT_FALSE(Output().contains("withdrawal")) << command;
  }
  ASSERT_EQ(Run({"related", "c"}), 0);
  EXPECT_EQ(Output()["related"][0]["withdrawn"], true);
  const std::string file = WriteFile(Article("d", "x y"));
  ASSERT_EQ(Run({"import", file}), 0);
  EXPECT_EQ(Output()["withdrawn"], 1);
  EXPECT_EQ(err_, "note: 1 article is a copy of a WITHDRAWN story\n");

  settings_.json = false;
  const std::string line = " killed 2011-05-04T17:30:00Z, article a, replacement b: wrong person\n";
  for (const char* command : {"find", "groups"}) {
    ASSERT_EQ(Run({command, "b"}), 0);
    EXPECT_THAT(out_, HasSubstr("\nWITHDRAWN:" + line)) << command;
  }
  ASSERT_EQ(Run({"get", "b"}), 0);
  EXPECT_THAT(out_, HasSubstr("\nWITHDRAWN    " + line));
  ASSERT_EQ(Run({"related", "c"}), 0);
  EXPECT_THAT(out_, HasSubstr("WITHDRAWN: Title of a"));
}

TEST_F(CliTest, WithdrawnGroupsAndReinstating) {
  Import({{"a", "x"}, {"b", "x"}, {"c", "y"}});
  settings_.withdrawn = true;
  settings_.json = false;
  ASSERT_EQ(Run({"groups"}), 0);
  EXPECT_EQ(out_, "no withdrawn stories\n");
  settings_.group = "g2";
  settings_.reason = "corrected";
  ASSERT_EQ(Run({"withdraw"}), 0) << err_;
  EXPECT_EQ(out_,
            "group g2: 1 member, canonical c\n"
            "WITHDRAWN: corrected 2011-05-04T17:30:00Z, article c\n1 article is affected\n");
  settings_.group.clear();
  ASSERT_EQ(Run({"groups"}), 0);
  EXPECT_THAT(out_, HasSubstr("WITHDRAWN: Title of c"));
  settings_.json = true;
  ASSERT_EQ(Run({"groups"}), 0);
  ASSERT_THAT(Output()["groups"], SizeIs(1));
  ASSERT_EQ(Run({"reinstate", "c"}), 0);
  EXPECT_FALSE(Output()["group"].contains("withdrawal"));
  ASSERT_EQ(Run({"groups"}), 0);
  EXPECT_THAT(Output()["groups"], IsEmpty());
}

TEST_F(CliTest, WithdrawNeedsAStoryAndAReason) {
  Import({{"a", "x"}});
  EXPECT_EQ(Run({"withdraw", "a"}), 2);
  EXPECT_EQ(err_, "newsprint: withdraw: --reason must be killed or corrected\n");
  settings_.reason = "unspecified";
  EXPECT_EQ(Run({"withdraw", "a"}), 2);
  settings_.reason = "killed";
  for (const char* command : {"withdraw", "reinstate", "affected"}) {
    EXPECT_EQ(Run({command}), 2);
    EXPECT_EQ(err_,
              absl::StrCat("newsprint: ", command, ": give either an ID or --group=GROUP_ID\n"));
    EXPECT_EQ(Run({command, "none"}), 1);
    EXPECT_EQ(err_, "newsprint: group_id: no such group (NOT_FOUND)\n");
    EXPECT_EQ(Run({command, "g0"}), 1);
    EXPECT_EQ(err_,
              "newsprint: group_id: no such group; for the group give --group=g0 "
              "(NOT_FOUND)\n");
  }
  settings_.group = "g0";
  EXPECT_EQ(Run({"withdraw", "a"}), 2);
  EXPECT_EQ(Run({"groups", "a"}), 2);
  ASSERT_EQ(Run({"groups"}), 0);
  EXPECT_EQ(Output()["group"]["id"], "g0");
}

TEST_F(CliTest, AffectedFollowsThePages) {
  std::vector<std::pair<std::string, std::string>> articles;
  for (int i = 1; i <= 7; ++i) articles.emplace_back(absl::StrCat("a", i), "x");
  Import(articles);
  EXPECT_EQ(Run({"affected", "a1"}), 1);
  EXPECT_EQ(err_, "newsprint: story: not withdrawn (FAILED_PRECONDITION)\n");
  settings_.reason = "corrected";
  settings_.replacement = "a3";
  ASSERT_EQ(Run({"withdraw", "a1"}), 0);

  ASSERT_EQ(Run({"affected", "a5"}), 0);
  std::vector<std::string> ids;
  for (const json& line : OutputLines()) ids.push_back(line["id"]);
  EXPECT_THAT(ids, ElementsAre("a1", "a2", "a4", "a5", "a6", "a7"));
  settings_.limit = 3;
  settings_.group = "g0";
  ASSERT_EQ(Run({"affected"}), 0);
  EXPECT_THAT(OutputLines(), SizeIs(3));

  settings_.limit = 0;
  settings_.json = false;
  ASSERT_EQ(Run({"affected"}), 0);
  EXPECT_EQ(out_,
            "WITHDRAWN: corrected 2011-05-04T17:30:00Z, article a1, replacement a3\n"
            "id  relation  jaccard  published at  source  title\n"
            "a1  new             -\n"
            "a2  exact           -\n"
            "a4  exact           -\n"
            "a5  exact           -\n"
            "a6  exact           -\n"
            "a7  exact           -\n");
}

v1::GroupChange MakeChange(v1::GroupChangeKind kind, const std::string& article) {
  v1::GroupChange change;
  change.set_kind(kind);
  change.set_group_id("g1");
  change.set_article_id(article);
  change.mutable_changed_at()->set_seconds(1304530200);
  change.mutable_changed_at()->set_nanos(5000);
  return change;
}

TEST_F(CliTest, WatchPrintsFieldsOfTheContract) {
  v1::GroupChange change = MakeChange(v1::GROUP_CHANGE_KIND_JOINED, "b");
  change.set_canonical_id("a");
  change.set_relation(v1::RELATION_EXCERPT);
  change.mutable_withdrawal()->set_reason(v1::WITHDRAWAL_REASON_KILLED);
  server_.AddChange(MakeChange(v1::GROUP_CHANGE_KIND_CREATED, "a"));
  server_.AddChange(change);
  settings_.after = 1;
  settings_.limit = 1;
  ASSERT_EQ(Run({"watch"}), 0) << err_;
  EXPECT_EQ(Output(), json::parse(R"({"sequence":2,"kind":"joined","group_id":"g1",
      "article_id":"b","canonical_id":"a","previous_canonical_id":"","other_group_id":"",
      "changed_at":"2011-05-04T17:30:00.000005Z","relation":"excerpt","withdrawal":{
      "article_id":"","reason":"killed","note":"","replacement_id":"","withdrawn_at":""}})"));
}

TEST_F(CliTest, WatchPrintsAlignedLines) {
  v1::GroupChange created = MakeChange(v1::GROUP_CHANGE_KIND_CREATED, "a");
  created.set_relation(v1::RELATION_NEW);
  created.set_other_group_id("g7");
  v1::GroupChange joined = MakeChange(v1::GROUP_CHANGE_KIND_JOINED, "b");
  joined.set_relation(v1::RELATION_EXACT);
  joined.set_canonical_id("a");
  v1::GroupChange canonical = MakeChange(v1::GROUP_CHANGE_KIND_CANONICAL_CHANGED, "b");
  canonical.set_previous_canonical_id("a");
  v1::GroupChange merged = MakeChange(v1::GROUP_CHANGE_KIND_MERGED, "");
  merged.set_other_group_id("g2");
  v1::GroupChange withdrawn = MakeChange(v1::GROUP_CHANGE_KIND_WITHDRAWN, "b");
  withdrawn.mutable_withdrawal()->set_reason(v1::WITHDRAWAL_REASON_KILLED);
  for (const v1::GroupChange& change : {created, joined, canonical, merged, withdrawn}) {
    server_.AddChange(change);
  }
  settings_.json = false;
  settings_.after = 0;
  settings_.limit = 5;
  ASSERT_EQ(Run({"watch"}), 0) << err_;
  EXPECT_EQ(
      out_,
      "sequence  changed at            change             group    article           details\n"
      "       1  2011-05-04T17:30:00Z  created            g1       a                 new, from g7\n"
      "       2  2011-05-04T17:30:00Z  joined             g1       b                 "
      "exact, canonical a\n"
      "       3  2011-05-04T17:30:00Z  canonical_changed  g1       b                 was a\n"
      "       4  2011-05-04T17:30:00Z  merged             g1                         to g2\n"
      "       5  2011-05-04T17:30:00Z  withdrawn          g1       b                 "
      "WITHDRAWN killed\n");
}

TEST_F(CliTest, WatchGoesOnAfterBrokenStreams) {
  for (int i = 0; i < 20; ++i) {
    server_.AddChange(MakeChange(v1::GROUP_CHANGE_KIND_CREATED, absl::StrCat("a", i)));
  }
  server_.faults.broken_watches = 2;
  server_.faults.broken_watch_responses = 3;
  settings_.after = 0;
  settings_.limit = 20;
  ASSERT_EQ(Run({"watch"}), 0);
  ASSERT_THAT(OutputLines(), SizeIs(20));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(OutputLines()[static_cast<size_t>(i)]["sequence"], i + 1);
  EXPECT_EQ(server_.watches, 3);
  const std::string note = "note: the stream broke and is opened again: connection lost\n";
  EXPECT_EQ(err_, note + note);
}

TEST_F(CliTest, WatchUntilInterruptedSaysWhereToGoOn) {
  for (int i = 0; i < 3; ++i) server_.AddChange(MakeChange(v1::GROUP_CHANGE_KIND_CREATED, "a"));
  std::thread interrupter([&] {
    while (server_.watches == 0) absl::SleepFor(absl::Milliseconds(1));
    absl::SleepFor(absl::Milliseconds(100));
    raise(SIGINT);
  });
  EXPECT_EQ(Run({"watch"}), 130);
  interrupter.join();
  EXPECT_EQ(out_, "");  // from now on
  EXPECT_EQ(err_, "note: --after=3 goes on from here\nnewsprint: interrupted\n");
}

TEST_F(CliTest, WatchFailsInOneLine) {
  settings_.after = 9;
  EXPECT_EQ(Run({"watch"}), 1);
  EXPECT_EQ(err_, "newsprint: after_sequence: not kept (OUT_OF_RANGE)\n");
  settings_.collection = "none";
  EXPECT_EQ(Run({"watch"}), 1);
  EXPECT_EQ(err_, "newsprint: collection: not found (NOT_FOUND)\n");
}

TEST_F(CliTest, FingerprintsStandForTheText) {
  const std::string file = WriteFile(
      Article("a", "secret x",
              ",\"lang\":\"en\",\"published_at\":\"2011-05-04T12:30:00-05:00\",\"label\":\"7\","
              "\"content\":\"secret x\"") +
      "{\"id\":\"b\",\"title\":\"caf\xE9\",\"body\":\"y\"}\n{broken\n" + Article("c", ""));
  EXPECT_EQ(Run({"fingerprint", file}), 1);
  EXPECT_THAT(err_, HasSubstr(file + ":3: not valid JSON"));
  EXPECT_THAT(err_, HasSubstr(file + ":4: body: missing\n"));
  EXPECT_THAT(err_, HasSubstr("newsprint: 2 of 4 articles failed\n"));
  const std::vector<json> lines = OutputLines();
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_THAT(out_, Not(HasSubstr("secret")));
  v1::Fingerprint fingerprint;
  std::string bytes;
  ASSERT_TRUE(absl::Base64Unescape(lines[0]["fingerprint"].get<std::string>(), &bytes));
  ASSERT_TRUE(fingerprint.ParseFromString(bytes));
  EXPECT_EQ(fingerprint.body_tokens(), 2);
  json rest = lines[0];
  rest.erase("fingerprint");
  EXPECT_EQ(rest, json::parse(R"({"id":"a","title":"Title of a","lang":"en",)"
                              R"("published_at":"2011-05-04T17:30:00Z","label":"7"})"));
  EXPECT_EQ(lines[1]["title"], "caf\xC3\xA9");

  ASSERT_EQ(Run({"import", WriteFile(out_)}), 0) << err_;
  EXPECT_EQ(Output()["articles"], 2);
  EXPECT_EQ(server_.Stored("a").fingerprint().scheme(), "fake1");
  EXPECT_EQ(server_.Stored("a").body(), "");
  EXPECT_EQ(server_.Stored("a").language(), "en");
}

TEST_F(CliTest, FingerprintEndsWhereAllWouldFail) {
  server_.faults.unary_failures = 1;
  server_.faults.unary_status = grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "no such RPC");
  EXPECT_EQ(Run({"fingerprint", WriteFile(Article("a", "x") + Article("b", "y"))}), 1);
  EXPECT_EQ(err_, "newsprint: no such RPC (UNIMPLEMENTED)\n");
  EXPECT_EQ(out_, "");
}

TEST_F(CliTest, NewEvidenceIsShown) {
  Import({{"a", "x"}, {"b", "x"}});
  ASSERT_EQ(Run({"compare", "a", "b"}), 0);
  const json evidence = Output()["evidence"];
  EXPECT_EQ(evidence["query_boilerplate"], 5);
  EXPECT_EQ(evidence["match_boilerplate"], 4);
  EXPECT_EQ(evidence["shared_boilerplate"], 3);
  EXPECT_EQ(evidence["lede_containment"], 0.25);
  EXPECT_EQ(evidence["cosine"], 0.125);
  EXPECT_EQ(evidence["term_cosine"], 0.5);
  EXPECT_EQ(evidence["score"], 0.625);
  settings_.json = false;
  ASSERT_EQ(Run({"compare", "a", "b"}), 0);
  EXPECT_THAT(out_, ::testing::ContainsRegex("shared boilerplate +3 of 5 and 4\n"));
  EXPECT_THAT(out_, ::testing::ContainsRegex("lede containment +0.250\n"));
  EXPECT_THAT(out_, ::testing::ContainsRegex("score +0.625\n"));
  EXPECT_THAT(out_, ::testing::ContainsRegex("cosine of the vectors +0.125\n"));
  EXPECT_THAT(out_, ::testing::ContainsRegex("cosine of the terms +0.500\n"));
  ASSERT_EQ(Run({"find", "a"}), 0);
  EXPECT_THAT(out_, HasSubstr("  score   lede  boilerplate  "));
  EXPECT_THAT(out_, HasSubstr("  0.875  0.750            2  "));
}

TEST_F(CliTest, PolicyAndNewFiguresAreShown) {
  v1::Collection& collection = settings_.new_collection;
  collection.set_canonical_policy(v1::CANONICAL_POLICY_SOURCE_PRIORITY);
  collection.add_source_priority("AP");
  collection.add_source_priority("Reuters");
  collection.mutable_thresholds()->set_footer_shingles_max(0);
  ASSERT_EQ(Run({"collections", "create", "wire"}), 0);
  EXPECT_EQ(Output()["canonical_policy"], "source_priority");
  EXPECT_EQ(Output()["source_priority"], json::parse(R"(["AP","Reuters"])"));
  EXPECT_EQ(Output()["thresholds"]["footer_shingles_max"], 0);
  server_.AddChange();
  ASSERT_EQ(Run({"stats"}), 0);
  EXPECT_EQ(Output()["group_change_sequence"], 1);
  EXPECT_EQ(Output()["boilerplate_shingles"], 17);
  settings_.json = false;
  ASSERT_EQ(Run({"collections"}), 0);
  EXPECT_THAT(out_, HasSubstr("source_priority"));
  ASSERT_EQ(Run({"stats"}), 0);
  EXPECT_THAT(out_, HasSubstr("boilerplate shingles"));
  EXPECT_THAT(out_, HasSubstr("changes to groups"));
}

}  // namespace
}  // namespace newsprint::cli
