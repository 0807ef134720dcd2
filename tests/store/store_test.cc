#include "service/store/store.h"

#include <future>

#include "tests/testing/articles.h"

namespace newsprint::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

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
    CollectionSettings settings;
    settings.name = "wires";
    settings.created_at = absl::FromUnixSeconds(1);
    uid = *store->AddCollection(settings);
    Batch batch(uid);
    batch.PutId("a", 7);
    batch.PutBody(7, "body");
    batch.PutVector(7, {1.0f, -2.5f});
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
  EXPECT_THAT(*store->GetVector(uid, 7), ElementsAre(1.0f, -2.5f));
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

TEST(StoreTest, FindTextSkipsTheExcepted) {
  const newsprint::testing::TempDir dir;
  const auto store = OpenStore(dir.path());
  Batch batch(1);
  batch.PutText({5, 6}, 10);
  batch.PutText({5, 6}, 4);
  batch.PutText({5, 7}, 1);
  ASSERT_TRUE(store->Apply(batch).ok());
  EXPECT_EQ(*store->FindText(1, {5, 6}, std::nullopt), std::optional<Ordinal>(4));
  EXPECT_EQ(*store->FindText(1, {5, 6}, 4), std::optional<Ordinal>(10));
  EXPECT_EQ(*store->FindText(1, {6, 6}, std::nullopt), std::nullopt);
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

}  // namespace
}  // namespace newsprint::store
