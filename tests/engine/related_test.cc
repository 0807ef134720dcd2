// FindRelated: which articles, in which order, and what the options do.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "service/common/hash.h"
#include "service/engine/collection.h"
#include "service/engine/engine.h"
#include "tests/testing/articles.h"

namespace newsprint {
namespace {

using ::newsprint::testing::Ingest;
using ::newsprint::testing::Named;
using ::newsprint::testing::OpenEngine;
using ::newsprint::testing::StoryArticle;
using ::newsprint::testing::StoryText;
using ::newsprint::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// One of several reports of an event: they share words, in another order each time, and so hardly a
// shingle.
Article Report(std::string id, uint64_t event, uint64_t version) {
  std::mt19937_64 random(Mix64(event * 1000 + version));
  const std::vector<std::string> of_event =
      absl::StrSplit(StoryText(1'000'000 + event, 150), ' ', absl::SkipEmpty());
  std::vector<std::string> words =
      absl::StrSplit(StoryText(2'000'000 + event * 1000 + version, 60), ' ', absl::SkipEmpty());
  for (int i = 0; i < 100; ++i) words.push_back(of_event[random() % of_event.size()]);
  std::shuffle(words.begin(), words.end(), random);
  Article article;
  article.id = std::move(id);
  article.title = absl::StrCat(of_event[version % 20], " ", of_event[(version + 7) % 20]);
  article.body = absl::StrJoin(words, " ");
  return article;
}

class RelatedTest : public ::testing::Test {
 protected:
  Collection& collection() { return *collection_; }

  void MustIngest(Article article, Relation expected = Relation::kNew) {
    const std::string id = article.id;
    const auto verdict = Ingest(collection(), std::move(article));
    ASSERT_TRUE(verdict.ok()) << verdict.status();
    EXPECT_EQ(IsDuplicate(verdict->relation), IsDuplicate(expected)) << id;
  }

  std::vector<RelatedArticle> Find(const RelatedQuery& query, const RelatedOptions& options = {}) {
    const auto found = collection().FindRelated(query, options);
    EXPECT_TRUE(found.ok()) << found.status();
    if (!found.ok()) return {};
    for (const RelatedArticle& article : *found) {
      EXPECT_GE(article.score, 0);
      EXPECT_LE(article.score, 1);
    }
    if (options.diversity == 0) {
      EXPECT_TRUE(std::is_sorted(found->begin(), found->end(),
                                 [](const auto& a, const auto& b) { return a.score > b.score; }));
    }
    return *found;
  }
  static std::vector<std::string> Ids(const std::vector<RelatedArticle>& articles) {
    std::vector<std::string> ids;
    for (const RelatedArticle& article : articles) ids.push_back(article.article.id);
    return ids;
  }
  std::vector<std::string> FindIds(const std::string& id, const RelatedOptions& options = {}) {
    return Ids(Find(ArticleQuery(id), options));
  }

  // `events` events of `versions` reports each: "e0v0", "e0v1" and so on.
  void IngestEvents(uint64_t events, uint64_t versions) {
    for (uint64_t version = 0; version < versions; ++version) {
      for (uint64_t event = 0; event < events; ++event) {
        MustIngest(Report(absl::StrCat("e", event, "v", version), event, version));
      }
    }
  }

