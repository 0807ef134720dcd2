#include "service/embed/term_embedder.h"

#include <cmath>
#include <map>
#include <numeric>

#include "gtest/gtest.h"
#include "service/embed/builtin_model.h"

namespace newsprint::embed {
namespace {

std::shared_ptr<const TermModel> BuiltIn() { return std::make_shared<TermModel>(BuiltInModel()); }

std::vector<float> Embed(const TermEmbedder& embedder, absl::string_view title,
                         absl::string_view body) {
  std::vector<text::Token> title_tokens, body_tokens;
  text::Tokenize(title, &title_tokens);
  text::Tokenize(body, &body_tokens);
  std::vector<float> vector(embedder.dimension(), 42);
  const EmbedInput input{title, body, title_tokens, body_tokens};
  EXPECT_TRUE(embedder.Embed({&input, 1}, absl::MakeSpan(vector)).ok());
  return vector;
}

double Cosine(const std::vector<float>& a, const std::vector<float>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

// The formula of the header, term by term.
std::vector<double> Naive(const TermModel& model, absl::string_view title, absl::string_view body) {
  std::vector<text::Token> title_tokens, body_tokens;
  text::Tokenize(title, &title_tokens);
  text::Tokenize(body, &body_tokens);
  std::map<text::Token, double> counts;
  for (const text::Token token : title_tokens) counts[token] += model.counting().title_count;
  for (size_t i = 0; i < body_tokens.size(); ++i) {
    const bool in_lede = i < static_cast<size_t>(model.counting().lede_tokens);
    counts[body_tokens[i]] += in_lede ? model.counting().lede_count : 1;
  }
  std::vector<double> sum(model.dimension());
  std::vector<float> row(model.dimension());
  for (const auto& [token, count] : counts) {
    model.VectorOf(token, absl::MakeSpan(row));
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += (1 + std::log(count)) * row[i];
  }
  double squares = 0;
  for (const double value : sum) squares += value * value;
  for (double& value : sum) value /= std::sqrt(squares);
  return sum;
}

TEST(TermEmbedderTest, IsTheFormula) {
  const TermEmbedder embedder(BuiltIn());
  const std::string title = "Senate passes budget after long night";
  std::string body = "The Senate passed a budget of 3,700 billion dollars. Xyzzyplugh voted no.";
  for (int i = 0; i < 30; ++i)
    body += " Senators from Illinois said the vote was " + std::to_string(i);
  const std::vector<float> vector = Embed(embedder, title, body);
  const std::vector<double> expected = Naive(embedder.model(), title, body);
  for (size_t i = 0; i < vector.size(); ++i) EXPECT_NEAR(vector[i], expected[i], 1e-5);
}

TEST(TermEmbedderTest, VectorsHaveLengthOneOrAreZero) {
  const TermEmbedder embedder(BuiltIn());
  const std::vector<float> vector = Embed(embedder, "Flood in Queensland", "Rivers rose again.");
  EXPECT_NEAR(Cosine(vector, vector), 1, 1e-5);
  EXPECT_EQ(Embed(embedder, "", "... --- !"), std::vector<float>(embedder.dimension()));
}

TEST(TermEmbedderTest, TellsSubjectsApart) {
  const TermEmbedder embedder(BuiltIn());
  const auto quake = Embed(embedder, "Strong earthquake hits Chile",
                           "A strong quake shook the coast; a tsunami warning was issued.");
  const auto tremor = Embed(embedder, "Tremor shakes Santiago",
                            "Buildings swayed and people fled as the seismic waves struck.");
  const auto football = Embed(embedder, "United win the cup",
                              "The striker scored twice in the final at the stadium.");
  EXPECT_GT(Cosine(quake, tremor), Cosine(quake, football) + 0.15);
}

TEST(TermEmbedderTest, UnknownWordsCarrySignal) {
  const TermEmbedder embedder(BuiltIn());
  const auto one = Embed(embedder, "", "zorbax quintrel famblio wexling");
  const auto same = Embed(embedder, "", "zorbax famblio quintrel bramtik");
  const auto other = Embed(embedder, "", "glyptor henwick jastrel komvari");
  EXPECT_GT(Cosine(one, same), 0.5);
  EXPECT_LT(std::abs(Cosine(one, other)), 0.35);
}

TEST(TermEmbedderTest, BatchesAreTheSameAsSingleArticles) {
  const TermEmbedder embedder(BuiltIn());
  const std::vector<text::Token> a = {text::TokenOf("storm"), text::TokenOf("coast")};
  const std::vector<text::Token> b = {text::TokenOf("budget")};
  const EmbedInput inputs[] = {{"", "", a, b}, {"", "", {}, {}}, {"", "", b, a}};
  std::vector<float> vectors(3 * 256);
  ASSERT_TRUE(embedder.Embed(inputs, absl::MakeSpan(vectors)).ok());
  std::vector<float> single(256);
  ASSERT_TRUE(embedder.Embed({&inputs[2], 1}, absl::MakeSpan(single)).ok());
  EXPECT_TRUE(std::equal(single.begin(), single.end(), vectors.begin() + 512));
  EXPECT_FALSE(embedder.Embed(inputs, absl::MakeSpan(single)).ok());
}

TEST(TermEmbedderTest, IdentityNamesDimensionAndModel) {
  const TermEmbedder embedder(BuiltIn());
  EXPECT_EQ(embedder.identity().substr(0, 9), "terms256/");
  EXPECT_EQ(embedder.identity().size(), 9u + 16u);
  const std::string other = ReplaceCounting(BuiltInModel().file(), {1, 1, 0, 1}).value();
  const TermEmbedder changed(std::make_shared<TermModel>(TermModel::Parse(other).value()));
  EXPECT_NE(changed.identity(), embedder.identity());
}

}  // namespace
}  // namespace newsprint::embed
