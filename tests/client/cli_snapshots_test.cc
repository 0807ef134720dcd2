// newsprint snapshots, backup, restore and check, as far as they need no real data.
#include <filesystem>

#include "tests/client/cli_fixture.h"

namespace newsprint::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SnapshotCommandsTest : public CliTest {
 protected:
  std::string ReadBack(const std::string& name) const {
    return ::newsprint::testing::ReadBytes(backup_ + "/" + name);
  }
  // What lies in the folder of the test.
  size_t Present() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(dir_.path()), {}));
  }

  const std::string backup_ = dir_.File("backup");
};

TEST_F(SnapshotCommandsTest, SnapshotsAreMadeListedAndDeleted) {
  ASSERT_EQ(Run({"snapshots", "create"}), 0) << err_;
  EXPECT_THAT(Output()["name"].get<std::string>(),
              ::testing::MatchesRegex("[0-9]{8}-[0-9]{6}-[0-9]{3}"));
  ASSERT_EQ(Run({"snapshots", "create", "mine"}), 0) << err_;
  EXPECT_EQ(Run({"snapshots", "create", "mine"}), 1);
  EXPECT_THAT(err_, HasSubstr("snapshot exists already (ALREADY_EXISTS)"));
  ASSERT_EQ(Run({"snapshots"}), 0) << err_;
  ASSERT_EQ(Output()["snapshots"].size(), 2u);
  EXPECT_EQ(Output()["snapshots"][1], nlohmann::json({{"name", "mine"},
                                                      {"created_at", "2011-05-04T17:30:00Z"},
                                                      {"bytes", 3516},
                                                      {"files", 4}}));
  settings_.json = false;
  ASSERT_EQ(Run({"snapshots", "list"}), 0) << err_;
  EXPECT_THAT(out_, HasSubstr("3.4 KiB"));
  ASSERT_EQ(Run({"snapshots", "delete", "mine"}), 0) << err_;
  EXPECT_EQ(out_, "deleted mine\n");
  EXPECT_EQ(Run({"snapshots", "delete"}), 2);
  EXPECT_EQ(Run({"snapshots", "erase"}), 2);
}

TEST_F(SnapshotCommandsTest, ABackupIsTheSnapshotAndLeavesNoneOnTheServer) {
  ASSERT_EQ(Run({"backup", backup_}), 0) << err_;
  const nlohmann::json output = Output();
  EXPECT_EQ(output["to"], backup_);
  EXPECT_EQ(output["files"], 4);
  EXPECT_EQ(output["bytes"], 3516);
  EXPECT_EQ(output["created_at"], "2011-05-04T17:30:00Z");
  EXPECT_EQ(ReadBack("000012.sst"), std::string(2500, 't'));
  EXPECT_EQ(ReadBack("graphs/1-1.graphs"), std::string(1000, 'g'));
  EXPECT_TRUE(fs::exists(backup_ + "/empty"));
  EXPECT_TRUE(fs::exists(backup_ + "/MANIFEST.newsprint"));
  EXPECT_THAT(server_.SnapshotNames(), IsEmpty());
  EXPECT_EQ(server_.snapshot_streams, 1);

  EXPECT_EQ(Run({"backup", backup_}), 1);
  EXPECT_EQ(err_, "newsprint: " + backup_ + ": exists already; back up into a new one\n");
  EXPECT_EQ(Present(), 1u);
}

TEST_F(SnapshotCommandsTest, ABrokenStreamGoesOnWhereItWas) {
  server_.faults.broken_snapshot_streams = 3;
  server_.faults.broken_snapshot_pieces = 2;
  ASSERT_EQ(Run({"backup", backup_}), 0) << err_;
  EXPECT_EQ(server_.snapshot_streams, 4);
  EXPECT_EQ(ReadBack("000012.sst"), std::string(2500, 't'));
}