  TempDir dir_;
  std::unique_ptr<Engine> engine_ = OpenEngine(dir_.path());
  std::shared_ptr<Collection> collection_ = *engine_->Find(kDefaultCollection);
};

TEST_F(RelatedTest, ReportsOfTheSameEventComeFirst) {
  IngestEvents(8, 4);
  for (int event = 0; event < 8; ++event) {
    const std::vector<std::string> ids = FindIds(absl::StrCat("e", event, "v0"));
    ASSERT_EQ(ids.size(), 10u);
    EXPECT_THAT(std::vector<std::string>(ids.begin(), ids.begin() + 3),
                UnorderedElementsAre(absl::StrCat("e", event, "v1"), absl::StrCat("e", event, "v2"),
                                     absl::StrCat("e", event, "v3")));
  }
}

TEST_F(RelatedTest, AStoredArticleAndItsTextFindTheSame) {
  IngestEvents(5, 3);
  const std::vector<std::string> of_stored = FindIds("e2v1");
  Article text = Report("", 2, 1);
  std::vector<std::string> of_text = Ids(Find(ArticleQuery(text)));
  EXPECT_EQ(of_text.front(), "e2v1");  // not stored itself, it finds its copy
  of_text.erase(of_text.begin());
  ASSERT_GE(of_text.size(), 2u);
  EXPECT_THAT(std::vector<std::string>(of_text.begin(), of_text.begin() + 2),
              UnorderedElementsAre(of_stored[0], of_stored[1]));
  EXPECT_EQ(collection().FindRelated(ArticleQuery("nobody"), {}).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(RelatedTest, ResultsMaxAndScoreMinCutTheList) {
  IngestEvents(6, 3);
  RelatedOptions options;
  options.results_max = 100;
  const auto all = Find(ArticleQuery("e0v0"), options);
  ASSERT_EQ(all.size(), 17u);
  options.results_max = 5;
  EXPECT_EQ(FindIds("e0v0", options), Ids({all.begin(), all.begin() + 5}));
  options.results_max = 100;
  options.score_min = (all[3].score + all[4].score) / 2;
  EXPECT_EQ(FindIds("e0v0", options), Ids({all.begin(), all.begin() + 4}));
  options.score_min = 1;
  EXPECT_THAT(FindIds("e0v0", options), IsEmpty());
}

TEST_F(RelatedTest, OneOfEachGroupUnlessDuplicatesAreWanted) {
  IngestEvents(3, 2);
  for (const char* id : {"copy1", "copy2"}) {
    Article copy = Report(id, 1, 0);
    copy.title = absl::StrCat("Another headline for ", id);
    MustIngest(copy, Relation::kNearDuplicate);
  }
  // As a copy of one and as the other: the group is told once, by its canonical.
  RelatedOptions options;
  options.results_max = 100;
  EXPECT_THAT(FindIds("e1v1", options),
              UnorderedElementsAre("e0v0", "e0v1", "e1v0", "e2v0", "e2v1"));
  for (const char* own : {"e1v0", "copy1"}) {
    EXPECT_THAT(FindIds(own, options),
                UnorderedElementsAre("e0v0", "e0v1", "e1v1", "e2v0", "e2v1"));
  }
  ASSERT_TRUE(collection().SetCanonical(*collection().GroupOf("copy2"), "copy2").ok());
  EXPECT_THAT(FindIds("e1v1", options), ::testing::Contains("copy2"));

  options.include_duplicates = true;
  const auto found = Find(ArticleQuery("e1v0"), options);
  EXPECT_THAT(Ids(found),
              UnorderedElementsAre("copy1", "copy2", "e0v0", "e0v1", "e1v1", "e2v0", "e2v1"));
  for (const RelatedArticle& article : found) {
    EXPECT_EQ(article.same_group, article.article.id.rfind("copy", 0) == 0) << article.article.id;
  }
  EXPECT_TRUE(found[0].same_group && found[1].same_group) << "copies are the nearest";
  EXPECT_THAT(FindIds("copy1", options),
              UnorderedElementsAre("copy2", "e0v0", "e0v1", "e1v0", "e1v1", "e2v0", "e2v1"));
  EXPECT_THAT(FindIds("e2v0", options),
              UnorderedElementsAre("copy1", "copy2", "e0v0", "e0v1", "e1v0", "e1v1", "e2v1"));
}

// Filters.

TEST_F(RelatedTest, SourcesAreFilteredExactly) {
  for (int i = 0; i < 9; ++i) {
    Article article = Report(absl::StrCat("a", i), 1, i);
    article.source = i % 3 == 0 ? "AP" : i % 3 == 1 ? "Reuters" : "";
    MustIngest(article);
  }
  RelatedOptions options;
  options.sources = {"AP"};
  EXPECT_THAT(FindIds("a1", options), UnorderedElementsAre("a0", "a3", "a6"));
  options.sources = {"AP", "Reuters"};
  EXPECT_THAT(FindIds("a1", options), UnorderedElementsAre("a0", "a3", "a4", "a6", "a7"));
  options.sources = {"ap", "A", "nobody"};
  EXPECT_THAT(FindIds("a1", options), IsEmpty());
  // A filter does not change what is found otherwise, only leaves out.
  options.sources = {"AP"};
  const auto unfiltered = FindIds("a1");
  std::vector<std::string> expected;
  for (const std::string& id : unfiltered) {
    if (id == "a0" || id == "a3" || id == "a6") expected.push_back(id);
  }
  EXPECT_THAT(FindIds("a1", options), ::testing::UnorderedElementsAreArray(expected));
}

TEST_F(RelatedTest, ALanguageIsAlsoThatOfItsRegions) {
  const std::vector<std::string> languages = {"pt", "pt-BR", "PT-pt", "ptx", "es", "", "pt_BR"};
  for (size_t i = 0; i < languages.size(); ++i) {
    Article article = Report(absl::StrCat("a", i), 1, i);
    article.language = languages[i];
    MustIngest(article);
  }
  const Article query = Report("", 1, 50);
  const auto find = [&](std::vector<std::string> wanted) {
    RelatedOptions options;
    options.languages = std::move(wanted);
    return Ids(Find(ArticleQuery(query), options));
  };
  EXPECT_THAT(find({"pt"}), UnorderedElementsAre("a0", "a1", "a2"));
  EXPECT_THAT(find({"pt-br"}), UnorderedElementsAre("a1"));
  EXPECT_THAT(find({"pt-BR"}), UnorderedElementsAre("a1"));
  EXPECT_THAT(find({"es", "ptx"}), UnorderedElementsAre("a3", "a4"));
  EXPECT_THAT(find({"de"}), IsEmpty());
}

TEST_F(RelatedTest, TimesIncludeTheFirstAndNotTheLast) {
  const absl::Time noon = absl::FromUnixSeconds(1'600'000'000);
  for (int i = 0; i < 5; ++i) {
    Article article = Report(absl::StrCat("a", i), 1, i);
    article.published_at = noon + absl::Hours(i);
    MustIngest(article);
  }
  MustIngest(Report("unknown", 1, 9));
  const Article query = Report("", 1, 50);
  const auto find = [&](absl::Time from, absl::Time before) {
    RelatedOptions options;
    options.published_from = from;
    options.published_before = before;
    return Ids(Find(ArticleQuery(query), options));
  };
  EXPECT_THAT(find(noon + absl::Hours(1), noon + absl::Hours(3)), UnorderedElementsAre("a1", "a2"));
  EXPECT_THAT(find(noon + absl::Hours(3), absl::InfiniteFuture()),
              UnorderedElementsAre("a3", "a4"));
  EXPECT_THAT(find(absl::InfinitePast(), noon + absl::Hours(1)), UnorderedElementsAre("a0"));
  EXPECT_THAT(find(noon, noon), IsEmpty());
  EXPECT_THAT(find(noon + absl::Hours(3), noon), IsEmpty());
  EXPECT_EQ(find(absl::InfinitePast(), absl::InfiniteFuture()).size(), 6u);
}

TEST_F(RelatedTest, AMemberMayPassWhereItsCanonicalDoesNot) {
  Article story = Report("wire", 1, 0);
  story.source = "AP";
  MustIngest(story);
  for (const char* id : {"daily", "weekly"}) {
    Article copy = Report(id, 1, 0);
    copy.title = absl::StrCat("Our headline in the ", id);
    copy.source = "Ledger";
    MustIngest(copy, Relation::kNearDuplicate);
  }
  Article query = Report("query", 1, 1);
  query.source = "Ledger";
  MustIngest(query);
  RelatedOptions options;
  options.sources = {"Ledger"};
  const auto found = Find(ArticleQuery("query"), options);
  EXPECT_THAT(Ids(found), ElementsAre("daily"));
  EXPECT_EQ(found[0].article.source, "Ledger");
  EXPECT_FALSE(found[0].same_group);
  // Of its own group nothing, whoever asks, unless duplicates are wanted.
  for (const char* own : {"wire", "daily", "weekly"}) {
    EXPECT_THAT(FindIds(own, options), ElementsAre("query")) << own;
  }
  options.include_duplicates = true;
  EXPECT_THAT(FindIds("query", options), UnorderedElementsAre("daily", "weekly"));
  EXPECT_THAT(FindIds("wire", options), UnorderedElementsAre("daily", "weekly", "query"));
  EXPECT_THAT(FindIds("daily", options), UnorderedElementsAre("weekly", "query"));
  // Also where the article asked about passes itself.
  options.sources = {"AP", "Ledger"};
  EXPECT_THAT(FindIds("wire", options), UnorderedElementsAre("daily", "weekly", "query"));
  options.sources = {"AP"};
  EXPECT_THAT(FindIds("daily", options), ElementsAre("wire"));
  EXPECT_THAT(FindIds("wire", options), IsEmpty());
}

// One in a hundred passes, and is not among the nearest.
TEST_F(RelatedTest, AFilterLooksBeyondTheNearest) {
  for (int i = 0; i < 900; ++i) {
    Article article = Report(absl::StrCat("a", i), i < 890 ? 1 : 2, i);
    article.source = i < 890 ? "many" : "few";
    ASSERT_TRUE(Ingest(collection(), article).ok());
  }
  RelatedOptions options;
  options.sources = {"few"};
  EXPECT_EQ(Find(ArticleQuery(Report("", 1, 5000)), options).size(), 10u);
}

TEST_F(RelatedTest, FiltersGoTogether) {
  for (int i = 0; i < 8; ++i) {
    Article article = Report(absl::StrCat("a", i), 1, i);
    article.source = (i & 1) != 0 ? "AP" : "AFP";
    article.language = (i & 2) != 0 ? "fr" : "en";
    article.published_at = absl::FromUnixSeconds((i & 4) != 0 ? 2'000 : 1'000);
    MustIngest(article);
  }
  RelatedOptions options;
  options.sources = {"AP"};
  options.languages = {"fr"};
  options.published_from = absl::FromUnixSeconds(1'500);
  EXPECT_THAT(Ids(Find(ArticleQuery(Report("", 1, 50)), options)), ElementsAre("a7"));
}

// Decay and diversity.

TEST_F(RelatedTest, AHalfLifeHalves) {
  const absl::Time now = absl::FromUnixSeconds(1'600'000'000);
  const absl::Duration half_life = absl::Hours(6);
  for (int i = 0; i < 6; ++i) {
    Article article = Report(absl::StrCat("a", i), 1, i);
    // Before the query and after it: only the distance counts.
    article.published_at = now + (i % 2 == 0 ? 1 : -1) * i * half_life;
    MustIngest(article);
  }
  Article query = Report("", 1, 50);
  query.published_at = now;
  std::map<std::string, double> plain;
  for (const RelatedArticle& article : Find(ArticleQuery(query))) {
    plain[article.article.id] = article.score;
  }
  ASSERT_EQ(plain.size(), 6u);
  RelatedOptions options;
  options.half_life = half_life;
  const auto decayed = Find(ArticleQuery(query), options);
  ASSERT_EQ(decayed.size(), 6u);
  for (const RelatedArticle& article : decayed) {
    const int halvings = article.article.id[1] - '0';
    EXPECT_NEAR(article.score, plain[article.article.id] * std::exp2(-halvings), 1e-9)
        << article.article.id;
  }
  EXPECT_EQ(decayed.front().article.id, "a0");
  // What has decayed may fall below score_min.
  options.score_min = plain["a0"] * 0.9;
  EXPECT_THAT(Ids(Find(ArticleQuery(query), options)), ElementsAre("a0"));
}

TEST_F(RelatedTest, WithoutATimeOfPublicationDecayGoesByIngestion) {
  MustIngest(Report("unknown", 1, 0));  // ingested now
  Article old = Report("old", 1, 1);
  old.published_at = absl::UnixEpoch();
  MustIngest(old);
  RelatedOptions options;
  options.half_life = absl::Hours(1);
  const auto found = Find(ArticleQuery(Report("", 1, 50)), options);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].article.id, "unknown");
  EXPECT_GT(found[0].score, 0.1);
  EXPECT_EQ(found[1].score, 0);  // half a million halvings
}

TEST_F(RelatedTest, DiversityChangesTheOrderAndNothingElse) {
  IngestEvents(4, 5);
  RelatedOptions options;
  options.results_max = 100;
  const auto plain = Find(ArticleQuery("e0v0"), options);
  ASSERT_EQ(plain.size(), 19u);
  const auto set_of = [](const std::vector<RelatedArticle>& articles) {
    std::set<std::pair<std::string, double>> set;
    for (const RelatedArticle& article : articles) set.emplace(article.article.id, article.score);
    return set;
  };
  bool other_order = false;
  for (const double diversity : {0.1, 0.5, 0.9, 1.0}) {
    options.diversity = diversity;
    const auto diverse = Find(ArticleQuery("e0v0"), options);
    EXPECT_EQ(set_of(diverse), set_of(plain)) << diversity;
    if (diversity < 1) {
      EXPECT_EQ(diverse[0].article.id, plain[0].article.id);
    }
    other_order |= Ids(diverse) != Ids(plain);
  }
  EXPECT_TRUE(other_order);
  // Among the first few there are more events than before.
  const auto events_of = [](const std::vector<RelatedArticle>& articles) {
    std::set<std::string> events;
    for (size_t i = 0; i < 6; ++i) events.insert(articles[i].article.id.substr(0, 2));
    return events.size();
  };
  options.diversity = 0.9;
  EXPECT_GT(events_of(Find(ArticleQuery("e0v0"), options)), events_of(plain));
  // With the duplicates of a group too, which are the least diverse of all.
  Article copy = Report("copy", 1, 0);
  copy.title = "Another headline";
  MustIngest(copy, Relation::kNearDuplicate);
  options.include_duplicates = true;
  const auto diverse = Find(ArticleQuery("e0v0"), options);
  options.diversity = 0;
  EXPECT_EQ(set_of(diverse), set_of(Find(ArticleQuery("e0v0"), options)));
}

// Vectors as queries.

TEST_F(RelatedTest, AVectorFindsWhatIsNearToIt) {
  IngestEvents(6, 3);
  const auto fingerprint = collection().ComputeFingerprint(Report("", 3, 1));
  ASSERT_TRUE(fingerprint.ok());
  std::vector<float> vector = fingerprint->vector;
  for (float& value : vector) value *= 17;  // its length does not matter
  const auto found = Find(vector);
  ASSERT_EQ(found.size(), 10u);
  EXPECT_EQ(found[0].article.id, "e3v1");
  EXPECT_EQ(found[0].article.id.substr(0, 2), found[1].article.id.substr(0, 2));
  RelatedOptions options;
  options.half_life = absl::Hours(24 * 365);
  options.diversity = 0.5;
  options.include_duplicates = true;
  EXPECT_EQ(Find(vector, options).size(), 10u);
  std::set<GroupNumber> groups;
  for (const RelatedArticle& article : found) EXPECT_TRUE(groups.insert(article.group).second);
}

TEST_F(RelatedTest, OddVectorsAreRefused) {
  MustIngest(Report("a", 1, 1));
  const size_t dimension = static_cast<size_t>(collection().Info().embedding.dimension);
  std::vector<float> vector(dimension);
  const auto error = [&] {
    const absl::Status status = collection().FindRelated(vector, {}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_THAT(error(), HasSubstr("vector.values: all 256 values are zero"));
  vector[7] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(error(), HasSubstr("vector.values[7]: not a finite number"));
  vector[7] = std::numeric_limits<float>::infinity();
  EXPECT_THAT(error(), HasSubstr("vector.values[7]: not a finite number"));
  vector.resize(3);
  EXPECT_EQ(error(), "vector.values: wrong dimension, got 3 values, expected 256");
  vector.clear();
  EXPECT_EQ(error(), "vector.values: wrong dimension, got 0 values, expected 256");
  vector.assign(dimension, std::numeric_limits<float>::max());
  Find(vector);
  vector.assign(dimension, std::numeric_limits<float>::denorm_min());
  Find(vector);
}

// Odd articles.

TEST_F(RelatedTest, ArticlesWithoutWordsAreNeverFoundAndDoNoHarm) {
  IngestEvents(3, 2);
  Article dots;
  dots.id = "dots";
  dots.body = "... --- !!!";
  MustIngest(dots);
  Article unassigned;  // private use: no letters of any script
  unassigned.id = "private";
  unassigned.body = "\xEE\x80\x80\xEE\x80\x81 \xEE\x80\x82";
  MustIngest(unassigned);
  RelatedOptions options;
  options.results_max = 100;
  for (const char* id : {"e0v0", "e1v1"}) {
    const auto ids = FindIds(id, options);
    EXPECT_EQ(ids.size(), 5u);
    EXPECT_THAT(ids, ::testing::Not(::testing::Contains("dots")));
    EXPECT_THAT(ids, ::testing::Not(::testing::Contains("private")));
  }
  for (const char* id : {"dots", "private"}) {
    for (const RelatedArticle& found : Find(ArticleQuery(id), options)) {
      EXPECT_LT(found.score, collection().settings().thresholds.related_score_min);
    }
    options.half_life = absl::Hours(1);
    options.diversity = 0.5;
    options.include_duplicates = true;
    Find(ArticleQuery(id), options);
  }
  EXPECT_TRUE(collection().Compare("dots", "e0v0").ok());
}

TEST_F(RelatedTest, AnUnknownScriptIsFoundByItsWords) {
  // Linear B and Cuneiform: letters that no model has ever seen.
  const std::string linear_b =
      "\xF0\x90\x80\x80\xF0\x90\x80\x81 \xF0\x90\x80\x82\xF0\x90\x80\x83 \xF0\x90\x80\x84";
  const std::string cuneiform = "\xF0\x92\x80\x80\xF0\x92\x80\x81 \xF0\x92\x80\x82";
  Article article;
  article.id = "b1";
  article.body = linear_b + " \xF0\x90\x80\x85";
  MustIngest(article);
  article.id = "c1";
  article.body = cuneiform;
  MustIngest(article);
  article.id = "query";
  article.body = linear_b + " \xF0\x90\x80\x86";
  EXPECT_EQ(Ids(Find(ArticleQuery(article))).front(), "b1");
}

TEST_F(RelatedTest, AnEmptyTitleIsNoMatter) {
  for (int i = 0; i < 6; ++i) {
    Article article = Report(absl::StrCat("a", i), i / 3, i);
    if (i % 2 == 0) article.title.clear();
    MustIngest(article);
  }
  const auto ids = FindIds("a0");
  ASSERT_EQ(ids.size(), 5u);
  EXPECT_THAT(std::vector<std::string>(ids.begin(), ids.begin() + 2),
              UnorderedElementsAre("a1", "a2"));
}

TEST_F(RelatedTest, TenLanguagesInOneCollection) {
  // Two reports of one event in each.
  const std::vector<std::pair<std::string, std::string>> reports = {
      {"A strong earthquake shook Santiago in the morning and people fled into the streets.",
       "People in Santiago slept in the streets after the strong earthquake of this morning."},
      {"Das Parlament in Berlin hat am Donnerstag das umstrittene Rentengesetz beschlossen.",
       "Nach dem Beschluss zum Rentengesetz gibt es im Parlament in Berlin weiter Streit."},
      {"Les grévistes ont bloqué la gare de Lyon et les trains sont restés à quai.",
       "À la gare de Lyon, aucun train ce matin : les grévistes promettent de continuer."},
      {"El volcán de La Palma entró en erupción y miles de vecinos fueron evacuados.",
       "Miles de vecinos evacuados en La Palma no saben cuándo acabará la erupción del volcán."},
      {"A seca no Amazonas deixou comunidades isoladas e os rios secaram em Manaus.",
       "Em Manaus os rios estão no nível mais baixo por causa da seca no Amazonas."},
      {"Пожар на складе под Москвой потушили только утром, сообщили спасатели.",
       "Спасатели назвали причину пожара на складе под Москвой."},
      {"台风登陆福建沿海，学校停课，数万名居民转移。",
       "福建沿海居民因台风转移，学校明天恢复上课。"},
      {"北海道で大雪となり、鉄道が運休し空港も閉鎖された。",
       "大雪の北海道では空港が再開し、鉄道も運行を始めた。"},
      {"أعلنت وزارة الصحة في القاهرة حملة تطعيم جديدة ضد شلل الأطفال.",
       "بدأت حملة التطعيم ضد شلل الأطفال في القاهرة كما وعدت وزارة الصحة."},
      {"मुंबई में भारी बारिश से सड़कें डूब गईं और ट्रेनें रुक गईं।",
       "भारी बारिश के बाद मुंबई में ट्रेनें फिर चलीं, पर सड़कें डूबी हैं।"}};
  for (size_t i = 0; i < reports.size(); ++i) {
    Article first;
    first.id = absl::StrCat("first", i);
    first.body = reports[i].first;
    MustIngest(first);
  }
  for (size_t i = 0; i < reports.size(); ++i) {
    Article second;
    second.id = absl::StrCat("second", i);
    second.body = reports[i].second;
    MustIngest(second);
    EXPECT_EQ(FindIds(second.id).front(), absl::StrCat("first", i)) << reports[i].second;
    EXPECT_EQ(FindIds(absl::StrCat("first", i)).front(), second.id) << reports[i].first;
  }
}

TEST_F(RelatedTest, AWithdrawnStorySaysSo) {
  IngestEvents(2, 2);
  Withdrawal withdrawal;
  ASSERT_TRUE(collection().Withdraw(*collection().GroupOf("e0v1"), withdrawal).ok());
  const auto found = Find(ArticleQuery("e0v0"));
  ASSERT_EQ(found[0].article.id, "e0v1");
  EXPECT_TRUE(found[0].withdrawn);
  EXPECT_FALSE(found[1].withdrawn);
  ASSERT_TRUE(collection().Delete("e0v1", "").ok());
  EXPECT_THAT(FindIds("e0v0"), UnorderedElementsAre("e1v0", "e1v1"));
}

// The verdict of an ingestion names what FindRelated would.
TEST_F(RelatedTest, AVerdictNamesTheNearest) {
  IngestEvents(5, 4);
  const auto verdict = Ingest(collection(), Report("late", 2, 50));
  ASSERT_TRUE(verdict.ok());
  const auto found = Find(ArticleQuery("late"));
  size_t place = 0;
  for (const Match& match : verdict->matches) {
    if (match.relation != Relation::kRelated) continue;
    EXPECT_EQ(match.article.id.substr(0, 2), "e2");
    EXPECT_GE(match.evidence.score, collection().settings().thresholds.related_score_min);
    EXPECT_GT(match.evidence.term_cosine, 0);
    EXPECT_LE(match.evidence.term_cosine, 1);
    EXPECT_LE(std::abs(match.evidence.cosine), 1);
    if (place > 0) {
      EXPECT_LE(match.evidence.score, verdict->matches[place - 1].evidence.score);
    }
    ++place;
  }
  EXPECT_LE(place, 3u);
}

}  // namespace
}  // namespace newsprint
