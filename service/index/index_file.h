// The file that keeps the graphs of a vector index from one start to the next.
//
// Integers are those of the machine. A header, then parts, each followed by the XXH3 (128 bits) of
// its bytes:
//   header    magic u64, version u32, dimension u32, links u32, segments u32, rows u32, zero u32
//   ordinals  u32 a row; 2^32 - 1 where the row was dead
//   scales    f32 a row
//   codes     i8 a value, row by row
//   for each segment
//     nodes   rows u32, entry point i32, then u8 a row: on how many levels it is
//     links   i32 each, row by row, level by level from the ground: the row's number in the
//     segment,
//             -1 in places that are free
#ifndef NEWSPRINT_SERVICE_INDEX_INDEX_FILE_H_
#define NEWSPRINT_SERVICE_INDEX_INDEX_FILE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "service/common/types.h"
#include "service/index/int8_rows.h"
#include "service/index/segment_builder.h"

namespace newsprint::index {

struct IndexFile {
  std::unique_ptr<Int8Rows> rows;  // all without ordinals
  std::vector<Ordinal> ordinals;   // those that the rows had
  Segments segments;
};

// By way of a temporary file, PATH.new. Ordinals may change meanwhile.
absl::Status WriteIndexFile(const std::string& path, const Int8Rows& rows, const Segments& segments,
                            int links);

// Whatever the bytes of the file: NOT_FOUND, DATA_LOSS, or graphs that can be walked. `file` is
// unspecified when it fails. Throws std::bad_alloc.
absl::Status ReadIndexFile(const std::string& path, int dimension, int links, IndexFile* file);

}  // namespace newsprint::index

#endif  // NEWSPRINT_SERVICE_INDEX_INDEX_FILE_H_
