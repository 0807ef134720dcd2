#include "service/engine/canonical.h"

#include <algorithm>
#include <random>
#include <vector>

#include "tests/testing/articles.h"

namespace newsprint {
namespace {

constexpr CanonicalPolicy kPolicies[] = {
    CanonicalPolicy::kFirstIngested, CanonicalPolicy::kEarliestPublished,
    CanonicalPolicy::kSourcePriority, CanonicalPolicy::kLongest};
constexpr absl::Time kNever = absl::InfinitePast();
const absl::Time kIngested = absl::FromUnixSeconds(1'000);

Candidate MakeCandidate(Ordinal ordinal, std::optional<int> published_hour, int64_t body_tokens,
                        uint32_t source_rank) {
  Candidate candidate;
  candidate.ordinal = ordinal;
  if (published_hour.has_value()) {
    candidate.member.published_at = absl::UnixEpoch() + absl::Hours(*published_hour);
  }
  candidate.member.body_tokens = body_tokens;
  candidate.member.source_rank = source_rank;
  return candidate;
}

TEST(CanonicalTest, EachPolicyLooksAtItsOwn) {
  const std::vector<Candidate> members = {
      MakeCandidate(5, 30, 200, 1), MakeCandidate(2, 40, 100, 2), MakeCandidate(9, 10, 150, 3),
      MakeCandidate(7, 50, 120, 0), MakeCandidate(8, 20, 900, 3),
  };
  EXPECT_EQ(ChooseCanonical(members, CanonicalPolicy::kFirstIngested, kNever), 2u);
  EXPECT_EQ(ChooseCanonical(members, CanonicalPolicy::kEarliestPublished, kNever), 9u);
  EXPECT_EQ(ChooseCanonical(members, CanonicalPolicy::kSourcePriority, kNever), 7u);
  EXPECT_EQ(ChooseCanonical(members, CanonicalPolicy::kLongest, kNever), 8u);
}

TEST(CanonicalTest, TiesGoToTheOneIngestedFirst) {
  for (const CanonicalPolicy policy : kPolicies) {
    const std::vector<Candidate> members = {MakeCandidate(6, 1, 10, 0), MakeCandidate(4, 1, 10, 0),
                                            MakeCandidate(5, 1, 10, 0)};
    EXPECT_EQ(ChooseCanonical(members, policy, kNever), 4u);
    EXPECT_TRUE(BetterCanonical(members[1], members[2], policy));
    EXPECT_FALSE(BetterCanonical(members[2], members[1], policy));
    EXPECT_FALSE(BetterCanonical(members[1], members[1], policy));
  }
}

TEST(CanonicalTest, UnknownTimesComeLast) {
  const Candidate unknown = MakeCandidate(1, std::nullopt, 10, 0);
  Candidate latest = MakeCandidate(2, 0, 10, 0);
  latest.member.published_at = absl::FromUnixSeconds(253'402'300'799);  // the end of year 9999
  for (const CanonicalPolicy policy :
       {CanonicalPolicy::kEarliestPublished, CanonicalPolicy::kSourcePriority}) {
    EXPECT_TRUE(BetterCanonical(latest, unknown, policy));
    EXPECT_FALSE(BetterCanonical(unknown, latest, policy));
    const Candidate unknown_too = MakeCandidate(3, std::nullopt, 10, 0);
    EXPECT_TRUE(BetterCanonical(unknown, unknown_too, policy));
  }
}

TEST(CanonicalTest, AmongEqualSourcesTheEarliestPublished) {
  const std::vector<Candidate> members = {
      MakeCandidate(1, 1, 10, 2),
      MakeCandidate(2, 9, 10, 1),
      MakeCandidate(3, 8, 10, 1),
      MakeCandidate(4, std::nullopt, 10, 1),
  };
  EXPECT_EQ(ChooseCanonical(members, CanonicalPolicy::kSourcePriority, kNever), 3u);
}

TEST(CanonicalTest, AMemberHasTheRankOfItsSource) {
  CollectionSettings settings;
  settings.canonical_policy = CanonicalPolicy::kSourcePriority;
  settings.source_priority = {"AP", "Reuters"};
  Article article;
  article.published_at = absl::UnixEpoch();
  article.source = "Reuters";
  const store::MemberRecord member = MakeMember(article, 321, kIngested, settings);
  EXPECT_EQ(member.source_rank, 1u);
  EXPECT_EQ(member.body_tokens, 321);
  EXPECT_EQ(member.published_at, article.published_at);
  article.source = "AP";
  EXPECT_EQ(MakeMember(article, 0, kIngested, settings).source_rank, 0u);
  // Others come behind, and so does the unknown source.
  for (const char* other : {"ap", "Reuters ", ""}) {
    article.source = other;
    EXPECT_EQ(MakeMember(article, 0, kIngested, settings).source_rank, 2u) << other;
  }
  article.published_at.reset();
  EXPECT_FALSE(MakeMember(article, 0, kIngested, settings).published_at.has_value());
}

TEST(CanonicalTest, AMemberGoesWithItsTimeOfPublicationUnlessThatIsToCome) {
  Article article;
  EXPECT_EQ(MakeMember(article, 0, kIngested, {}).time, kIngested);
  article.published_at = kIngested - absl::Hours(1);
  EXPECT_EQ(MakeMember(article, 0, kIngested, {}).time, *article.published_at);
  article.published_at = kIngested + absl::Hours(1);
  EXPECT_EQ(MakeMember(article, 0, kIngested, {}).time, kIngested);
}

TEST(CanonicalTest, OneThatHasExpiredComesAfterAllOthersAndThenTheLastToGo) {
  std::vector<Candidate> members = {MakeCandidate(1, 1, 10, 0), MakeCandidate(2, 2, 10, 1),
                                    MakeCandidate(3, 3, 10, 2), MakeCandidate(4, 3, 10, 3)};
  for (Candidate& member : members) member.member.time = *member.member.published_at;
  const auto hour = [](int hours) { return absl::UnixEpoch() + absl::Hours(hours); };
  for (const CanonicalPolicy policy : kPolicies) {
    EXPECT_EQ(ChooseCanonical(members, policy, hour(1)), 1u);  // of that very time: not expired
    EXPECT_EQ(ChooseCanonical(members, policy, hour(2)), 2u);
    EXPECT_EQ(ChooseCanonical(members, policy, hour(4)), 4u);  // of equal times the last ingested
  }
}

TEST(CanonicalTest, IsAStrictOrder) {
  std::mt19937_64 random(newsprint::testing::Seed());
  std::vector<Candidate> candidates;
  for (Ordinal ordinal = 0; ordinal < 40; ++ordinal) {
    const std::optional<int> hour =
        random() % 3 == 0 ? std::nullopt : std::optional<int>(static_cast<int>(random() % 4));
    candidates.push_back(MakeCandidate(ordinal, hour, static_cast<int64_t>(random() % 4),
                                       static_cast<uint32_t>(random() % 3)));
  }
  for (const CanonicalPolicy policy : kPolicies) {
    const auto better = [&](const Candidate& a, const Candidate& b) {
      return BetterCanonical(a, b, policy);
    };
    for (const Candidate& a : candidates) {
      for (const Candidate& b : candidates) {
        // Total: of two, exactly one is better.
        EXPECT_EQ(better(a, b) + better(b, a), a.ordinal == b.ordinal ? 0 : 1);
        if (!better(a, b)) continue;
        for (const Candidate& c : candidates) {
          EXPECT_TRUE(!better(b, c) || better(a, c));
        }
      }
    }
    std::vector<Candidate> sorted = candidates;
    std::sort(sorted.begin(), sorted.end(), better);
    for (int round = 0; round < 5; ++round) {
      std::shuffle(candidates.begin(), candidates.end(), random);
      EXPECT_EQ(ChooseCanonical(candidates, policy, kNever), sorted.front().ordinal);
    }
  }
}

}  // namespace
}  // namespace newsprint
