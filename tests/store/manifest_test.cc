#include "service/store/manifest.h"

#include <sys/stat.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "service/store/backup.h"
#include "service/store/records.h"
#include "tests/testing/temp_dir.h"

namespace newsprint::store {
namespace {

namespace fs = std::filesystem;
using ::newsprint::testing::ReadBytes;
using ::newsprint::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

bool GoOnCopying(uint64_t) { return true; }

std::vector<std::string> FilesOf(const std::string& dir) { return ListFiles(dir).value(); }

Manifest TwoFiles() {
  Manifest manifest;
  manifest.store_format = kFormatVersion;
  manifest.newsprint_version = "0.1.0";
  manifest.created_at = absl::FromUnixMillis(1'763'807'400'125);
  manifest.files = {{"000012.sst", 5, {1, 2}}, {"graphs/1-1.graphs", 0, {0xfedcba9876543210, 3}}};
  return manifest;
}

TEST(ManifestTest, IsReadAsItWasWritten) {
  const std::string text = Encode(TwoFiles());
  EXPECT_THAT(text, HasSubstr("\ncreated_at 2025-11-22T10:30:00.125+00:00\n"));
  EXPECT_THAT(text, HasSubstr("\nfile fedcba98765432100000000000000003 0 graphs/1-1.graphs\n"));
  const auto manifest = DecodeManifest(text);
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(Encode(*manifest), text);
  EXPECT_EQ(manifest->created_at, TwoFiles().created_at);
  EXPECT_EQ(manifest->bytes(), 5u);
  ASSERT_EQ(manifest->files.size(), 2u);
  EXPECT_EQ(manifest->files[1].path, "graphs/1-1.graphs");
  EXPECT_EQ(manifest->files[1].hash, (Hash128{0xfedcba9876543210, 3}));
}

TEST(ManifestTest, EveryFlippedBitAndEveryCutIsNoticed) {
  const std::string text = Encode(TwoFiles());
  for (size_t i = 0; i < text.size(); ++i) {
    std::string damaged = text;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    EXPECT_TRUE(absl::IsDataLoss(DecodeManifest(damaged).status())) << "byte " << i;
    EXPECT_TRUE(absl::IsDataLoss(DecodeManifest(text.substr(0, i)).status())) << "cut at " << i;
  }
  EXPECT_TRUE(absl::IsDataLoss(DecodeManifest(text + "x").status()));
}

TEST(ManifestTest, PathsThatLeaveTheFolderAreRefused) {
  for (const char* path : {"../a", "/etc/passwd", "graphs/../../a", "a//b", "./a", "",
                           "MANIFEST.newsprint", "graphs/"}) {
    Manifest manifest = TwoFiles();
    manifest.files[0].path = path;
    EXPECT_TRUE(absl::IsDataLoss(DecodeManifest(Encode(manifest)).status())) << path;
  }
  Manifest twice = TwoFiles();
  twice.files[1].path = twice.files[0].path;
  EXPECT_TRUE(absl::IsDataLoss(DecodeManifest(Encode(twice)).status()));
}

// A folder with a manifest, as a snapshot is.
class BackupFolderTest : public ::testing::Test {
 protected:
  BackupFolderTest() {
    fs::create_directories(dir_.File("backup/graphs"));
    dir_.Write("backup/CURRENT", "MANIFEST-000005\n");
    dir_.Write("backup/graphs/1-1.graphs", std::string(3'000'000, 'g'));
    dir_.Write("backup/empty", "");
    Manifest manifest = TwoFiles();
    manifest.files.clear();
    for (const std::string& path : FilesOf(backup_)) {
      manifest.files.push_back(HashFile(backup_, path, GoOnCopying).value());
    }
    EXPECT_TRUE(WriteManifest(backup_, manifest).ok());
  }

