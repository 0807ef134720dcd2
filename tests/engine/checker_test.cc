// Damage of every kind is found, and nothing is found where there is none.
#include "service/store/checker.h"

#include <rocksdb/db.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "service/store/keys.h"
#include "service/store/manifest.h"
#include "tests/testing/articles.h"

namespace newsprint {
namespace {

namespace fs = std::filesystem;
using store::ProblemKind;
using ::testing::HasSubstr;

std::vector<std::string> FilesIn(const std::string& dir) { return store::ListFiles(dir).value(); }

// What was found, a line a problem.
std::string Found(const std::string& dir) {
  const auto report = store::CheckDataFolder(dir, 100, [](uint64_t, uint64_t) { return true; });
  if (!report.ok()) return report.status().ToString();
  std::string text;
  for (const auto& [kind, found] : report->problems.kinds()) {
    for (const std::string& what : found.first) {
      absl::StrAppend(&text, store::ProblemKindName(kind), ": ", what, "\n");
    }
  }
  return text;
}

// `where`: 0 is the beginning of the file, 1 its end.
void FlipByte(const std::string& path, double where) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(0, std::ios::end);
  const auto at = static_cast<std::streamoff>(static_cast<double>(file.tellg()) * where);
  file.seekg(at);
  const char byte = static_cast<char>(file.get() ^ 0x20);
  file.seekp(at);
  file.put(byte);
}

void IngestStory(Collection& collection, const std::string& id, uint64_t story,
                 const std::string& request_id) {
  const auto verdict =
      testing::Ingest(collection, testing::StoryArticle(id, story, 60), request_id);
  ASSERT_TRUE(verdict.ok()) << verdict.status();
}

// Operations of every kind, at random.
void DoSomething(Collection& collection, std::mt19937_64& random) {
  const auto some_id = [&] { return absl::StrCat("a", random() % 40); };
  const auto group_of = [&]() -> GroupNumber {
    const auto group = collection.GroupOf(some_id());
    return group.ok() ? *group : 1;
  };
  switch (random() % 8) {
    case 0:
      collection.Delete(some_id(), "").IgnoreError();
      return;
    case 1:
      collection.MergeGroups(group_of(), group_of()).IgnoreError();
      return;
    case 2:
      collection.SplitGroup({group_of(), {some_id()}, ""}).IgnoreError();
      return;
    case 3: {
      Withdrawal withdrawal;
      withdrawal.article_id = some_id();
      collection.Withdraw(0, withdrawal).IgnoreError();
      return;
    }
    case 4:
      collection.Reinstate(group_of()).IgnoreError();
      return;
    default:
      IngestStory(collection, some_id(), random() % 12, absl::StrCat("r", random()));
  }
}

TEST(CheckerPropertyTest, WhateverIsDoneFitsTogether) {
  const testing::TempDir dir;
  std::mt19937_64 random(testing::Seed());
  for (int round = 0; round < 4; ++round) {
    {
      const auto engine = testing::OpenEngine(dir.path());
      if (round == 0) {
        NewCollection lean = testing::Named("lean");
        lean.settings.omit_text = true;
        lean.settings.canonical_policy = CanonicalPolicy::kLongest;
        ASSERT_TRUE(engine->Create(lean).ok());
        ASSERT_TRUE(engine->Create(testing::Named("short-lived")).ok());
      }
      const std::string name = round % 2 == 0 ? "default" : "lean";
      const auto collection = *engine->Find(name);
      for (int i = 0; i < 150; ++i) DoSomething(*collection, random);
      if (round == 2) {
        IngestStory(**engine->Find("short-lived"), "a", 1, "");
        ASSERT_TRUE(engine->Drop("short-lived").ok());
      }
      ASSERT_TRUE(engine->WaitDurable().ok());
      if (round == 0) {
        EXPECT_THAT(Found(dir.path()), HasSubstr("in use by another process"));
      }
    }
    EXPECT_EQ(Found(dir.path()), "") << "round " << round;
  }
}

// A folder with tables, blob files and a log, of which each test takes a copy.
class CheckerTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const testing::TempDir dir;
    good_ = new testing::TempDir();
    Fill(dir.path(), 0, 20);
    Fill(dir.path(), 20, 30);  // closing has moved the first ones into tables
  }
  static void TearDownTestSuite() {
    delete good_;
    good_ = nullptr;
  }
  static void Fill(const std::string& dir, int from, int to) {
    const auto engine = testing::OpenEngine(dir);
    const auto collection = *engine->Find(kDefaultCollection);
    for (int i = from; i < to; ++i) {
      // Long enough for blob files; every fifth is a copy.
      const auto verdict = testing::Ingest(
          *collection, testing::StoryArticle(absl::StrCat("a", i), i % 5 == 4 ? i - 1 : i, 300),
          absl::StrCat("r", i));
      ASSERT_TRUE(verdict.ok()) << verdict.status();
    }
    ASSERT_TRUE(engine->WaitDurable().ok());
    // As a crash leaves it: the last ones are in the log.
    fs::remove_all(good_->path());
    fs::copy(dir, good_->path(), fs::copy_options::recursive);
  }

  CheckerTest() { fs::copy(good_->path(), folder_, fs::copy_options::recursive); }

  // The files of the folder with this beginning and end.
  std::vector<std::string> Files(const std::string& prefix, const std::string& suffix) const {
    std::vector<std::string> files;
    for (const std::string& path : FilesIn(folder_)) {
      if (absl::StartsWith(path, prefix) && absl::EndsWith(path, suffix)) files.push_back(path);
    }
    EXPECT_FALSE(files.empty()) << prefix << suffix;
    return files;
  }

  // The write-ahead log that has the last articles.
  std::string LogFile() const {
    const std::vector<std::string> logs = Files("", ".log");
    return *std::max_element(logs.begin(), logs.end(), [&](const auto& a, const auto& b) {
      return fs::file_size(folder_ + "/" + a) < fs::file_size(folder_ + "/" + b);
    });
  }

  void Flip(const std::string& path, double where) const { FlipByte(folder_ + "/" + path, where); }

  // With a manifest, and without what only a server makes.
  void MakeBackup() const {
    fs::remove(folder_ + "/LOCK");
    fs::remove(folder_ + "/ACKNOWLEDGED");
    store::Manifest manifest;
    manifest.store_format = store::kFormatVersion;
    for (const std::string& path : FilesIn(folder_)) {
      manifest.files.push_back(
          store::HashFile(folder_, path, [](uint64_t) { return true; }).value());
    }
    ASSERT_TRUE(store::WriteManifest(folder_, manifest).ok());
  }

  static testing::TempDir* good_;
  const testing::TempDir dir_;
  const std::string folder_ = dir_.File("data");
};

