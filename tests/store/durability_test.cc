// What a store promises about the disk: what is acknowledged is found again, a folder that has lost
// some of it is refused, and a disk that is full or fails stops nothing but writing.
#include <rocksdb/file_system.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "service/store/checker.h"
#include "service/store/store.h"
#include "service/store/wal_file_system.h"
#include "tests/testing/articles.h"
#include "tests/testing/file_size_limit.h"

namespace newsprint::store {
namespace {

using ::newsprint::testing::FileSizeLimit;
using ::newsprint::testing::ReadBytes;
using ::testing::HasSubstr;

constexpr uint32_t kUid = 1;

absl::StatusOr<std::unique_ptr<Store>> TryOpen(const std::string& path) {
  Store::Options options;
  options.data_dir = path;
  options.disk_reserve_bytes = 0;
  return Store::Open(options);
}

absl::Status PutId(Store& store, const std::string& id, Ordinal ordinal,
                   Durability durability = Durability::kSync) {
  Batch batch(kUid);
  batch.PutId(id, ordinal);
  return store.Apply(batch, durability);
}

absl::Status WaitDurable(Store& store) {
  std::promise<absl::Status> durable;
  store.NotifyDurable([&](absl::Status status) { durable.set_value(std::move(status)); });
  return durable.get_future().get();
}

// What a kill would leave: the files as they are now.
std::string CopyFolder(const std::string& from, const std::string& to) {
  std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
  return to;
}

std::string FindFile(const std::string& folder, const std::string& extension) {
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == extension && entry.file_size() > 0) return entry.path();
  }
  return "";
}

bool Eventually(absl::FunctionRef<bool()> condition) {
  for (int i = 0; i < 1000; ++i) {
    if (condition()) return true;
    absl::SleepFor(absl::Milliseconds(20));
  }
  return false;
}

TEST(DurabilityTest, WhatIsAcknowledgedIsInTheFiles) {
  const newsprint::testing::TempDir dir;
  const auto store = *TryOpen(dir.path() + "/live");
  ASSERT_TRUE(PutId(*store, "a", 7).ok());
  ASSERT_TRUE(WaitDurable(*store).ok());
  const auto copy = TryOpen(CopyFolder(dir.path() + "/live", dir.path() + "/copy"));
  ASSERT_TRUE(copy.ok()) << copy.status();
  EXPECT_EQ(*(*copy)->FindId(kUid, "a"), std::optional<Ordinal>(7));
}

TEST(DurabilityTest, AsyncWritesWaitForNothingAndReachTheDiskAllTheSame) {
  const newsprint::testing::TempDir dir;
  const auto store = *TryOpen(dir.path() + "/live");
  ASSERT_TRUE(PutId(*store, "a", 7, Durability::kAsync).ok());
  EXPECT_TRUE(WaitDurable(*store).ok());
  int copies = 0;
  EXPECT_TRUE(Eventually([&] {
    const auto copy =
        TryOpen(CopyFolder(dir.path() + "/live", absl::StrCat(dir.path(), "/", ++copies)));
    return copy.ok() && (*copy)->FindId(kUid, "a")->has_value();
  }));
}

// Somebody always waits, so nothing is ever idle.
TEST(DurabilityTest, AsyncWritesReachTheDiskUnderLoadToo) {
  const newsprint::testing::TempDir dir;
  const auto store = *TryOpen(dir.path() + "/live");
  ASSERT_TRUE(PutId(*store, "a", 7, Durability::kAsync).ok());
  const absl::Time end = absl::Now() + absl::Seconds(3);
  for (Ordinal i = 100; absl::Now() < end; ++i) {
    ASSERT_TRUE(PutId(*store, absl::StrCat("later-", i), i, Durability::kAsync).ok());
    ASSERT_TRUE(WaitDurable(*store).ok());
    absl::SleepFor(absl::Milliseconds(50));
  }
  const auto copy = TryOpen(CopyFolder(dir.path() + "/live", dir.path() + "/copy"));
  ASSERT_TRUE(copy.ok()) << copy.status();
  EXPECT_TRUE((*copy)->FindId(kUid, "a")->has_value());
}

