#include "service/store/store.h"

#include <rocksdb/db.h>

#include <filesystem>
#include <future>
#include <map>

#include "absl/strings/str_cat.h"
#include "service/store/codec.h"
#include "tests/testing/articles.h"

namespace newsprint::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

std::unique_ptr<Store> OpenStore(const std::string& path) {
  Store::Options options;
  options.data_dir = path;
  absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(options);
  EXPECT_TRUE(store.ok()) << store.status();
  return *std::move(store);
}

TEST(StoreTest, KeepsWhatWasAppliedAcrossOpening) {
  const newsprint::testing::TempDir dir;
  uint32_t uid = 0;
  {
    const auto store = OpenStore(dir.path());
    CollectionRecord record;
    record.settings.name = "wires";
    record.settings.created_at = absl::FromUnixSeconds(1);
    uid = *store->AddCollection(record);
    Batch batch(uid);
    batch.PutId("a", 7);
    batch.PutBody(7, "body");
    batch.PutVector(1, 7, {1.0f, -2.5f});
    batch.PutFingerprint(7, {{1, 5, 9}, {5}, {2}});
    GroupRecord group;
    group.canonical = 7;
    group.members = 2;
    batch.PutGroup(3, group);
    batch.PutMember(3, 7, {});
    batch.PutMember(3, 300, {});
    ASSERT_TRUE(store->Apply(batch).ok());
    std::promise<absl::Status> durable;
    store->NotifyDurable([&](absl::Status status) { durable.set_value(status); });
    EXPECT_TRUE(durable.get_future().get().ok());
  }
  const auto store = OpenStore(dir.path());
  ASSERT_EQ(store->Collections()->size(), 1u);
  EXPECT_EQ(store->Collections()->front().settings.name, "wires");
  EXPECT_EQ(*store->FindId(uid, "a"), std::optional<Ordinal>(7));
  EXPECT_EQ(*store->FindId(uid, "b"), std::nullopt);
  EXPECT_EQ(*store->GetBody(uid, 7), "body");
  EXPECT_THAT(**store->FindVector(uid, 1, 7), ElementsAre(1.0f, -2.5f));
  EXPECT_THAT(store->GetFingerprint(uid, 7)->shingles, ElementsAre(1, 5, 9));
  EXPECT_EQ((*store->GetGroup(uid, 3))->members, 2u);
  EXPECT_THAT(*store->Members(uid, 3, 0, 10), ElementsAre(7, 300));
  EXPECT_THAT(*store->Members(uid, 3, 8, 10), ElementsAre(300));
  EXPECT_THAT(*store->Members(uid, 3, 0, 1), ElementsAre(7));
  EXPECT_EQ(store->GetBody(uid, 8).status().code(), absl::StatusCode::kNotFound);
}

TEST(StoreTest, CollectionsDoNotSeeEachOther) {
  const newsprint::testing::TempDir dir;
  const auto store = OpenStore(dir.path());
  const uint32_t first = *store->AddCollection({});
  const uint32_t second = *store->AddCollection({});
  EXPECT_NE(first, second);
  for (const uint32_t uid : {first, second}) {
    Batch batch(uid);
    batch.PutId("a", uid);
    batch.PutBody(1, "body");
    batch.PutGroup(1, GroupRecord());
    ASSERT_TRUE(store->Apply(batch).ok());
  }
  ASSERT_TRUE(store->DropCollection(first).ok());
  EXPECT_EQ(*store->FindId(first, "a"), std::nullopt);
  EXPECT_FALSE(store->GetBody(first, 1).ok());
  EXPECT_EQ(*store->FindId(second, "a"), std::optional<Ordinal>(second));
  EXPECT_EQ(store->Groups(second, 0, 10)->size(), 1u);
  EXPECT_EQ(store->Collections()->size(), 1u);
  EXPECT_GT(*store->AddCollection({}), second);  // a uid is never used again
}

TEST(StoreTest, FindTextSkipsWhatIsNotWanted) {
  const newsprint::testing::TempDir dir;
  const auto store = OpenStore(dir.path());
  Batch batch(1);
  batch.PutText({5, 6}, 10);
  batch.PutText({5, 6}, 4);
  batch.PutText({5, 7}, 1);
  ASSERT_TRUE(store->Apply(batch).ok());
  const auto any = [](Ordinal) { return true; };
  EXPECT_EQ(*store->FindText(1, {5, 6}, any), std::optional<Ordinal>(4));
  EXPECT_EQ(*store->FindText(1, {5, 6}, [](Ordinal ordinal) { return ordinal != 4; }),
            std::optional<Ordinal>(10));
  EXPECT_EQ(*store->FindText(1, {6, 6}, any), std::nullopt);
}