testing::TempDir* CheckerTest::good_ = nullptr;

TEST_F(CheckerTest, NothingIsWrongAndNothingIsChanged) {
  std::map<std::string, fs::file_time_type> before;
  for (const std::string& path : FilesIn(folder_)) {
    before[path] = fs::last_write_time(folder_ + "/" + path);
  }
  const auto report = store::CheckDataFolder(folder_, 10, [](uint64_t, uint64_t) { return true; });
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->problems.count(), 0u);
  EXPECT_EQ(report->collections, 1u);
  EXPECT_EQ(report->articles, 30u);
  EXPECT_GT(report->records, 30u * 8);
  EXPECT_GT(report->files, 1u);
  EXPECT_FALSE(report->is_backup);
  for (const std::string& path : FilesIn(folder_)) {
    ASSERT_EQ(before.count(path), 1u) << path;
    EXPECT_EQ(before[path], fs::last_write_time(folder_ + "/" + path)) << path;
  }
}

TEST_F(CheckerTest, ItEndsWhenItIsToldTo) {
  const auto report = store::CheckDataFolder(folder_, 10, [](uint64_t, uint64_t) { return false; });
  EXPECT_EQ(report.status().code(), absl::StatusCode::kCancelled);
}

TEST_F(CheckerTest, AFolderOfSomethingElseIsRefused) {
  EXPECT_THAT(Found(dir_.File("nowhere")), HasSubstr("no such folder"));
  EXPECT_THAT(Found(dir_.path()), HasSubstr("no data folder"));
}

