#include "service/engine/prepare.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "service/embed/builtin_model.h"
#include "service/embed/term_embedder.h"
#include "service/text/tokenizer.h"
#include "tests/testing/articles.h"

namespace newsprint {
namespace {

using ::newsprint::testing::StoryArticle;

class PrepareTest : public ::testing::Test {
 protected:
  PrepareTest() {
    embedding_.embedder = std::make_shared<const embed::TermEmbedder>(
        std::shared_ptr<const embed::TermModel>(&embed::BuiltInModel(), [](const void*) {}));
    embedding_.settings = {kBuiltInEmbedder, embedding_.embedder->identity(),
                           embedding_.embedder->dimension(), 7, absl::UnixEpoch()};
  }

  PreparedArticle Prepare(const Article& article) const {
    return preparer_.Prepare(article, embedding_, RemoteVector::kAsk).value();
  }

  static const embed::GeneralTerms& Terms() {
    static const embed::GeneralTerms& general = *new embed::GeneralTerms();
    return general;
  }

  Embedding embedding_;
  const CollectionSettings settings_;
  const Preparer preparer_{settings_, &Terms()};
};

void ExpectSameText(const PreparedArticle& a, const PreparedArticle& b) {
  EXPECT_EQ(a.article.title, b.article.title);
  EXPECT_EQ(a.article.body, b.article.body);
  EXPECT_EQ(a.content_hash, b.content_hash);
  EXPECT_EQ(a.text_hash, b.text_hash);
  EXPECT_EQ(a.body_tokens, b.body_tokens);
  EXPECT_EQ(a.short_text, b.short_text);
  EXPECT_EQ(a.fingerprint.shingles, b.fingerprint.shingles);
  EXPECT_EQ(a.fingerprint.lede_shingles, b.fingerprint.lede_shingles);
  EXPECT_EQ(a.fingerprint.numbers, b.fingerprint.numbers);
  EXPECT_EQ(a.sketch, b.sketch);
}

void ExpectSameSubject(const PreparedArticle& a, const PreparedArticle& b) {
  EXPECT_EQ(a.generation, b.generation);
  EXPECT_EQ(a.vector, b.vector);
  ASSERT_EQ(a.terms.terms.size(), b.terms.terms.size());
  for (size_t i = 0; i < a.terms.terms.size(); ++i) {
    EXPECT_EQ(a.terms.terms[i].term, b.terms.terms[i].term);
    EXPECT_EQ(a.terms.terms[i].weight, b.terms.terms[i].weight);
  }
}

TEST_F(PrepareTest, TheFingerprintIsTheSetsOfTheDefinition) {
  std::mt19937_64 random(newsprint::testing::Seed());
  for (int round = 0; round < 200; ++round) {
    Article article = StoryArticle("a", random(), static_cast<int>(random() % 700));
    for (int i = 0; i < 5; ++i) article.body += " " + std::to_string(random() % 50);
    if (round % 3 == 0) article.body += " \xE9t\xE9 caf\u00e9 <b>bold</b>";  // not UTF-8
    if (round % 5 == 0) article.body += article.body;                        // repeats shingles
    const PreparedArticle prepared = Prepare(article);
    std::vector<text::Token> tokens;
    text::Tokenize(article.body, &tokens);
    std::set<uint32_t> shingles, lede, numbers;
    for (size_t i = 0; i + 5 <= tokens.size(); ++i) {
      const auto shingle = static_cast<uint32_t>(Hash64(&tokens[i], 5 * sizeof(text::Token)));
      shingles.insert(shingle);
      if (i + 5 <= 60) lede.insert(shingle);
    }
    for (const text::Token token : tokens) {
      if (text::IsNumber(token)) numbers.insert(static_cast<uint32_t>(token >> 1));
    }
    const auto as_vector = [](const std::set<uint32_t>& set) {
      return std::vector<uint32_t>(set.begin(), set.end());
    };
    ASSERT_EQ(prepared.fingerprint.shingles, as_vector(shingles));
    ASSERT_EQ(prepared.fingerprint.lede_shingles, as_vector(lede));
    ASSERT_EQ(prepared.fingerprint.numbers, as_vector(numbers));
    ASSERT_EQ(prepared.sketch, sketch::ComputeSketch(as_vector(shingles)));
  }
}

TEST_F(PrepareTest, TextAloneAndCompletedIsTheWhole) {
  for (uint64_t story = 0; story < 20; ++story) {
    Article article = StoryArticle("a", story, static_cast<int>(story * 30));
    if (story % 4 == 0) article.body += " \xE9t\xE9";
    const PreparedArticle whole = Prepare(article);
    EXPECT_TRUE(whole.has_subject);
    PreparedArticle prepared = preparer_.PrepareText(article, embedding_).value();
    ExpectSameText(prepared, whole);
    EXPECT_FALSE(prepared.has_subject);
    EXPECT_TRUE(prepared.terms.terms.empty());
    EXPECT_TRUE(prepared.vector.empty());
    Embedding later = embedding_;
    ++later.settings.generation;
    preparer_.Complete(later, RemoteVector::kAsk, &prepared);
    EXPECT_EQ(prepared.generation, 8u);
    prepared.generation = whole.generation;
    ExpectSameText(prepared, whole);
    ExpectSameSubject(prepared, whole);
    // Once is enough.
    preparer_.Complete(later, RemoteVector::kAsk, &prepared);
    EXPECT_EQ(prepared.generation, whole.generation);
  }
}

TEST_F(PrepareTest, TextAloneKeepsTheCallersVector) {
  Embedding caller;
  caller.settings = {kCallerEmbedder, "caller", 2, 3, absl::UnixEpoch()};
  Article article = StoryArticle("a", 1);
  EXPECT_EQ(preparer_.PrepareText(article, caller).status().code(),
            absl::StatusCode::kInvalidArgument);
  article.embedding = {3, 4};
  PreparedArticle prepared = preparer_.PrepareText(article, caller).value();
  EXPECT_EQ(prepared.vector, (std::vector<float>{0.6f, 0.8f}));
  // The collection may have gone over to another embedder since.
  preparer_.Complete(embedding_, RemoteVector::kAsk, &prepared);
  EXPECT_EQ(prepared.vector, (std::vector<float>{0.6f, 0.8f}));
  EXPECT_EQ(prepared.generation, 3u);
  EXPECT_FALSE(prepared.terms.terms.empty());
  EXPECT_EQ(preparer_.PrepareText(article, embedding_).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(PrepareTest, FingerprintsAreWhole) {
  const Article article = StoryArticle("a", 1);
  CollectionSettings settings;
  settings.fingerprint_scheme = FingerprintScheme(settings.shingle_words);
  const Preparer preparer(settings, &Terms());
  Article print;
  print.id = "a";
  print.title = article.title;
  print.fingerprint = preparer.ComputeFingerprint(article, embedding_).value();
  PreparedArticle prepared = preparer.PrepareText(print, embedding_).value();
  EXPECT_TRUE(prepared.has_subject);
  const PreparedArticle before = prepared;
  preparer.Complete(embedding_, RemoteVector::kAsk, &prepared);
  ExpectSameSubject(prepared, before);
  EXPECT_EQ(prepared.vector, Prepare(article).vector);
}

}  // namespace
}  // namespace newsprint
