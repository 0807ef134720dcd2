#include "tests/fuzz/engine_fixture.h"

#include <cstdio>
#include <string>
#include <vector>

#include "service/rpc/status.h"
#include "service/store/checker.h"
#include "service/text/utf8.h"

namespace newsprint::fuzz {
namespace {

// What is dropped leaves its traces in the folder.
constexpr int kResetsOfFolder = 200;
constexpr size_t kMessageBytesMax = 4096;

}  // namespace

EngineFixture::EngineFixture() : dir_(std::make_unique<ScratchDir>()) { Open(); }

void EngineFixture::Reset() {
  if (++resets_ % kResetsOfFolder == 0) {
    CloseAndCheck();
    dir_ = std::make_unique<ScratchDir>();
    return Open();
  }
  for (const auto& collection : engine_->List("", SIZE_MAX)) {
    const std::string name = collection->settings().name;
    if (name != kDefaultCollection) {
      Require(engine_->Drop(name).ok(), "a collection can be dropped");
    }
  }
}

void EngineFixture::Reopen() {
  CloseAndCheck();
  Open();
}

void EngineFixture::CloseAndCheck() {
  handlers_.reset();
  engine_.reset();
  constexpr size_t kProblemsKept = 3;
  const auto report =
      store::CheckDataFolder(dir_->path(), kProblemsKept, [](uint64_t, uint64_t) { return true; });
  Require(report.ok(), "a folder can be checked");
  for (const auto& [kind, problems] : report->problems.kinds()) {
    for (const std::string& problem : problems.first) std::fprintf(stderr, "%s\n", problem.c_str());
  }
  Require(report->problems.count() == 0, "records fit each other");
}

void EngineFixture::Open() {
  Engine::Options options;
  options.store.data_dir = dir_->path();
  options.store.block_cache_bytes = size_t{1} << 20;
  options.store.disk_reserve_bytes = 0;  // the folder may be in a small memory
  engine_ = Engine::Open(options).value();
  Require(engine_->LoadIndexes([](const Collection&) {}, [] { return true; }).ok(),
          "a folder opens again");
  handlers_.emplace(engine_.get(), &pool_, rpc::Limits());
}

void RequireCallersFault(const absl::Status& status) {
  if (status.ok()) return;
  const std::string message(status.message());
  if (rpc::IsServerFault(status)) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  Require(!rpc::IsServerFault(status), "errors are the caller's");
  Require(message.find(": ") != std::string::npos, "an error names its field");
  Require(text::IsValidUtf8(message), "an error can be sent");
  Require(message.size() <= kMessageBytesMax, "an error is short");
}

}  // namespace newsprint::fuzz
