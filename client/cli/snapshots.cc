// newsprint snapshots
#include <ostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/cli/output.h"
#include "client/cli/paging.h"
#include "client/cli/session.h"

namespace newsprint::cli {
namespace {

Json SnapshotJson(const v1::Snapshot& snapshot) {
  return {{"name", snapshot.name()},
          {"created_at", FormatTime(snapshot.has_created_at(), snapshot.created_at())},
          {"bytes", snapshot.bytes()},
          {"files", snapshot.files()}};
}

absl::Status ListSnapshots(Session& session) {
  Json json = Json::array();
  Table table(
      {{"name"}, {"created at"}, {"size", Table::Align::kRight}, {"files", Table::Align::kRight}});
  const absl::Status status = ForEachPage(
      session.settings.limit, v1::ListSnapshotsRequest(),
      [&](const v1::ListSnapshotsRequest& request) {
        return session.client.ListSnapshots(request);
      },
      [&](const v1::ListSnapshotsResponse& page) {
        for (const v1::Snapshot& snapshot : page.snapshots()) {
          json.push_back(SnapshotJson(snapshot));
          table.AddRow({snapshot.name(),
                        FormatTime(snapshot.has_created_at(), snapshot.created_at()),
                        FormatBytes(snapshot.bytes()), FormatCount(snapshot.files())});
        }
        return page.snapshots_size();
      });
  if (!status.ok()) return status;
  if (session.settings.json) {
    PrintJson({{"snapshots", std::move(json)}}, session.out);
  } else {
    table.Print(session.out, session.columns);
  }
  return absl::OkStatus();
}

std::string NameOf(absl::Time time) {
  return absl::FormatTime("%Y%m%d-%H%M%S-%E3f", time, absl::UTCTimeZone());
}

absl::Status CreateSnapshot(Session& session, const std::string& name) {
  v1::CreateSnapshotRequest request;
  request.set_name(name);
  client::CallOptions options;
  options.deadline = absl::InfiniteDuration();  // it takes as long as the folder is large
  const auto response = session.client.CreateSnapshot(request, options);
  if (!response.ok()) return response.status();
  PrintDone("created", response->snapshot().name(), session.settings.json,
            SnapshotJson(response->snapshot()), session.out);
  return absl::OkStatus();
}

absl::Status DeleteSnapshot(Session& session, const std::string& name) {
  v1::DeleteSnapshotRequest request;
  request.set_name(name);
  const auto response = session.client.DeleteSnapshot(request);
  if (!response.ok()) return response.status();
  PrintDone("deleted", name, session.settings.json, {{"deleted", name}}, session.out);
  return absl::OkStatus();
}

}  // namespace

absl::Status RunSnapshots(Session& session, const Args& args) {
  const std::string action = args.empty() ? "list" : args[0];
  if (action == "list" && args.size() < 2) return ListSnapshots(session);
  if (action == "create") {
    // A name of its own, as a call whose answer is lost is made again.
    return CreateSnapshot(session, args.size() == 2 ? args[1] : NameOf(absl::Now()));
  }
  if (action == "delete" && args.size() == 2) return DeleteSnapshot(session, args[1]);
  return UsageError("snapshots: list, create [NAME] or delete NAME");
}

}  // namespace newsprint::cli
