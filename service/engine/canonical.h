// The one place that says which member of a group stands for it. Pure functions.
#ifndef NEWSPRINT_SERVICE_ENGINE_CANONICAL_H_
#define NEWSPRINT_SERVICE_ENGINE_CANONICAL_H_

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "service/common/types.h"
#include "service/store/records.h"

namespace newsprint {

struct Candidate {
  Ordinal ordinal = 0;
  store::MemberRecord member;
};

// What the policy of `settings` looks at in an article that was ingested at this time.
store::MemberRecord MakeMember(const Article& article, int64_t body_tokens, absl::Time ingested_at,
                               const CollectionSettings& settings);

// Whether `a` is to be preferred to `b`. A strict order: ties go to the one ingested first.
bool BetterCanonical(const Candidate& a, const Candidate& b, CanonicalPolicy policy);

// The best of at least one member, among those that have not expired: those of a time from `cutoff`
// on. When all have, the one that goes last, so that it need be chosen only once.
Ordinal ChooseCanonical(absl::Span<const Candidate> members, CanonicalPolicy policy,
                        absl::Time cutoff);

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_ENGINE_CANONICAL_H_