TEST_F(CheckerTest, AFlippedByteInATableIsFound) {
  for (const std::string& table : Files("", ".sst")) {
    for (const double where : {0.1, 0.5, 0.999}) {
      Flip(table, where);
      EXPECT_THAT(Found(folder_), HasSubstr(table)) << where;
      Flip(table, where);
    }
  }
  EXPECT_EQ(Found(folder_), "");
}

TEST_F(CheckerTest, AFlippedByteInABlobFileIsFoundAndTheOtherBodiesAreRead) {
  const std::string blobs = Files("", ".blob").at(0);
  Flip(blobs, 0.5);
  const std::string found = Found(folder_);
  EXPECT_THAT(found, HasSubstr("file: body of article number "));
  EXPECT_EQ(std::count(found.begin(), found.end(), '\n'), 1) << found;
}

TEST_F(CheckerTest, AFlippedByteInTheLogIsFound) {
  Flip(LogFile(), 0.3);
  EXPECT_THAT(Found(folder_), HasSubstr("log: write-ahead log: what stands behind the damage"));
}

TEST_F(CheckerTest, ALogThatACrashHasCutOffIsNoDamageUnlessItWasAcknowledged) {
  const std::string log = folder_ + "/" + LogFile();
  fs::resize_file(log, fs::file_size(log) - 100);
  EXPECT_THAT(Found(folder_), HasSubstr("log: acknowledged writes are missing"));
  fs::remove(folder_ + "/ACKNOWLEDGED");
  EXPECT_EQ(Found(folder_), "");
  std::ofstream(folder_ + "/ACKNOWLEDGED") << "not a number";
  EXPECT_THAT(Found(folder_), HasSubstr("log: data_dir: damaged file"));
}

TEST_F(CheckerTest, AMissingLogIsFound) {
  fs::remove(folder_ + "/" + LogFile());
  EXPECT_THAT(Found(folder_), HasSubstr("log: acknowledged writes are missing"));
}

TEST_F(CheckerTest, AFlippedByteInRocksDbsManifestIsFound) {
  for (const double where : {0.2, 0.6}) {
    const std::string manifest = Files("MANIFEST-", "").at(0);
    Flip(manifest, where);
    EXPECT_THAT(Found(folder_), HasSubstr("file: cannot open the database")) << where;
    Flip(manifest, where);
  }
}

TEST_F(CheckerTest, AMissingFileIsFound) {
  for (const auto& [prefix, suffix] : std::vector<std::pair<std::string, std::string>>{
           {"", ".sst"}, {"", ".blob"}, {"CURRENT", ""}, {"MANIFEST-", ""}}) {
    const std::string path = folder_ + "/" + Files(prefix, suffix).at(0);
    fs::rename(path, dir_.File("aside"));
    EXPECT_THAT(Found(folder_), HasSubstr("file: ")) << path;
    fs::rename(dir_.File("aside"), path);
  }
  EXPECT_EQ(Found(folder_), "");
}

TEST_F(CheckerTest, ACutOffBlobFileIsFound) {
  const std::string path = folder_ + "/" + Files("", ".blob").at(0);
  fs::resize_file(path, fs::file_size(path) - 1);
  EXPECT_THAT(Found(folder_), HasSubstr("bytes, expected"));
}

TEST_F(CheckerTest, ABackupIsComparedWithItsManifest) {
  MakeBackup();
  EXPECT_EQ(Found(folder_), "");
  const std::string options = Files("OPTIONS-", "").at(0);
  Flip(options, 0.5);
  EXPECT_THAT(Found(folder_), HasSubstr(absl::StrCat("manifest: ", options, ": damaged")));
  fs::remove(folder_ + "/" + options);
  EXPECT_THAT(Found(folder_), HasSubstr(absl::StrCat("manifest: ", options, ": missing")));
  std::ofstream(folder_ + "/stray") << "x";
  EXPECT_THAT(Found(folder_), HasSubstr("manifest: stray: not in the manifest"));
  fs::resize_file(folder_ + "/MANIFEST.newsprint", 50);
  EXPECT_THAT(Found(folder_), HasSubstr("manifest: MANIFEST.newsprint: damaged"));
}

