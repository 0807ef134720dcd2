#include "service/engine/snapshots.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "absl/strings/str_cat.h"
#include "service/store/backup.h"
#include "service/store/checker.h"
#include "tests/testing/articles.h"
#include "tests/testing/file_size_limit.h"

namespace newsprint {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

bool Always() { return true; }

class SnapshotsTest : public ::testing::Test {
 protected:
  SnapshotsTest() { Open(); }

  void Open() { engine_ = testing::OpenEngine(data_); }
  Collection& collection() { return **engine_->Find(kDefaultCollection); }
  void Ingest(int i) {
    const auto verdict =
        testing::Ingest(collection(), testing::StoryArticle(absl::StrCat("a", i), i, 80));
    ASSERT_TRUE(verdict.ok()) << verdict.status();
  }
  std::string PathOf(const std::string& name) const { return data_ + "/snapshots/" + name; }
  // Names in the folder of snapshots, hidden ones too.
  std::vector<std::string> Present() const {
    std::vector<std::string> names;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(data_ + "/snapshots", ignored)) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  // A data folder made of the snapshot.
  std::string Restore(const std::string& name) {
    const std::string restored = dir_.File(absl::StrCat("restored-", restored_++));
    const auto manifest =
        store::RestoreBackup(PathOf(name), restored, [](uint64_t) { return true; });
    EXPECT_TRUE(manifest.ok()) << manifest.status();
    const auto report =
        store::CheckDataFolder(restored, 10, [](uint64_t, uint64_t) { return true; });
    EXPECT_TRUE(report.ok()) << report.status();
    EXPECT_EQ(report->problems.count(), 0u);
    return restored;
  }

  const testing::TempDir dir_;
  const std::string data_ = dir_.File("data");
  std::unique_ptr<Engine> engine_;
  int restored_ = 0;
};

TEST_F(SnapshotsTest, IsADataFolderWithAManifest) {
  for (int i = 0; i < 10; ++i) Ingest(i);
  const auto made = engine_->snapshots().Create("one", Always);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->name, "one");
  EXPECT_GT(made->files, 2u);
  const auto manifest = store::ReadManifest(PathOf("one"));
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(manifest->store_format, store::kFormatVersion);
  EXPECT_EQ(manifest->bytes(), made->bytes);
  for (int i = 10; i < 20; ++i) Ingest(i);  // not in it
  const auto restored = testing::OpenEngine(Restore("one"));
  const auto collection = *restored->Find(kDefaultCollection);
  EXPECT_EQ(collection->Stats().articles, 10);
  EXPECT_TRUE(collection->Get("a9", /*omit_body=*/false).ok());
  EXPECT_FALSE(collection->Get("a10", /*omit_body=*/false).ok());
  EXPECT_FALSE(fs::exists(dir_.File("restored-0/snapshots")));
  EXPECT_FALSE(fs::exists(dir_.File("restored-0/MANIFEST.newsprint")));
}

TEST_F(SnapshotsTest, HoldsAllThatWasAcknowledgedAndAPrefixOfTheRest) {
  constexpr int kThreads = 3;
  // Each thread ingests its own articles in order: a prefix has no gaps.
  std::atomic<int> acknowledged[kThreads] = {};
  std::atomic<bool> stop{false};
  std::vector<std::thread> writers;
  for (int t = 0; t < kThreads; ++t) {
    writers.emplace_back([&, t] {
      for (int i = 0; !stop; ++i) {
        const std::string id = absl::StrCat("t", t, "-", i);
        const auto verdict = testing::Ingest(
            collection(), testing::StoryArticle(id, static_cast<uint64_t>(i / 2 * 10 + t), 60));
        if (!verdict.ok() || !engine_->WaitDurable().ok()) return;
        acknowledged[t] = i + 1;
      }
    });
  }
  constexpr int kSnapshots = 4;
  std::vector<std::array<int, kThreads>> before(kSnapshots);
  for (int s = 0; s < kSnapshots; ++s) {
    while (acknowledged[0] < 30 * (s + 1)) std::this_thread::yield();
    for (int t = 0; t < kThreads; ++t) before[s][t] = acknowledged[t];
    const auto made = engine_->snapshots().Create(absl::StrCat("s", s), Always);
    EXPECT_TRUE(made.ok()) << made.status();
  }
  stop = true;
  for (std::thread& writer : writers) writer.join();
  for (int s = 0; s < kSnapshots; ++s) {
    const auto restored = testing::OpenEngine(Restore(absl::StrCat("s", s)));
    const auto copy = *restored->Find(kDefaultCollection);
    int64_t articles = 0;
    for (int t = 0; t < kThreads; ++t) {
      int present = 0;
      while (copy->Get(absl::StrCat("t", t, "-", present), true).ok()) ++present;
      EXPECT_GE(present, before[s][t]) << "snapshot " << s << ", thread " << t;
      articles += present;
    }
    EXPECT_EQ(copy->Stats().articles, articles);  // no gaps
  }
}