// Longer than the client itself tries again.
TEST_F(SnapshotCommandsTest, AServerThatIsAwayForLongIsWaitedFor) {
  server_.faults.broken_snapshot_streams = 50;
  server_.faults.broken_snapshot_pieces = 0;
  server_.faults.unary_failures = 50;
  server_.faults.unary_status = grpc::Status(grpc::StatusCode::UNAVAILABLE, "server: starting");
  settings_.pause_max = absl::Milliseconds(1);
  ASSERT_EQ(Run({"backup", backup_}), 0) << err_;
  EXPECT_EQ(server_.snapshot_streams, 51);
  EXPECT_THAT(err_, HasSubstr("waiting for the server, up to 10m: server: starting"));
  EXPECT_EQ(ReadBack("000012.sst"), std::string(2500, 't'));
  EXPECT_THAT(server_.SnapshotNames(), IsEmpty());
}

TEST_F(SnapshotCommandsTest, AStreamThatBringsNothingIsGivenUp) {
  server_.faults.broken_snapshot_streams = 100;
  server_.faults.broken_snapshot_pieces = 0;
  settings_.away_max = absl::Milliseconds(50);
  settings_.pause_max = absl::Milliseconds(5);
  EXPECT_EQ(Run({"backup", backup_}), 1);
  EXPECT_THAT(err_, HasSubstr("connection lost"));
  EXPECT_GT(server_.snapshot_streams, 1);
  EXPECT_THAT(server_.SnapshotNames(), IsEmpty());
  EXPECT_EQ(Present(), 0u);
}

TEST_F(SnapshotCommandsTest, ADamagedFileIsNamedAndNothingIsLeft) {
  server_.faults.damaged_snapshot_file = "CURRENT";
  EXPECT_EQ(Run({"backup", backup_}), 1);
  EXPECT_THAT(err_, HasSubstr("newsprint: CURRENT: damaged, got checksum "));
  EXPECT_THAT(server_.SnapshotNames(), IsEmpty());
  EXPECT_EQ(Present(), 0u);
}

TEST_F(SnapshotCommandsTest, AFailedSnapshotLeavesNothing) {
  server_.faults.unary_failures = 1;
  server_.faults.unary_status =
      grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "snapshot: not enough room on disk");
  EXPECT_EQ(Run({"backup", backup_}), 1);
  EXPECT_THAT(err_, HasSubstr("snapshot: not enough room on disk (RESOURCE_EXHAUSTED)"));
  EXPECT_EQ(Present(), 0u);
}

TEST_F(SnapshotCommandsTest, AServerWhoseDiskFailsIsNotWaitedFor) {
  server_.faults.unary_failures = 10;  // the client's own attempts, and one more would be too many
  server_.faults.unary_status =
      grpc::Status(grpc::StatusCode::UNAVAILABLE, "snapshot: cannot read 000012.sst: I/O error");
  EXPECT_EQ(Run({"backup", backup_}), 1);
  EXPECT_THAT(err_, HasSubstr("I/O error (UNAVAILABLE)"));
  EXPECT_EQ(err_.find("waiting for the server"), std::string::npos) << err_;
}

TEST_F(SnapshotCommandsTest, ABackupIsRestoredOnlyWhole) {
  ASSERT_EQ(Run({"backup", backup_}), 0) << err_;
  ASSERT_EQ(Run({"restore", backup_, dir_.File("data")}), 0) << err_;
  EXPECT_EQ(Output()["to"], dir_.File("data"));
  EXPECT_TRUE(fs::exists(dir_.File("data/graphs/1-1.graphs")));
  dir_.Write("backup/000012.sst", std::string(2500, 'u'));
  EXPECT_EQ(Run({"restore", backup_, dir_.File("data2")}), 1);
  EXPECT_THAT(err_, HasSubstr("newsprint: 000012.sst: damaged, got checksum "));
  EXPECT_FALSE(fs::exists(dir_.File("data2")));
  // A database it is not, but what its manifest says can be told.
  EXPECT_EQ(Run({"check", backup_}), 1);
  EXPECT_THAT(err_, HasSubstr(" problems found"));
  EXPECT_FALSE(Output()["ok"]);
  EXPECT_EQ(Output()["problems"][0]["kind"], "manifest");
  EXPECT_EQ(Run({"check", dir_.File("nothing")}), 1);
  EXPECT_THAT(err_, HasSubstr("no such folder"));
}

}  // namespace
}  // namespace newsprint::cli
