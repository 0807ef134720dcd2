#include "service/engine/related_finder.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "service/common/status_macros.h"

namespace newsprint {
namespace {

// Nearest vectors that are ranked anew, at least; twice the results where that is more.
constexpr int kRankedMin = 200;
// Of these, the nearest that are ranked with their neighbours, which costs the square of their
// number; what lies behind them is ranked by itself.
constexpr size_t kStoryArticlesMax = 400;
// Nearest groups that filters look at.
constexpr int kFilteredMax = 10'000;
// Members of one group that are looked at for one that passes the filters, or added when duplicates
// are wanted too.
constexpr size_t kExpandedMembersMax = 1'000;
// The same for all groups of one call together.
constexpr size_t kAllMembersMax = 10'000;

int CandidatesOf(const RelatedOptions& options) {
  return std::max(kRankedMin, 2 * options.results_max);
}

// Two articles that are themselves this near need no neighbours to tell: a copy goes before all
// else of its story.
constexpr double kNearestPair = 0.6;

double Score(double story_similarity, double pair_similarity) {
  const double score = StoryScore(story_similarity);
  return pair_similarity < kNearestPair ? score : std::max(score, PairScore(pair_similarity));
}

bool HasFilters(const RelatedOptions& options) {
  return !options.sources.empty() || !options.languages.empty() ||
         options.published_from != absl::InfinitePast() ||
         options.published_before != absl::InfiniteFuture();
}

// "pt" is also "pt-BR".
bool IsLanguage(absl::string_view language, const std::string& wanted) {
  return absl::StartsWithIgnoreCase(language, wanted) &&
         (language.size() == wanted.size() || language[wanted.size()] == '-');
}

bool Passes(const Article& article, const RelatedOptions& options) {
  const auto& sources = options.sources;
  if (!sources.empty() &&
      std::find(sources.begin(), sources.end(), article.source) == sources.end())
    return false;
  const auto is_language = [&](const std::string& wanted) {
    return IsLanguage(article.language, wanted);
  };
  if (!options.languages.empty() &&
      std::none_of(options.languages.begin(), options.languages.end(), is_language)) {
    return false;
  }
  if (options.published_from == absl::InfinitePast() &&
      options.published_before == absl::InfiniteFuture()) {
    return true;
  }
  return article.published_at.has_value() && *article.published_at >= options.published_from &&
         *article.published_at < options.published_before;
}

}  // namespace

// An article that may be returned.
struct RelatedFinder::Candidate {
  Ordinal reference = 0;  // what was found
  Ordinal ordinal = 0;    // what is returned: it, or an article of its group that passes a filter
  // Place of `reference` in the ranking; 0 is the query.
  static constexpr size_t kUnranked = SIZE_MAX;
  size_t node = kUnranked;
  double similarity = 0;
  double score = 0;
};

struct RelatedFinder::Search {
  std::vector<Candidate> candidates;
  const StoryRanking* ranking;  // the calling thread's

  // Of two places of the ranking.
  double Similarity(size_t a, size_t b) const {
    if (a == Candidate::kUnranked || b == Candidate::kUnranked) return 0;
    return a == b ? 1 : ranking->Similarity(a, b);
  }

  // Higher scores first, equal ones in the order of ingestion.
  void Sort() {
    std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
      return a.score != b.score ? a.score > b.score : a.ordinal < b.ordinal;
    });
  }

  // Chooses up to `results_max` by maximal marginal relevance (J. Carbonell, J. Goldstein: The Use
  // of MMR, Diversity-Based Reranking for Reordering Documents and Producing Summaries, 1998).
  // Expects sorted candidates, and goes on until none are left.
  void Diversify(double diversity, size_t results_max) {
    const size_t chosen_max = std::min(results_max, candidates.size());
    std::vector<double> nearest(candidates.size(), 0.0);  // similarity to those chosen
    for (size_t place = 0; place + 1 < chosen_max; ++place) {
      double best = 0;
      size_t chosen = place;
      for (size_t i = place; i < candidates.size(); ++i) {
        const double gain = (1 - diversity) * candidates[i].score - diversity * nearest[i];
        if (i == place || gain > best) best = gain, chosen = i;
      }
      // Keeps the others in the order of their scores.
      std::rotate(candidates.begin() + place, candidates.begin() + chosen,
                  candidates.begin() + chosen + 1);
      std::rotate(nearest.begin() + place, nearest.begin() + chosen, nearest.begin() + chosen + 1);
      for (size_t i = place + 1; i < candidates.size(); ++i) {
        const double similarity = Similarity(candidates[i].node, candidates[place].node);
        nearest[i] = std::max(nearest[i], similarity);
      }
    }
  }
};

RankSubject RelatedFinder::MakeSubject(const PreparedArticle& prepared) const {
  return {index_->Weigh(prepared.terms.terms), prepared.vector};
}

