// What is fuzzed: functions that take any bytes, and end the process when a promise of the code is
// broken. The same functions run under libFuzzer, a program for each (libfuzzer.cc), and over the
// corpus in a test (replay.cc).
#ifndef NEWSPRINT_TESTS_FUZZ_TARGETS_H_
#define NEWSPRINT_TESTS_FUZZ_TARGETS_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "absl/strings/string_view.h"

namespace newsprint::fuzz {

void FuzzCodec(absl::string_view bytes);
void FuzzStories(absl::string_view bytes);
void FuzzHtml(absl::string_view bytes);
void FuzzIndexFile(absl::string_view bytes);
void FuzzJsonl(absl::string_view bytes);
void FuzzManifest(absl::string_view bytes);
void FuzzModel2Vec(absl::string_view bytes);
void FuzzPageToken(absl::string_view bytes);
void FuzzRecords(absl::string_view bytes);
void FuzzRequests(absl::string_view bytes);
void FuzzSafetensors(absl::string_view bytes);
void FuzzSketch(absl::string_view bytes);
void FuzzTermModel(absl::string_view bytes);
void FuzzText(absl::string_view bytes);
void FuzzTokenizer(absl::string_view bytes);
void FuzzUtf8(absl::string_view bytes);

// The folder of its corpus is corpus/NAME, its program NAME_fuzzer.
struct Target {
  const char* name;
  void (*run)(absl::string_view bytes);
};
inline constexpr Target kTargets[] = {
    {"codec", FuzzCodec},
    {"stories", FuzzStories},
    {"html", FuzzHtml},
    {"index_file", FuzzIndexFile},
    {"jsonl", FuzzJsonl},
    {"manifest", FuzzManifest},
    {"model2vec", FuzzModel2Vec},
    {"page_token", FuzzPageToken},
    {"records", FuzzRecords},
    {"requests", FuzzRequests},
    {"safetensors", FuzzSafetensors},
    {"sketch", FuzzSketch},
    {"term_model", FuzzTermModel},
    {"text", FuzzText},
    {"tokenizer", FuzzTokenizer},
    {"utf8", FuzzUtf8},
};

// Ends the process, with the promise that was broken, unless `kept`.
inline void Require(bool kept, const char* promise) {
  if (kept) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

// Something of everything that tokenizers of models look at.
inline constexpr absl::string_view kMixedText =
    "Ölpreise: the price of oil’s up 5%\t新华社 [MASK] <b>İstanbul</b> aaaaaaaaaaaaaaaa\u0301 ﬁ";

// Takes an input apart; zeros when it has ended.
class Bytes {
 public:
  explicit Bytes(absl::string_view bytes) : rest_(bytes) {}

  bool empty() const { return rest_.empty(); }
  absl::string_view Rest() const { return rest_; }
  uint8_t Byte() { return Number<uint8_t>(); }
  // 0 to `limit` - 1.
  size_t Below(size_t limit) { return Byte() % limit; }
  absl::string_view Take(size_t count) {
    const absl::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  template <typename T>
  T Number() {
    T number{};
    const absl::string_view taken = Take(sizeof(number));
    if (!taken.empty()) std::memcpy(&number, taken.data(), taken.size());
    return number;
  }
  // Of a length that the next byte tells.
  std::string ShortString() {
    const size_t size = Byte();
    return std::string(Take(size));
  }

 private:
  absl::string_view rest_;
};

}  // namespace newsprint::fuzz

#endif  // NEWSPRINT_TESTS_FUZZ_TARGETS_H_