TEST(StoreTest, RefusesAFolderInUse) {
  const newsprint::testing::TempDir dir;
  const auto store = OpenStore(dir.path());
  Store::Options options;
  options.data_dir = dir.path();
  const absl::Status second = Store::Open(options).status();
  EXPECT_EQ(second.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.message()), HasSubstr("data_dir: in use by another process"));
}

TEST(StoreTest, SaysWhatIsWrongWithAFolderThatCannotBe) {
  Store::Options options;
  options.data_dir = "/proc/newsprint";
  const absl::Status status = Store::Open(options).status();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr("data_dir: cannot open /proc/newsprint"));
}

// Writes a folder whose format record holds `bytes`, as a server of that format would have.
void WriteFormat(const std::string& path, const std::string& bytes) {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  std::vector<rocksdb::ColumnFamilyHandle*> families;
  rocksdb::DB* raw = nullptr;
  const rocksdb::Status opened = rocksdb::DB::Open(
      options, path, {{rocksdb::kDefaultColumnFamilyName, {}}, {"bodies", {}}}, &families, &raw);
  ASSERT_TRUE(opened.ok()) << opened.ToString();
  const std::unique_ptr<rocksdb::DB> db(raw);
  EXPECT_TRUE(db->Put({}, KeyFixed32(0) + "f", bytes).ok());
  for (rocksdb::ColumnFamilyHandle* family : families) db->DestroyColumnFamilyHandle(family);
}

// The bytes of the format record.
std::string ReadFormat(const std::string& path) {
  std::vector<rocksdb::ColumnFamilyHandle*> families;
  rocksdb::DB* raw = nullptr;
  const rocksdb::Status opened = rocksdb::DB::OpenForReadOnly(
      rocksdb::DBOptions(), path, {{rocksdb::kDefaultColumnFamilyName, {}}, {"bodies", {}}},
      &families, &raw);
  EXPECT_TRUE(opened.ok()) << opened.ToString();
  if (!opened.ok()) return "";
  const std::unique_ptr<rocksdb::DB> db(raw);
  std::string bytes;
  EXPECT_TRUE(db->Get({}, KeyFixed32(0) + "f", &bytes).ok());
  for (rocksdb::ColumnFamilyHandle* family : families) db->DestroyColumnFamilyHandle(family);
  return bytes;
}

absl::Status OpenStatus(const std::string& path) {
  Store::Options options;
  options.data_dir = path;
  return Store::Open(options).status();
}

TEST(StoreTest, RefusesOlderAndNewerFormats) {
  for (const uint32_t version : {1u, 2u, kFormatVersion + 1}) {
    const newsprint::testing::TempDir dir;
    Encoder out;
    out.Varint(version);
    WriteFormat(dir.path(), out.bytes());
    const absl::Status status = OpenStatus(dir.path());
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_THAT(
        std::string(status.message()),
        HasSubstr(version > kFormatVersion
                      ? "data_dir: format is newer than this server knows"
                      : absl::StrCat("data_dir: format is older than this server reads, got ",
                                     version, ", limit 3 to 4")));
    EXPECT_EQ(ReadFormat(dir.path()), out.bytes());
    // Refused without a trace: the next try says the same, and not that the folder is in use.
    EXPECT_EQ(OpenStatus(dir.path()), status);
  }
  const newsprint::testing::TempDir damaged;
  WriteFormat(damaged.path(), "");
  EXPECT_EQ(OpenStatus(damaged.path()).code(), absl::StatusCode::kDataLoss);
  const newsprint::testing::TempDir present;
  Encoder out;
  out.Varint(kFormatVersion);
  WriteFormat(present.path(), out.bytes());
  EXPECT_TRUE(OpenStatus(present.path()).ok());
}

std::vector<Ordinal> OrdinalsByTime(const Store& store, uint32_t uid, const TimePlace& first,
                                    size_t articles_max) {
  std::vector<Ordinal> ordinals;
  const auto places = store.ByTime(uid, first, articles_max);
  EXPECT_TRUE(places.ok()) << places.status();
  for (const TimePlace& place : places.value_or(std::vector<TimePlace>())) {
    ordinals.push_back(place.ordinal);
  }
  return ordinals;
}

