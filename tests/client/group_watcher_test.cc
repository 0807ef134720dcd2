#include "client/group_watcher.h"

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/fake_server.h"

namespace newsprint::client {
namespace {

using ::testing::ElementsAre;
using testing::FakeServer;
using ::testing::IsEmpty;

GroupWatcherOptions FastOptions(absl::optional<int64_t> after_sequence) {
  GroupWatcherOptions options;
  options.after_sequence = after_sequence;
  options.backoff_initial = absl::Milliseconds(1);
  options.backoff_max = absl::Milliseconds(5);
  return options;
}

class GroupWatcherTest : public ::testing::Test {
 protected:
  // Changes 1 to `count`.
  void AddChanges(int count) {
    for (int i = 0; i < count; ++i) server_.AddChange();
  }

  // Records the changes, and stops at number `last`.
  std::unique_ptr<GroupWatcher> Watch(const GroupWatcherOptions& options, int64_t last = -1) {
    return std::make_unique<GroupWatcher>(server_.MakeClient(), options,
                                          [this, last](const v1::GroupChange& change) {
                                            told_.push_back(change.sequence());
                                            if (change.sequence() == last) is_last_told_ = true;
                                          });
  }

  // Watches until change `last` was told.
  void WatchUntil(const GroupWatcherOptions& options, int64_t last) {
    const auto watcher = Watch(options, last);
    while (!is_last_told_) absl::SleepFor(absl::Milliseconds(1));
    watcher->Stop();
    EXPECT_TRUE(watcher->Wait().ok());
    EXPECT_EQ(watcher->sequence(), last);
  }

  void ExpectToldInOrder(int64_t first, int64_t last) {
    ASSERT_EQ(static_cast<int64_t>(told_.size()), last - first + 1);
    for (int64_t i = first; i <= last; ++i) EXPECT_EQ(told_[static_cast<size_t>(i - first)], i);
  }

  void WaitForWatches(int count) {
    while (server_.watches < count) absl::SleepFor(absl::Milliseconds(1));
  }

