// Clients that take the server's memory: many connections that send much and read little.
#ifndef NEWSPRINT_BENCH_HOARDERS_H_
#define NEWSPRINT_BENCH_HOARDERS_H_

#include <cstddef>
#include <string>

namespace newsprint::bench {

// What each connection does, for ever:
// - "never": streams articles and reads no answer.
// - "slow": streams articles and reads ten answers a second.
// - "calls": asks FindDuplicates, one call at a time.
// - "answers": asks for `article_bytes` large articles ("large-0"...) in BatchGetArticles, four
//   calls at a time.
// Errors do not stop them. Does not return; exits with a message for an unknown `kind`.
[[noreturn]] void RunHoarders(const std::string& target, const std::string& kind, int connections,
                              size_t article_bytes);

}  // namespace newsprint::bench

#endif  // NEWSPRINT_BENCH_HOARDERS_H_
