#include "client/cli/explain_errors.h"

#include <algorithm>
#include <map>
#include <ostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/evaluate.h"

namespace newsprint::cli {
namespace {

constexpr size_t kComparedMax = 1000;

absl::StatusOr<v1::CompareResponse> Compare(Session& session, const std::string& collection,
                                            const std::string& id_a, const std::string& id_b) {
  v1::CompareRequest request;
  request.set_collection(collection);
  request.mutable_a()->set_id(id_a);
  request.mutable_b()->set_id(id_b);
  return session.client.Compare(request);
}

absl::StatusOr<v1::GetArticleResponse> GetArticle(Session& session, const std::string& collection,
                                                  const std::string& id) {
  v1::GetArticleRequest request;
  request.set_collection(collection);
  request.set_id(id);
  return session.client.GetArticle(request);
}

// Larger is worse.
double Blatancy(ErrorType type, const v1::Evidence& evidence) {
  if (type == ErrorType::kFalseMatch) return -evidence.jaccard();
  return std::max({evidence.jaccard(), evidence.containment(), evidence.reverse_containment()});
}

// "fire-copy (footer)", where the kind is known.
std::string Name(const GroupedArticle& article) {
  return article.kind ? absl::StrCat(article.id, " (", *article.kind, ")") : article.id;
}

Json ErrorJson(const ExplainedError& error) {
  Json json = {{"id_a", error.a.article.id}, {"id_b", error.b.article.id}};
  if (error.a.article.kind) json["kind_a"] = *error.a.article.kind;
  if (error.b.article.kind) json["kind_b"] = *error.b.article.kind;
  json["canonical_id_a"] = error.a.canonical_id;
  json["canonical_id_b"] = error.b.canonical_id;
  json["relation"] = RelationName(error.comparison.relation());
  json["explanation"] = error.comparison.explanation();
  json["evidence"] = ToJson(error.comparison.evidence());
  Json& passages = json["passages"] = Json::array();
  for (const Passage& passage : error.passages) {
    passages.push_back({{"words", passage.words}, {"text", passage.text}});
  }
  return json;
}

void PrintError(const ExplainedError& error, std::ostream& out) {
  const v1::Evidence& evidence = error.comparison.evidence();
  out << "\n"
      << Name(error.a.article) << " and " << Name(error.b.article) << "\n  canonical "
      << error.a.canonical_id;
  if (error.a.canonical_id != error.b.canonical_id) out << " and " << error.b.canonical_id;
  out << "\n  " << RelationName(error.comparison.relation()) << ": "
      << error.comparison.explanation() << "\n  "
      << absl::StrFormat("jaccard %.3f, contained %.3f, contains %.3f, score %.3f",
                         evidence.jaccard(), evidence.containment(), evidence.reverse_containment(),
                         evidence.score());
  if (evidence.has_shared_numbers()) {
    out << absl::StrFormat(", shared numbers %.3f", evidence.shared_numbers());
  }
  out << "\n";
  if (error.passages.empty()) out << "  no passage in common\n";
  for (const Passage& passage : error.passages) {
    out << "  " << passage.words << " words in common: " << passage.text << "\n";
  }
}

}  // namespace

absl::StatusOr<ExplainedErrors> ExplainErrors(Session& session, const std::string& collection,
                                              ErrorType type, Progress& progress,
                                              const std::vector<GroupedArticle>& articles,
                                              const std::vector<PositionPair>& pairs,
                                              size_t count) {
  std::vector<PositionPair> compared = SpreadOverKinds(articles, pairs, kComparedMax);
  std::map<PositionPair, v1::CompareResponse> comparisons;
  for (const PositionPair& pair : compared) comparisons[pair] = {};
  absl::Status status = OnTwoThreads(compared.size(), [&](size_t i) -> absl::Status {
    const auto& [earlier, later] = compared[i];
    auto response = Compare(session, collection, articles[later].id, articles[earlier].id);
    if (!response.ok()) return response.status();
    comparisons.at(compared[i]) = *std::move(response);
    progress.AddDone();
    return absl::OkStatus();
  });
  if (!status.ok()) return status;

  const auto blatancy = [&](const PositionPair& pair) {
    return Blatancy(type, comparisons.at(pair).evidence());
  };
  std::sort(compared.begin(), compared.end(), [&](const auto& x, const auto& y) {
    return std::make_pair(-blatancy(x), x) < std::make_pair(-blatancy(y), y);
  });
  ExplainedErrors errors;
  errors.found = static_cast<int64_t>(pairs.size());
  for (const PositionPair& pair : SpreadOverKinds(articles, std::move(compared), count)) {
    errors.shown.push_back(
        {{articles[pair.second], ""}, {articles[pair.first], ""}, comparisons.at(pair), {}});
  }
  status = OnTwoThreads(errors.shown.size(), [&](size_t i) -> absl::Status {
    ExplainedError& error = errors.shown[i];
    const auto a = GetArticle(session, collection, error.a.article.id);
    if (!a.ok()) return a.status();
    const auto b = GetArticle(session, collection, error.b.article.id);
    if (!b.ok()) return b.status();
    error.a.canonical_id = a->state().canonical_id();
    error.b.canonical_id = b->state().canonical_id();
    error.passages = CommonPassages(a->article().body(), b->article().body());
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return errors;
}

Json ToJson(const ExplainedErrors& errors) {
  Json json = Json::array();
  for (const ExplainedError& error : errors.shown) json.push_back(ErrorJson(error));
  return json;
}

void PrintErrors(const std::string& title, const ExplainedErrors& errors, std::ostream& out) {
  out << absl::StrFormat("\n%s: %d, shown: %d\n", title, errors.found, errors.shown.size());
  for (const ExplainedError& error : errors.shown) PrintError(error, out);
}

}  // namespace newsprint::cli
