#include "service/engine/canonical.h"

#include <algorithm>
#include <tuple>

namespace newsprint {

store::MemberRecord MakeMember(const Article& article, int64_t body_tokens, absl::Time ingested_at,
                               const CollectionSettings& settings) {
  const auto& priority = settings.source_priority;
  const auto place = std::find(priority.begin(), priority.end(), article.source);
  store::MemberRecord member;
  member.published_at = article.published_at;
  member.body_tokens = body_tokens;
  member.source_rank = static_cast<uint32_t>(place - priority.begin());
  member.time = store::ArticleTime(article.published_at, ingested_at);
  return member;
}

bool BetterCanonical(const Candidate& a, const Candidate& b, CanonicalPolicy policy) {
  const auto published = [](const Candidate& candidate) {
    return candidate.member.published_at.value_or(absl::InfiniteFuture());
  };
  switch (policy) {
    case CanonicalPolicy::kFirstIngested:
      return a.ordinal < b.ordinal;
    case CanonicalPolicy::kEarliestPublished:
      return std::make_tuple(published(a), a.ordinal) < std::make_tuple(published(b), b.ordinal);
    case CanonicalPolicy::kSourcePriority:
      return std::make_tuple(a.member.source_rank, published(a), a.ordinal) <
             std::make_tuple(b.member.source_rank, published(b), b.ordinal);
    case CanonicalPolicy::kLongest:
      return std::make_tuple(-a.member.body_tokens, a.ordinal) <
             std::make_tuple(-b.member.body_tokens, b.ordinal);
  }
  return false;
}

Ordinal ChooseCanonical(absl::Span<const Candidate> members, CanonicalPolicy policy,
                        absl::Time cutoff) {
  const auto is_better = [&](const Candidate& a, const Candidate& b) {
    const bool a_has_expired = a.member.time < cutoff;
    const bool b_has_expired = b.member.time < cutoff;
    if (a_has_expired != b_has_expired) return b_has_expired;
    if (!a_has_expired) return BetterCanonical(a, b, policy);
    return std::tie(a.member.time, a.ordinal) > std::tie(b.member.time, b.ordinal);
  };
  return std::min_element(members.begin(), members.end(), is_better)->ordinal;
}

}  // namespace newsprint
