// The half of Collection that changes groups.
#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "service/common/status_macros.h"
#include "service/common/timed_mutex_lock.h"
#include "service/engine/collection_change.h"

namespace newsprint {
namespace {

// Members that one MergeGroups moves: some 100,000 bytes of log for a thousand of them, and nothing
// else is written meanwhile.
constexpr uint64_t kMergedMembersMax = 10'000;

// References that merging may bring together: each is looked at when a copy joins.
constexpr size_t kReferencesOfGroupMax = 100;

absl::Status NotAMember(absl::string_view field, absl::string_view id) {
  return absl::FailedPreconditionError(
      absl::StrCat(field, ": not a member of the group, got \"", id, "\""));
}

GroupChange Told(GroupChangeKind kind, absl::string_view article_id = "",
                 GroupNumber other_group = 0) {
  GroupChange change;
  change.kind = kind;
  change.article_id = std::string(article_id);
  change.other_group = other_group;
  return change;
}

Hash128 HashOf(const SplitRequest& request) {
  Hasher128 hasher;
  hasher.Add(&request.group, sizeof(request.group));
  for (const std::string& id : request.ids) hasher.Add(id.c_str(), id.size() + 1);
  return hasher.Finish();
}

}  // namespace

absl::StatusOr<std::string> Collection::IdOf(Ordinal ordinal, const Change& change) const {
  if (const auto known = change.ids.find(ordinal); known != change.ids.end()) return known->second;
  ASSIGN_OR_RETURN(store::ArticleRecord record, store_->GetArticle(uid_, ordinal));
  return std::move(record.article.id);
}

absl::Status Collection::Tell(GroupChange told, const LoadedGroup& group, Change* change) const {
  told.sequence = change->state.next_change++;
  told.group = group.number;
  told.changed_at = change->time;
  if (group.record.members > 0) {
    ASSIGN_OR_RETURN(told.canonical_id, IdOf(group.record.canonical, *change));
  }
  const bool about_withdrawal =
      told.kind == GroupChangeKind::kWithdrawn || told.kind == GroupChangeKind::kJoined;
  if (about_withdrawal && !told.withdrawal.has_value() &&
      Affects(group.record.withdrawal, told.article_id)) {
    told.withdrawal = group.record.withdrawal;
  }
  change->batch.PutChange(told);
  change->has_group_changes = true;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Candidate>> Collection::LoadMembers(GroupNumber group) const {
  std::vector<Candidate> members;
  RETURN_IF_ERROR(store_->ForEachMember(uid_, group, 0,
                                        [&](Ordinal ordinal, const store::MemberRecord& member) {
                                          members.push_back({ordinal, member});
                                          return true;
                                        }));
  return members;
}

absl::Status Collection::Index(Ordinal ordinal, Change* change) const {
  ASSIGN_OR_RETURN(store::SketchRecord sketch, store_->GetSketch(uid_, ordinal));
  ASSIGN_OR_RETURN(IndexedSubject subject, LoadIndexed(ordinal));
  change->index.push_back({ordinal, std::move(sketch.values), std::move(subject)});
  return absl::OkStatus();
}

absl::Status Collection::Unindex(Ordinal ordinal, Change* change) const {
  ASSIGN_OR_RETURN(store::SketchRecord sketch, store_->GetSketch(uid_, ordinal));
  Change::Unindexed unindexed{ordinal, std::move(sketch.values), std::nullopt};
  absl::StatusOr<store::TermsRecord> terms = store_->GetTerms(uid_, ordinal);
  if (terms.ok()) {
    unindexed.terms = std::move(terms->terms);
  } else if (!absl::IsNotFound(terms.status())) {  // a tombstone has none
    return terms.status();
  }
  change->unindex.push_back(std::move(unindexed));
  return absl::OkStatus();
}

absl::Status Collection::MakeCanonical(Ordinal ordinal, LoadedGroup* group, Change* change) const {
  if (group->record.canonical == ordinal) return absl::OkStatus();
  GroupChange told = Told(GroupChangeKind::kCanonicalChanged);
  ASSIGN_OR_RETURN(told.article_id, IdOf(ordinal, *change));
  ASSIGN_OR_RETURN(told.previous_canonical_id, IdOf(group->record.canonical, *change));
  group->record.canonical = ordinal;
  return Tell(std::move(told), *group, change);
}

absl::Status Collection::AddMember(const Candidate& article, GroupChange told, LoadedGroup* group,
                                   Change* change) const {
  change->batch.PutMember(group->number, article.ordinal, article.member);
  const bool first = ++group->record.members == 1;
  if (first) {
    group->record.canonical = article.ordinal;
    group->record.canonical_pinned = false;
  }
  RETURN_IF_ERROR(Tell(std::move(told), *group, change));
  if (first || group->record.canonical_pinned) return absl::OkStatus();
  ASSIGN_OR_RETURN(const auto canonical,
                   store_->GetMember(uid_, group->number, group->record.canonical));
  if (!canonical.has_value()) return absl::DataLossError("store: canonical is not a member");
  const Candidate current{group->record.canonical, *canonical};
  if (!BetterCanonical(article, current, settings_.canonical_policy)) return absl::OkStatus();
  return MakeCanonical(article.ordinal, group, change);
}

absl::Status Collection::UpdateMember(const Candidate& article, LoadedGroup* group,
                                      Change* change) const {
  const CanonicalPolicy policy = settings_.canonical_policy;
  ASSIGN_OR_RETURN(const auto before, store_->GetMember(uid_, group->number, article.ordinal));
  if (!before.has_value()) return absl::DataLossError("store: article is not in its group");
  change->batch.PutMember(group->number, article.ordinal, article.member);
  if (group->record.canonical_pinned) return absl::OkStatus();
  // The canonical is the best member. So only two things can change that: another one has become
  // better, or it has become worse itself.
  if (group->record.canonical != article.ordinal) {
    ASSIGN_OR_RETURN(const auto canonical,
                     store_->GetMember(uid_, group->number, group->record.canonical));
    if (!canonical.has_value()) return absl::DataLossError("store: canonical is not a member");
    const bool better = BetterCanonical(article, {group->record.canonical, *canonical}, policy);
    return better ? MakeCanonical(article.ordinal, group, change) : absl::OkStatus();
  }
  if (!BetterCanonical({article.ordinal, *before}, article, policy)) return absl::OkStatus();
  ASSIGN_OR_RETURN(std::vector<Candidate> members, LoadMembers(group->number));
  for (Candidate& member : members) {
    if (member.ordinal == article.ordinal) member = article;
  }
  return MakeCanonical(ChooseCanonical(members, policy, live_.Cutoff(change->time)), group, change);
}

absl::Status Collection::RemoveMember(Ordinal ordinal, const Leaving& leaving, LoadedGroup* group,
                                      Change* change) const {
  store::GroupRecord& record = group->record;
  ASSIGN_OR_RETURN(const std::string id, IdOf(ordinal, *change));
  change->batch.DeleteMember(group->number, ordinal);
  --record.members;
  GroupChange told = Told(GroupChangeKind::kLeft, id, leaving.other);
  told.expired = leaving.expired;
  RETURN_IF_ERROR(Tell(std::move(told), *group, change));
  if (!leaving.as_tombstone && IsReference(record, ordinal)) {
    record.references.erase(
        std::remove(record.references.begin(), record.references.end(), ordinal),
        record.references.end());
    RETURN_IF_ERROR(Unindex(ordinal, change));
  }
  if (record.members == 0) {
    record.canonical_pinned = false;
  } else if (record.canonical == ordinal) {
    record.canonical_pinned = false;
    ASSIGN_OR_RETURN(const Ordinal heir, live_.BestMember(group->number, ordinal, change->time));
    RETURN_IF_ERROR(MakeCanonical(heir, group, change));
  }
  return PutOrEnd(group, change);
}

absl::Status Collection::PutOrEnd(LoadedGroup* group, Change* change) const {
  const store::GroupRecord& record = group->record;
  if (record.members > 0) {
    RETURN_IF_ERROR(EnsureReference(group, change));
  } else if (!record.withdrawal.has_value() || record.references.empty()) {
    --change->state.groups;
    change->batch.DeleteGroup(group->number);
    return Tell(Told(GroupChangeKind::kEnded), *group, change);
  }
  change->batch.PutGroup(group->number, record);
  return absl::OkStatus();
}

absl::Status Collection::EnsureReference(LoadedGroup* group, Change* change) const {
  if (!group->record.references.empty()) return absl::OkStatus();
  group->record.references.push_back(group->record.canonical);
  return Index(group->record.canonical, change);
}

absl::Status Collection::DropTombstones(LoadedGroup* group, Change* change) const {
  std::vector<Ordinal> kept;
  for (const Ordinal ordinal : group->record.references) {
    ASSIGN_OR_RETURN(const store::ArticleRecord record, store_->GetArticle(uid_, ordinal));
    if (!record.deleted) {
      kept.push_back(ordinal);
      continue;
    }
    RETURN_IF_ERROR(Expiry::DropTombstone(*this, ordinal, record, change));
  }
  group->record.references = std::move(kept);
  return absl::OkStatus();
}

absl::Status Collection::AddTombstone(const Subject& old, LoadedGroup* group,
                                      Change* change) const {
  // One is enough: what was withdrawn is the text before the first correction.
  for (const Ordinal reference : group->record.references) {
    ASSIGN_OR_RETURN(const store::ArticleRecord earlier, store_->GetArticle(uid_, reference));
    if (earlier.deleted && earlier.article.id == old.record->article.id) return absl::OkStatus();
  }
  const Ordinal ordinal = change->state.next_ordinal++;
  const store::ArticleRecord record = Tombstone(*old.record);
  change->batch.PutArticle(ordinal, record);
  change->PutTime(PlaceOf(record, ordinal));
  change->batch.PutText(record.text_hash, ordinal);
  change->batch.PutFingerprint(ordinal, old.prepared.fingerprint);
  ASSIGN_OR_RETURN(store::SketchRecord sketch, store_->GetSketch(uid_, *old.ordinal));
  change->batch.PutSketch(ordinal, sketch);
  change->index.push_back({ordinal, std::move(sketch.values), std::nullopt});
  group->record.references.push_back(ordinal);
  return absl::OkStatus();
}

absl::Status Collection::MoveMember(const Candidate& member, GroupNumber from, GroupNumber to,
                                    Change* change) const {
  change->batch.DeleteMember(from, member.ordinal);
  change->batch.PutMember(to, member.ordinal, member.member);
  ASSIGN_OR_RETURN(store::ArticleRecord record, store_->GetArticle(uid_, member.ordinal));
  record.group = to;
  record.verdict.group = to;
  record.placed_by_editor = true;
  change->batch.PutArticle(member.ordinal, record);
  return absl::OkStatus();
}

absl::StatusOr<GroupSummary> Collection::SetCanonical(GroupNumber number, absl::string_view id) {
  RETURN_IF_ERROR(Expiry::SettleInTurns(*this, number));
  TimedMutexLock lock(write_mutex_);
  RETURN_IF_ERROR(CheckOpen());
  RETURN_IF_ERROR(Expiry::SettleAll(*this, number, live_.Now()));
  ASSIGN_OR_RETURN(LoadedGroup group, LoadGroup(number));
  store::GroupRecord& record = group.record;
  Change change(uid_, state_, live_.Now());
  Ordinal canonical = record.canonical;
  if (id.empty()) {
    if (record.members > 0) {
      ASSIGN_OR_RETURN(canonical, live_.BestMember(group.number, std::nullopt, change.time));
    }
  } else {
    ASSIGN_OR_RETURN(const std::optional<Ordinal> ordinal, store_->FindId(uid_, id));
    if (!ordinal.has_value()) return NotAMember("article_id", id);
    ASSIGN_OR_RETURN(const auto member, store_->GetMember(uid_, group.number, *ordinal));
    if (!member.has_value()) return NotAMember("article_id", id);
    canonical = *ordinal;
  }
  if (canonical == record.canonical && record.canonical_pinned == !id.empty()) {
    return Summarise(group);
  }
  RETURN_IF_ERROR(MakeCanonical(canonical, &group, &change));
  record.canonical_pinned = !id.empty();
  change.batch.PutGroup(group.number, record);
  RETURN_IF_ERROR(Commit(&change));
  return Summarise(group);
}

// Of the canonicals of two groups with members.
absl::StatusOr<bool> Collection::IsBetterCanonical(const LoadedGroup& a,
                                                   const LoadedGroup& b) const {
  ASSIGN_OR_RETURN(const auto member_a, store_->GetMember(uid_, a.number, a.record.canonical));
  ASSIGN_OR_RETURN(const auto member_b, store_->GetMember(uid_, b.number, b.record.canonical));
  if (!member_a.has_value() || !member_b.has_value()) {
    return absl::DataLossError("store: canonical is not a member");
  }
  return BetterCanonical({a.record.canonical, *member_a}, {b.record.canonical, *member_b},
                         settings_.canonical_policy);
}

absl::StatusOr<GroupSummary> Collection::MergeGroups(GroupNumber number, GroupNumber merged) {
  RETURN_IF_ERROR(Expiry::SettleInTurns(*this, number));
  RETURN_IF_ERROR(Expiry::SettleInTurns(*this, merged));
  TimedMutexLock lock(write_mutex_);
  RETURN_IF_ERROR(CheckOpen());
  RETURN_IF_ERROR(Expiry::SettleAll(*this, number, live_.Now()));
  RETURN_IF_ERROR(Expiry::SettleAll(*this, merged, live_.Now()));
  ASSIGN_OR_RETURN(LoadedGroup group, LoadGroup(number));
  ASSIGN_OR_RETURN(LoadedGroup other, LoadGroup(merged));
  if (group.number == other.number) {
    if (number != merged) return Summarise(group);  // done before
    return absl::InvalidArgumentError(
        absl::StrCat("merged_group_id: the same group, got \"g", merged, "\""));
  }
  if (other.record.members > kMergedMembersMax) {
    return absl::FailedPreconditionError(
        absl::StrCat("merged_group_id: too large to be moved, got ", other.record.members,
                     " members, limit ", kMergedMembersMax));
  }
  const size_t references = group.record.references.size() + other.record.references.size();
  if (references > kReferencesOfGroupMax) {
    return absl::FailedPreconditionError(
        absl::StrCat("merged_group_id: the groups were merged from too many, got ", references,
                     " references, limit ", kReferencesOfGroupMax));
  }
  Change change(uid_, state_, live_.Now());
  ASSIGN_OR_RETURN(const std::vector<Candidate> moved, LoadMembers(other.number));
  for (const Candidate& member : moved) {
    RETURN_IF_ERROR(MoveMember(member, other.number, group.number, &change));
  }
  for (const Ordinal reference : other.record.references) {
    ASSIGN_OR_RETURN(store::ArticleRecord record, store_->GetArticle(uid_, reference));
    if (!record.deleted) continue;  // a member, and moved already
    record.group = group.number;
    change.batch.PutArticle(reference, record);
  }
  store::GroupRecord& record = group.record;
  record.references.insert(record.references.end(), other.record.references.begin(),
                           other.record.references.end());
  const bool takes_withdrawal =
      !record.withdrawal.has_value() && other.record.withdrawal.has_value();
  if (takes_withdrawal) record.withdrawal = other.record.withdrawal;
  const uint64_t members_before = record.members;
  record.members += other.record.members;

  store::GroupRecord redirect;
  redirect.merged_into = group.number;
  change.batch.PutGroup(other.number, redirect);
  --change.state.groups;
  RETURN_IF_ERROR(Tell(Told(GroupChangeKind::kMerged, "", group.number),
                       LoadedGroup{other.number, redirect}, &change));
  if (members_before == 0 && other.record.members > 0) {
    record.canonical = other.record.canonical;
    record.canonical_pinned = other.record.canonical_pinned;
    GroupChange told = Told(GroupChangeKind::kCanonicalChanged);
    ASSIGN_OR_RETURN(told.article_id, IdOf(record.canonical, change));
    RETURN_IF_ERROR(Tell(std::move(told), group, &change));
  } else if (!record.canonical_pinned && other.record.members > 0) {
    ASSIGN_OR_RETURN(const bool better, IsBetterCanonical(other, group));
    if (better || other.record.canonical_pinned) {
      RETURN_IF_ERROR(MakeCanonical(other.record.canonical, &group, &change));
      record.canonical_pinned = other.record.canonical_pinned;
    }
  }
  const bool newly_affected = takes_withdrawal ? members_before > 0
                                               : record.withdrawal.has_value() &&
                                                     !other.record.withdrawal.has_value() &&
                                                     other.record.members > 0;
  if (newly_affected) {
    GroupChange told = Told(GroupChangeKind::kWithdrawn, record.withdrawal->article_id);
    told.withdrawal = record.withdrawal;
    RETURN_IF_ERROR(Tell(std::move(told), group, &change));
  }
  change.batch.PutGroup(group.number, record);
  RETURN_IF_ERROR(Commit(&change));
  return Summarise(group);
}

absl::StatusOr<Split> Collection::SplitGroup(const SplitRequest& request) {
  RETURN_IF_ERROR(Expiry::SettleInTurns(*this, request.group));
  TimedMutexLock lock(write_mutex_);
  RETURN_IF_ERROR(CheckOpen());
  const Hash128 hash = HashOf(request);
  ASSIGN_OR_RETURN(const auto earlier,
                   FindRepeated(request.request_id, store::RequestRecord::Kind::kSplit,
                                request.ids.front(), hash));
  if (earlier.has_value()) {
    ASSIGN_OR_RETURN(const LoadedGroup group, live_.LoadGroup(request.group));
    ASSIGN_OR_RETURN(const LoadedGroup made, live_.LoadGroup(earlier->verdict.group));
    Split split;
    ASSIGN_OR_RETURN(split.group, Summarise(group));
    ASSIGN_OR_RETURN(split.new_group, Summarise(made));
    return split;
  }
  RETURN_IF_ERROR(Expiry::SettleAll(*this, request.group, live_.Now()));
  ASSIGN_OR_RETURN(LoadedGroup group, LoadGroup(request.group));
  Change change(uid_, state_, live_.Now());
  absl::flat_hash_set<Ordinal> chosen;
  for (const std::string& id : request.ids) {
    ASSIGN_OR_RETURN(const std::optional<Ordinal> ordinal, store_->FindId(uid_, id));
    if (!ordinal.has_value()) {
      return absl::NotFoundError(absl::StrCat("article_ids: no such article, got \"", id, "\""));
    }
    ASSIGN_OR_RETURN(const auto member, store_->GetMember(uid_, group.number, *ordinal));
    if (!member.has_value()) return NotAMember("article_ids", id);
    chosen.insert(*ordinal);
    change.ids[*ordinal] = id;
  }
  if (chosen.size() == group.record.members) {
    return absl::FailedPreconditionError(
        absl::StrCat("article_ids: no member would be left in the group, got all ", chosen.size()));
  }
  ASSIGN_OR_RETURN(const std::vector<Candidate> members, LoadMembers(group.number));
  std::vector<Candidate> staying;
  std::vector<Candidate> leaving;
  for (const Candidate& member : members) {
    (chosen.contains(member.ordinal) ? leaving : staying).push_back(member);
  }
  if (staying.empty() || leaving.empty()) {
    return absl::DataLossError("store: group without its members");
  }
  LoadedGroup made;
  made.number = change.state.next_group++;
  ++change.state.groups;
  made.record.members = leaving.size();
  const absl::Time cutoff = live_.Cutoff(change.time);
  made.record.canonical = ChooseCanonical(leaving, settings_.canonical_policy, cutoff);
  for (const Candidate& member : leaving) {
    RETURN_IF_ERROR(MoveMember(member, group.number, made.number, &change));
  }
  store::GroupRecord& record = group.record;
  record.members = staying.size();
  const auto moved =
      std::stable_partition(record.references.begin(), record.references.end(),
                            [&](Ordinal reference) { return !chosen.contains(reference); });
  made.record.references.assign(moved, record.references.end());
  record.references.erase(moved, record.references.end());
  RETURN_IF_ERROR(
      Tell(Told(GroupChangeKind::kCreated, change.ids[made.record.canonical], group.number), made,
           &change));
  for (const Candidate& member : leaving) {
    const std::string& id = change.ids[member.ordinal];
    RETURN_IF_ERROR(Tell(Told(GroupChangeKind::kLeft, id, made.number), group, &change));
    if (member.ordinal == made.record.canonical) continue;
    RETURN_IF_ERROR(Tell(Told(GroupChangeKind::kJoined, id, group.number), made, &change));
  }
  if (chosen.contains(record.canonical)) {
    record.canonical_pinned = false;
    RETURN_IF_ERROR(MakeCanonical(ChooseCanonical(staying, settings_.canonical_policy, cutoff),
                                  &group, &change));
  }
  RETURN_IF_ERROR(EnsureReference(&group, &change));
  RETURN_IF_ERROR(EnsureReference(&made, &change));
  change.batch.PutGroup(group.number, record);
  change.batch.PutGroup(made.number, made.record);
  store::RequestRecord remembered;
  remembered.kind = store::RequestRecord::Kind::kSplit;
  remembered.article_id = request.ids.front();
  remembered.content_hash = hash;
  remembered.verdict.group = made.number;
  RETURN_IF_ERROR(RememberRequest(request.request_id, remembered, &change));
  RETURN_IF_ERROR(Commit(&change));
  Split split;
  ASSIGN_OR_RETURN(split.group, Summarise(group));
  ASSIGN_OR_RETURN(split.new_group, Summarise(made));
  return split;
}

absl::StatusOr<Withdrawn> Collection::Withdraw(GroupNumber number, Withdrawal withdrawal) {
  RETURN_IF_ERROR(withdrawal.article_id.empty()
                      ? Expiry::SettleInTurns(*this, number)
                      : Expiry::SettleGroupOf(*this, withdrawal.article_id));
  TimedMutexLock lock(write_mutex_);
  RETURN_IF_ERROR(CheckOpen());
  // The article may have been moved since its group was looked up.
  if (!withdrawal.article_id.empty()) {
    ASSIGN_OR_RETURN(number, GroupOf(withdrawal.article_id));
  }
  RETURN_IF_ERROR(Expiry::SettleAll(*this, number, live_.Now()));
  ASSIGN_OR_RETURN(LoadedGroup group, LoadGroup(number));
  store::GroupRecord& record = group.record;
  Change change(uid_, state_, live_.Now());
  if (withdrawal.article_id.empty() && record.withdrawal.has_value()) {
    withdrawal.article_id = record.withdrawal->article_id;
  }
  if (withdrawal.article_id.empty() && record.members > 0) {
    ASSIGN_OR_RETURN(withdrawal.article_id, IdOf(record.canonical, change));
  }
  const std::optional<Withdrawal>& before = record.withdrawal;
  withdrawal.withdrawn_at = before.has_value() ? before->withdrawn_at : change.time;
  const bool same = before.has_value() && before->article_id == withdrawal.article_id &&
                    before->reason == withdrawal.reason && before->note == withdrawal.note &&
                    before->replacement_id == withdrawal.replacement_id;
  if (!same) {
    record.withdrawal = withdrawal;
    GroupChange told = Told(GroupChangeKind::kWithdrawn, withdrawal.article_id);
    told.withdrawal = withdrawal;
    RETURN_IF_ERROR(Tell(std::move(told), group, &change));
    change.batch.PutGroup(group.number, record);
    RETURN_IF_ERROR(Commit(&change));
  }
  Withdrawn withdrawn;
  ASSIGN_OR_RETURN(withdrawn.group, Summarise(group));
  withdrawn.affected = static_cast<int64_t>(record.members);
  ASSIGN_OR_RETURN(const auto replacement, store_->FindId(uid_, withdrawal.replacement_id));
  if (replacement.has_value()) {
    ASSIGN_OR_RETURN(const auto member, store_->GetMember(uid_, group.number, *replacement));
    if (member.has_value()) --withdrawn.affected;
  }
  return withdrawn;
}

absl::StatusOr<std::optional<GroupSummary>> Collection::Reinstate(GroupNumber number) {
  RETURN_IF_ERROR(Expiry::SettleInTurns(*this, number));
  TimedMutexLock lock(write_mutex_);
  RETURN_IF_ERROR(CheckOpen());
  RETURN_IF_ERROR(Expiry::SettleAll(*this, number, live_.Now()));
  ASSIGN_OR_RETURN(LoadedGroup group, LoadGroup(number));
  store::GroupRecord& record = group.record;
  if (record.withdrawal.has_value()) {
    Change change(uid_, state_, live_.Now());
    record.withdrawal.reset();
    RETURN_IF_ERROR(Tell(Told(GroupChangeKind::kReinstated), group, &change));
    RETURN_IF_ERROR(DropTombstones(&group, &change));
    RETURN_IF_ERROR(PutOrEnd(&group, &change));
    RETURN_IF_ERROR(Commit(&change));
    if (record.members == 0) return std::optional<GroupSummary>();
  }
  ASSIGN_OR_RETURN(GroupSummary summary, Summarise(group));
  return std::optional<GroupSummary>(std::move(summary));
}

}  // namespace newsprint
