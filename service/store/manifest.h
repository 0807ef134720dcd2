// The list of a snapshot's files, with their checksums: what makes a copy of it verifiable.
//
// A text file, MANIFEST.newsprint, beside the files that it lists:
//   newsprint-manifest 1
//   store_format NUMBER
//   newsprint VERSION
//   created_at TIME (RFC 3339)
//   file HASH BYTES PATH      for each file; PATH to the end of the line
//   end HASH                  of all lines before, with their line feeds
// HASH is the 128-bit XXH3 in 32 hexadecimal digits, high half first.
#ifndef NEWSPRINT_SERVICE_STORE_MANIFEST_H_
#define NEWSPRINT_SERVICE_STORE_MANIFEST_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/common/hash.h"

namespace newsprint::store {

inline constexpr char kManifestName[] = "MANIFEST.newsprint";

struct ManifestFile {
  std::string path;  // relative to the folder, with "/"
  uint64_t bytes = 0;
  Hash128 hash;
};

struct Manifest {
  uint32_t store_format = 0;
  std::string newsprint_version;
  absl::Time created_at;
  std::vector<ManifestFile> files;  // without the manifest itself

  uint64_t bytes() const;  // of all files
};

std::string Encode(const Manifest& manifest);
// DATA_LOSS when it is damaged or of another version. No path in it leads out of the folder.
absl::StatusOr<Manifest> DecodeManifest(absl::string_view text);

// Of the folder `dir`. NOT_FOUND when it has none.
absl::StatusOr<Manifest> ReadManifest(const std::string& dir);
// On disk when it returns. RESOURCE_EXHAUSTED when the disk is full.
absl::Status WriteManifest(const std::string& dir, const Manifest& manifest);

// Told of bytes that were read; false ends the work with CANCELLED.
using OnBytes = absl::FunctionRef<bool(uint64_t)>;

// Reads the file at `path` of `dir` and makes sure that it is on disk. NOT_FOUND, UNAVAILABLE.
absl::StatusOr<ManifestFile> HashFile(const std::string& dir, const std::string& path,
                                      OnBytes on_bytes);
// DATA_LOSS, with the path, when the file is missing, or is not what the manifest says; UNAVAILABLE
// when it cannot be read. Only reads.
absl::Status VerifyFile(const std::string& dir, const ManifestFile& file, OnBytes on_bytes);
// Whether `found` is `expected`: DATA_LOSS with the path and both figures, else.
absl::Status CompareFiles(const ManifestFile& found, const ManifestFile& expected);

// All files below `dir`, as paths relative to it, in order. Links are listed and not followed.
absl::StatusOr<std::vector<std::string>> ListFiles(const std::string& dir);

// Writes all of `bytes` to an open file; `path` is for messages.
absl::Status WriteAll(int descriptor, const std::string& path, absl::string_view bytes);

// Makes the entries of a folder durable.
absl::Status SyncDir(const std::string& dir);

// An error of the system's, `errno`, as a status: NOT_FOUND, RESOURCE_EXHAUSTED when the disk is
// full, UNAVAILABLE. `what`: "cannot read", for example.
absl::Status SystemError(absl::string_view what, const std::string& path);

}  // namespace newsprint::store

#endif  // NEWSPRINT_SERVICE_STORE_MANIFEST_H_