TEST(StoreTest, TimesSortAlsoBefore1970) {
  const newsprint::testing::TempDir dir;
  const auto store = OpenStore(dir.path());
  const auto at = [](int64_t micros) { return absl::FromUnixMicros(micros); };
  Batch batch(1);
  batch.PutTime({at(5), 1});
  batch.PutTime({at(-5), 2});
  batch.PutTime({at(-6'000'000'000'000), 3});
  batch.PutTime({at(5), 0});
  batch.PutTime({at(6'000'000'000'000), 4});
  ASSERT_TRUE(store->Apply(batch).ok());
  const TimePlace all{absl::InfinitePast(), 0};
  EXPECT_THAT(OrdinalsByTime(*store, 1, all, 9), ElementsAre(3, 2, 0, 1, 4));
  EXPECT_THAT(OrdinalsByTime(*store, 1, all, 2), ElementsAre(3, 2));
  EXPECT_THAT(OrdinalsByTime(*store, 1, {at(5), 1}, 9), ElementsAre(1, 4));
  EXPECT_THAT(OrdinalsByTime(*store, 2, all, 9), IsEmpty());
  Batch more(1);
  more.DeleteTime({at(-5), 2});
  ASSERT_TRUE(store->Apply(more).ok());
  EXPECT_THAT(OrdinalsByTime(*store, 1, all, 9), ElementsAre(3, 0, 1, 4));
}

