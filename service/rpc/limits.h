// What a request may hold. Units stand in the names.
#ifndef NEWSPRINT_SERVICE_RPC_LIMITS_H_
#define NEWSPRINT_SERVICE_RPC_LIMITS_H_

#include <cstddef>
#include <cstdint>

namespace newsprint::rpc {

// Settable by flags of the same names.
struct Limits {
  size_t body_bytes_max = size_t{1} << 20;
  size_t title_bytes_max = 4096;
  int batch_items_max = 1000;
  size_t stream_window_items = 256;
  size_t stream_window_bytes = size_t{8} << 20;
  int message_bytes_max = 16 << 20;
};

// Fixed.
inline constexpr size_t kCollectionNameBytesMax = 64;
inline constexpr size_t kIdBytesMax = 512;
inline constexpr size_t kSourceBytesMax = 512;
inline constexpr size_t kUrlBytesMax = 4096;
inline constexpr size_t kLanguageBytesMax = 35;
inline constexpr size_t kRequestIdBytesMax = 128;
inline constexpr int kAttributesMax = 64;
inline constexpr size_t kAttributeKeyBytesMax = 128;
inline constexpr size_t kAttributeValueBytesMax = 4096;
inline constexpr int kEmbeddingValuesMax = 4096;
inline constexpr int kMatchesMax = 100;
inline constexpr int kMatchesDefault = 10;
inline constexpr int kRelatedMax = 1000;
inline constexpr int kRelatedDefault = 10;
inline constexpr int kPageSizeMax = 1000;
inline constexpr int kPageSizeDefault = 100;
inline constexpr size_t kPageTokenBytesMax = 256;
inline constexpr size_t kWithdrawalNoteBytesMax = 1024;
inline constexpr int kSplitArticlesMax = 1000;
inline constexpr int kSourcePriorityMax = 1000;
inline constexpr int kRelatedFilterMax = 100;  // sources, or languages
// Changes in one response of WatchGroups.
inline constexpr size_t kWatchedChangesMax = 256;

}  // namespace newsprint::rpc

#endif  // NEWSPRINT_SERVICE_RPC_LIMITS_H_