TEST_F(CheckerTest, AFileOfABackupThatCannotBeReadDoesNotEndTheCheck) {
  MakeBackup();
  const std::string table = Files("", ".sst").at(0);
  const std::string options = Files("OPTIONS-", "").at(0);
  fs::rename(folder_ + "/" + table, dir_.File("aside"));
  fs::create_symlink(dir_.File("aside"), folder_ + "/" + table);
  Flip(options, 0.5);
  const std::string found = Found(folder_);
  EXPECT_THAT(found, HasSubstr("manifest: cannot read " + folder_ + "/" + table));
  EXPECT_THAT(found, HasSubstr(absl::StrCat("manifest: ", options, ": damaged")));
}

// As on a read-only mount, or for another user.
TEST_F(CheckerTest, NothingNeedBeWritable) {
  for (const std::string& path : FilesIn(folder_)) {
    fs::permissions(folder_ + "/" + path, fs::perms::owner_write | fs::perms::group_write,
                    fs::perm_options::remove);
  }
  const auto dirs = {folder_, folder_ + "/graphs"};
  for (const std::string& dir : dirs) {
    fs::permissions(dir, fs::perms::owner_read | fs::perms::owner_exec);
  }
  const bool is_root = geteuid() == 0;
  if (is_root) {
    // Who may read, and no more.
    ASSERT_EQ(chmod(dir_.path().c_str(), 0755), 0);
    for (const std::string& dir : dirs) ASSERT_EQ(chmod(dir.c_str(), 0555), 0);
    ASSERT_EQ(seteuid(65534), 0);
  }
  const std::string found = Found(folder_);
  EXPECT_EQ(is_root ? seteuid(0) : 0, 0);
  EXPECT_EQ(found, "");
  for (const std::string& dir : dirs) fs::permissions(dir, fs::perms::owner_all);
}

// Wrong records, written as the server writes.
struct Wrong {
  const char* name;
  std::function<void(const store::Store&, uint32_t uid, store::Batch&)> write;
  const char* found;
};

class WrongRecordsTest : public CheckerTest, public ::testing::WithParamInterface<Wrong> {};

