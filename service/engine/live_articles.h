// The articles and groups of a collection as callers see them.
#ifndef NEWSPRINT_SERVICE_ENGINE_LIVE_ARTICLES_H_
#define NEWSPRINT_SERVICE_ENGINE_LIVE_ARTICLES_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/common/clock.h"
#include "service/common/types.h"
#include "service/engine/groups.h"
#include "service/store/store.h"

namespace newsprint {

// Says which articles have expired by their age, and passes over those that the store still holds:
// it takes a while until they are deleted, longest after a start and after a change of retention.
// As nearly always none is due, that costs nothing but a look at the oldest one's time.
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
  bool IsAnyDue() const { return HasAge() && IsExpired(FromMicros(oldest_micros_), Now()); }

  // As in the store, where what has expired is NOT_FOUND.
  absl::StatusOr<store::ArticleRecord> GetArticle(Ordinal ordinal) const;
  absl::StatusOr<std::optional<Ordinal>> FindId(absl::string_view id) const;
  absl::StatusOr<LoadedGroup> LoadGroup(GroupNumber number) const;
  // A group of the store as it will be when those members are deleted that have expired at `now`.
  // NOT_FOUND when nothing will be left of it.
  absl::StatusOr<LoadedGroup> AsOf(LoadedGroup group, absl::Time now) const;
  // The first of what `search`, which is told how many to return, finds: at least `wanted` that
  // have not expired, as far as a search for 16 times as many has them. In the place of one that
  // has expired are those that its group will be known by, so some may be there twice.
  absl::StatusOr<std::vector<Ordinal>> Search(
      int wanted, absl::FunctionRef<absl::StatusOr<std::vector<Ordinal>>(int)> search) const;
  // Puts in the place of each article that has expired those that its group will be known by.
  absl::Status ReplaceExpired(std::vector<Ordinal>* ordinals) const;
  // Which member is to stand for a group of the store.
  absl::StatusOr<Ordinal> BestMember(GroupNumber group, std::optional<Ordinal> except,
                                     absl::Time now) const;
  // Whether the canonical of `a` is to be preferred to that of `b`, both with members.
  absl::StatusOr<bool> IsBetterCanonical(const LoadedGroup& a, const LoadedGroup& b,
                                         absl::Time now) const;
  // Whether an article is a member and has not expired at `now`.
  absl::StatusOr<bool> IsMember(const LoadedGroup& group, Ordinal ordinal, absl::Time now) const;
  absl::StatusOr<std::string> CanonicalId(const LoadedGroup& group) const {
    return newsprint::CanonicalId(*store_, uid_, group);
  }

 private:
  static constexpr int64_t kNoMicros = INT64_MAX;
  static absl::Time FromMicros(int64_t micros) {
    return micros == kNoMicros ? absl::InfiniteFuture() : absl::FromUnixMicros(micros);
  }
  bool HasAge() const { return age_seconds_ != 0; }
  // False when the article is gone.
  absl::StatusOr<bool> IsLive(Ordinal ordinal) const;
  // The articles that the store holds and that have expired at `now`, ascending; absent: more than
  // are worth listing.
  absl::StatusOr<std::optional<std::vector<Ordinal>>> Due(absl::Time now) const;

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
