// Who may do what: identities with their credentials, roles and limits, as an access file says. No
// network and no files here; rpc/access_control.h has those.
//
// A caller with no right to a collection is told what it would be told if there were none of that
// name, and before anything is looked up. docs/security.md is for users of this.
#ifndef NEWSPRINT_SERVICE_RPC_ACCESS_H_
#define NEWSPRINT_SERVICE_RPC_ACCESS_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "service/common/mutex.h"

namespace newsprint::rpc {

// Each includes those before it.
enum class Role { kNone, kRead, kWrite, kAdmin };

// What a role is needed on.
enum class Scope {
  kCollection,     // the collection that the request names
  kNewCollection,  // the same, which need not be there
  kServer,         // all collections, that is "*"
  kVisible,        // nothing: the answer holds only what the caller may read
};

struct MethodRule {
  absl::string_view method;  // as the proto has it, without its service
  Role role;
  Scope scope;
  bool is_administration = false;  // the log tells who calls it
};

// Of all methods, one each; tests compare with the proto files.
absl::Span<const MethodRule> MethodRules();
// Null for an unknown method.
const MethodRule* FindMethodRule(absl::string_view method);

enum class CertificateNameKind { kDns, kUri, kIp };

// A name in a certificate, of the kind that it looks like: IP addresses as inet_ntop writes them,
// DNS names in lower case, and URIs, which are all others with a colon or slash, as they are.
struct CertificateName {
  CertificateNameKind kind;
  std::string text;
};
CertificateName CanonicalCertificateName(absl::string_view text);

struct Grant {
  std::string name;  // of a collection, or how its name begins
  bool is_prefix = false;
  Role role = Role::kNone;

  bool Covers(absl::string_view collection) const;
};

// What an identity may have open at once unless its limits say otherwise, a sixteenth of what all
// together may.
inline constexpr int64_t kStreamsOfIdentityMax = 1024;

// 0 means none, but for streams, of which there is always a limit.
struct IdentityLimits {
  double calls_per_second = 0;
  double bytes_per_second = 0;  // of requests and answers
  int64_t articles_max = 0;     // in all collections that the identity may write to, together
  int64_t streams_max = kStreamsOfIdentityMax;  // open at once
};

// Calls and bytes of one identity, in two token buckets that hold what is allowed in a second. A
// call may begin while neither is in debt, and is charged in whole, so that one that is larger than
// its bucket gets through and the next ones wait. Thread-safe.
class RateLimit {
 public:
  // How long until a call may begin, at most an hour at a time. Zero: now.
  absl::Duration Wait(const IdentityLimits& limits, absl::Time now);
  void Charge(const IdentityLimits& limits, double calls, double bytes, absl::Time now);