TEST(DurabilityTest, NotifySyncedWaitsForAsyncWritesToo) {
  const newsprint::testing::TempDir dir;
  const auto store = *TryOpen(dir.path() + "/live");
  ASSERT_TRUE(PutId(*store, "a", 7, Durability::kAsync).ok());
  std::promise<absl::Status> synced;
  store->NotifySynced([&](absl::Status status) { synced.set_value(std::move(status)); });
  ASSERT_TRUE(synced.get_future().get().ok());
  const auto copy = TryOpen(CopyFolder(dir.path() + "/live", dir.path() + "/copy"));
  ASSERT_TRUE(copy.ok()) << copy.status();
  EXPECT_TRUE((*copy)->FindId(kUid, "a")->has_value());
}

// As a kill leaves it while tables are written: two logs, of which the first is needed.
TEST(DurabilityTest, RefusesAFolderThatLacksOneOfItsLogs) {
  const newsprint::testing::TempDir dir;
  const std::string first = dir.path() + "/first";
  const std::string second = dir.path() + "/second";
  {
    const auto store = *TryOpen(dir.path() + "/live");
    ASSERT_TRUE(PutId(*store, "a", 1).ok());
    ASSERT_TRUE(WaitDurable(*store).ok());
    CopyFolder(dir.path() + "/live", first);
  }
  const std::string first_log = FindFile(first, ".log");
  CopyFolder(first, dir.path() + "/next");
  {
    const auto store = *TryOpen(dir.path() + "/next");
    ASSERT_TRUE(PutId(*store, "b", 2).ok());
    ASSERT_TRUE(WaitDurable(*store).ok());
    CopyFolder(dir.path() + "/next", second);
  }
  const std::filesystem::path second_log = FindFile(second, ".log");
  std::filesystem::copy(second_log, std::filesystem::path(first) / second_log.filename());
  std::filesystem::copy(second + "/ACKNOWLEDGED", first + "/ACKNOWLEDGED",
                        std::filesystem::copy_options::overwrite_existing);
  CopyFolder(first, dir.path() + "/whole");
  const auto whole = TryOpen(dir.path() + "/whole");
  ASSERT_TRUE(whole.ok()) << whole.status();
  EXPECT_TRUE((*whole)->FindId(kUid, "a")->has_value());
  EXPECT_TRUE((*whole)->FindId(kUid, "b")->has_value());
  std::filesystem::remove(first_log);
  const absl::Status status = TryOpen(first).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("a part of the write-ahead log is missing before "));
  std::filesystem::remove(first + "/ACKNOWLEDGED");
  const auto report = CheckDataFolder(first, 10, [](uint64_t, uint64_t) { return true; });
  ASSERT_TRUE(report.ok()) << report.status();
  const auto& kinds = report->problems.kinds();
  const auto logs = kinds.find(ProblemKind::kLog);
  ASSERT_NE(logs, kinds.end());
  EXPECT_THAT(logs->second.first, ::testing::Contains(HasSubstr(" is missing before ")));
}

TEST(DurabilityTest, RefusesAFolderWhoseLogIsGoneOrDamaged) {
  const newsprint::testing::TempDir dir;
  const auto store = *TryOpen(dir.path() + "/live");
  for (Ordinal i = 0; i < 100; ++i) {
    ASSERT_TRUE(PutId(*store, absl::StrCat("article-", i), i).ok());
    ASSERT_TRUE(WaitDurable(*store).ok());
  }
  const std::string gone = CopyFolder(dir.path() + "/live", dir.path() + "/gone");
  std::filesystem::remove(FindFile(gone, ".log"));
  const std::string cut = CopyFolder(dir.path() + "/live", dir.path() + "/cut");
  const std::string log = FindFile(cut, ".log");
  std::filesystem::resize_file(log, std::filesystem::file_size(log) / 2);
  const std::string flipped = CopyFolder(dir.path() + "/live", dir.path() + "/flipped");
  {
    std::fstream file(FindFile(flipped, ".log"), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(std::filesystem::file_size(log));
    file.put('\x55');
    file.put('\x55');
  }
  for (const std::string& folder : {gone, cut, flipped}) {
    for (int attempt = 0; attempt < 2; ++attempt) {  // and it stays refused
      const absl::Status status = TryOpen(folder).status();
      EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << folder << status;
      EXPECT_THAT(std::string(status.message()),
                  HasSubstr("data_dir: acknowledged writes are missing, got "));
    }
  }
  std::filesystem::remove(cut + "/ACKNOWLEDGED");
  const auto accepted = TryOpen(cut);
  ASSERT_TRUE(accepted.ok()) << accepted.status();
  EXPECT_TRUE((*accepted)->FindId(kUid, "article-0")->has_value());
  EXPECT_FALSE((*accepted)->FindId(kUid, "article-99")->has_value());
}

TEST(DurabilityTest, RefusesAFolderWithoutItsCurrentFile) {
  const newsprint::testing::TempDir dir;
  const std::string path = dir.path() + "/data";
  ASSERT_TRUE(PutId(**TryOpen(path), "a", 7).ok());
  std::filesystem::rename(path + "/CURRENT", path + "/AWAY");
  const absl::Status status = TryOpen(path).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("the file CURRENT is missing beside "));
  std::filesystem::rename(path + "/AWAY", path + "/CURRENT");
  EXPECT_TRUE((*TryOpen(path))->FindId(kUid, "a")->has_value());
}