absl::Status RelatedFinder::LoadTerms(Ordinal ordinal, std::vector<WeightedTerm>* terms) const {
  if (index_->GetTerms(ordinal, terms)) return absl::OkStatus();
  ASSIGN_OR_RETURN(store::TermsRecord stored, store_->GetTerms(uid_, ordinal));
  *terms = std::move(stored.terms);
  return absl::OkStatus();
}

absl::StatusOr<RankSubject> RelatedFinder::LoadSubject(Ordinal ordinal) const {
  RankSubject subject;
  std::vector<WeightedTerm> terms;
  RETURN_IF_ERROR(LoadTerms(ordinal, &terms));
  subject.terms = index_->Weigh(terms);
  if (index_->GetVector(ordinal, &subject.vector)) return subject;
  const uint32_t generation = index_->embedding()->settings.generation;
  ASSIGN_OR_RETURN(auto vector, store_->FindVector(uid_, generation, ordinal));
  if (vector.has_value()) subject.vector = *std::move(vector);
  return subject;
}

PairNearness RelatedFinder::Compare(const PreparedArticle& a, const PreparedArticle& b) const {
  return ComparePair(MakeSubject(a), MakeSubject(b));
}

absl::StatusOr<PairNearness> RelatedFinder::Compare(const PreparedArticle& a, Ordinal b) const {
  ASSIGN_OR_RETURN(const RankSubject match, LoadSubject(b));
  return ComparePair(MakeSubject(a), match);
}

absl::StatusOr<std::vector<RelatedFinder::Candidate>> RelatedFinder::Nearest(
    const PreparedArticle& query, std::optional<Ordinal> except, int references_max) const {
  ASSIGN_OR_RETURN(const std::vector<Ordinal> nearest,
                   live_->Search(references_max, [&](int articles_max) {
                     return index_->Nearest(query.generation, query.vector, articles_max);
                   }));
  std::vector<Candidate> candidates;
  for (const Ordinal ordinal : nearest) {
    if (ordinal == except) continue;
    Candidate& candidate = candidates.emplace_back();
    candidate.reference = candidate.ordinal = ordinal;
  }
  return candidates;
}

absl::StatusOr<std::vector<RelatedFinder::Candidate>> RelatedFinder::Candidates(
    const PreparedArticle& query, std::optional<Ordinal> except,
    const RelatedOptions& options) const {
  if (HasFilters(options)) return PassingCandidates(query, except, options);
  return Nearest(query, except, CandidatesOf(options));
}

// Looks at more and more of the nearest, until enough have passed.
absl::StatusOr<std::vector<RelatedFinder::Candidate>> RelatedFinder::PassingCandidates(
    const PreparedArticle& query, std::optional<Ordinal> except,
    const RelatedOptions& options) const {
  const size_t wanted = static_cast<size_t>(CandidatesOf(options));
  std::vector<Candidate> candidates;
  absl::flat_hash_set<GroupNumber> seen;
  size_t looked_at = 0;
  size_t room = kAllMembersMax;  // members that may still be looked at
  for (int ask = 4 * CandidatesOf(options);; ask = std::min(4 * ask, kFilteredMax)) {
    ASSIGN_OR_RETURN(const std::vector<Ordinal> nearest,
                     index_->Nearest(query.generation, query.vector, ask));
    std::vector<Ordinal> further(nearest.begin() + std::min(looked_at, nearest.size()),
                                 nearest.end());
    looked_at = nearest.size();
    RETURN_IF_ERROR(live_->ReplaceExpired(&further));
    for (const Ordinal reference : further) {
      if (candidates.size() == wanted) break;
      const auto record = live_->GetArticle(reference);
      if (IsGone(record.status())) continue;
      RETURN_IF_ERROR(record.status());
      const auto group = live_->LoadHead(record->group);
      if (IsGone(group.status())) continue;
      RETURN_IF_ERROR(group.status());
      if (!seen.insert(group->number).second) continue;
      ASSIGN_OR_RETURN(const std::optional<Ordinal> passing,
                       FirstPassing(*group, reference, options, &room));
      if (!passing.has_value() || (reference == except && *passing == except)) continue;
      Candidate& candidate = candidates.emplace_back();
      candidate.reference = reference;
      candidate.ordinal = *passing;
    }
    if (candidates.size() >= wanted || nearest.size() < static_cast<size_t>(ask) ||
        ask >= kFilteredMax) {
      return candidates;
    }
  }
}