 private:
  void Refill(const IdentityLimits& limits, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  double calls_ ABSL_GUARDED_BY(mutex_) = 0;
  double bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time filled_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

// Articles of one identity: those that are stored, and those on their way. Lets in too many at most
// by what is under way, as an article that is stored and so need not enter may be deleted before
// its new text comes; and by what others store within a second. Thread-safe.
class ArticleQuota {
 public:
  enum class Entry {
    kIn,    // to be followed by Leave
    kFull,  // as many are stored as may be
    kBusy,  // there would be room, if none of those under way took it
  };
  // For one new article. `count` counts what is stored; it is asked when it is needed, at least
  // once a second, and less often the longer it takes.
  Entry Enter(int64_t articles_max, absl::FunctionRef<int64_t()> count, absl::Time now);
  void Leave();

 private:
  Mutex mutex_;
  int64_t counted_ ABSL_GUARDED_BY(mutex_) = 0;
  // Let in since the count, and so perhaps not in it.
  int64_t entered_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t under_way_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time counted_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  absl::Duration count_took_ ABSL_GUARDED_BY(mutex_);
};

// What an identity has used up. Outlives the rules, so that reading them anew forgives nothing.
struct IdentityUse {
  RateLimit rate;
  ArticleQuota articles;
  std::atomic<int64_t> streams{0};  // open now
};

using TokenHash = std::array<uint8_t, 32>;  // SHA-256

struct Identity {
  std::string name;
  std::vector<TokenHash> token_hashes;
  std::vector<std::string> certificate_names;  // canonical
  std::vector<Grant> grants;
  IdentityLimits limits;
  std::shared_ptr<IdentityUse> use;

  // The highest role that a grant gives.
  Role RoleOn(absl::string_view collection) const;
  // The role on all collections, also those that do not exist yet.
  Role RoleOnAll() const;
};

// An access file. Immutable, but for what identities use up.
class AccessRules {
 public:
  // INVALID_ARGUMENT with the place of the first error: `access_file: identities[2].name: ...`.
  // Identities that `before`, if any, has by the same name go on with what they have used up.
  static absl::StatusOr<std::shared_ptr<const AccessRules>> Parse(absl::string_view json,
                                                                  const AccessRules* before);

  // Null when nobody has it. Compares with every hash, wherever the first equal one stands.
  std::shared_ptr<const Identity> FindByToken(const TokenHash& hash) const;
  // The identity that has some of these canonical names; null when none has, or several have.
  std::shared_ptr<const Identity> FindByCertificate(const std::vector<std::string>& names) const;
  std::shared_ptr<const Identity> FindByName(absl::string_view name) const;
  bool has_certificate_names() const { return !by_certificate_.empty(); }
  size_t identities() const { return identities_.size(); }

 private:
  std::vector<std::shared_ptr<const Identity>> identities_;
  absl::flat_hash_map<std::string, std::shared_ptr<const Identity>> by_certificate_;
};

// SHA-256 of a token as it is sent, without "Bearer ".
TokenHash HashToken(absl::string_view token);

// NOT_FOUND for a collection of this name, which is not empty.
absl::Status CollectionNotFound(absl::string_view name);

// Who makes a call. Cheap to copy.
class Caller {
 public:
  // Nobody, who may do nothing: so that a caller whom nobody has looked at gets nowhere.
  Caller() = default;
  explicit Caller(std::shared_ptr<const Identity> identity) : identity_(std::move(identity)) {}
  // One who may do everything, as all may without an access file.
  static Caller Unrestricted();

  // Empty for one who may do everything, and for nobody.
  absl::string_view name() const {
    return identity_ == nullptr ? absl::string_view() : absl::string_view(identity_->name);
  }
  bool unrestricted() const { return unrestricted_; }
  bool MayReadAll() const;
  // Empty for one who may do everything, and for nobody.
  absl::Span<const Grant> grants() const;

  // UNAUTHENTICATED for nobody, NOT_FOUND without any right to the collection, PERMISSION_DENIED
  // with a lesser one than the method needs, and where none is needed to have heard of it.
  // `collection` is as in the request: empty means the default one.
  absl::Status Check(const MethodRule& rule, absl::string_view collection) const;

  // How long until a call of it may begin.
  absl::Duration Wait() const;
  void Charge(double calls, size_t bytes) const;

  // RESOURCE_EXHAUSTED when it has as many streams open as it may; else to be followed by
  // LeaveStream.
  absl::Status EnterStream() const;
  void LeaveStream() const;

  // Lets an article in until the result, which may be null, is destroyed. One for which `find` says
  // OK is stored, and takes no more room with a new text; an error other than NOT_FOUND is the
  // answer. RESOURCE_EXHAUSTED when the identity has stored as many as it may, by `count`; with the
  // time to wait when that is open as long as others are under way.
  absl::StatusOr<std::shared_ptr<void>> EnterArticle(absl::FunctionRef<absl::Status()> find,
                                                     absl::FunctionRef<int64_t()> count) const;

 private:
  bool unrestricted_ = false;
  std::shared_ptr<const Identity> identity_;
};

}  // namespace newsprint::rpc

#endif  // NEWSPRINT_SERVICE_RPC_ACCESS_H_
