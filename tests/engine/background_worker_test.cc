#include "service/engine/background_worker.h"

#include <atomic>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "tests/testing/articles.h"

namespace newsprint {
namespace {

TEST(BackgroundWorkerTest, TellsHowManyCollectionsATaskIsHeldUpFor) {
  const testing::TempDir dir;
  const auto engine = testing::OpenEngine(dir.path());
  ASSERT_TRUE(engine->Create(testing::Named("wire")).ok());
  // What the task finds: a problem, or nothing to do.
  std::atomic<bool> fails{true};
  std::atomic<int> ended{0};
  std::vector<BackgroundWorker::Task> tasks;
  tasks.push_back(
      {"idle", [](Collection&) -> std::optional<absl::Status> { return std::nullopt; }});
  tasks.push_back({"failing", [&](Collection& collection) -> std::optional<absl::Status> {
                     if (collection.settings().name != "wire" || !fails) return std::nullopt;
                     return absl::UnavailableError("no answer");
                   }});
  const BackgroundWorker worker(
      [&] { return engine->List("", SIZE_MAX); }, std::move(tasks),
      [&](const Collection&, absl::string_view, const absl::Status& status) {
        if (status.ok()) ++ended;
      });
  const auto held_up = [&worker](size_t task) { return worker.problems()[task].collections; };
  ASSERT_EQ(worker.problems().size(), 2U);
  EXPECT_EQ(worker.problems()[1].task, "failing");
  while (held_up(1) == 0) absl::SleepFor(absl::Milliseconds(5));
  EXPECT_EQ(held_up(0), 0);
  EXPECT_EQ(held_up(1), 1);
  // What is left to do may go without having been done.
  fails = false;
  while (held_up(1) != 0) absl::SleepFor(absl::Milliseconds(5));
  EXPECT_EQ(ended, 1);
}

}  // namespace
}  // namespace newsprint
