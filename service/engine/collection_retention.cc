// The part of Collection that deletes what its retention lets go. An expiry is an operation like a
// deletion, with a batch of its own, and the state is a function of the order of all of them.
#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "service/common/status_macros.h"
#include "service/common/timed_mutex_lock.h"
#include "service/engine/collection_change.h"
#include "service/engine/engine_counters.h"

namespace newsprint {
namespace {

// Articles that are deleted with the lock held, some 100 us each; of the oldest fewer when it takes
// longer. And in how many turns one ExpireSome does it.
constexpr size_t kSliceArticles = 16;
constexpr absl::Duration kSliceTime = absl::Milliseconds(5);
constexpr int kSlices = 16;
// The lock goes to whoever asks first, which would be the next turn.
constexpr absl::Duration kRest = absl::Microseconds(200);
// Deleted articles after which the store is asked to make room.
constexpr uint64_t kReclaimedTogether = 10'000;
// How long Update deletes what had expired before, and what has become too much.
constexpr absl::Duration kUpdateTime = absl::Seconds(1);

}  // namespace

bool Collection::Expiry::IsOver(const Collection& self) {
  const int64_t articles_max = self.live_.retention().articles_max;
  return articles_max > 0 && self.state_.articles > static_cast<uint64_t>(articles_max);
}

absl::Status Collection::Expiry::Remove(Collection& self, Ordinal ordinal,
                                        const store::ArticleRecord& record, bool expired,
                                        LoadedGroup* group, Change* change) {
  ASSIGN_OR_RETURN(const store::FingerprintRecord fingerprint,
                   self.store_->GetFingerprint(self.uid_, ordinal));
  --change->state.articles;
  --change->state.relations[static_cast<int>(record.verdict.relation)];
  RETURN_IF_ERROR(self.KeepLesson(ordinal, fingerprint, change));
  Leaving leaving;
  leaving.as_tombstone =
      !expired && group->record.withdrawal.has_value() && IsReference(group->record, ordinal);
  leaving.expired = expired;
  RETURN_IF_ERROR(self.RemoveMember(ordinal, leaving, group, change));
  const std::string& id = record.article.id;
  if (leaving.as_tombstone) {
    change->batch.DeleteContent(ordinal, id);
    change->batch.PutArticle(ordinal, Tombstone(record));
    RETURN_IF_ERROR(self.Unindex(ordinal, change));
    change->index.push_back({ordinal, change->unindex.back().sketch, std::nullopt});
  } else {
    change->batch.DeleteText(record.text_hash, ordinal);
    change->batch.DeleteArticle(ordinal, id);
    change->DeleteTime(PlaceOf(record, ordinal));
  }
  return self.DeleteVector(ordinal, change);
}

absl::Status Collection::Expiry::DropTombstone(const Collection& self, Ordinal ordinal,
                                               const store::ArticleRecord& record, Change* change) {
  RETURN_IF_ERROR(self.Unindex(ordinal, change));
  change->batch.DeleteText(record.text_hash, ordinal);
  change->batch.DeleteRecognition(ordinal);
  change->DeleteTime(PlaceOf(record, ordinal));
  return absl::OkStatus();
}

absl::Status Collection::Expiry::Expire(Collection& self, Ordinal ordinal, absl::Time now) {
  ASSIGN_OR_RETURN(const store::ArticleRecord record, self.store_->GetArticle(self.uid_, ordinal));
  ASSIGN_OR_RETURN(LoadedGroup group, self.LoadGroup(record.group));
  Change change(self.uid_, self.state_, now);
  change.batch.MayUseReserve();
  if (record.deleted) {
    std::vector<Ordinal>& references = group.record.references;
    references.erase(std::remove(references.begin(), references.end(), ordinal), references.end());
    RETURN_IF_ERROR(DropTombstone(self, ordinal, record, &change));
    RETURN_IF_ERROR(self.PutOrEnd(&group, &change));
  } else {
    ++change.state.articles_expired;
    RETURN_IF_ERROR(Remove(self, ordinal, record, /*expired=*/true, &group, &change));
  }
  ++self.expired_unreclaimed_;
  RETURN_IF_ERROR(self.Commit(&change));
  if (!record.deleted) Counters().articles_expired.Add();
  return absl::OkStatus();
}

absl::Status Collection::Expiry::ExpireOldest(Collection& self, size_t articles_max,
                                              absl::Time now) {
  const absl::Time end = absl::Now() + kSliceTime;
  for (size_t done = 0; done < articles_max && self.oldest_.has_value(); ++done) {
    if (done > 0 && absl::Now() >= end) break;
    if (!IsOver(self) && !self.live_.IsExpired(self.oldest_->time, now)) break;
    const store::TimePlace place = *self.oldest_;
    const absl::StatusOr<store::ArticleRecord> record =
        self.store_->GetArticle(self.uid_, place.ordinal);
    if (IsGone(record.status()) || (record.ok() && store::ArticleTime(*record) != place.time)) {
      Change change(self.uid_, self.state_, now);
      change.batch.MayUseReserve();
      change.DeleteTime(place);  // a place of nobody would hold up all behind it
      RETURN_IF_ERROR(self.Commit(&change));
      continue;
    }
    RETURN_IF_ERROR(record.status());
    RETURN_IF_ERROR(Expire(self, place.ordinal, now));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> Collection::Expiry::Settle(Collection& self, GroupNumber number,
                                                absl::Time now, size_t articles_max,
                                                Ordinal* first) {
  const absl::StatusOr<LoadedGroup> group = self.LoadGroup(number);
  if (IsGone(group.status())) return true;  // the caller will find out
  RETURN_IF_ERROR(group.status());
  std::vector<Ordinal> expired;
  const absl::Status scanned = self.store_->ForEachMember(
      self.uid_, group->number, *first, [&](Ordinal ordinal, const store::MemberRecord& member) {
        if (self.live_.IsExpired(member.time, now)) {
          expired.push_back(ordinal);
          *first = ordinal + 1;
        }
        return expired.size() < articles_max;
      });
  if (!IsUnreadable(scanned)) RETURN_IF_ERROR(scanned);
  const bool is_all = expired.size() < articles_max;
  if (is_all) {
    for (const Ordinal reference : group->record.references) {
      const absl::StatusOr<store::ArticleRecord> record =
          self.store_->GetArticle(self.uid_, reference);
      if (IsUnreadable(record.status())) continue;
      RETURN_IF_ERROR(record.status());
      const bool is_tombstone = record->deleted;
      if (is_tombstone && self.live_.IsExpired(store::ArticleTime(*record), now)) {
        expired.push_back(reference);
      }
    }
  }
  for (const Ordinal ordinal : expired) {
    const absl::Status status = Expire(self, ordinal, now);
    if (!IsUnreadable(status)) RETURN_IF_ERROR(status);
  }
  return is_all;
}

absl::Status Collection::Expiry::SettleAll(Collection& self, GroupNumber number, absl::Time now) {
  if (!self.live_.IsAnyDue(now)) return absl::OkStatus();
  Ordinal first = 0;
  return Settle(self, number, now, SIZE_MAX, &first).status();
}

absl::Status Collection::Expiry::SettleInTurns(Collection& self, GroupNumber number) {
  if (!self.live_.IsAnyDue(self.live_.Now())) return absl::OkStatus();
  Ordinal first = 0;
  while (true) {
    {
      TimedMutexLock lock(self.write_mutex_);
      RETURN_IF_ERROR(self.CheckOpen());
      ASSIGN_OR_RETURN(const bool settled,
                       Settle(self, number, self.live_.Now(), kSliceArticles, &first));
      if (settled) return absl::OkStatus();
    }
    absl::SleepFor(kRest);
  }
}

absl::Status Collection::Expiry::SettleGroupOf(Collection& self, absl::string_view id) {
  if (!self.live_.IsAnyDue(self.live_.Now())) return absl::OkStatus();
  const absl::StatusOr<GroupNumber> group = self.GroupOf(id);
  if (IsUnreadable(group.status())) return absl::OkStatus();
  RETURN_IF_ERROR(group.status());
  return SettleInTurns(self, *group);
}

absl::Status Collection::Expiry::SettleStoryOf(Collection& self, const PreparedIngest& ingest) {
  ASSIGN_OR_RETURN(const bool few, self.live_.IsDueAtMost(kSliceArticles));
  if (few) return absl::OkStatus();
  const std::string& id = ingest.prepared.article.id;
  RETURN_IF_ERROR(SettleGroupOf(self, id));
  ASSIGN_OR_RETURN(const std::optional<Ordinal> own, self.live_.FindId(id));
  // Very many of the same text hide each other, and those that came later.
  std::optional<Ordinal> before;
  while (true) {
    ASSIGN_OR_RETURN(const auto same_text, self.live_.FindText(ingest.prepared.text_hash, own));
    if (!same_text.has_value() || same_text == before) break;
    before = same_text;
    ASSIGN_OR_RETURN(const store::ArticleRecord record,
                     self.store_->GetArticle(self.uid_, *same_text));
    RETURN_IF_ERROR(SettleInTurns(self, record.group));
  }
  PreparedArticle prepared = ingest.prepared;
  self.MarkBoilerplate(&prepared);
  ASSIGN_OR_RETURN(const std::vector<Match> matches,
                   self.FindCopies(prepared, own, {}, {/*matches=*/1, /*templates=*/0}));
  return matches.empty() ? absl::OkStatus() : SettleInTurns(self, matches[0].group);
}

absl::StatusOr<Verdict> Collection::Expiry::Decide(Collection& self,
                                                   const PreparedArticle& prepared,
                                                   std::optional<Ordinal> except, bool skip_related,
                                                   absl::Time now) {
  while (true) {
    ASSIGN_OR_RETURN(Verdict verdict, self.Decide(prepared, except, skip_related));
    const uint64_t sequence = self.state_.sequence;
    if (verdict.group != 0) RETURN_IF_ERROR(SettleAll(self, verdict.group, now));
    if (self.state_.sequence == sequence) return verdict;
    // Its references are others now.
  }
}

absl::StatusOr<bool> Collection::Expiry::IsTooLate(const Collection& self,
                                                   const store::TimePlace& place, absl::Time now) {
  if (self.live_.IsExpired(place.time, now)) return true;
  const int64_t articles_max = self.live_.retention().articles_max;
  if (articles_max == 0 || self.state_.articles < static_cast<uint64_t>(articles_max)) return false;
  // It would be one too many: is any of the others to go before it?
  for (std::optional<store::TimePlace> at = self.oldest_; at.has_value() && IsBefore(*at, place);) {
    ASSIGN_OR_RETURN(const store::ArticleRecord record,
                     self.store_->GetArticle(self.uid_, at->ordinal));
    if (!record.deleted) return false;
    ASSIGN_OR_RETURN(const auto next, self.store_->ByTime(self.uid_, *at, 2));
    at = next.size() < 2 ? std::nullopt : std::optional<store::TimePlace>(next[1]);
  }
  return true;
}

absl::StatusOr<Verdict> Collection::Expiry::AnswerTooLate(Collection& self,
                                                          const PreparedIngest& ingest,
                                                          absl::Time now) {
  const PreparedArticle& prepared = ingest.prepared;
  ASSIGN_OR_RETURN(Verdict verdict, Decide(self, prepared, std::nullopt, ingest.skip_related, now));
  verdict.expired = true;
  verdict.embedding_pending = false;
  if (!ingest.request_id.empty()) {
    Change change(self.uid_, self.state_, now);
    RETURN_IF_ERROR(self.RememberRequest(
        ingest.request_id,
        {store::RequestRecord::Kind::kIngest, prepared.article.id, prepared.content_hash, verdict},
        &change));
    RETURN_IF_ERROR(self.Commit(&change));
  }
  if (verdict.group != 0) RETURN_IF_ERROR(self.BringUpToDate(prepared.article.id, &verdict));
  return verdict;
}

absl::Status Collection::Expiry::UpdateOldest(Collection& self, const Change& change) {
  if (change.put_times.empty() && change.deleted_times.empty()) return absl::OkStatus();
  std::optional<store::TimePlace> oldest = self.oldest_;
  for (const store::TimePlace& place : change.put_times) {
    if (!oldest.has_value() || IsBefore(place, *oldest)) oldest = place;
  }
  const bool may_be_gone = std::any_of(change.deleted_times.begin(), change.deleted_times.end(),
                                       [&](const store::TimePlace& place) {
                                         return oldest.has_value() && !IsBefore(*oldest, place);
                                       });
  if (may_be_gone) {
    // From it on, and not from the first key: the store passes over deleted ones one by one.
    ASSIGN_OR_RETURN(const auto places, self.store_->ByTime(self.uid_, *oldest, 1));
    oldest = places.empty() ? std::nullopt : std::optional<store::TimePlace>(places.front());
  }
  self.oldest_ = oldest;
  self.live_.set_oldest(oldest.has_value() ? std::optional<absl::Time>(oldest->time)
                                           : std::nullopt);
  return absl::OkStatus();
}

absl::Status Collection::Update(std::optional<Retention> retention,
                                std::optional<Durability> durability) {
  const auto expire_for_a_while = [this]() -> absl::Status {
    const absl::Time end = absl::Now() + kUpdateTime;
    while (absl::Now() < end) {
      ASSIGN_OR_RETURN(const bool expired_some, ExpireSome());
      if (!expired_some) break;
    }
    return absl::OkStatus();
  };
  // Else it would come back where the limits are eased. What cannot be read stays.
  if (const absl::Status status = expire_for_a_while(); !absl::IsDataLoss(status)) {
    RETURN_IF_ERROR(status);
  }
  {
    TimedMutexLock lock(write_mutex_);
    RETURN_IF_ERROR(CheckOpen());
    const auto next = subjects_->next();
    store::CollectionRecord record =
        Record(subjects_->embedding()->settings, next == nullptr ? nullptr : &next->settings);
    if (retention.has_value()) record.settings.retention = *retention;
    if (durability.has_value()) record.settings.durability = *durability;
    Change change(uid_, state_, live_.Now());
    change.batch.PutCollection(record);
    change.batch.MayUseReserve();  // a shorter retention is what makes room
    change.must_sync = true;
    RETURN_IF_ERROR(Commit(&change));
    live_.set_retention(record.settings.retention);
    durability_ = record.settings.durability;
  }
  return expire_for_a_while();
}

absl::StatusOr<bool> Collection::ExpireSome() {
  if (!live_.IsAnyDue(live_.Now())) {  // looks before it waits for writers
    MutexLock lock(stats_mutex_);
    const int64_t articles_max = live_.retention().articles_max;
    if (articles_max == 0 || published_state_.articles <= static_cast<uint64_t>(articles_max)) {
      return false;
    }
  }
  bool expired_some = false;
  bool reclaim = false;
  for (int slice = 0; slice < kSlices; ++slice) {
    if (slice > 0) absl::SleepFor(kRest);
    TimedMutexLock lock(write_mutex_);
    RETURN_IF_ERROR(CheckOpen());
    const uint64_t sequence = state_.sequence;
    RETURN_IF_ERROR(Expiry::ExpireOldest(*this, kSliceArticles, live_.Now()));
    if (state_.sequence == sequence) break;
    expired_some = true;
    if (expired_unreclaimed_ < kReclaimedTogether) continue;
    expired_unreclaimed_ = 0;
    reclaim = true;
    break;
  }
  if (reclaim) RETURN_IF_ERROR(store_->BeginReclaiming());  // may wait
  return expired_some;
}

}  // namespace newsprint
