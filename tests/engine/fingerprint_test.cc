// Articles that come as a fingerprint in place of their text.
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "service/engine/collection.h"
#include "service/engine/engine.h"
#include "tests/testing/articles.h"

namespace newsprint {
namespace {

using ::newsprint::testing::Ingest;
using ::newsprint::testing::OpenEngine;
using ::newsprint::testing::StoryArticle;
using ::newsprint::testing::StoryText;
using ::newsprint::testing::TempDir;
using ::testing::HasSubstr;
using ::testing::StartsWith;

void ExpectSameEvidence(const Evidence& a, const Evidence& b) {
  EXPECT_EQ(a.jaccard, b.jaccard);
  EXPECT_EQ(a.containment, b.containment);
  EXPECT_EQ(a.reverse_containment, b.reverse_containment);
  EXPECT_NEAR(a.cosine, b.cosine, 1e-6);  // a vector is scaled to length 1 once more
  EXPECT_EQ(a.term_cosine, b.term_cosine);
  EXPECT_NEAR(a.score, b.score, 1e-6);
  EXPECT_EQ(a.shared_shingles, b.shared_shingles);
  EXPECT_EQ(a.query_shingles, b.query_shingles);
  EXPECT_EQ(a.match_shingles, b.match_shingles);
  EXPECT_EQ(a.shared_numbers, b.shared_numbers);
  EXPECT_EQ(a.query_boilerplate, b.query_boilerplate);
  EXPECT_EQ(a.match_boilerplate, b.match_boilerplate);
  EXPECT_EQ(a.shared_boilerplate, b.shared_boilerplate);
  EXPECT_EQ(a.lede_containment, b.lede_containment);
}

void ExpectSameVerdict(const Verdict& a, const Verdict& b) {
  EXPECT_EQ(a.relation, b.relation);
  EXPECT_EQ(a.canonical_id, b.canonical_id);
  EXPECT_EQ(a.group, b.group);
  EXPECT_EQ(a.short_text, b.short_text);
  ASSERT_EQ(a.matches.size(), b.matches.size());
  for (size_t i = 0; i < a.matches.size(); ++i) {
    EXPECT_EQ(a.matches[i].relation, b.matches[i].relation);
    EXPECT_EQ(a.matches[i].article.id, b.matches[i].article.id);
    EXPECT_EQ(a.matches[i].group, b.matches[i].group);
    EXPECT_EQ(a.matches[i].canonical_id, b.matches[i].canonical_id);
    ExpectSameEvidence(a.matches[i].evidence, b.matches[i].evidence);
  }
}

// The same article with a fingerprint in place of the text that it was made of.
Article AsFingerprint(const Collection& collection, Article article) {
  absl::StatusOr<Fingerprint> fingerprint = collection.ComputeFingerprint(article);
  EXPECT_TRUE(fingerprint.ok()) << fingerprint.status();
  article.body.clear();
  article.embedding.clear();
  article.fingerprint = *std::move(fingerprint);
  return article;
}

// Stories with a copy, an excerpt, an extension, the same again, a template pair, a short text and
// one without words.
std::vector<Article> MixedArticles() {
  std::vector<Article> articles;
  const auto add = [&](uint64_t story) -> Article& {
    articles.push_back(StoryArticle(absl::StrCat("a", articles.size()), story));
    articles.back().source = absl::StrCat("Outlet ", articles.size() % 4);
    return articles.back();
  };
  for (uint64_t story = 1; story <= 4; ++story) {
    add(story);
    add(story).title = "Another headline";
    Article& excerpt = add(story);
    excerpt.body.resize(excerpt.body.size() / 2);
    add(story).body += StoryText(100 + story, 200);
    add(story);
    Article& mixture = add(story + 50);
    mixture.body = StoryText(story, 60) + mixture.body;
  }
  for (int quarter = 1; quarter <= 2; ++quarter) {
    Article& report = add(70);
    for (int i = 0; i < 6; ++i) absl::StrAppend(&report.body, "Value ", 1000 * quarter + i, ". ");
  }
  add(80).body = StoryText(80, 12);
  add(81).body = StoryText(80, 12);
  articles.back().title = articles[articles.size() - 2].title;
  add(82).body = "...";
  articles.back().title = "";
  add(83).body = "...";
  articles.back().title = "";
  return articles;
}

class FingerprintTest : public ::testing::Test {
 protected:
  std::shared_ptr<Collection> Create(const std::string& name, NewCollection wanted = {}) {
    wanted.settings.name = name;
    const auto collection = engine_->Create(std::move(wanted));
    EXPECT_TRUE(collection.ok()) << collection.status();
    return *collection;
  }