absl::StatusOr<std::optional<Ordinal>> RelatedFinder::FirstPassing(const LoadedGroup& group,
                                                                   Ordinal reference,
                                                                   const RelatedOptions& options,
                                                                   size_t* room) const {
  std::vector<Ordinal> members;
  if (group.record.members > 1 && *room > 0) {
    ASSIGN_OR_RETURN(members, live_->Members(group.number, std::min(*room, kExpandedMembersMax)));
    *room -= members.size();
  }
  members.insert(members.begin(), {group.record.canonical, reference});
  for (const Ordinal member : members) {
    const auto record = live_->GetArticle(member);
    if (IsGone(record.status())) continue;
    RETURN_IF_ERROR(record.status());
    if (Passes(record->article, options)) return std::optional<Ordinal>(member);
  }
  return std::optional<Ordinal>();
}

// Sets the articles from place 1 of `ranking` on. Returns which ones are there.
absl::StatusOr<std::vector<char>> RelatedFinder::LoadSubjects(absl::Span<const Ordinal> ordinals,
                                                              StoryRanking* ranking) const {
  std::vector<char> there(ordinals.size());
  std::vector<WeightedTerm> terms;
  for (size_t i = 0; i < ordinals.size(); ++i) {
    const absl::Status loaded = LoadTerms(ordinals[i], &terms);
    if (IsGone(loaded)) continue;
    RETURN_IF_ERROR(loaded);
    there[i] = true;
    ranking->AddTerms(i + 1, terms);
  }
  std::vector<char> indexed(ordinals.size());
  index_->GetVectors(ordinals, [&](size_t i, absl::Span<const float> vector) {
    indexed[i] = true;
    ranking->SetVector(i + 1, vector);
  });
  const uint32_t generation = index_->embedding()->settings.generation;
  for (size_t i = 0; i < ordinals.size(); ++i) {
    if (!there[i] || indexed[i]) continue;
    ASSIGN_OR_RETURN(const auto vector, store_->FindVector(uid_, generation, ordinals[i]));
    if (vector.has_value()) ranking->SetVector(i + 1, *vector);
  }
  return there;
}

absl::StatusOr<RelatedFinder::Search> RelatedFinder::RankCandidates(
    const PreparedArticle& query, std::vector<Candidate> candidates) const {
  // Its memory serves one search after another.
  thread_local StoryRanking ranking;
  const size_t ranked = std::min(candidates.size(), kStoryArticlesMax);
  ranking.Reset(1 + ranked, query.vector.size());
  ranking.AddTerms(0, query.terms.terms);
  ranking.SetVector(0, query.vector);
  std::vector<Ordinal> references;
  references.reserve(ranked);
  for (size_t i = 0; i < ranked; ++i) references.push_back(candidates[i].reference);
  ASSIGN_OR_RETURN(const std::vector<char> there, LoadSubjects(references, &ranking));
  ranking.Rank([this](absl::Span<const uint32_t> terms, float* idf) { index_->Idf(terms, idf); });

  Search search{{}, &ranking};
  search.candidates.reserve(candidates.size());
  for (size_t i = 0; i < ranked; ++i) {
    if (!there[i]) continue;
    Candidate& candidate = search.candidates.emplace_back(candidates[i]);
    candidate.node = i + 1;
    candidate.similarity = ranking.similarities()[candidate.node];
    candidate.score = Score(candidate.similarity, ranking.Similarity(0, candidate.node));
  }
  if (ranked < candidates.size()) {
    const RankSubject query_subject = MakeSubject(query);
    for (size_t i = ranked; i < candidates.size(); ++i) {
      const absl::StatusOr<RankSubject> subject = LoadSubject(candidates[i].reference);
      if (IsGone(subject.status())) continue;
      RETURN_IF_ERROR(subject.status());
      Candidate& candidate = search.candidates.emplace_back(candidates[i]);
      candidate.similarity = ComparePair(query_subject, *subject).similarity;
      candidate.score = PairScore(candidate.similarity);
    }
  }
  search.Sort();
  return search;
}

absl::StatusOr<std::vector<RelatedReference>> RelatedFinder::Rank(const PreparedArticle& query,
                                                                  std::optional<Ordinal> except,
                                                                  int references_max) const {
  std::vector<RelatedReference> ranked;
  if (query.vector.empty()) return ranked;
  ASSIGN_OR_RETURN(std::vector<Candidate> candidates, Nearest(query, except, references_max));
  ASSIGN_OR_RETURN(const Search search, RankCandidates(query, std::move(candidates)));
  for (const Candidate& candidate : search.candidates) {
    ranked.push_back({candidate.reference, candidate.score});
  }
  return ranked;
}