std::vector<Wrong> WrongRecords() {
  using store::Batch;
  using store::Store;
  const auto change_article = [](auto change) {
    return [change](const Store& s, uint32_t uid, Batch& batch) {
      store::ArticleRecord record = s.GetArticle(uid, 3).value();
      change(record);
      batch.PutArticle(3, record);
    };
  };
  const auto change_group = [](auto change) {
    return [change](const Store& s, uint32_t uid, Batch& batch) {
      store::GroupRecord record = s.GetGroup(uid, 4).value().value();  // articles 3 and 4
      change(record);
      batch.PutGroup(4, record);
    };
  };
  const auto change_state = [](auto change) {
    return [change](const Store& s, uint32_t uid, Batch& batch) {
      store::CollectionState state = s.State(uid).value();
      change(state);
      batch.PutState(state);
    };
  };
  return {
      {"NoBody", [](auto&, auto, Batch& b) { b.DeleteBody(7); },
       "article: collection \"default\": article number 7: its body is missing"},
      {"BodyTooMany",
       change_article([](store::ArticleRecord& record) { record.body_stored = false; }),
       "article number 3: has a body that it should not have"},
      {"BodyOfNobody", [](auto&, auto, Batch& b) { b.PutBody(900, "x"); },
       "article number 900: has records, but is not there"},
      {"NoRecognition", [](auto&, auto, Batch& b) { b.DeleteRecognition(2); },
       "article number 2: has records, but is not there"},
      {"NoContent", [](auto&, auto, Batch& b) { b.DeleteContent(2, "a2"); },
       "article number 2: its terms is missing"},
      {"IdOfAnother", [](auto&, auto, Batch& b) { b.PutId("a2", 5); },
       "article number 5: an id of another leads to it"},
      {"IdOfNobody", [](auto&, auto, Batch& b) { b.PutId("who", 777); },
       "article number 777: has an id, but is not there"},
      {"NoText",
       [](const Store& s, uint32_t uid, Batch& b) {
         b.DeleteText(s.GetArticle(uid, 2)->text_hash, 2);
       },
       "article number 2: its text hash is missing"},
      {"OtherText",
       [](auto&, auto, Batch& b) {
         b.PutText({5, 5}, 2);
       },
       "article number 2: the hash of another text leads to it"},
      {"Tombstone", change_article([](store::ArticleRecord& record) { record.deleted = true; }),
       "article number 3: was deleted, but has terms"},
      {"OtherGroup", change_article([](store::ArticleRecord& record) { record.group = 2; }),
       "group g4: its member, article number 3, says that it is of group g2"},
      {"MemberCount", change_group([](store::GroupRecord& record) { record.members = 3; }),
       "group: collection \"default\": group g4: counts its members wrongly, got 3, expected 2"},
      {"MemberGone", [](auto&, auto, Batch& b) { b.DeleteMember(4, 4); },
       "article number 4: its place in its group is missing"},
      {"MemberOfNoGroup", [](auto&, auto, Batch& b) { b.PutMember(555, 4, {}); },
       "group g555: has members, but is not there"},
      {"Canonical", change_group([](store::GroupRecord& record) { record.canonical = 1; }),
       "group g4: its canonical, article number 1, is not a member"},
      {"NoReference", change_group([](store::GroupRecord& record) { record.references.clear(); }),
       "group g4: has no reference"},
      {"ReferenceToNobody",
       change_group([](store::GroupRecord& record) { record.references = {999}; }),
       "group g4: its reference, article number 999, is not there"},
      {"ReferenceOfAnother",
       change_group([](store::GroupRecord& record) { record.references = {1}; }),
       "group g4: its reference, article number 1, is of group g2"},
      {"GroupGone", [](auto&, auto, Batch& b) { b.DeleteGroup(4); },
       "group g4: has members, but is not there"},
      {"ShortVector",
       [](auto&, auto, Batch& b) {
         b.PutVector(1, 6, {1.0f, 2.0f});
       },
       "vector: collection \"default\": vector of article number 6: got 8 bytes"},
      {"NoVector", [](auto&, auto, Batch& b) { b.DeleteVector(1, 6); },
       "article number 6: its vector is missing, and not to come"},
      {"VectorAndPending", [](auto&, auto, Batch& b) { b.PutPending(1, 6, {}); },
       "article number 6: its vector is there and to come"},
      {"PendingCount", [](auto&, auto, Batch& b) { b.PutPending(1, 6, {}); },
       "counter of vectors to come: got 0, expected 1"},
      {"ArticleCount", change_state([](store::CollectionState& state) { ++state.articles; }),
       "state: collection \"default\": counter of articles: got 31, expected 30"},
      {"GroupCount", change_state([](store::CollectionState& state) { --state.groups; }),
       "counter of groups: got 23, expected 24"},
      {"RelationCount", change_state([](store::CollectionState& state) { ++state.relations[6]; }),
       "counter of revision: got 1, expected 0"},
      {"NextOrdinal", change_state([](store::CollectionState& state) { state.next_ordinal = 29; }),
       "next article number: got 29, but there is one 29"},
      {"NextGroup", change_state([](store::CollectionState& state) { state.next_group = 3; }),
       "next group: got 3, but there is one "},
      {"RequestGap",
       [](const Store& s, uint32_t uid, Batch& b) {
         b.DeleteRequest(5, s.RequestAt(uid, 5).value());
       },
       "request: collection \"default\": request ids: got 29 from 0 to 29, expected 30"},
      {"RequestOfNoPlace", [](auto&, auto, Batch& b) { b.DeleteRequest(29, ""); },
       "an answer is kept that is not in the ring"},
      {"ChangeGap", [](auto&, auto, Batch& b) { b.DeleteChangesBefore(4); },
       "change: collection \"default\": changes: got "},
      {"NoTime",
       [](const Store& s, uint32_t uid, Batch& b) {
         b.DeleteTime({ArticleTime(s.GetArticle(uid, 8).value()), 8});
       },
       "article number 8: its time is missing"},
      {"OtherTime",
       [](auto&, auto, Batch& b) {
         b.PutTime({absl::FromUnixSeconds(5), 8});
       },
       "article number 8: another time leads to it"},
      {"TimeOfNobody",
       [](auto&, auto, Batch& b) {
         b.PutTime({absl::FromUnixSeconds(5), 888});
       },
       "article number 888: has a time, but is not there"},
      {"ExpiredCount",
       change_state([](store::CollectionState& state) { state.articles_expired = 1; }),
       "counter of expired articles: got 1, but of 30 articles 30 are there"},
      {"LessonOfNobody",
       [](auto&, auto, Batch& b) {
         b.PutLesson(800, {1, std::nullopt});
       },
       "lesson: collection \"default\": lesson of article number 800: its fingerprint"},
  };
}

