#include "service/engine/live_articles.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/common/status_macros.h"
#include "service/engine/canonical.h"

namespace newsprint {
namespace {

// Expired articles that are looked for by their number; when there are more, each article in
// question is read.
constexpr size_t kDueMax = 64;
// By how much a search goes on when what has expired crowds out the rest, and how far.
constexpr int kSearchGrowth = 4;
constexpr int kSearchMax = 16;

}  // namespace

LiveArticles::LiveArticles(const store::Store* store, uint32_t uid, CanonicalPolicy policy,
                           Clock clock)
    : store_(store), uid_(uid), policy_(policy), clock_(std::move(clock)) {}

Retention LiveArticles::retention() const {
  Retention retention;
  if (age_seconds_ > 0) retention.age = absl::Seconds(age_seconds_.load());
  retention.articles_max = articles_max_;
  return retention;
}

void LiveArticles::set_retention(const Retention& retention) {
  const bool any_age = retention.age == absl::InfiniteDuration();
  age_seconds_ = any_age ? 0 : absl::ToInt64Seconds(retention.age);
  articles_max_ = retention.articles_max;
}

std::optional<absl::Time> LiveArticles::oldest() const {
  const int64_t micros = oldest_micros_;
  if (micros == kNoMicros) return std::nullopt;
  return absl::FromUnixMicros(micros);
}

void LiveArticles::set_oldest(std::optional<absl::Time> time) {
  oldest_micros_ = time.has_value() ? absl::ToUnixMicros(*time) : kNoMicros;
}

absl::Time LiveArticles::Cutoff(absl::Time now) const {
  const int64_t age_seconds = age_seconds_;
  return age_seconds == 0 ? absl::InfinitePast() : now - absl::Seconds(age_seconds);
}

absl::StatusOr<store::ArticleRecord> LiveArticles::GetArticle(Ordinal ordinal) const {
  ASSIGN_OR_RETURN(store::ArticleRecord record, store_->GetArticle(uid_, ordinal));
  if (HasAge() && IsExpired(store::ArticleTime(record), Now()))
    return absl::NotFoundError("collection: the article has expired");
  return record;
}

absl::StatusOr<bool> LiveArticles::IsLive(Ordinal ordinal, absl::Time now) const {
  const auto record = store_->GetArticle(uid_, ordinal);
  if (IsGone(record.status())) return false;
  RETURN_IF_ERROR(record.status());
  return !IsExpired(store::ArticleTime(*record), now);
}

absl::StatusOr<std::optional<Ordinal>> LiveArticles::FindId(absl::string_view id) const {
  ASSIGN_OR_RETURN(std::optional<Ordinal> ordinal, store_->FindId(uid_, id));
  const absl::Time now = Now();
  if (!ordinal.has_value() || !IsAnyDue(now)) return ordinal;
  ASSIGN_OR_RETURN(const bool live, IsLive(*ordinal, now));
  if (!live) ordinal.reset();
  return ordinal;
}

absl::StatusOr<std::optional<Ordinal>> LiveArticles::FindText(const Hash128& text_hash,
                                                              std::optional<Ordinal> except) const {
  const absl::Time now = Now();
  const bool any_due = IsAnyDue(now);
  size_t expired = 0;
  return store_->FindText(uid_, text_hash, [&](Ordinal ordinal) {
    if (ordinal == except) return false;
    if (!any_due) return true;
    const absl::StatusOr<bool> live = IsLive(ordinal, now);
    // What cannot be read is found here, and told where it is read again.
    return !live.ok() || *live || ++expired == kDueMax;
  });
}

absl::StatusOr<std::optional<std::vector<Ordinal>>> LiveArticles::Due(absl::Time now,
                                                                      size_t articles_max) const {
  // From the oldest on, and not from the first key: the store passes over deleted ones one by one.
  const absl::Time oldest = FromMicros(oldest_micros_);
  ASSIGN_OR_RETURN(const auto places, store_->ByTime(uid_, {oldest, 0}, articles_max + 1));
  std::vector<Ordinal> due;
  for (const store::TimePlace& place : places) {
    if (IsExpired(place.time, now)) due.push_back(place.ordinal);
  }
  if (due.size() > articles_max) return std::optional<std::vector<Ordinal>>();
  std::sort(due.begin(), due.end());
  return std::optional<std::vector<Ordinal>>(std::move(due));
}

absl::StatusOr<bool> LiveArticles::IsDueAtMost(size_t articles_max) const {
  const absl::Time now = Now();
  if (!IsAnyDue(now)) return true;
  ASSIGN_OR_RETURN(const auto due, Due(now, articles_max));
  return due.has_value();
}

absl::Status LiveArticles::AppendLive(absl::Span<const Ordinal> ordinals, absl::Time now,
                                      Seen* seen, std::vector<Ordinal>* live) const {
  ASSIGN_OR_RETURN(const auto due, Due(now, kDueMax));
  for (const Ordinal ordinal : ordinals) {
    if (!seen->ordinals.insert(ordinal).second) continue;
    if (due.has_value() && !std::binary_search(due->begin(), due->end(), ordinal)) {
      live->push_back(ordinal);
      continue;
    }
    const auto record = store_->GetArticle(uid_, ordinal);
    if (!IsGone(record.status())) RETURN_IF_ERROR(record.status());
    if (!record.ok() || !IsExpired(store::ArticleTime(*record), now)) {
      live->push_back(ordinal);
      continue;
    }
    if (!seen->groups.insert(record->group).second) continue;
    const auto group = LoadGroup(record->group);
    if (IsGone(group.status())) continue;
    RETURN_IF_ERROR(group.status());
    for (const Ordinal reference : group->record.references) {
      if (seen->ordinals.insert(reference).second) live->push_back(reference);
    }
  }
  return absl::OkStatus();
}

absl::Status LiveArticles::ReplaceExpired(std::vector<Ordinal>* ordinals) const {
  const absl::Time now = Now();
  if (!IsAnyDue(now)) return absl::OkStatus();
  Seen seen;
  std::vector<Ordinal> live;
  RETURN_IF_ERROR(AppendLive(*ordinals, now, &seen, &live));
  ordinals->swap(live);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Ordinal>> LiveArticles::Search(
    int wanted, absl::FunctionRef<absl::StatusOr<std::vector<Ordinal>>(int)> search) const {
  const absl::Time now = Now();
  if (!IsAnyDue(now)) return search(wanted);
  const size_t live_max = static_cast<size_t>(wanted);
  Seen seen;
  std::vector<Ordinal> live;
  for (int ask = wanted;; ask *= kSearchGrowth) {
    ASSIGN_OR_RETURN(const std::vector<Ordinal> found, search(ask));
    RETURN_IF_ERROR(AppendLive(found, now, &seen, &live));
    const bool all = found.size() < static_cast<size_t>(ask) || ask >= kSearchMax * wanted;
    if (all || live.size() >= live_max) return live;
  }
}

absl::StatusOr<LoadedGroup> LiveArticles::LoadGroup(GroupNumber number) const {
  ASSIGN_OR_RETURN(LoadedGroup group, newsprint::LoadGroup(*store_, uid_, number));
  const absl::Time now = Now();
  if (!IsAnyDue(now)) return group;
  absl::StatusOr<LoadedGroup> seen = AsOf(group, now);
  if (!IsGone(seen.status())) return seen;
  // Its members may have moved to another group since.
  ASSIGN_OR_RETURN(LoadedGroup again, newsprint::LoadGroup(*store_, uid_, number));
  if (again.number == group.number) return seen;
  return AsOf(std::move(again), now);
}

absl::StatusOr<LoadedGroup> LiveArticles::LoadHead(GroupNumber number) const {
  ASSIGN_OR_RETURN(LoadedGroup group, newsprint::LoadGroup(*store_, uid_, number));
  const absl::Time now = Now();
  if (!IsAnyDue(now)) return group;
  ASSIGN_OR_RETURN(const auto canonical,
                   store_->GetMember(uid_, group.number, group.record.canonical));
  if (canonical.has_value() && !IsExpired(canonical->time, now)) return group;
  return LoadGroup(number);
}

absl::StatusOr<LoadedGroup> LiveArticles::AsOf(LoadedGroup group, absl::Time now) const {
  if (!IsAnyDue(now)) return group;
  store::GroupRecord& record = group.record;
  std::vector<Candidate> live;
  RETURN_IF_ERROR(store_->ForEachMember(uid_, group.number, 0,
                                        [&](Ordinal ordinal, const store::MemberRecord& member) {
                                          if (!IsExpired(member.time, now)) {
                                            live.push_back({ordinal, member});
                                          }
                                          return true;
                                        }));
  const auto is_live_member = [&](Ordinal ordinal) {
    return std::binary_search(
        live.begin(), live.end(), Candidate{ordinal, {}},
        [](const Candidate& a, const Candidate& b) { return a.ordinal < b.ordinal; });
  };
  std::vector<Ordinal> references;
  for (const Ordinal reference : record.references) {
    bool is_live = is_live_member(reference);
    if (!is_live) {
      ASSIGN_OR_RETURN(is_live, IsLive(reference, now));  // of a tombstone
    }
    if (is_live) references.push_back(reference);
  }
  record.members = live.size();
  record.references = std::move(references);
  if (live.empty()) {
    record.canonical_pinned = false;
    if (record.withdrawal.has_value() && !record.references.empty()) return group;
    return absl::NotFoundError(
        absl::StrCat("group_id: no such group, got \"g", group.number, "\""));
  }
  if (!is_live_member(record.canonical)) {
    record.canonical_pinned = false;
    record.canonical = ChooseCanonical(live, policy_, Cutoff(now));
  }
  if (record.references.empty()) record.references.push_back(record.canonical);
  return group;
}

absl::StatusOr<std::vector<Ordinal>> LiveArticles::Members(GroupNumber group,
                                                           size_t members_max) const {
  const absl::Time now = Now();
  if (!IsAnyDue(now)) return store_->Members(uid_, group, 0, members_max);
  std::vector<Ordinal> members;
  if (members_max == 0) return members;
  RETURN_IF_ERROR(store_->ForEachMember(uid_, group, 0,
                                        [&](Ordinal ordinal, const store::MemberRecord& member) {
                                          if (!IsExpired(member.time, now)) {
                                            members.push_back(ordinal);
                                          }
                                          return members.size() < members_max;
                                        }));
  return members;
}

absl::StatusOr<Ordinal> LiveArticles::BestMember(GroupNumber group, std::optional<Ordinal> except,
                                                 absl::Time now) const {
  const absl::Time cutoff = Cutoff(now);
  std::vector<Candidate> members;
  RETURN_IF_ERROR(store_->ForEachMember(
      uid_, group, 0, [&](Ordinal ordinal, const store::MemberRecord& member) {
        if (ordinal == except) return true;
        members.push_back({ordinal, member});
        // The first that has not expired is the best, and a group may have thousands.
        return policy_ != CanonicalPolicy::kFirstIngested || member.time < cutoff;
      }));
  if (members.empty()) return absl::DataLossError("store: group without its members");
  return ChooseCanonical(members, policy_, cutoff);
}

}  // namespace newsprint