TEST(DurabilityTest, RefusesADamagedAcknowledgedFile) {
  const newsprint::testing::TempDir dir;
  const std::string path = dir.path() + "/data";
  ASSERT_TRUE(TryOpen(path).ok());
  std::ofstream(path + "/ACKNOWLEDGED", std::ios::binary) << "NPACKED1 and then something else";
  const absl::Status status = TryOpen(path).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("data_dir: damaged file "));
  std::filesystem::remove(path + "/ACKNOWLEDGED");
  EXPECT_TRUE(TryOpen(path).ok());
}

TEST(DurabilityTest, AFullDiskStopsWritingUntilItHasRoom) {
  const newsprint::testing::TempDir dir;
  Store::Options options;
  options.data_dir = dir.path() + "/data";
  options.disk_reserve_bytes = 0;
  std::atomic<int> read_only{0};
  std::atomic<int> writable{0};
  options.report = [&](const absl::Status& status) { ++(status.ok() ? writable : read_only); };
  auto store = *Store::Open(options);
  ASSERT_TRUE(PutId(*store, "before", 1).ok());
  ASSERT_TRUE(WaitDurable(*store).ok());
  EXPECT_EQ(store->write_state(), WriteState::kWritable);
  {
    const FileSizeLimit limit(64 << 10);
    Batch large(kUid);
    large.PutBody(2, std::string(size_t{1} << 20, 'x'));
    large.PutId("during", 2);
    ASSERT_TRUE(store->Apply(large).ok());  // in memory
    const absl::Status status = WaitDurable(*store);
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(std::string(status.message()), HasSubstr("store: write: "));
    const absl::Status refused = PutId(*store, "refused", 3);
    EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(std::string(refused.message()),
                HasSubstr("store: read-only, as a write failed: write: "));
    EXPECT_TRUE(store->FindId(kUid, "before")->has_value());
    EXPECT_EQ(read_only, 1);
    EXPECT_EQ(store->write_state(), WriteState::kFailed);
  }
  EXPECT_TRUE(Eventually([&] { return PutId(*store, "after", 4).ok(); }));
  ASSERT_TRUE(WaitDurable(*store).ok());
  EXPECT_EQ(writable, 1);
  EXPECT_EQ(store->write_state(), WriteState::kWritable);
  const auto copy = TryOpen(CopyFolder(options.data_dir, dir.path() + "/copy"));
  ASSERT_TRUE(copy.ok()) << copy.status();
  for (const char* id : {"before", "during", "after"}) {
    EXPECT_TRUE((*copy)->FindId(kUid, id)->has_value()) << id;
  }
  EXPECT_EQ((*copy)->GetBody(kUid, 2)->size(), size_t{1} << 20);
}

