// The articles and groups of a collection as callers see them.
#ifndef NEWSPRINT_SERVICE_ENGINE_LIVE_ARTICLES_H_
#define NEWSPRINT_SERVICE_ENGINE_LIVE_ARTICLES_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "service/common/clock.h"
#include "service/common/types.h"
#include "service/engine/groups.h"
#include "service/store/store.h"

namespace newsprint {

// Says which articles have expired by their age, and passes over those that the store still holds:
// it takes a while until they are deleted, longest after a start and after a change of retention.
// While none is due, that costs a look at the oldest one's time; while few are, one short read.
//
// Thread-safe. A time that has been passed over may come back when the retention is eased, or the
// clock is set back, until its article is deleted.
class LiveArticles {
 public:
  // `store` must outlive it.
  LiveArticles(const store::Store* store, uint32_t uid, CanonicalPolicy policy, Clock clock);

  absl::Time Now() const { return clock_(); }
  Retention retention() const;
  void set_retention(const Retention& retention);
  // Articles of a time before it have expired at `now`.
  absl::Time Cutoff(absl::Time now) const;
  // The oldest time of an article in the store; absent: there is none.
  std::optional<absl::Time> oldest() const;
  void set_oldest(std::optional<absl::Time> time);

  // Whether an article of this time has expired at `now`.
  bool IsExpired(absl::Time article_time, absl::Time now) const {
    return article_time < Cutoff(now);
  }
  // Whether the store holds any article that has expired by its age.
  bool IsAnyDue(absl::Time now) const {
    return HasAge() && IsExpired(FromMicros(oldest_micros_), now);
  }
  // Whether they are no more than `articles_max`.
  absl::StatusOr<bool> IsDueAtMost(size_t articles_max) const;

  // As in the store, where what has expired is NOT_FOUND.
  absl::StatusOr<store::ArticleRecord> GetArticle(Ordinal ordinal) const;
  absl::StatusOr<std::optional<Ordinal>> FindId(absl::string_view id) const;
  // The first article with this text, but not `except`. It has expired when very many have.
  absl::StatusOr<std::optional<Ordinal>> FindText(const Hash128& text_hash,
                                                  std::optional<Ordinal> except) const;
  absl::StatusOr<LoadedGroup> LoadGroup(GroupNumber number) const;
  // The same, quickly: its canonical and withdrawal are right, but members and references may be
  // those of the store.
  absl::StatusOr<LoadedGroup> LoadHead(GroupNumber number) const;
  // A group of the store as it will be when those members are deleted that have expired at `now`.
  // NOT_FOUND when nothing will be left of it.
  absl::StatusOr<LoadedGroup> AsOf(LoadedGroup group, absl::Time now) const;
  // The first members, at most `members_max`.
  absl::StatusOr<std::vector<Ordinal>> Members(GroupNumber group, size_t members_max) const;
  // Which member is to stand for a group of the store.
  absl::StatusOr<Ordinal> BestMember(GroupNumber group, std::optional<Ordinal> except,
                                     absl::Time now) const;
  absl::StatusOr<std::string> CanonicalId(const LoadedGroup& group) const {
    return newsprint::CanonicalId(*store_, uid_, group);
  }

  // The first `wanted` of what `search`, which is told how many to return, finds. In the place of
  // those that have expired are the references that their group will be known by, and they crowd
  // out others only when they are 16 times as many.
  absl::StatusOr<std::vector<Ordinal>> Search(
      int wanted, absl::FunctionRef<absl::StatusOr<std::vector<Ordinal>>(int)> search) const;
  // The same for articles at hand: each once.
  absl::Status ReplaceExpired(std::vector<Ordinal>* ordinals) const;

 private:
  // What ReplaceExpired has seen so far.
  struct Seen {
    absl::flat_hash_set<Ordinal> ordinals;
    absl::flat_hash_set<GroupNumber> groups;
  };
  static constexpr int64_t kNoMicros = INT64_MAX;
  static absl::Time FromMicros(int64_t micros) {
    return micros == kNoMicros ? absl::InfiniteFuture() : absl::FromUnixMicros(micros);
  }
  bool HasAge() const { return age_seconds_ != 0; }
  // False when the article is gone.
  absl::StatusOr<bool> IsLive(Ordinal ordinal, absl::Time now) const;
  // The articles that the store holds and that have expired at `now`, ascending; absent when they
  // are more than `articles_max`.
  absl::StatusOr<std::optional<std::vector<Ordinal>>> Due(absl::Time now,
                                                          size_t articles_max) const;
  absl::Status AppendLive(absl::Span<const Ordinal> ordinals, absl::Time now, Seen* seen,
                          std::vector<Ordinal>* live) const;

  const store::Store* const store_;
  const uint32_t uid_;
  const CanonicalPolicy policy_;
  const Clock clock_;
  std::atomic<int64_t> age_seconds_{0};  // 0: any
  std::atomic<int64_t> articles_max_{0};
  std::atomic<int64_t> oldest_micros_{kNoMicros};
};

}  // namespace newsprint

#endif  // NEWSPRINT_SERVICE_ENGINE_LIVE_ARTICLES_H_