TEST_P(WrongRecordsTest, IsFound) {
  {
    store::Store::Options options;
    options.data_dir = folder_;
    const auto opened = store::Store::Open(options);
    ASSERT_TRUE(opened.ok()) << opened.status();
    const uint32_t uid = (*opened)->Collections()->front().uid;
    store::Batch batch(uid);
    GetParam().write(**opened, uid, batch);
    ASSERT_TRUE((*opened)->Apply(batch).ok());
  }
  EXPECT_THAT(Found(folder_), HasSubstr(GetParam().found));
}

INSTANTIATE_TEST_SUITE_P(All, WrongRecordsTest, ::testing::ValuesIn(WrongRecords()),
                         [](const auto& test) { return std::string(test.param.name); });

// What the server never writes: bytes and keys of its own making.
class WrongBytesTest : public CheckerTest {
 protected:
  void Put(const std::string& key, const std::string& value, int family = 0) {
    std::vector<rocksdb::ColumnFamilyHandle*> families;
    rocksdb::DB* raw = nullptr;
    const rocksdb::Status opened = rocksdb::DB::Open(
        rocksdb::DBOptions(), folder_,
        {{rocksdb::kDefaultColumnFamilyName, {}}, {store::kBodiesFamily, {}}}, &families, &raw);
    ASSERT_TRUE(opened.ok()) << opened.ToString();
    const std::unique_ptr<rocksdb::DB> db(raw);
    EXPECT_TRUE(db->Put(rocksdb::WriteOptions(), families[family], key, value).ok());
    for (rocksdb::ColumnFamilyHandle* handle : families) db->DestroyColumnFamilyHandle(handle);
  }
};

TEST_F(WrongBytesTest, RecordsThatCannotBeReadAreFound) {
  Put(store::OrdinalKey(1, store::kArticleTag, 4), "junk");
  Put(store::OrdinalKey(1, store::kSketchTag, 5), "");
  Put(store::Key(1, static_cast<store::Tag>('~')), "x");
  Put(store::Key(1, store::kTermsTag, "toolong"), "x");
  Put(store::Key(77, store::kStateTag), "x");
  Put(store::OrdinalKey(78, store::kBodyTag, 1), "x", /*family=*/1);
  const std::string found = Found(folder_);
  EXPECT_THAT(found, HasSubstr("record: collection \"default\": article record 4: "));
  EXPECT_THAT(found, HasSubstr("record: collection \"default\": sketch record 5: "));
  EXPECT_THAT(found, HasSubstr("key with an unknown tag, got 126"));
  EXPECT_THAT(found, HasSubstr("terms record: key of 12 bytes, expected 9"));
  EXPECT_THAT(found, HasSubstr("leftover: records of a collection that is not there, number 77"));
  EXPECT_THAT(found, HasSubstr("leftover: bodies of a collection that is not there, number 78"));
}

TEST_F(WrongBytesTest, AnotherFormatIsRefused) {
  Put(store::Key(0, store::kFormatTag), "\x7f");
  EXPECT_THAT(Found(folder_), HasSubstr("got 127, expected 3 to 4"));
}

TEST_F(WrongBytesTest, OfAnOlderFormatTheFilesAreChecked) {
  Put(store::OrdinalKey(1, store::kSketchTag, 5), "junk");
  Put(store::Key(0, store::kFormatTag), "\x03");
  const auto report = store::CheckDataFolder(folder_, 10, [](uint64_t, uint64_t) { return true; });
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->older_format, 3u);
  EXPECT_EQ(report->records, 0u);
  EXPECT_EQ(report->problems.count(), 0u);
  EXPECT_GT(report->files, 1u);
  const std::string table = Files("", ".sst").at(0);
  Flip(table, 0.5);
  EXPECT_THAT(Found(folder_), HasSubstr(table));
}