// The steps of an upgrade are repeated after a crash in the middle.
TEST(StoreTest, AnUpgradeWritesTheTimesAndMayBeRepeated) {
  const newsprint::testing::TempDir dir;
  {
    const auto store = OpenStore(dir.path());
    for (const uint32_t uid : {1u, 7u}) {
      Batch batch(uid);
      for (Ordinal ordinal = 0; ordinal < 3; ++ordinal) {
        ArticleRecord record;
        record.article.id = absl::StrCat("a", ordinal);
        record.ingested_at = absl::FromUnixSeconds(1'000);
        if (ordinal > 0) record.article.published_at = absl::FromUnixSeconds(500 - ordinal);
        record.group = ordinal + 1;
        batch.PutArticle(ordinal, record);
        if (ordinal < 2) batch.PutMember(record.group, ordinal, MemberRecord());
      }
      if (uid == 7) batch.PutTime({absl::FromUnixSeconds(1'000), 0});  // as far as it had come
      ASSERT_TRUE(store->Apply(batch).ok());
    }
  }
  Encoder out;
  out.Varint(3);
  WriteFormat(dir.path(), out.bytes());
  std::vector<std::pair<uint32_t, uint64_t>> told;
  Store::Options options;
  options.data_dir = dir.path();
  options.upgrade_progress = [&](uint32_t format, uint64_t articles) {
    told.emplace_back(format, articles);
  };
  {
    const auto store = Store::Open(options);
    ASSERT_TRUE(store.ok()) << store.status();
    for (const uint32_t uid : {1u, 7u}) {
      EXPECT_THAT(OrdinalsByTime(**store, uid, {absl::InfinitePast(), 0}, 9), ElementsAre(2, 1, 0));
      EXPECT_EQ((*store)->GetMember(uid, 1, 0).value()->time, absl::FromUnixSeconds(1'000));
      EXPECT_EQ((*store)->GetMember(uid, 2, 1).value()->time, absl::FromUnixSeconds(499));
    }
  }
  EXPECT_THAT(told, ElementsAre(Pair(4, 0), Pair(4, 6)));
  told.clear();
  EXPECT_TRUE(Store::Open(options).ok());
  EXPECT_THAT(told, IsEmpty());
}

TEST(StoreTest, AnUpgradeWithoutRoomIsRefusedBeforeAnythingIsWritten) {
  const newsprint::testing::TempDir dir;
  {
    const auto store = OpenStore(dir.path());
    const uint32_t uid = *store->AddCollection({});
    Batch batch(uid);
    CollectionState state;
    state.articles = uint64_t{1} << 50;  // more than any disk has room for
    batch.PutState(state);
    ASSERT_TRUE(store->Apply(batch).ok());
  }
  Encoder out;
  out.Varint(3);
  WriteFormat(dir.path(), out.bytes());
  const auto files = [&] {
    std::map<std::string, std::filesystem::file_time_type> written;
    for (const auto& entry : std::filesystem::directory_iterator(dir.path())) {
      written[entry.path().filename()] = entry.last_write_time();
    }
    return written;
  };
  const auto before = files();
  const absl::Status status = OpenStatus(dir.path());
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("data_dir: upgrade: not enough room on disk, got "));
  EXPECT_THAT(std::string(status.message()), HasSubstr("192 bytes for each article"));
  EXPECT_EQ(files(), before);
  out = Encoder();
  out.Varint(kFormatVersion);
  WriteFormat(dir.path(), out.bytes());
  EXPECT_TRUE(OpenStatus(dir.path()).ok());  // with nothing to upgrade
}

MemberRecord MemberOf(int64_t body_tokens) {
  MemberRecord record;
  record.body_tokens = body_tokens;
  return record;
}

TEST(StoreTest, MembersKeepTheirRecords) {
  const newsprint::testing::TempDir dir;
  const auto store = OpenStore(dir.path());
  Batch batch(1);
  batch.PutMember(5, 300, MemberOf(30));
  batch.PutMember(5, 7, MemberOf(10));
  batch.PutMember(5, 8, MemberOf(20));
  batch.PutMember(4, 1, MemberOf(40));
  batch.PutMember(6, 2, MemberOf(50));
  ASSERT_TRUE(store->Apply(batch).ok());
  EXPECT_EQ((*store->GetMember(1, 5, 8))->body_tokens, 20);
  EXPECT_EQ(store->GetMember(1, 5, 9)->has_value(), false);
  EXPECT_EQ(store->GetMember(1, 4, 8)->has_value(), false);
  EXPECT_EQ(store->GetMember(2, 5, 8)->has_value(), false);
  const auto members = [&](GroupNumber group, size_t members_max = 9, Ordinal first = 0) {
    std::vector<std::pair<Ordinal, int64_t>> found;
    EXPECT_TRUE(store
                    ->ForEachMember(1, group, first,
                                    [&](Ordinal ordinal, const MemberRecord& member) {
                                      found.emplace_back(ordinal, member.body_tokens);
                                      return found.size() < members_max;
                                    })
                    .ok());
    return found;
  };
  EXPECT_THAT(members(5), ElementsAre(Pair(7, 10), Pair(8, 20), Pair(300, 30)));
  EXPECT_THAT(members(5, /*members_max=*/2), ElementsAre(Pair(7, 10), Pair(8, 20)));
  EXPECT_THAT(members(5, /*members_max=*/9, /*first=*/8), ElementsAre(Pair(8, 20), Pair(300, 30)));
  EXPECT_THAT(members(9), IsEmpty());
  Batch more(1);
  more.PutMember(5, 7, MemberOf(11));
  more.DeleteMember(5, 8);
  ASSERT_TRUE(store->Apply(more).ok());
  EXPECT_THAT(members(5), ElementsAre(Pair(7, 11), Pair(300, 30)));
  EXPECT_THAT(members(4), ElementsAre(Pair(1, 40)));
}

TEST(StoreTest, ChangesComeInRangesAndTheOldestGo) {
  const newsprint::testing::TempDir dir;
  const auto store = OpenStore(dir.path());
  for (const uint32_t uid : {1u, 2u}) {
    Batch batch(uid);
    for (uint64_t number = 1; number <= 300; ++number) {
      GroupChange change;
      change.sequence = number;
      change.article_id = absl::StrCat("a", number);
      batch.PutChange(change);
    }
    ASSERT_TRUE(store->Apply(batch).ok());
  }
  const auto numbers = [&](uint32_t uid, uint64_t first, size_t changes_max) {
    std::vector<uint64_t> found;
    const auto changes = store->Changes(uid, first, changes_max);
    EXPECT_TRUE(changes.ok()) << changes.status();
    for (const GroupChange& change : *changes) found.push_back(change.sequence);
    return found;
  };
  EXPECT_THAT(numbers(1, 1, 3), ElementsAre(1, 2, 3));
  EXPECT_THAT(numbers(1, 255, 3), ElementsAre(255, 256, 257));
  EXPECT_THAT(numbers(1, 299, 100), ElementsAre(299, 300));
  EXPECT_THAT(numbers(1, 301, 100), IsEmpty());
  EXPECT_THAT(numbers(1, 1, 0), IsEmpty());
  EXPECT_EQ(store->Changes(1, 256, 1)->front().article_id, "a256");
  Batch batch(1);
  batch.DeleteChangesBefore(299);
  ASSERT_TRUE(store->Apply(batch).ok());
  EXPECT_THAT(numbers(1, 0, 100), ElementsAre(299, 300));
  EXPECT_EQ(numbers(2, 0, 1000).size(), 300u);
}

TEST(StoreTest, ANewGenerationOfBoilerplateRemovesTheLessonsBeforeIt) {
  const newsprint::testing::TempDir dir;
  const auto store = OpenStore(dir.path());
  EXPECT_EQ(store->GetBoilerplate(1)->generation, 0u);
  for (const uint32_t uid : {1u, 2u}) {
    Batch batch(uid);
    for (Ordinal ordinal = 0; ordinal < 300; ++ordinal) {
      batch.PutLesson(ordinal, {ordinal, std::vector<uint32_t>{ordinal}});
    }
    ASSERT_TRUE(store->Apply(batch).ok());
  }
  Batch batch(1);
  BoilerplateRecord record;
  record.generation = 1;
  record.first_lesson = 256;
  batch.PutLesson(300, {300, std::nullopt});
  batch.PutBoilerplate(record);
  ASSERT_TRUE(store->Apply(batch).ok());
  EXPECT_FALSE(store->GetLesson(1, 0)->has_value());
  EXPECT_FALSE(store->GetLesson(1, 255)->has_value());
  EXPECT_EQ((*store->GetLesson(1, 256))->source, 256u);
  EXPECT_THAT(*(*store->GetLesson(1, 299))->shingles, ElementsAre(299));
  EXPECT_FALSE((*store->GetLesson(1, 300))->shingles.has_value());
  EXPECT_EQ(store->GetBoilerplate(1)->first_lesson, 256u);
  EXPECT_TRUE(store->GetLesson(2, 0)->has_value());
  EXPECT_EQ(store->GetBoilerplate(2)->generation, 0u);
}

void PutWholeArticle(Ordinal ordinal, const std::string& id, Batch* batch) {
  ArticleRecord record;
  record.article.id = id;
  batch->PutArticle(ordinal, record);
  batch->PutBody(ordinal, "body");
  batch->PutSketch(ordinal, {{1}});
  batch->PutFingerprint(ordinal, {{1}, {}, {}});
  batch->PutTerms(ordinal, {{{1, 1.0f}}});
  batch->PutId(id, ordinal);
}

// Which of the parts of an article are there: content, then what recognises copies.
std::string PartsOf(const Store& store, Ordinal ordinal, const std::string& id) {
  std::string parts;
  const auto add = [&](const char* name, const absl::Status& status) {
    if (status.ok()) absl::StrAppend(&parts, name, " ");
    EXPECT_TRUE(status.ok() || absl::IsNotFound(status)) << status;
  };
  add("body", store.GetBody(1, ordinal).status());
  add("terms", store.GetTerms(1, ordinal).status());
  if (store.FindId(1, id)->has_value()) parts += "id ";
  add("article", store.GetArticle(1, ordinal).status());
  add("sketch", store.GetSketch(1, ordinal).status());
  add("fingerprint", store.GetFingerprint(1, ordinal).status());
  return parts;
}

TEST(StoreTest, AnArticleIsDeletedAsAWholeOrInTwoParts) {
  const newsprint::testing::TempDir dir;
  const auto store = OpenStore(dir.path());
  Batch batch(1);
  for (Ordinal ordinal = 1; ordinal <= 4; ++ordinal) {
    PutWholeArticle(ordinal, absl::StrCat("a", ordinal), &batch);
  }
  ASSERT_TRUE(store->Apply(batch).ok());
  Batch deletion(1);
  deletion.DeleteContent(1, "a1");
  deletion.DeleteRecognition(2);
  deletion.DeleteArticle(3, "a3");
  ASSERT_TRUE(store->Apply(deletion).ok());
  EXPECT_EQ(PartsOf(*store, 1, "a1"), "article sketch fingerprint ");
  EXPECT_EQ(PartsOf(*store, 2, "a2"), "body terms id ");
  EXPECT_EQ(PartsOf(*store, 3, "a3"), "");
  EXPECT_EQ(PartsOf(*store, 4, "a4"), "body terms id article sketch fingerprint ");
}

// Ordinals of what Pending gives.
std::vector<Ordinal> PendingOf(const Store& store, uint32_t uid, uint32_t generation,
                               Ordinal first = 0, size_t articles_max = 1000) {
  std::vector<Ordinal> ordinals;
  const auto pending = store.Pending(uid, generation, first, articles_max);
  EXPECT_TRUE(pending.ok()) << pending.status();
  if (!pending.ok()) return ordinals;
  for (const auto& [ordinal, text] : *pending) ordinals.push_back(ordinal);
  return ordinals;
}

TEST(StoreTest, GenerationsOfVectorsAreApart) {
  const newsprint::testing::TempDir dir;
  const auto store = OpenStore(dir.path());
  for (const uint32_t uid : {1u, 2u}) {
    Batch batch(uid);
    batch.PutVector(1, 7, {1.0f});
    batch.PutVector(2, 7, {2.0f, 2.0f});
    batch.PutVector(256, 7, {3.0f});
    batch.PutPending(1, 8, {});
    batch.PutPending(2, 8, {});
    ASSERT_TRUE(store->Apply(batch).ok());
  }
  Batch batch(1);
  batch.DeleteGeneration(1);
  ASSERT_TRUE(store->Apply(batch).ok());
  EXPECT_EQ(*store->FindVector(1, 1, 7), std::nullopt);
  EXPECT_THAT(PendingOf(*store, 1, 1), IsEmpty());
  EXPECT_THAT(**store->FindVector(1, 2, 7), ElementsAre(2.0f, 2.0f));
  EXPECT_THAT(PendingOf(*store, 1, 2), ElementsAre(8));
  EXPECT_THAT(**store->FindVector(1, 256, 7), ElementsAre(3.0f));
  EXPECT_THAT(**store->FindVector(2, 1, 7), ElementsAre(1.0f));
  EXPECT_THAT(PendingOf(*store, 2, 1), ElementsAre(8));
  // The number of a generation that was deleted may come again.
  Batch again(1);
  again.PutVector(1, 7, {4.0f});
  again.PutPending(1, 9, {});
  ASSERT_TRUE(store->Apply(again).ok());
  EXPECT_THAT(**store->FindVector(1, 1, 7), ElementsAre(4.0f));
  EXPECT_THAT(PendingOf(*store, 1, 1), ElementsAre(9));
}

TEST(StoreTest, PendingComesInTheOrderOfIngestionWithItsText) {
  const newsprint::testing::TempDir dir;
  const auto store = OpenStore(dir.path());
  Batch batch(1);
  for (const Ordinal ordinal : {300u, 2u, 70'000u}) batch.PutPending(1, ordinal, {"title", "body"});
  ASSERT_TRUE(store->Apply(batch).ok());
  EXPECT_THAT(PendingOf(*store, 1, 1), ElementsAre(2, 300, 70'000));
  EXPECT_THAT(PendingOf(*store, 1, 1, 3), ElementsAre(300, 70'000));
  EXPECT_THAT(PendingOf(*store, 1, 1, 0, 2), ElementsAre(2, 300));
  EXPECT_EQ(store->Pending(1, 1, 0, 1)->front().second.title, "title");
  EXPECT_EQ(store->Pending(1, 1, 0, 1)->front().second.body, "body");
  EXPECT_TRUE(*store->IsPending(1, 1, 300));
  EXPECT_FALSE(*store->IsPending(1, 1, 301));
  EXPECT_FALSE(*store->IsPending(1, 2, 300));
  // DeleteVector ends either of the two.
  Batch deletion(1);
  deletion.PutVector(1, 2, {1.0f});
  deletion.DeletePending(1, 2);
  deletion.DeleteVector(1, 300);
  ASSERT_TRUE(store->Apply(deletion).ok());
  EXPECT_TRUE(store->FindVector(1, 1, 2)->has_value());
  EXPECT_THAT(PendingOf(*store, 1, 1), ElementsAre(70'000));
  Batch rest(1);
  rest.DeleteVector(1, 2);
  ASSERT_TRUE(store->Apply(rest).ok());
  EXPECT_FALSE(store->FindVector(1, 1, 2)->has_value());
}

TEST(StoreTest, ACollectionsRecordCanBePutAgain) {
  const newsprint::testing::TempDir dir;
  const auto store = OpenStore(dir.path());
  CollectionRecord record;
  record.settings.name = "wires";
  record.uid = *store->AddCollection(record);
  record.next_embedding = EmbeddingSettings{"other", "other/1", 8, 2, {}};
  Batch batch(record.uid);
  batch.PutCollection(record);
  ASSERT_TRUE(store->Apply(batch).ok());
  ASSERT_EQ(store->Collections()->size(), 1u);
  EXPECT_EQ(store->Collections()->front().settings.name, "wires");
  EXPECT_EQ(store->Collections()->front().next_embedding->generation, 2u);
}

}  // namespace
}  // namespace newsprint::store
