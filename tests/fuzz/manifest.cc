// Any bytes as the list of a snapshot's files, with a checksum that is right, and as they are.
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "service/common/hash.h"
#include "service/store/manifest.h"
#include "tests/fuzz/targets.h"

namespace newsprint::fuzz {
namespace {

void CheckManifest(absl::string_view text) {
  const auto manifest = store::DecodeManifest(text);
  if (!manifest.ok()) {
    Require(absl::IsDataLoss(manifest.status()), "what is no manifest is DATA_LOSS");
    return;
  }
  std::set<std::string> paths;
  for (const store::ManifestFile& file : manifest->files) {
    Require(paths.insert(file.path).second, "a file is listed once");
    Require(file.path != store::kManifestName, "a manifest does not list itself");
    for (const absl::string_view name : absl::StrSplit(file.path, '/')) {
      Require(!name.empty() && name != "." && name != "..", "no path leads out of the folder");
    }
  }
  const std::string encoded = Encode(*manifest);
  const auto again = store::DecodeManifest(encoded);
  Require(again.ok() && Encode(*again) == encoded, "a manifest comes back as it was");
  Require(again->files.size() == manifest->files.size() && again->bytes() == manifest->bytes(),
          "files come back as they were");
}

// With the right checksum in its last line.
std::string SealManifest(absl::string_view text) {
  const size_t last = text.rfind("\nend ");
  const absl::string_view lines = text.substr(0, last == absl::string_view::npos ? last : last + 1);
  const Hash128 hash = Hasher128().Add(lines.data(), lines.size()).Finish();
  return absl::StrCat(lines, absl::StrFormat("end %016x%016x\n", hash.high, hash.low));
}

}  // namespace

void FuzzManifest(absl::string_view bytes) {
  CheckManifest(bytes);
  CheckManifest(SealManifest(bytes));
}

}  // namespace newsprint::fuzz