  FakeServer server_;
  std::vector<int64_t> told_;
  std::atomic<bool> is_last_told_{false};
};

TEST_F(GroupWatcherTest, TellsWhatWasAndWhatComes) {
  AddChanges(7);
  std::thread writer([this] {
    WaitForWatches(1);
    AddChanges(20);
  });
  WatchUntil(FastOptions(0), 27);
  writer.join();
  ExpectToldInOrder(1, 27);
  EXPECT_THAT(server_.WatchPositions(), ElementsAre(0));
}

TEST_F(GroupWatcherTest, BeginsAfterTheGivenChange) {
  AddChanges(7);
  WatchUntil(FastOptions(4), 7);
  ExpectToldInOrder(5, 7);
}

TEST_F(GroupWatcherTest, FromNowOnLeavesOutWhatWas) {
  AddChanges(7);
  const auto watcher = Watch(FastOptions(absl::nullopt), 9);
  while (watcher->sequence() != 7) absl::SleepFor(absl::Milliseconds(1));
  AddChanges(2);
  while (!is_last_told_) absl::SleepFor(absl::Milliseconds(1));
  watcher->Stop();
  EXPECT_TRUE(watcher->Wait().ok());
  ExpectToldInOrder(8, 9);
  EXPECT_THAT(server_.WatchPositions(), ElementsAre(-1));
}

TEST_F(GroupWatcherTest, GoesOnAfterBrokenStreams) {
  AddChanges(20);
  server_.faults.broken_watches = 3;
  server_.faults.broken_watch_responses = 2;  // of two changes each
  WatchUntil(FastOptions(0), 20);
  ExpectToldInOrder(1, 20);
  EXPECT_THAT(server_.WatchPositions(), ElementsAre(0, 4, 8, 12));
}

TEST_F(GroupWatcherTest, FromNowOnGoesOnFromTheFirstAnswer) {
  AddChanges(5);
  server_.faults.broken_watches = 1;
  server_.faults.broken_watch_responses = 1;
  const auto watcher = Watch(FastOptions(absl::nullopt), 6);
  WaitForWatches(1);
  while (watcher->sequence() != 5) absl::SleepFor(absl::Milliseconds(1));
  AddChanges(1);
  while (!is_last_told_) absl::SleepFor(absl::Milliseconds(1));
  ExpectToldInOrder(6, 6);
  EXPECT_THAT(server_.WatchPositions(), ElementsAre(-1, 5));
}

TEST_F(GroupWatcherTest, ARepeatedChangeIsToldOnce) {
  AddChanges(10);
  server_.faults.broken_watches = 2;
  server_.faults.broken_watch_responses = 3;
  server_.faults.repeated_changes = 2;
  WatchUntil(FastOptions(0), 10);
  ExpectToldInOrder(1, 10);
}

TEST_F(GroupWatcherTest, AMissingChangeIsAnError) {
  AddChanges(4);
  server_.faults.lost_change = 3;
  const auto watcher = Watch(FastOptions(0));
  EXPECT_EQ(watcher->Wait(),
            absl::DataLossError("changes: some are missing, got sequence 4 after 2"));
  ExpectToldInOrder(1, 2);
}

TEST_F(GroupWatcherTest, WaitsForAServerThatIsAway) {
  AddChanges(2);
  server_.faults.broken_watches = 40;  // far over `attempts_max`
  server_.faults.stream_status = grpc::Status(grpc::StatusCode::UNAVAILABLE, "starting");
  std::vector<absl::Status> broken;
  GroupWatcherOptions options = FastOptions(0);
  options.on_broken = [&](const absl::Status& status) { broken.push_back(status); };
  WatchUntil(options, 2);
  ExpectToldInOrder(1, 2);
  EXPECT_EQ(server_.watches, 41);
  EXPECT_THAT(broken, ElementsAre(absl::UnavailableError("starting")));
}

TEST_F(GroupWatcherTest, GivesUpOnErrorsThatStay) {
  server_.faults.broken_watches = 1000;
  server_.faults.stream_status = grpc::Status(grpc::StatusCode::INTERNAL, "damaged");
  GroupWatcherOptions options = FastOptions(0);
  options.attempts_max = 4;
  EXPECT_EQ(Watch(options)->Wait(), absl::InternalError("damaged"));
  EXPECT_EQ(server_.watches, 4);
}

TEST_F(GroupWatcherTest, EndsWhenChangesAreNoLongerKept) {
  AddChanges(9);
  server_.ForgetChanges(5);
  EXPECT_EQ(Watch(FastOptions(4))->Wait(), absl::OutOfRangeError("after_sequence: not kept"));
  EXPECT_EQ(Watch(FastOptions(10))->Wait().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(server_.watches, 2);
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(GroupWatcherTest, EndsWithOtherErrors) {
  GroupWatcherOptions options = FastOptions(0);
  options.collection = "none";
  EXPECT_EQ(Watch(options)->Wait(), absl::NotFoundError("collection: not found"));
  server_.faults.broken_watches = 1;
  server_.faults.stream_status = grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "not you");
  EXPECT_EQ(Watch(FastOptions(0))->Wait(), absl::PermissionDeniedError("not you"));
  EXPECT_EQ(server_.watches, 2);
}

TEST_F(GroupWatcherTest, EndsWhenTheCollectionIsDeleted) {
  v1::CreateCollectionRequest create;
  create.mutable_collection()->set_name("wire");
  const Client client = server_.MakeClient();
  ASSERT_TRUE(client.CreateCollection(create).ok());
  GroupWatcherOptions options = FastOptions(0);
  options.collection = "wire";
  const auto watcher = Watch(options);
  WaitForWatches(1);
  v1::DeleteCollectionRequest request;
  request.set_name("wire");
  ASSERT_TRUE(client.DeleteCollection(request).ok());
  EXPECT_EQ(watcher->Wait().code(), absl::StatusCode::kNotFound);
}

TEST_F(GroupWatcherTest, LeavesAStreamThatStandsStill) {
  AddChanges(3);
  server_.faults.silent_watches = 1;
  GroupWatcherOptions options = FastOptions(0);
  options.stall_timeout = absl::Milliseconds(50);
  std::vector<absl::Status> broken;
  options.on_broken = [&](const absl::Status& status) {
    if (broken.empty()) broken.push_back(status);
  };
  WatchUntil(options, 3);
  ExpectToldInOrder(1, 3);
  EXPECT_THAT(broken, ElementsAre(absl::UnavailableError("no answer for 50ms")));
}

TEST_F(GroupWatcherTest, ASlowCallbackIsNoStall) {
  AddChanges(4);
  GroupWatcherOptions options = FastOptions(0);
  options.stall_timeout = absl::Milliseconds(40);
  bool is_broken = false;
  options.on_broken = [&](const absl::Status&) { is_broken = true; };
  std::unique_ptr<GroupWatcher> watcher;
  std::atomic<bool> is_made{false};
  watcher =
      std::make_unique<GroupWatcher>(server_.MakeClient(), options, [&](const v1::GroupChange& c) {
        while (!is_made) absl::SleepFor(absl::Milliseconds(1));
        absl::SleepFor(absl::Milliseconds(100));
        told_.push_back(c.sequence());
        if (c.sequence() == 4) watcher->Stop();
      });
  is_made = true;
  EXPECT_TRUE(watcher->Wait().ok());
  ExpectToldInOrder(1, 4);
  EXPECT_FALSE(is_broken);
}

TEST_F(GroupWatcherTest, StopInTheCallbackTellsNothingMore) {
  AddChanges(10);
  std::atomic<GroupWatcher*> watcher{nullptr};
  GroupWatcher made(server_.MakeClient(), FastOptions(0), [&](const v1::GroupChange& change) {
    while (watcher == nullptr) absl::SleepFor(absl::Milliseconds(1));
    told_.push_back(change.sequence());
    if (change.sequence() == 3) watcher.load()->Stop();
  });
  watcher = &made;
  EXPECT_TRUE(made.Wait().ok());
  ExpectToldInOrder(1, 3);
  EXPECT_EQ(made.sequence(), 3);
}

TEST_F(GroupWatcherTest, StopEndsThePauseBetweenAttempts) {
  server_.faults.broken_watches = 1000;
  GroupWatcherOptions options = FastOptions(0);
  options.backoff_initial = options.backoff_max = absl::Hours(1);
  const auto watcher = Watch(options);
  WaitForWatches(1);
  watcher->Stop();
  EXPECT_TRUE(watcher->Wait().ok());
}

TEST_F(GroupWatcherTest, WaitEndsWhenTheCallerGivesUp) {
  GroupWatcherOptions options = FastOptions(0);
  options.is_cancelled = [] { return true; };
  EXPECT_EQ(Watch(options)->Wait().code(), absl::StatusCode::kCancelled);
}

TEST_F(GroupWatcherTest, DestructorLetsGoOfAStreamThatStandsStill) {
  server_.faults.silent_watches = 1;
  const auto watcher = Watch(FastOptions(0));
  WaitForWatches(1);
}

}  // namespace
}  // namespace newsprint::client