  Collection& collection() { return *collection_; }

  void Reopen() {
    collection_.reset();
    engine_.reset();
    engine_ = OpenEngine(dir_.path());
    collection_ = *engine_->Find(kDefaultCollection);
  }

  Verdict MustIngest(Article article) {
    const auto verdict = Ingest(collection(), std::move(article));
    EXPECT_TRUE(verdict.ok()) << verdict.status();
    return verdict.value_or(Verdict());
  }

  TempDir dir_;
  std::unique_ptr<Engine> engine_ = OpenEngine(dir_.path());
  std::shared_ptr<Collection> collection_ = *engine_->Find(kDefaultCollection);
};

TEST_F(FingerprintTest, GivesTheVerdictsOfTheText) {
  const auto texts = Create("texts");
  const auto prints = Create("prints");
  const auto print_by_text = Create("print-by-text");
  const auto text_by_print = Create("text-by-print");
  std::map<Relation, int> relations;
  int number = 0;
  for (const Article& article : MixedArticles()) {
    SCOPED_TRACE(article.id);
    const auto verdict = Ingest(*texts, article);
    ASSERT_TRUE(verdict.ok()) << verdict.status();
    ++relations[verdict->relation];
    const Article print = AsFingerprint(*texts, article);
    const bool even = number++ % 2 == 0;
    for (const auto& [collection, as_print] :
         {std::make_pair(prints, true), std::make_pair(print_by_text, even),
          std::make_pair(text_by_print, !even)}) {
      const auto found = collection->FindDuplicates(as_print ? article : print, 10);
      const auto by_print = Ingest(*collection, as_print ? print : article);
      ASSERT_TRUE(by_print.ok()) << by_print.status();
      ExpectSameVerdict(*by_print, *verdict);
      // And the other kind of question before.
      ASSERT_TRUE(found.ok()) << found.status();
      if (IsDuplicate(verdict->relation)) {
        EXPECT_EQ(found->relation, verdict->relation);
        EXPECT_EQ(found->group, verdict->group);
        ExpectSameEvidence(found->matches[0].evidence, verdict->matches[0].evidence);
      }
    }
  }
  for (const Relation relation :
       {Relation::kNew, Relation::kExact, Relation::kNearDuplicate, Relation::kExcerpt,
        Relation::kExtension, Relation::kTemplate, Relation::kRelated}) {
    EXPECT_GT(relations[relation], 0) << RelationName(relation);
  }
}

TEST_F(FingerprintTest, IsFoundAfterOpeningAgain) {
  MustIngest(AsFingerprint(collection(), StoryArticle("a", 1)));
  MustIngest(AsFingerprint(collection(), StoryArticle("b", 1)));
  const CollectionStats stats = collection().Stats();
  RelatedOptions all;
  all.include_duplicates = true;
  const auto related = *collection().FindRelated(ArticleQuery(StoryArticle("", 1)), all);
  Reopen();
  EXPECT_EQ(collection().Stats().articles, stats.articles);
  const auto related_after = *collection().FindRelated(ArticleQuery(StoryArticle("", 1)), all);
  ASSERT_EQ(related_after.size(), 2u);
  EXPECT_EQ(related_after[0].score, related[0].score);
  EXPECT_GT(related[0].score, 0.99);
  const Verdict verdict = MustIngest(StoryArticle("c", 1));
  EXPECT_EQ(verdict.relation, Relation::kExact);
  EXPECT_EQ(verdict.canonical_id, "a");
  Article half = StoryArticle("d", 1);
  half.body.resize(half.body.size() / 2);
  EXPECT_EQ(MustIngest(half).relation, Relation::kExcerpt);
  EXPECT_EQ(collection().Compare("c", "b")->relation, Relation::kExact);
}

TEST_F(FingerprintTest, HasNoTextToShow) {
  Article article = AsFingerprint(collection(), StoryArticle("a", 1));
  article.title = "Shown, but not compared";
  article.url = "https://example.org/a";
  MustIngest(article);
  MustIngest(StoryArticle("b", 1));
  const StoredArticle stored = *collection().Get("a", false);
  EXPECT_FALSE(stored.state.text_stored);
  EXPECT_EQ(stored.article.body, "");
  EXPECT_EQ(stored.article.title, "Shown, but not compared");
  EXPECT_EQ(stored.article.url, "https://example.org/a");
  EXPECT_FALSE(stored.article.fingerprint.has_value());
  EXPECT_EQ(stored.state.body_tokens, 300);
  const StoredArticle text = *collection().Get("b", false);
  EXPECT_TRUE(text.state.text_stored);
  EXPECT_EQ(text.article.body, StoryText(1, 300));
  // The title that is compared is the one in the fingerprint.
  EXPECT_EQ(text.state.relation, Relation::kExact);
}

TEST_F(FingerprintTest, TheSameAgainChangesNothing) {
  const Article article = AsFingerprint(collection(), StoryArticle("a", 1));
  MustIngest(article);
  const int64_t sequence = collection().Stats().sequence;
  EXPECT_TRUE(MustIngest(article).replayed);
  EXPECT_EQ(collection().Stats().sequence, sequence);
  Article moved = article;
  moved.url = "https://example.org/new";
  EXPECT_TRUE(MustIngest(moved).replayed);
  EXPECT_EQ(collection().Get("a", false)->article.url, "https://example.org/new");
}

TEST_F(FingerprintTest, TextAndFingerprintReviseOneAnother) {
  const Verdict first = MustIngest(StoryArticle("a", 1));
  MustIngest(StoryArticle("b", 1));
  const Verdict print = MustIngest(AsFingerprint(collection(), StoryArticle("a", 1)));
  EXPECT_EQ(print.relation, Relation::kRevision);
  EXPECT_EQ(print.group, first.group);
  ASSERT_FALSE(print.matches.empty());
  EXPECT_EQ(print.matches[0].evidence.jaccard, 1);
  EXPECT_FALSE(collection().Get("a", false)->state.text_stored);
  EXPECT_EQ(collection().Get("a", false)->article.body, "");
  EXPECT_EQ(collection().Get("a", false)->state.revision_number, 2);
  Reopen();
  EXPECT_EQ(MustIngest(StoryArticle("c", 1)).relation, Relation::kExact);

  const Verdict text = MustIngest(StoryArticle("a", 1));
  EXPECT_EQ(text.relation, Relation::kRevision);
  EXPECT_EQ(text.group, first.group);
  EXPECT_EQ(collection().Get("a", false)->article.body, StoryText(1, 300));
  EXPECT_TRUE(collection().Get("a", false)->state.text_stored);
  EXPECT_EQ(collection().Get("a", false)->state.revision_number, 3);

  const Verdict other = MustIngest(AsFingerprint(collection(), StoryArticle("a", 2)));
  EXPECT_EQ(other.relation, Relation::kRevision);
  EXPECT_NE(other.group, first.group);
  EXPECT_EQ(MustIngest(StoryArticle("d", 2)).canonical_id, "a");
  EXPECT_EQ(MustIngest(StoryArticle("e", 1)).canonical_id, "b");
  ASSERT_TRUE(collection().Delete("a", "").ok());
  EXPECT_EQ(MustIngest(StoryArticle("f", 2)).canonical_id, "d");
}

TEST_F(FingerprintTest, GoesIntoCollectionsWithoutText) {
  NewCollection wanted;
  wanted.settings.omit_text = true;
  const auto licensed = Create("licensed", wanted);
  // Computed elsewhere: scheme and embedder are what has to be the same.
  const Article article = AsFingerprint(collection(), StoryArticle("a", 1));
  ASSERT_TRUE(Ingest(*licensed, article).ok());
  EXPECT_EQ(licensed->Get("a", false)->article.title, "");
  EXPECT_FALSE(licensed->Get("a", false)->state.text_stored);
  EXPECT_EQ(Ingest(*licensed, StoryArticle("b", 1))->relation, Relation::kExact);
  EXPECT_FALSE(licensed->Get("b", false)->state.text_stored);
}

TEST_F(FingerprintTest, CarriesTheCallersVector) {
  NewCollection wanted;
  wanted.embedder = kCallerEmbedder;
  wanted.dimension = 16;
  const auto vectors = Create("vectors", wanted);
  EXPECT_EQ(vectors->ComputeFingerprint(StoryArticle("a", 1)).status().message(),
            "article.embedding: wrong dimension, got 0 values, expected 16");
  Article article = StoryArticle("a", 1);
  article.embedding.assign(16, 0);
  article.embedding[3] = 7;
  const Article print = AsFingerprint(*vectors, article);
  EXPECT_EQ(print.fingerprint->embedder, "caller");
  EXPECT_FALSE(print.fingerprint->terms.empty());
  ASSERT_EQ(print.fingerprint->vector.size(), 16u);
  EXPECT_FLOAT_EQ(print.fingerprint->vector[3], 1);
  ASSERT_TRUE(Ingest(*vectors, print).ok());
  article.id = "b";
  const Verdict copy = *Ingest(*vectors, article);
  EXPECT_EQ(copy.relation, Relation::kExact);
  EXPECT_NEAR(copy.matches[0].evidence.cosine, 1, 1e-6);
  std::vector<float> query(16);
  query[3] = 1;
  const auto related = *vectors->FindRelated(query, {});
  ASSERT_EQ(related.size(), 1u);
  EXPECT_GT(related[0].score, 0.9);
  // Fingerprints of the built-in embedder do not fit in here.
  EXPECT_THAT(
      std::string(
          Ingest(*vectors, AsFingerprint(collection(), StoryArticle("c", 1))).status().message()),
      StartsWith("article.fingerprint.embedder: not the collection's, expected caller"));
}

TEST_F(FingerprintTest, OfATextWithoutWordsIsTaken) {
  Article dots;
  dots.id = "a";
  dots.body = "...";
  const Article print = AsFingerprint(collection(), dots);
  EXPECT_EQ(print.fingerprint->body_tokens, 0);
  EXPECT_EQ(MustIngest(print).relation, Relation::kNew);
  dots.id = "b";
  EXPECT_EQ(MustIngest(dots).relation, Relation::kExact);
}

TEST_F(FingerprintTest, EveryMalformedOneNamesItsField) {
  const Article good = AsFingerprint(collection(), StoryArticle("a", 1));
  ASSERT_GT(good.fingerprint->lede_shingles.size(), 40u);
  ASSERT_GT(good.fingerprint->terms.size(), 10u);
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  struct Case {
    void (*damage)(Fingerprint*);
    const char* error;
  };
  for (const Case& c : {
           Case{[](Fingerprint* f) { f->scheme = "text1/w4/lede60/sketch3"; },
                "scheme: not the collection's, expected text"},
           Case{[](Fingerprint* f) { f->scheme.clear(); }, "scheme: not the collection's"},
           Case{[](Fingerprint* f) { f->embedder = "caller"; }, "embedder: not the collection's"},
           Case{[](Fingerprint* f) { f->text_hash.pop_back(); },
                "text_hash: wrong length, got 15 bytes, expected 16"},
           Case{[](Fingerprint* f) { f->text_hash.clear(); },
                "text_hash: wrong length, got 0 bytes, expected 16"},
           Case{[](Fingerprint* f) { f->text_hash += 'x'; },
                "text_hash: wrong length, got 17 bytes, expected 16"},
           Case{[](Fingerprint* f) { f->body_tokens = -1; },
                "body_tokens: out of range, got -1, limit 0 to 67108864"},
           Case{[](Fingerprint* f) { f->body_tokens = (1 << 26) + 1; },
                "body_tokens: out of range, got 67108865, limit 0 to 67108864"},
           Case{[](Fingerprint* f) { f->body_tokens = 200; }, "shingles: too many, got "},
           Case{[](Fingerprint* f) { std::swap(f->shingles[7], f->shingles[8]); },
                "shingles: not ascending"},
           Case{[](Fingerprint* f) { f->shingles[8] = f->shingles[7]; }, "shingles: not ascending"},
           Case{[](Fingerprint* f) { std::swap(f->lede_shingles[0], f->lede_shingles[1]); },
                "lede_shingles: not ascending"},
           Case{[](Fingerprint* f) { f->lede_shingles[1] = f->lede_shingles[0]; },
                "lede_shingles: not ascending"},
           Case{[](Fingerprint* f) { ++f->lede_shingles.back(); },
                "lede_shingles: not all among the shingles"},
           Case{[](Fingerprint* f) { f->lede_shingles = f->shingles; },
                "lede_shingles: too many, got "},
           Case{[](Fingerprint* f) {
                  f->numbers = {5, 4};
                },
                "numbers: not ascending"},
           Case{[](Fingerprint* f) {
                  f->numbers = {5, 5};
                },
                "numbers: not ascending"},
           Case{[](Fingerprint* f) {
                  for (uint32_t i = 0; i < 301; ++i) f->numbers.push_back(i);
                },
                "numbers: too many, got 301, limit 300"},
           Case{[](Fingerprint* f) {
                  f->terms.clear();
                  for (uint32_t i = 0; i < 129; ++i) f->terms.push_back({i, 1.5f});
                },
                "terms: too many, got 129, limit 128"},
           Case{[](Fingerprint* f) { std::swap(f->terms[0], f->terms[1]); },
                "terms: not ascending"},
           Case{[](Fingerprint* f) { f->terms[1].term = f->terms[0].term; },
                "terms: not ascending"},
           Case{[](Fingerprint* f) { f->terms[3].weight = 16.5f; },
                "term_weights: out of range, got 16.5, limit 1 to 16"},
           Case{[](Fingerprint* f) { f->terms[3].weight = 0.5f; },
                "term_weights: out of range, got 0.5, limit 1 to 16"},
           Case{[](Fingerprint* f) { f->terms[3].weight = kNan; },
                "term_weights: out of range, got nan"},
           Case{[](Fingerprint* f) { f->vector.pop_back(); },
                "embedding: wrong dimension, got 255 values, expected 256"},
           Case{[](Fingerprint* f) { f->vector.assign(3, 0); },
                "embedding: wrong dimension, got 3 values, expected 256"},
           Case{[](Fingerprint* f) { f->vector.clear(); },
                "embedding: wrong dimension, got 0 values, expected 256"},
           Case{[](Fingerprint* f) { f->vector[9] = kNan; }, "embedding[9]: not a finite number"},
           Case{[](Fingerprint* f) { f->vector[0] = kInfinity; },
                "embedding[0]: not a finite number"},
           Case{[](Fingerprint* f) { f->vector[0] = -kInfinity; },
                "embedding[0]: not a finite number"},
       }) {
    Article article = good;
    c.damage(&*article.fingerprint);
    for (const absl::Status& status :
         {Ingest(collection(), article).status(), collection().FindDuplicates(article, 10).status(),
          collection().Compare(article, article).status()}) {
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.error << ": " << status;
      EXPECT_THAT(std::string(status.message()),
                  StartsWith(absl::StrCat("article.fingerprint.", c.error)));
    }
  }
  EXPECT_EQ(collection().Stats().articles, 0);
  EXPECT_TRUE(Ingest(collection(), good).ok());
  EXPECT_EQ(collection().Stats().articles, 1);
}

// All that its checks let through, however made up, is stored and answers questions.
TEST_F(FingerprintTest, OddOnesDoNoHarm) {
  Article article = AsFingerprint(collection(), StoryArticle("a", 1));
  article.fingerprint->lede_shingles.clear();
  article.fingerprint->numbers = {0, 0xffffffff};
  article.fingerprint->terms = {{0, 1.0f}, {0xffffffff, 16.0f}};
  article.fingerprint->vector.assign(256, std::numeric_limits<float>::max());
  MustIngest(article);
  article.id = "b";
  article.fingerprint->vector.assign(256, std::numeric_limits<float>::denorm_min());
  article.fingerprint->terms.clear();
  MustIngest(article);
  article.id = "c";
  article.fingerprint->vector.assign(256, 0);
  article.fingerprint->shingles.clear();
  article.fingerprint->body_tokens = 1 << 20;
  MustIngest(article);
  for (const char* id : {"a", "b", "c"}) {
    EXPECT_TRUE(collection().FindDuplicates(id, 10).ok()) << id;
    const auto related = collection().FindRelated(ArticleQuery(id), {});
    ASSERT_TRUE(related.ok()) << related.status();
    for (const RelatedArticle& other : *related) EXPECT_TRUE(std::isfinite(other.score));
    const auto comparison = collection().Compare("a", id);
    ASSERT_TRUE(comparison.ok());
    EXPECT_TRUE(std::isfinite(comparison->evidence.cosine));
  }
  Reopen();
  EXPECT_EQ(collection().Stats().articles, 3);
}

}  // namespace
}  // namespace newsprint