  const TempDir dir_;
  const std::string backup_ = dir_.File("backup");
  const std::string data_ = dir_.File("data");
};

TEST_F(BackupFolderTest, ARestoredFolderHasTheFilesAndNotTheManifest) {
  const auto manifest = RestoreBackup(backup_, data_ + "/", GoOnCopying);
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_THAT(FilesOf(data_), ElementsAre("CURRENT", "empty", "graphs/1-1.graphs"));
  EXPECT_EQ(ReadBytes(data_ + "/graphs/1-1.graphs"), std::string(3'000'000, 'g'));
  EXPECT_EQ(RestoreBackup(backup_, data_, GoOnCopying).status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(std::distance(fs::directory_iterator(dir_.path()), {}), 2);
}

TEST_F(BackupFolderTest, AFileInItsPlaceIsLeftAlone) {
  const std::string file = dir_.Write("file", "mine");
  EXPECT_EQ(RestoreBackup(backup_, file, GoOnCopying).status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ReadBytes(file), "mine");
}

TEST_F(BackupFolderTest, ADamagedFileIsNamedAndNothingIsPutInPlace) {
  dir_.Write("backup/graphs/1-1.graphs", std::string(2'999'999, 'g') + "h");
  EXPECT_EQ(VerifyFile(backup_, ReadManifest(backup_)->files[2], GoOnCopying).code(),
            absl::StatusCode::kDataLoss);
  absl::Status status = RestoreBackup(backup_, data_, GoOnCopying).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(status.message(), HasSubstr("graphs/1-1.graphs: damaged, got checksum"));

  dir_.Write("backup/graphs/1-1.graphs", std::string(3'000'001, 'g'));
  status = RestoreBackup(backup_, data_, GoOnCopying).status();
  EXPECT_THAT(status.message(), HasSubstr("got 3000001 bytes, expected 3000000"));

  fs::remove(backup_ + "/CURRENT");
  status = RestoreBackup(backup_, data_, GoOnCopying).status();
  EXPECT_EQ(status.message(), "CURRENT: missing");

  dir_.Write("backup/MANIFEST.newsprint", "newsprint-manifest 1\n");
  EXPECT_EQ(RestoreBackup(backup_, data_, GoOnCopying).status().code(),
            absl::StatusCode::kDataLoss);
  fs::remove(backup_ + "/MANIFEST.newsprint");
  EXPECT_EQ(RestoreBackup(backup_, data_, GoOnCopying).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(std::distance(fs::directory_iterator(dir_.path()), {}), 1);
}

TEST_F(BackupFolderTest, AnInterruptedRestoreLeavesNothing) {
  int calls = 0;
  const auto stop = [&calls](uint64_t) { return ++calls < 2; };
  EXPECT_EQ(RestoreBackup(backup_, data_, stop).status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(std::distance(fs::directory_iterator(dir_.path()), {}), 1);
}

TEST_F(BackupFolderTest, ANewerFormatIsRefused) {
  Manifest manifest = ReadManifest(backup_).value();
  manifest.store_format = kFormatVersion + 1;
  fs::remove(backup_ + "/MANIFEST.newsprint");
  ASSERT_TRUE(WriteManifest(backup_, manifest).ok());
  EXPECT_EQ(RestoreBackup(backup_, data_, GoOnCopying).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(BackupFolderTest, AnEmptyFolderIsFilledInPlace) {
  fs::create_directory(data_);
  fs::create_directory(data_ + "/lost+found");  // as where a file system is mounted
  fs::permissions(data_, fs::perms::owner_all);
  struct stat before = {};
  ASSERT_EQ(stat(data_.c_str(), &before), 0);
  ASSERT_TRUE(RestoreBackup(backup_, data_, GoOnCopying).ok());
  struct stat after = {};
  ASSERT_EQ(stat(data_.c_str(), &after), 0);
  EXPECT_EQ(after.st_ino, before.st_ino);
  EXPECT_EQ(after.st_mode, before.st_mode);
  EXPECT_THAT(FilesOf(data_), ElementsAre("CURRENT", "empty", "graphs/1-1.graphs"));
  EXPECT_EQ(std::distance(fs::directory_iterator(data_), {}), 4);
}

TEST_F(BackupFolderTest, AnEmptyFolderStaysEmptyAfterAnError) {
  fs::create_directory(data_);
  int calls = 0;
  const auto stop = [&calls](uint64_t) { return ++calls < 2; };
  EXPECT_EQ(RestoreBackup(backup_, data_, stop).status().code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(fs::is_empty(data_));
  dir_.Write("backup/graphs/1-1.graphs", "other");
  EXPECT_EQ(RestoreBackup(backup_, data_, GoOnCopying).status().code(),
            absl::StatusCode::kDataLoss);
  EXPECT_TRUE(fs::is_empty(data_));
}

TEST_F(BackupFolderTest, ParentsAreMade) {
  EXPECT_TRUE(RestoreBackup(backup_, dir_.File("a/b/c"), GoOnCopying).ok());
  EXPECT_TRUE(fs::exists(dir_.File("a/b/c/CURRENT")));
}

// Processes in containers have the same number.
TEST_F(BackupFolderTest, TwoOfOneProcessDoNotClash) {
  const auto one = BackupWriter::Create(data_);
  const auto other = BackupWriter::Create(data_);
  EXPECT_TRUE(one.ok()) << one.status();
  EXPECT_TRUE(other.ok()) << other.status();
}

TEST_F(BackupFolderTest, AFileThatCannotBeReadIsNoMissingOne) {
  fs::rename(backup_ + "/CURRENT", dir_.File("aside"));
  fs::create_symlink(dir_.File("aside"), backup_ + "/CURRENT");
  const absl::Status status = VerifyFile(backup_, ReadManifest(backup_)->files[0], GoOnCopying);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("CURRENT"));
}

// Sends the folder to a writer, in pieces of `piece` bytes.
absl::Status Send(const std::string& folder, size_t piece, BackupWriter& writer) {
  for (const std::string& path : FilesOf(folder)) {
    if (path == kManifestName) continue;
    const std::string bytes = ReadBytes(folder + "/" + path);
    for (size_t at = 0; at == 0 || at < bytes.size(); at += piece) {
      const absl::Status status = writer.Append(path, at, bytes.substr(at, piece));
      if (!status.ok()) return status;
    }
  }
  return writer.Append(kManifestName, 0, ReadBytes(folder + "/" + kManifestName));
}

TEST_F(BackupFolderTest, AWriterMakesTheSameFolder) {
  {
    const auto writer = BackupWriter::Create(data_);
    ASSERT_TRUE(writer.ok()) << writer.status();
    ASSERT_TRUE(Send(backup_, 70'000, **writer).ok());
    EXPECT_FALSE(fs::exists(data_));
    EXPECT_TRUE((*writer)->Commit().ok());
  }
  EXPECT_EQ(FilesOf(data_), FilesOf(backup_));
  EXPECT_EQ(ReadBytes(data_ + "/graphs/1-1.graphs"), ReadBytes(backup_ + "/graphs/1-1.graphs"));
  EXPECT_EQ(BackupWriter::Create(data_).status().code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(BackupFolderTest, AWriterTakesNothingThatDiffers) {
  const auto fails = [&](const auto& send, const std::string& what) {
    {
      const auto writer = BackupWriter::Create(data_);
      ASSERT_TRUE(writer.ok()) << writer.status();
      absl::Status status = send(**writer);
      if (status.ok()) status = (*writer)->Commit().status();
      EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
      EXPECT_THAT(status.message(), HasSubstr(what));
    }
    EXPECT_EQ(std::distance(fs::directory_iterator(dir_.path()), {}), 1) << what;
  };
  const std::string manifest = ReadBytes(backup_ + "/" + kManifestName);
  fails([&](BackupWriter& writer) { return writer.Append(kManifestName, 0, manifest); },
        "CURRENT: missing");
  fails([&](BackupWriter& writer) { return writer.Append("../escaped", 0, "x"); }, "../escaped");
  fails([&](BackupWriter& writer) { return writer.Append("/tmp/escaped", 0, "x"); }, "escaped");
  fails([&](BackupWriter& writer) { return writer.Append("CURRENT", 1, "x"); }, "offset 1");
  fails(
      [&](BackupWriter& writer) {
        const absl::Status status = writer.Append("more", 0, "x");
        return status.ok() ? Send(backup_, 1 << 20, writer) : status;
      },
      "does not list");
  fails([&](BackupWriter&) { return absl::OkStatus(); }, "MANIFEST.newsprint: missing");
  dir_.Write("backup/CURRENT", "MANIFEST-000006\n");
  fails([&](BackupWriter& writer) { return Send(backup_, 1 << 20, writer); }, "CURRENT: damaged");
}

}  // namespace
}  // namespace newsprint::store