// Adds the other members of each group. Their neighbours are those of the group's reference, so
// they differ from it by what they are themselves.
absl::Status RelatedFinder::AppendMembers(const PreparedArticle& query,
                                          const RelatedOptions& options,
                                          std::optional<Ordinal> except, Search* search) const {
  const RankSubject query_subject = MakeSubject(query);
  absl::flat_hash_set<GroupNumber> expanded;
  absl::flat_hash_set<Ordinal> present;
  for (const Candidate& candidate : search->candidates) present.insert(candidate.ordinal);
  std::vector<Candidate> found;
  // The query's own group first, though the query itself is no candidate.
  if (except.has_value()) {
    present.insert(*except);
    found.push_back({*except, *except, /*node=*/0, /*similarity=*/1, /*score=*/1});
  }
  found.insert(found.end(), search->candidates.begin(), search->candidates.end());
  size_t room = kAllMembersMax;
  for (const Candidate& reference : found) {
    const auto record = live_->GetArticle(reference.reference);
    if (IsGone(record.status())) continue;
    RETURN_IF_ERROR(record.status());
    if (!expanded.insert(record->group).second) continue;
    ASSIGN_OR_RETURN(const std::vector<Ordinal> members,
                     live_->Members(record->group, std::min(room, kExpandedMembersMax)));
    room -= members.size();
    const bool ranked = reference.node != Candidate::kUnranked;
    const double pair = search->Similarity(0, reference.node);
    for (const Ordinal member : members) {
      if (!present.insert(member).second) continue;
      const absl::StatusOr<RankSubject> subject = LoadSubject(member);
      if (IsGone(subject.status())) continue;
      RETURN_IF_ERROR(subject.status());
      if (HasFilters(options)) {
        const auto article = live_->GetArticle(member);
        if (!article.ok() || !Passes(article->article, options)) continue;
      }
      Candidate candidate = reference;
      candidate.ordinal = member;
      const double own = ComparePair(query_subject, *subject).similarity;
      candidate.similarity = ranked ? candidate.similarity + own - pair : own;
      candidate.score = ranked ? Score(candidate.similarity, own) : PairScore(own);
      search->candidates.push_back(candidate);
    }
  }
  search->Sort();
  return absl::OkStatus();
}

absl::Status RelatedFinder::Decay(const PreparedArticle& query, absl::Duration half_life,
                                  std::vector<Candidate>* candidates) const {
  const absl::Time from = query.article.published_at.value_or(live_->Now());
  for (Candidate& candidate : *candidates) {
    const auto record = live_->GetArticle(candidate.ordinal);
    if (IsGone(record.status())) continue;
    RETURN_IF_ERROR(record.status());
    const absl::Time published = record->article.published_at.value_or(record->ingested_at);
    candidate.score *=
        std::exp2(-absl::FDivDuration(absl::AbsDuration(from - published), half_life));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<RelatedArticle>> RelatedFinder::Find(
    const PreparedArticle& query, std::optional<Ordinal> except, GroupNumber own_group,
    const RelatedOptions& options) const {
  ASSIGN_OR_RETURN(std::vector<Candidate> candidates, Candidates(query, except, options));
  ASSIGN_OR_RETURN(Search search, RankCandidates(query, std::move(candidates)));
  if (options.include_duplicates) RETURN_IF_ERROR(AppendMembers(query, options, except, &search));
  if (options.half_life != absl::InfiniteDuration()) {
    RETURN_IF_ERROR(Decay(query, options.half_life, &search.candidates));
    search.Sort();
  }
  const size_t results_max = static_cast<size_t>(options.results_max);
  if (options.diversity > 0) search.Diversify(options.diversity, 2 * results_max);
  std::vector<RelatedArticle> related;
  absl::flat_hash_set<uint64_t> shown;  // articles, or groups when each is shown once
  for (const Candidate& candidate : search.candidates) {
    if (related.size() == results_max) break;
    if (candidate.score < options.score_min || candidate.ordinal == except) continue;
    absl::StatusOr<RelatedArticle> article =
        Show(candidate, /*as_canonical=*/!options.include_duplicates && !HasFilters(options));
    if (IsGone(article.status())) continue;
    RETURN_IF_ERROR(article.status());
    article->same_group = article->group == own_group;
    if (article->same_group && !options.include_duplicates) continue;
    if (!shown.insert(options.include_duplicates ? candidate.ordinal : article->group).second) {
      continue;
    }
    related.push_back(*std::move(article));
  }
  return related;
}

absl::StatusOr<RelatedArticle> RelatedFinder::Show(const Candidate& candidate,
                                                   bool as_canonical) const {
  ASSIGN_OR_RETURN(store::ArticleRecord record, live_->GetArticle(candidate.ordinal));
  ASSIGN_OR_RETURN(const LoadedGroup group, live_->LoadHead(record.group));
  if (as_canonical && group.record.canonical != candidate.ordinal) {
    ASSIGN_OR_RETURN(record, live_->GetArticle(group.record.canonical));
  }
  RelatedArticle article;
  article.article = {record.article.id,       record.article.title, record.article.source,
                     record.article.language, record.article.url,   record.article.published_at};
  article.score = candidate.score;
  article.group = group.number;
  article.withdrawn = Affects(group.record.withdrawal, record.article.id);
  return article;
}

}  // namespace newsprint