TEST_F(SnapshotsTest, HoldsWhatWasAcknowledgedWithoutASync) {
  store::Store::Options options;
  options.data_dir = dir_.File("bare");
  const auto source = store::Store::Open(options);
  ASSERT_TRUE(source.ok()) << source.status();
  for (Ordinal i = 0; i < 100; i += 10) {
    store::Batch batch(1);
    batch.PutId("last", i);
    ASSERT_TRUE((*source)->Apply(batch, Durability::kAsync).ok());
    options.data_dir = dir_.File(absl::StrCat("copy", i));
    ASSERT_TRUE((*source)->WriteCheckpoint(options.data_dir).ok());
    const auto copy = store::Store::Open(options);
    ASSERT_TRUE(copy.ok()) << copy.status();
    EXPECT_EQ(*(*copy)->FindId(1, "last"), std::optional<Ordinal>(i));
  }
}

TEST_F(SnapshotsTest, AreListedByNameAndDeleted) {
  Snapshots& snapshots = engine_->snapshots();
  EXPECT_TRUE(snapshots.List("", 10)->empty());
  for (const char* name : {"b", "c", "a"}) ASSERT_TRUE(snapshots.Create(name, Always).ok());
  const auto two = snapshots.List("b", 2);
  ASSERT_TRUE(two.ok());
  ASSERT_EQ(two->size(), 2u);
  EXPECT_EQ(two->front().name, "b");
  EXPECT_GT(two->front().bytes, 0u);
  EXPECT_EQ(snapshots.Create("b", Always).status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(snapshots.Delete("b").ok());
  EXPECT_EQ(snapshots.Delete("b").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(snapshots.List("", 10)->size(), 2u);
  EXPECT_TRUE(snapshots.Create("b", Always).ok());
}

TEST_F(SnapshotsTest, NamesMadeFromTheTimeDiffer) {
  const auto first = engine_->snapshots().Create("", Always);
  const auto second = engine_->snapshots().Create("", Always);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_NE(first->name, second->name);
  EXPECT_EQ(first->name.size(), 15u) << first->name;
}

TEST_F(SnapshotsTest, ACancelledOneLeavesNothing) {
  Ingest(1);
  int asked = 0;
  const auto stop = [&asked] { return ++asked < 3; };
  EXPECT_EQ(engine_->snapshots().Create("x", stop).status().code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(Present().empty());
  EXPECT_TRUE(engine_->snapshots().Create("x", Always).ok());
}

TEST_F(SnapshotsTest, AFailedOneLeavesNothingAndTheServerGoesOn) {
  Ingest(1);
  // What is made first is in the way.
  fs::create_directories(PathOf(".x.1.tmp"));
  EXPECT_FALSE(engine_->snapshots().Create("x", Always).ok());
  EXPECT_TRUE(Present().empty());
  Ingest(2);
  EXPECT_TRUE(engine_->WaitDurable().ok());
  EXPECT_TRUE(engine_->snapshots().Create("x", Always).ok());
}

TEST_F(SnapshotsTest, AFullDiskFailsTheSnapshotAndNotTheStore) {
  for (int i = 0; i < 40; ++i) Ingest(i);
  ASSERT_TRUE(engine_->WaitDurable().ok());
  for (const uint64_t bytes : {50'000, 5'000, 10}) {
    {
      const testing::FileSizeLimit limit(bytes);
      const absl::Status status = engine_->snapshots().Create("x", Always).status();
      EXPECT_TRUE(absl::IsUnavailable(status) || absl::IsResourceExhausted(status)) << status;
    }
    EXPECT_TRUE(Present().empty()) << bytes;
  }
  for (int i = 40; i < 50; ++i) Ingest(i);
  EXPECT_TRUE(engine_->WaitDurable().ok());
  ASSERT_TRUE(engine_->snapshots().Create("x", Always).ok());
  const auto restored = testing::OpenEngine(Restore("x"));
  EXPECT_EQ((*restored->Find(kDefaultCollection))->Stats().articles, 50);
}

TEST_F(SnapshotsTest, ADiskThatIsNearlyFullIsLeftToTheStore) {
  engine_ = nullptr;
  Engine::Options options;
  options.store.data_dir = data_;
  options.store.disk_reserve_bytes = int64_t{1} << 60;
  auto engine = Engine::Open(options);
  ASSERT_TRUE(engine.ok()) << engine.status();
  const absl::Status status = (*engine)->snapshots().Create("x", Always).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(status.message(), HasSubstr("snapshot: not enough room on disk, got "));
  EXPECT_TRUE(Present().empty());
}

TEST_F(SnapshotsTest, OneWithADamagedManifestIsListedAndCanBeDeleted) {
  Snapshots& snapshots = engine_->snapshots();
  for (const char* name : {"bad", "bare", "good"}) ASSERT_TRUE(snapshots.Create(name, Always).ok());
  std::ofstream(PathOf("bad") + "/MANIFEST.newsprint") << "junk";
  fs::remove(PathOf("bare") + "/MANIFEST.newsprint");
  const auto all = snapshots.List("", 10);
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->size(), 3u);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(all->at(i).bytes, 0u);
    EXPECT_EQ(all->at(i).files, 0u);
    EXPECT_FALSE(all->at(i).created_at.has_value());
    EXPECT_TRUE(snapshots.Delete(all->at(i).name).ok());
  }
  EXPECT_TRUE(all->at(2).created_at.has_value());
  EXPECT_EQ(Present(), std::vector<std::string>{"good"});
}

TEST_F(SnapshotsTest, WhatCouldNotBeDeletedIsInNobodysWay) {
  Snapshots& snapshots = engine_->snapshots();
  ASSERT_TRUE(snapshots.Create("x", Always).ok());
  // As a deletion leaves it that is under way, or failed.
  fs::create_directories(PathOf(".x.deleted") + "/graphs");
  EXPECT_TRUE(snapshots.Delete("x").ok());
  EXPECT_TRUE(snapshots.Create("x", Always).ok());
}

TEST_F(SnapshotsTest, AServerThatDoesNotStartLeavesABackupOne) {
  engine_ = nullptr;
  std::ofstream(data_ + "/MANIFEST.newsprint") << "mine";
  {
    store::Store::Options options;
    options.data_dir = data_;
    const auto opened = store::Store::Open(options);
    ASSERT_TRUE(opened.ok()) << opened.status();
    store::CollectionRecord record = (*opened)->Collections()->front();
    record.settings.name = "foreign";
    record.settings.fingerprint_scheme = "none";
    ASSERT_TRUE((*opened)->AddCollection(record).ok());
  }
  Engine::Options options;
  options.store.data_dir = data_;
  EXPECT_THAT(Engine::Open(options).status().message(), HasSubstr("fingerprint scheme"));
  EXPECT_TRUE(fs::exists(data_ + "/MANIFEST.newsprint"));
}

TEST_F(SnapshotsTest, AStartRemovesWhatACrashHasLeft) {
  ASSERT_TRUE(engine_->snapshots().Create("kept", Always).ok());
  engine_ = nullptr;
  for (const char* name : {".x.tmp", ".y.tmp.tmp", ".z.deleted"}) {
    fs::create_directories(PathOf(name) + "/graphs");
    std::ofstream(PathOf(name) + "/000012.sst") << "half";
  }
  // A folder that was copied from a snapshot with its manifest is none from now on.
  std::ofstream(data_ + "/MANIFEST.newsprint") << "old";
  Open();
  EXPECT_EQ(Present(), std::vector<std::string>{"kept"});
  EXPECT_FALSE(fs::exists(data_ + "/MANIFEST.newsprint"));
}

// The bytes of all files that a reader gives.
std::map<std::string, std::string> ReadAll(SnapshotReader& reader, size_t bytes_max) {
  std::map<std::string, std::string> files;
  while (true) {
    const auto chunk = reader.Next(bytes_max);
    EXPECT_TRUE(chunk.ok()) << chunk.status();
    if (!chunk.ok() || chunk->path.empty()) return files;
    EXPECT_LE(chunk->bytes.size(), bytes_max);
    std::string& file = files[chunk->path];
    if (file.empty()) file.resize(chunk->offset);
    EXPECT_EQ(chunk->offset, file.size());
    file += chunk->bytes;
  }
}

TEST_F(SnapshotsTest, IsReadFromAnyPlace) {
  for (int i = 0; i < 5; ++i) Ingest(i);
  ASSERT_TRUE(engine_->snapshots().Create("s", Always).ok());
  const auto manifest = store::ReadManifest(PathOf("s")).value();
  const auto whole = engine_->snapshots().Read("s", "", 0);
  ASSERT_TRUE(whole.ok()) << whole.status();
  const auto files = ReadAll(**whole, 1000);
  EXPECT_EQ(files.size(), manifest.files.size() + 1);
  for (const store::ManifestFile& file : manifest.files) {
    EXPECT_EQ(files.at(file.path).size(), file.bytes) << file.path;
  }
  EXPECT_EQ(files.at("MANIFEST.newsprint"), store::Encode(manifest));

  const store::ManifestFile& second = manifest.files.at(1);
  const auto rest = engine_->snapshots().Read("s", second.path, second.bytes);
  ASSERT_TRUE(rest.ok()) << rest.status();
  EXPECT_EQ(ReadAll(**rest, 4096).size(), manifest.files.size() - 1);
  const auto last = engine_->snapshots().Read("s", "MANIFEST.newsprint", 7);
  ASSERT_TRUE(last.ok()) << last.status();
  EXPECT_EQ(ReadAll(**last, 4096).at("MANIFEST.newsprint").substr(7),
            store::Encode(manifest).substr(7));
  const auto code = [&](const char* name, const std::string& path, uint64_t offset) {
    return engine_->snapshots().Read(name, path, offset).status().code();
  };
  EXPECT_EQ(code("none", "", 0), absl::StatusCode::kNotFound);
  EXPECT_EQ(code("s", "none", 0), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code("s", second.path, second.bytes + 1), absl::StatusCode::kInvalidArgument);
}

TEST_F(SnapshotsTest, OneThatIsDeletedWhileItIsReadSaysSo) {
  Ingest(1);
  ASSERT_TRUE(engine_->snapshots().Create("s", Always).ok());
  const auto reader = engine_->snapshots().Read("s", "", 0);
  ASSERT_TRUE((*reader)->Next(100).ok());
  ASSERT_TRUE(engine_->snapshots().Delete("s").ok());
  absl::Status status;
  for (int i = 0; i < 100'000 && status.ok(); ++i) status = (*reader)->Next(1000).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(status.message(), HasSubstr("deleted while it was read"));
}

TEST_F(SnapshotsTest, SurvivesTheReplacementOfTheFilesThatItShares) {
  for (int i = 0; i < 20; ++i) Ingest(i);
  engine_ = nullptr;
  Open();  // the log has become tables
  ASSERT_TRUE(engine_->snapshots().Create("s", Always).ok());
  engine_ = nullptr;
  const std::vector<std::string> paths = store::ListFiles(data_).value();
  for (const std::string& path : paths) {
    if (path.find('/') == std::string::npos) fs::remove(data_ + "/" + path);
  }
  const auto restored = testing::OpenEngine(Restore("s"));
  EXPECT_EQ((*restored->Find(kDefaultCollection))->Stats().articles, 20);
}

}  // namespace
}  // namespace newsprint