// Two collections, of which the second one's bodies cannot be read.
TEST(CheckerBlameTest, ADamagedBodyIsOfItsCollection) {
  const testing::TempDir dir;
  {
    const auto engine = testing::OpenEngine(dir.path());
    ASSERT_TRUE(engine->Create(testing::Named("second")).ok());
  }
  std::string blobs;
  for (const std::string name : {"default", "second"}) {
    std::set<std::string> before;
    for (const std::string& path : FilesIn(dir.path())) before.insert(path);
    {
      const auto engine = testing::OpenEngine(dir.path());
      for (int i = 0; i < 5; ++i) {
        ASSERT_TRUE(testing::Ingest(**engine->Find(name),
                                    testing::StoryArticle(absl::StrCat("a", i), i, 300))
                        .ok());
      }
    }
    for (const std::string& path : FilesIn(dir.path())) {
      if (absl::EndsWith(path, ".blob") && before.count(path) == 0) blobs = path;
    }
  }
  // All bodies of "second".
  const std::string path = dir.File(blobs);
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  const auto bytes = static_cast<std::streamoff>(fs::file_size(path));
  for (std::streamoff at = 60; at < bytes - 60; at += 20) file.seekp(at).put('!');
  file.close();
  {
    store::Store::Options options;
    options.data_dir = dir.path();
    const auto opened = store::Store::Open(options);
    ASSERT_TRUE(opened.ok()) << opened.status();
    const uint32_t uid = (*opened)->Collections()->front().uid;
    store::CollectionState state = (*opened)->State(uid).value();
    ++state.articles;
    store::Batch batch(uid);
    batch.PutState(state);
    ASSERT_TRUE((*opened)->Apply(batch).ok());
  }
  const std::string found = Found(dir.path());
  EXPECT_THAT(found, HasSubstr("file: body of article number 0 of collection \"second\": "));
  EXPECT_THAT(
      found,
      HasSubstr("file: bodies of 4 articles, numbers 1, 2, 3, 4, of collection \"second\": "));
  // The first one is compared all the same.
  EXPECT_THAT(found, HasSubstr("collection \"default\": counter of articles: got 6, expected 5"));
  EXPECT_EQ(std::count(found.begin(), found.end(), '\n'), 3) << found;
}

// Bodies that are too short for blob files share blocks.
TEST(CheckerBlameTest, ADamagedBlockOfBodiesIsToldOnce) {
  const testing::TempDir dir;
  {
    const auto engine = testing::OpenEngine(dir.path());
    for (int i = 0; i < 100; ++i) {
      const Article article = testing::StoryArticle(absl::StrCat("a", i), i, 30);
      ASSERT_TRUE(testing::Ingest(**engine->Find(kDefaultCollection), article).ok());
    }
  }
  int told = 0;
  for (const std::string& name : FilesIn(dir.path())) {
    if (!absl::EndsWith(name, ".sst")) continue;
    FlipByte(dir.File(name), 0.05);
    const std::string found = Found(dir.path());
    FlipByte(dir.File(name), 0.05);
    if (!absl::StrContains(found, "bodies of ")) continue;
    ++told;
    EXPECT_THAT(found, HasSubstr(" articles, numbers 0, 1, 2, 3, 4 and others, of collection "
                                 "\"default\": "));
    EXPECT_EQ(std::count(found.begin(), found.end(), '\n'), 2) << found;  // and the table's
  }
  EXPECT_EQ(told, 1);
}

// A lost record of a collection looks like one that was deleted, but that leaves nothing.
TEST_F(WrongBytesTest, TheAdviceForALeftoverIsABackup) {
  EXPECT_THAT(std::string(store::ProblemAdvice(ProblemKind::kLeftover)),
              HasSubstr("restore a backup"));
}

TEST_F(WrongBytesTest, ProblemsOfAKindAreLimitedAndCounted) {
  for (int i = 0; i < 20; ++i) Put(store::OrdinalKey(1, store::kSketchTag, i), "junk");
  const auto report = store::CheckDataFolder(folder_, 3, [](uint64_t, uint64_t) { return true; });
  ASSERT_TRUE(report.ok()) << report.status();
  const auto& found = report->problems.kinds().at(ProblemKind::kRecord);
  EXPECT_EQ(found.count, 20u);
  EXPECT_EQ(found.first.size(), 3u);
}

}  // namespace
}  // namespace newsprint
