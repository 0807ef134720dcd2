// The fake server's snapshots: a few files, made up.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "service/store/manifest.h"
#include "tests/client/fake_server.h"

namespace newsprint::client::testing {
namespace {

constexpr size_t kPieceBytes = 1000;

std::map<std::string, std::string> MakeFiles() {
  std::map<std::string, std::string> files = {{"000012.sst", std::string(2500, 't')},
                                              {"CURRENT", "MANIFEST-000005\n"},
                                              {"empty", ""},
                                              {"graphs/1-1.graphs", std::string(1000, 'g')}};
  store::Manifest manifest;
  manifest.store_format = 1;
  manifest.newsprint_version = "fake";
  manifest.created_at = absl::FromUnixSeconds(1304530200);
  for (const auto& [path, bytes] : files) {
    manifest.files.push_back(
        {path, bytes.size(), Hasher128().Add(bytes.data(), bytes.size()).Finish()});
  }
  files[store::kManifestName] = store::Encode(manifest);
  return files;
}

}  // namespace

v1::Snapshot FakeServer::SnapshotOf(const std::string& name) {
  v1::Snapshot snapshot;
  snapshot.set_name(name);
  snapshot.mutable_created_at()->set_seconds(1304530200);
  snapshot.set_bytes(3516);
  snapshot.set_files(4);
  return snapshot;
}

std::set<std::string> FakeServer::SnapshotNames() {
  std::lock_guard<std::mutex> lock(mutex_);
  return snapshots_;
}

grpc::Status FakeServer::CreateSnapshot(grpc::ServerContext*,
                                        const v1::CreateSnapshotRequest* request,
                                        v1::CreateSnapshotResponse* response) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (grpc::Status status = Enter(); !status.ok()) return status;
  const std::string name = request->name().empty() ? "20110504-173000" : request->name();
  if (!snapshots_.insert(name).second) {
    return grpc::Status(grpc::StatusCode::ALREADY_EXISTS, "name: snapshot exists already");
  }
  *response->mutable_snapshot() = SnapshotOf(name);
  return Leave();
}

grpc::Status FakeServer::ListSnapshots(grpc::ServerContext*,
                                       const v1::ListSnapshotsRequest* request,
                                       v1::ListSnapshotsResponse* response) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (grpc::Status status = Enter(); !status.ok()) return status;
  const std::vector<std::string> names(snapshots_.begin(), snapshots_.end());
  const auto [begin, end] = Page(request->page_size(), request->page_token(), names.size(),
                                 response->mutable_next_page_token());
  for (int i = begin; i < end; ++i) *response->add_snapshots() = SnapshotOf(names[i]);
  return Leave();
}

grpc::Status FakeServer::DeleteSnapshot(grpc::ServerContext*,
                                        const v1::DeleteSnapshotRequest* request,
                                        v1::DeleteSnapshotResponse*) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (grpc::Status status = Enter(); !status.ok()) return status;
  if (snapshots_.erase(request->name()) == 0) return NotFound("name: no such snapshot");
  return Leave();
}

grpc::Status FakeServer::ReadSnapshot(grpc::ServerContext*, const v1::ReadSnapshotRequest* request,
                                      grpc::ServerWriter<v1::ReadSnapshotResponse>* writer) {
  std::string damaged;
  int pieces_left = -1;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (snapshots_.count(request->name()) == 0) return NotFound("name: no such snapshot");
    damaged = faults.damaged_snapshot_file;
    if (faults.broken_snapshot_streams > 0) {
      --faults.broken_snapshot_streams;
      pieces_left = faults.broken_snapshot_pieces;
    }
  }
  ++snapshot_streams;
  // The manifest's name comes before some others, but it is sent last.
  std::vector<std::pair<std::string, std::string>> files;
  for (auto& [path, bytes] : MakeFiles()) files.emplace_back(path, bytes);
  std::stable_partition(files.begin(), files.end(),
                        [](const auto& file) { return file.first != store::kManifestName; });
  bool begun = request->first_path().empty();
  for (auto& [path, bytes] : files) {
    size_t at = 0;
    if (!begun) {
      if (path != request->first_path()) continue;
      begun = true;
      at = static_cast<size_t>(request->first_offset());
      if (at == bytes.size()) continue;
    }
    if (path == damaged) bytes.back() = 'x';
    do {
      if (pieces_left-- == 0) return faults.stream_status;
      v1::ReadSnapshotResponse piece;
      piece.set_path(path);
      piece.set_offset(static_cast<int64_t>(at));
      piece.set_data(bytes.substr(at, kPieceBytes));
      writer->Write(piece);
      at += kPieceBytes;
    } while (at < bytes.size());
  }
  return grpc::Status::OK;
}

}  // namespace newsprint::client::testing