TEST(DurabilityTest, ADiskThatIsNearlyFullTakesOnlyWhatFreesSpace) {
  const newsprint::testing::TempDir dir;
  Store::Options options;
  options.data_dir = dir.path();
  uint32_t uid = 0;
  {
    const auto store = *Store::Open(options);
    uid = *store->AddCollection({});
  }
  options.disk_reserve_bytes = int64_t{1} << 60;
  const auto store = *Store::Open(options);
  const absl::Status refused = PutId(*store, "a", 1);
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr("store: read-only, as the disk is nearly full, got "));
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr("limit 1152921504606846976 bytes (--disk_reserve_bytes)"));
  EXPECT_EQ(store->write_state(), WriteState::kNearlyFull);
  ASSERT_TRUE(store->disk_space().has_value());
  EXPECT_GT(store->disk_space()->size_bytes, store->disk_space()->free_bytes);
  EXPECT_EQ(store->disk_reserve_bytes(), int64_t{1} << 60);
  Batch deletion(uid);
  deletion.MayUseReserve();
  deletion.DeleteGroup(1);
  EXPECT_TRUE(store->Apply(deletion).ok());
  EXPECT_TRUE(WaitDurable(*store).ok());
  EXPECT_FALSE(store->AddCollection({}).ok());
  EXPECT_TRUE(store->DropCollection(uid).ok());
}

// A log that is written by way of the file system.
class WalFileSystemTest : public ::testing::Test {
 protected:
  void SetUp() override { Make(); }
  void Make() { ASSERT_TRUE(files_.NewWritableFile(path_, {}, &log_, nullptr).ok()); }

  const newsprint::testing::TempDir dir_;
  const std::string path_ = dir_.path() + "/000001.log";
  WalFileSystem files_;
  std::unique_ptr<rocksdb::FSWritableFile> log_;
};

TEST_F(WalFileSystemTest, WritesAgainWhatFailed) {
  const std::string first(1000, 'a');
  const std::string second(5000, 'b');
  ASSERT_TRUE(log_->Append(first, {}, nullptr).ok());
  ASSERT_TRUE(log_->Sync({}, nullptr).ok());
  {
    const FileSizeLimit limit(2000);
    EXPECT_TRUE(log_->Append(second, {}, nullptr).ok());
    EXPECT_TRUE(log_->Sync({}, nullptr).ok());
    EXPECT_EQ(files_.problem().code(), absl::StatusCode::kUnavailable);
    EXPECT_TRUE(log_->Append(first, {}, nullptr).ok());
    EXPECT_FALSE(files_.Retry().ok());
  }
  EXPECT_FALSE(files_.problem().ok());
  ASSERT_TRUE(files_.Retry().ok());
  EXPECT_TRUE(files_.problem().ok());
  EXPECT_EQ(log_->GetFileSize({}, nullptr), 7000u);
  EXPECT_EQ(ReadBytes(path_), first + second + first);
}

TEST_F(WalFileSystemTest, SyncsAndRetriesAtOnceKeepEveryByte) {
  std::string expected;
  for (int round = 0; round < 20; ++round) {
    const std::string text(1000 + round, static_cast<char>('a' + round));
    {
      const FileSizeLimit limit(expected.size() + 100);
      EXPECT_TRUE(log_->Append(text, {}, nullptr).ok());
      EXPECT_FALSE(files_.problem().ok());
    }
    expected += text;
    std::thread retry([&] { EXPECT_TRUE(files_.Retry().ok()); });
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(log_->Sync({}, nullptr).ok());
    retry.join();
    ASSERT_TRUE(files_.Retry().ok());
  }
  EXPECT_EQ(log_->GetFileSize({}, nullptr), expected.size());
  EXPECT_EQ(ReadBytes(path_), expected);
}

TEST_F(WalFileSystemTest, RemembersALogThatWasClosedTooEarly) {
  const std::string text(5000, 'b');
  {
    const FileSizeLimit limit(2000);
    EXPECT_TRUE(log_->Append(text, {}, nullptr).ok());
    EXPECT_TRUE(log_->Close({}, nullptr).ok());
    log_ = nullptr;
    EXPECT_FALSE(files_.problem().ok());
  }
  ASSERT_TRUE(files_.Retry().ok());
  EXPECT_TRUE(files_.problem().ok());
  EXPECT_EQ(ReadBytes(path_), text);
  // One that is deleted is not missed.
  Make();
  {
    const FileSizeLimit limit(2000);
    EXPECT_TRUE(log_->Append(text, {}, nullptr).ok());
  }
  ASSERT_TRUE(files_.DeleteFile(path_, {}, nullptr).ok());
  EXPECT_TRUE(files_.problem().ok());
}

}  // namespace
}  // namespace newsprint::store
