#include "service/store/collection_checker.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/common/hash.h"
#include "service/store/codec.h"

namespace newsprint::store {
namespace {

// What belongs to an article.
enum Part : uint16_t {
  kBodyExpected = 1 << 0,
  kBody = 1 << 1,
  kSketch = 1 << 2,
  kFingerprint = 1 << 3,
  kTerms = 1 << 4,
  kId = 1 << 5,
  kText = 1 << 6,
  kMember = 1 << 7,
  kReference = 1 << 8,
  kVector = 1 << 9,
  kPending = 1 << 10,
  kNextVector = 1 << 11,
  kTime = 1 << 12,
};

struct PartName {
  uint16_t part;
  const char* name;
};
constexpr PartName kPartsOfAll[] = {
    {kSketch, "sketch"}, {kFingerprint, "fingerprint"}, {kText, "text hash"}, {kTime, "time"}};
constexpr PartName kPartsOfLive[] = {
    {kTerms, "terms"}, {kId, "id"}, {kMember, "place in its group"}};
constexpr PartName kPartsNotOfTombstones[] = {
    {kTerms, "terms"},   {kId, "id"},           {kMember, "a place in a group"},
    {kVector, "vector"}, {kPending, "pending"}, {kBody, "body"}};

constexpr size_t kOrdinalBytes = sizeof(Ordinal);
constexpr size_t kHashBytes = sizeof(Hash128);

uint64_t HashOf(absl::string_view bytes) { return Hash64(bytes.data(), bytes.size()); }

template <typename Number>
uint64_t Tail(absl::string_view rest) {
  return sizeof(Number) == 4 ? ReadKeyFixed32(rest.substr(rest.size() - 4))
                             : ReadKeyFixed64(rest.substr(rest.size() - 8));
}

// Says, for a ring [oldest, next), how what was found differs; "" when it does not.
std::string RingProblem(uint64_t oldest, uint64_t next, uint64_t count, uint64_t first,
                        uint64_t last) {
  if (count == next - oldest && (count == 0 || (first == oldest && last + 1 == next))) return "";
  return absl::StrCat("got ", count, " from ", first, " to ", last, ", expected ", next - oldest,
                      " from ", oldest, " on");
}

}  // namespace

CollectionChecker::CollectionChecker(CollectionRecord record, Problems* problems)
    : record_(std::move(record)), problems_(problems) {}

void CollectionChecker::Report(ProblemKind kind, absl::string_view what) const {
  problems_->Add(kind, absl::StrCat("collection \"", record_.settings.name, "\": ", what));
}

void CollectionChecker::ReportArticle(Ordinal ordinal, absl::string_view what) const {
  Report(ProblemKind::kArticle, absl::StrCat("article number ", ordinal, ": ", what));
}

void CollectionChecker::ReportGroup(GroupNumber group, absl::string_view what) const {
  Report(ProblemKind::kGroup, absl::StrCat("group g", group, ": ", what));
}

CollectionChecker::SeenArticle* CollectionChecker::FindArticle(Ordinal ordinal) {
  const auto at = std::lower_bound(
      articles_.begin(), articles_.end(), ordinal,
      [](const SeenArticle& article, Ordinal wanted) { return article.ordinal < wanted; });
  return at == articles_.end() || at->ordinal != ordinal ? nullptr : &*at;
}

CollectionChecker::SeenGroup* CollectionChecker::FindGroup(GroupNumber group) {
  const auto at = std::lower_bound(
      groups_.begin(), groups_.end(), group,
      [](const SeenGroup& seen, GroupNumber wanted) { return seen.number < wanted; });
  return at == groups_.end() || at->number != group ? nullptr : &*at;
}

template <typename Record>
std::optional<Record> CollectionChecker::Read(absl::string_view rest, size_t rest_bytes,
                                              absl::string_view name,
                                              absl::StatusOr<Record> record) const {
  if (rest.size() != rest_bytes) {
    Report(ProblemKind::kRecord, absl::StrCat(name, " record: key of ", rest.size() + 5,
                                              " bytes, expected ", rest_bytes + 5));
    return std::nullopt;
  }
  if (record.ok()) return *std::move(record);
  std::string where;
  if (rest_bytes == 4) where = absl::StrCat(" ", ReadKeyFixed32(rest));
  if (rest_bytes == 8) where = absl::StrCat(" ", ReadKeyFixed64(rest));
  if (rest_bytes == 12) where = absl::StrCat(" of article number ", Tail<Ordinal>(rest));
  Report(ProblemKind::kRecord,
         absl::StrCat(name, " record", where, ": ", record.status().message()));
  return std::nullopt;
}

void CollectionChecker::Mark(absl::string_view rest, uint16_t part) {
  const auto ordinal = static_cast<Ordinal>(Tail<Ordinal>(rest));
  SeenArticle* article = FindArticle(ordinal);
  if (article == nullptr) return ReportArticle(ordinal, "has records, but is not there");
  article->parts |= part;
}

void CollectionChecker::Add(char tag, absl::string_view rest, absl::string_view value) {
  switch (tag) {
    case kStateTag:
      state_ = Read(rest, 0, "state", DecodeState(value));
      return;
    case kArticleTag:
      return AddArticle(rest, value);
    case kSketchTag:
      if (Read(rest, kOrdinalBytes, "sketch", DecodeSketch(value))) Mark(rest, kSketch);
      return;
    case kFingerprintTag:
      if (Read(rest, kOrdinalBytes, "fingerprint", DecodeFingerprint(value))) {
        Mark(rest, kFingerprint);
      }
      return;
    case kTermsTag:
      if (Read(rest, kOrdinalBytes, "terms", DecodeTerms(value))) Mark(rest, kTerms);
      return;
    case kVectorTag:
      return AddVector(rest, value);
    case kPendingTag:
      return AddPending(rest, value);
    case kIdTag:
      return AddId(rest, value);
    case kTextTag:
      return AddText(rest);
    case kGroupTag:
      return AddGroup(rest, value);
    case kMemberTag:
      return AddMember(rest, value);
    case kChangeTag:
      return AddChange(rest, value);
    case kLessonTag:
      return AddLesson(rest, value);
    case kTaughtTag:
      Read(rest, kHashBytes, "taught", absl::StatusOr<bool>(true));
      return;
    case kBoilerplateTag:
      boilerplate_ = Read(rest, 0, "boilerplate", DecodeBoilerplate(value));
      return;
    case kRequestTag:
      return AddRequest(rest, value);
    case kRequestRingTag:
      return AddRequestPlace(rest, value);
    case kTimeTag:
      return AddTime(rest, value);
    default:
      Report(ProblemKind::kRecord,
             absl::StrCat("key with an unknown tag, got ", static_cast<int>(tag)));
  }
}

void CollectionChecker::AddArticle(absl::string_view rest, absl::string_view value) {
  const auto record = Read(rest, kOrdinalBytes, "article", DecodeArticle(value));
  if (!record.has_value()) return;
  SeenArticle article;
  article.ordinal = ReadKeyFixed32(rest);
  article.deleted = record->deleted;
  article.relation = static_cast<uint8_t>(record->verdict.relation);
  article.group = record->group;
  article.text_hash = record->text_hash.low;
  article.id_hash = HashOf(record->article.id);
  article.time = absl::ToUnixMicros(ArticleTime(*record));
  if (record->body_stored) article.parts |= kBodyExpected;
  if (!record->deleted) ++live_articles_;
  articles_.push_back(article);
}

void CollectionChecker::AddGroup(absl::string_view rest, absl::string_view value) {
  const auto record = Read(rest, sizeof(GroupNumber), "group", DecodeGroup(value));
  if (!record.has_value()) return;
  SeenGroup group;
  group.number = ReadKeyFixed64(rest);
  group.merged_into = record->merged_into;
  group.withdrawn = record->withdrawal.has_value();
  groups_.push_back(group);
  if (record->merged_into != 0) return;
  groups_.back().members = record->members;
  groups_.back().canonical = record->canonical;
  if (record->references.empty()) ReportGroup(group.number, "has no reference");
  if (record->members == 0 && !group.withdrawn) ReportGroup(group.number, "has no member");
  for (const Ordinal ordinal : record->references) {
    SeenArticle* article = FindArticle(ordinal);
    if (article == nullptr) {
      ReportGroup(group.number,
                  absl::StrCat("its reference, article number ", ordinal, ", is not there"));
    } else if (article->group != group.number) {
      ReportGroup(group.number, absl::StrCat("its reference, article number ", ordinal,
                                             ", is of group g", article->group));
    } else {
      article->parts |= kReference;
    }
  }
}

void CollectionChecker::AddMember(absl::string_view rest, absl::string_view value) {
  constexpr size_t kBytes = sizeof(GroupNumber) + kOrdinalBytes;
  const auto record = Read(rest, kBytes, "member", DecodeMember(value));
  if (!record.has_value()) return;
  const GroupNumber number = ReadKeyFixed64(rest);
  const auto ordinal = static_cast<Ordinal>(Tail<Ordinal>(rest));
  SeenGroup* group = FindGroup(number);
  const std::string what = absl::StrCat("its member, article number ", ordinal, ", ");
  if (group == nullptr || group->merged_into != 0) {
    return ReportGroup(number, absl::StrCat("has members, but ",
                                            group == nullptr ? "is not there" : "was merged away"));
  }
  ++group->members_seen;
  if (group->canonical == ordinal) group->canonical_seen = true;
  SeenArticle* article = FindArticle(ordinal);
  if (article == nullptr) return ReportGroup(number, what + "is not there");
  if (article->group != number) {
    return ReportGroup(number, absl::StrCat(what, "says that it is of group g", article->group));
  }
  if (article->time != absl::ToUnixMicros(record->time)) {
    ReportGroup(number, what + "has another time");
  }
  article->parts |= kMember;
}

void CollectionChecker::AddId(absl::string_view rest, absl::string_view value) {
  Decoder in(value);
  const Ordinal ordinal = in.Fixed32();
  if (!in.ok() || in.remaining() > 0 || rest.empty()) {
    return Report(ProblemKind::kRecord, "damaged id record");
  }
  SeenArticle* article = FindArticle(ordinal);
  if (article == nullptr) return ReportArticle(ordinal, "has an id, but is not there");
  if (article->id_hash != HashOf(rest))
    return ReportArticle(ordinal, "an id of another leads to it");
  article->parts |= kId;
}

void CollectionChecker::AddText(absl::string_view rest) {
  if (!Read(rest, kHashBytes + kOrdinalBytes, "text", absl::StatusOr<bool>(true))) return;
  const auto ordinal = static_cast<Ordinal>(Tail<Ordinal>(rest));
  SeenArticle* article = FindArticle(ordinal);
  if (article == nullptr) return ReportArticle(ordinal, "has a text hash, but is not there");
  if (article->text_hash != ReadKeyFixed64(rest.substr(sizeof(uint64_t)))) {
    return ReportArticle(ordinal, "the hash of another text leads to it");
  }
  article->parts |= kText;
}

void CollectionChecker::AddTime(absl::string_view rest, absl::string_view value) {
  if (!Read(rest, sizeof(uint64_t) + kOrdinalBytes, "time", absl::StatusOr<bool>(true))) return;
  const TimePlace place = ReadTimeKey(rest);
  SeenArticle* article = FindArticle(place.ordinal);
  if (article == nullptr) return ReportArticle(place.ordinal, "has a time, but is not there");
  if (article->time != absl::ToUnixMicros(place.time)) {
    return ReportArticle(place.ordinal, "another time leads to it");
  }
  if (!value.empty()) return ReportArticle(place.ordinal, "its time has a value, expected none");
  article->parts |= kTime;
}

void CollectionChecker::AddVector(absl::string_view rest, absl::string_view value) {
  if (!Read(rest, sizeof(uint32_t) + kOrdinalBytes, "vector", absl::StatusOr<bool>(true))) return;
  const uint32_t generation = ReadKeyFixed32(rest);
  const bool present = generation == record_.embedding.generation;
  const auto& next = record_.next_embedding;
  const bool for_next = next.has_value() && generation == next->generation;
  if (!present && !for_next) return;  // old ones that a crash has left, of no effect
  const size_t dimension =
      static_cast<size_t>(present ? record_.embedding.dimension : next->dimension);
  if (value.size() != dimension * sizeof(float)) {
    return Report(ProblemKind::kVector,
                  absl::StrCat("vector of article number ", Tail<Ordinal>(rest), ": got ",
                               value.size(), " bytes, expected ", dimension * sizeof(float)));
  }
  Mark(rest, present ? kVector : kNextVector);
}

void CollectionChecker::AddPending(absl::string_view rest, absl::string_view value) {
  if (!Read(rest, sizeof(uint32_t) + kOrdinalBytes, "pending", DecodePending(value))) return;
  if (ReadKeyFixed32(rest) != record_.embedding.generation) return;
  ++pending_;
  Mark(rest, kPending);
}

void CollectionChecker::AddLesson(absl::string_view rest, absl::string_view value) {
  const auto record = Read(rest, kOrdinalBytes, "lesson", DecodeLesson(value));
  if (!record.has_value()) return;
  const Ordinal ordinal = ReadKeyFixed32(rest);
  if (!first_lesson_.has_value()) first_lesson_ = ordinal;
  if (record->shingles.has_value()) return;
  const SeenArticle* article = FindArticle(ordinal);
  if (article != nullptr && (article->parts & kFingerprint) != 0) return;
  Report(ProblemKind::kLesson,
         absl::StrCat("lesson of article number ", ordinal, ": its fingerprint is not there"));
}

void CollectionChecker::AddChange(absl::string_view rest, absl::string_view value) {
  const auto change = Read(rest, sizeof(uint64_t), "change", DecodeChange(value));
  if (!change.has_value()) return;
  last_change_ = ReadKeyFixed64(rest);
  if (changes_++ == 0) first_change_ = last_change_;
  if (change->sequence != last_change_) {
    Report(ProblemKind::kChange,
           absl::StrCat("change ", last_change_, ": its number is ", change->sequence));
  }
}

void CollectionChecker::AddRequestPlace(absl::string_view rest, absl::string_view value) {
  if (!Read(rest, sizeof(uint64_t), "request ring", absl::StatusOr<bool>(true))) return;
  last_place_ = ReadKeyFixed64(rest);
  if (places_++ == 0) first_place_ = last_place_;
  request_ids_.insert(HashOf(value));
}

void CollectionChecker::AddRequest(absl::string_view rest, absl::string_view value) {
  if (!Read(rest, rest.size(), "request", DecodeRequest(value))) return;
  ++requests_;
  if (!request_ids_.contains(HashOf(rest))) {
    Report(ProblemKind::kRequest, "an answer is kept that is not in the ring");
  }
}

void CollectionChecker::AddBody(absl::string_view rest) {
  if (!Read(rest, kOrdinalBytes, "body", absl::StatusOr<bool>(true))) return;
  Mark(rest, kBody);
}

std::optional<Ordinal> CollectionChecker::NextWithBody(Ordinal first) const {
  const auto begin = std::lower_bound(
      articles_.begin(), articles_.end(), first,
      [](const SeenArticle& article, Ordinal wanted) { return article.ordinal < wanted; });
  const auto at = std::find_if(begin, articles_.end(), [](const SeenArticle& article) {
    return (article.parts & kBodyExpected) != 0;
  });
  return at == articles_.end() ? std::nullopt : std::optional<Ordinal>(at->ordinal);
}

void CollectionChecker::Finish(bool complete) {
  if (!complete) return;
  FinishArticles();
  FinishGroups();
  FinishState();
  FinishRings();
}

void CollectionChecker::FinishArticles() {
  for (const SeenArticle& article : articles_) {
    const auto lacks = [&](const PartName& part) {
      if ((article.parts & part.part) != 0) return;
      ReportArticle(article.ordinal, absl::StrCat("its ", part.name, " is missing"));
    };
    for (const PartName& part : kPartsOfAll) lacks(part);
    if (article.deleted) {
      FinishTombstone(article);
      continue;
    }
    for (const PartName& part : kPartsOfLive) lacks(part);
    const bool expected = (article.parts & kBodyExpected) != 0;
    const bool stored = (article.parts & kBody) != 0;
    if (expected && !stored) ReportArticle(article.ordinal, "its body is missing");
    if (!expected && stored) ReportArticle(article.ordinal, "has a body that it should not have");
    const int vectors = (article.parts & kVector) != 0 ? 1 : 0;
    const int to_come = (article.parts & kPending) != 0 ? 1 : 0;
    // After a move to another embedder those that came without text have none.
    if (vectors + to_come == 0 && record_.embedding.generation == 1) {
      ReportArticle(article.ordinal, "its vector is missing, and not to come");
    }
    if (vectors + to_come == 2) ReportArticle(article.ordinal, "its vector is there and to come");
  }
}

void CollectionChecker::FinishTombstone(const SeenArticle& article) {
  for (const PartName& part : kPartsNotOfTombstones) {
    if ((article.parts & part.part) == 0) continue;
    ReportArticle(article.ordinal, absl::StrCat("was deleted, but has ", part.name));
  }
  const SeenGroup* group = FindGroup(article.group);
  if (group == nullptr || !group->withdrawn || (article.parts & kReference) == 0) {
    ReportArticle(article.ordinal, "was deleted, and is kept by no withdrawn story");
  }
}

void CollectionChecker::FinishGroups() {
  for (const SeenGroup& group : groups_) {
    if (group.merged_into != 0) {
      // The other may be gone by now.
      if (group.merged_into == group.number) ReportGroup(group.number, "was merged into itself");
      continue;
    }
    if (group.members != group.members_seen) {
      ReportGroup(group.number, absl::StrCat("counts its members wrongly, got ", group.members,
                                             ", expected ", group.members_seen));
    }
    if (group.members_seen > 0 && !group.canonical_seen) {
      ReportGroup(group.number, absl::StrCat("its canonical, article number ", group.canonical,
                                             ", is not a member"));
    }
  }
}

void CollectionChecker::FinishState() {
  if (!state_.has_value()) {
    if (!articles_.empty()) Report(ProblemKind::kState, "the counters are missing");
    return;
  }
  const auto equal = [this](absl::string_view name, uint64_t counter, uint64_t expected) {
    if (counter == expected) return;
    Report(ProblemKind::kState,
           absl::StrCat("counter of ", name, ": got ", counter, ", expected ", expected));
  };
  const auto above = [this](absl::string_view name, uint64_t next, uint64_t last) {
    if (next > last) return;
    Report(ProblemKind::kState,
           absl::StrCat("next ", name, ": got ", next, ", but there is one ", last));
  };
  std::array<uint64_t, kRelationCount> relations{};
  for (const SeenArticle& article : articles_) {
    if (!article.deleted && article.relation < kRelationCount) ++relations[article.relation];
  }
  equal("articles", state_->articles, live_articles_);
  equal("groups", state_->groups,
        static_cast<uint64_t>(
            std::count_if(groups_.begin(), groups_.end(),
                          [](const SeenGroup& group) { return group.merged_into == 0; })));
  equal("vectors to come", state_->embeddings_pending, pending_);
  for (int i = 1; i < kRelationCount; ++i) {
    equal(RelationName(static_cast<Relation>(i)), state_->relations[i], relations[i]);
  }
  if (!articles_.empty()) above("article number", state_->next_ordinal, articles_.back().ordinal);
  // Each had an ordinal of its own.
  if (state_->articles_expired >
      state_->next_ordinal - std::min<uint64_t>(live_articles_, state_->next_ordinal)) {
    Report(ProblemKind::kState,
           absl::StrCat("counter of expired articles: got ", state_->articles_expired, ", but of ",
                        state_->next_ordinal, " articles ", live_articles_, " are there"));
  }
  if (!groups_.empty()) above("group", state_->next_group, groups_.back().number);
}

void CollectionChecker::FinishRings() {
  if (boilerplate_.has_value() && first_lesson_.has_value() &&
      *first_lesson_ < boilerplate_->first_lesson) {
    Report(ProblemKind::kLesson,
           absl::StrCat("lessons of an earlier generation, got one of article number ",
                        *first_lesson_, ", limit ", boilerplate_->first_lesson));
  }
  const CollectionState state = state_.value_or(CollectionState());
  const std::string changes =
      RingProblem(state.oldest_change, state.next_change, changes_, first_change_, last_change_);
  if (!changes.empty()) Report(ProblemKind::kChange, absl::StrCat("changes: ", changes));
  const std::string places =
      RingProblem(state.oldest_request, state.next_request, places_, first_place_, last_place_);
  if (!places.empty()) Report(ProblemKind::kRequest, absl::StrCat("request ids: ", places));
  if (requests_ != places_) {
    Report(ProblemKind::kRequest,
           absl::StrCat("answers to requests: got ", requests_, ", expected ", places_));
  }
}

}  // namespace newsprint::store
