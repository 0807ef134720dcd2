// Decoding of stored records: any bytes give a record or DATA_LOSS, and a record comes back as it
// was.
#include <string>

#include "service/store/records.h"
#include "tests/fuzz/targets.h"

namespace newsprint::fuzz {
namespace {

// Encoded again, as not every order and length of a number that can be read is written.
template <typename Record>
void CheckRecord(absl::StatusOr<Record> (*decode)(absl::string_view), absl::string_view bytes) {
  const absl::StatusOr<Record> record = decode(bytes);
  if (!record.ok()) {
    Require(absl::IsDataLoss(record.status()), "what is no record is DATA_LOSS");
    return;
  }
  const std::string encoded = store::Encode(*record);
  const absl::StatusOr<Record> again = decode(encoded);
  Require(again.ok(), "what was encoded decodes");
  Require(store::Encode(*again) == encoded, "a record comes back as it was");
}

}  // namespace

// Records begin with a version, so each decoder is given all the bytes.
void FuzzRecords(absl::string_view bytes) {
  CheckRecord(store::DecodeCollection, bytes);
  CheckRecord(store::DecodeState, bytes);
  CheckRecord(store::DecodeArticle, bytes);
  CheckRecord(store::DecodeFingerprint, bytes);
  CheckRecord<store::TermsRecord>(store::DecodeTerms, bytes);
  CheckRecord(store::DecodeSketch, bytes);
  CheckRecord(store::DecodeGroup, bytes);
  CheckRecord(store::DecodeMember, bytes);
  CheckRecord(store::DecodeChange, bytes);
  CheckRecord(store::DecodeLesson, bytes);
  CheckRecord(store::DecodeBoilerplate, bytes);
  CheckRecord(store::DecodeRequest, bytes);
  CheckRecord(store::DecodePending, bytes);
}

}  // namespace newsprint::fuzz
