#include "service/engine/live_articles.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/common/status_macros.h"
#include "service/engine/canonical.h"

namespace newsprint {

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

absl::StatusOr<bool> LiveArticles::IsLive(Ordinal ordinal) const {
  const auto record = GetArticle(ordinal);
  if (IsGone(record.status())) return false;
  RETURN_IF_ERROR(record.status());
  return true;
}

absl::StatusOr<std::optional<Ordinal>> LiveArticles::FindId(absl::string_view id) const {
  ASSIGN_OR_RETURN(std::optional<Ordinal> ordinal, store_->FindId(uid_, id));
  if (!ordinal.has_value() || !IsAnyDue()) return ordinal;
  ASSIGN_OR_RETURN(const bool live, IsLive(*ordinal));
  if (!live) ordinal.reset();
  return ordinal;
}

absl::Status LiveArticles::ReplaceExpired(std::vector<Ordinal>* ordinals) const {
  if (!IsAnyDue()) return absl::OkStatus();
  std::vector<Ordinal> live;
  for (const Ordinal ordinal : *ordinals) {
    const auto record = store_->GetArticle(uid_, ordinal);
    if (!IsGone(record.status())) RETURN_IF_ERROR(record.status());
    if (!record.ok() || !IsExpired(store::ArticleTime(*record), Now())) {
      live.push_back(ordinal);
      continue;
    }
    const auto group = LoadGroup(record->group);
    if (IsGone(group.status())) continue;
    RETURN_IF_ERROR(group.status());
    live.insert(live.end(), group->record.references.begin(), group->record.references.end());
  }
  ordinals->swap(live);
  return absl::OkStatus();
}

absl::StatusOr<LoadedGroup> LiveArticles::LoadGroup(GroupNumber number) const {
  ASSIGN_OR_RETURN(LoadedGroup group, newsprint::LoadGroup(*store_, uid_, number));
  return AsOfNow(std::move(group));
}

absl::StatusOr<LoadedGroup> LiveArticles::AsOfNow(LoadedGroup group) const {
  if (!IsAnyDue()) return group;
  store::GroupRecord& record = group.record;
  std::vector<Candidate> members;
  RETURN_IF_ERROR(store_->ForEachMember(uid_, group.number,
                                        [&](Ordinal ordinal, const store::MemberRecord& member) {
                                          members.push_back({ordinal, member});
                                        }));
  std::vector<Candidate> live;
  for (const Candidate& member : members) {
    ASSIGN_OR_RETURN(const bool is_live, IsLive(member.ordinal));
    if (is_live) live.push_back(member);
  }
  std::vector<Ordinal> references;
  for (const Ordinal reference : record.references) {
    ASSIGN_OR_RETURN(const bool is_live, IsLive(reference));
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
  const bool keeps_canonical = std::any_of(live.begin(), live.end(), [&](const Candidate& member) {
    return member.ordinal == record.canonical;
  });
  if (!keeps_canonical) {
    record.canonical_pinned = false;
    record.canonical = ChooseCanonical(live, policy_);
  }
  if (record.references.empty()) record.references.push_back(record.canonical);
  return group;
}

}  // namespace newsprint
