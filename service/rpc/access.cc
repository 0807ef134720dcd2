#include "service/rpc/access.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "service/common/status_macros.h"
#include "service/embed/json_object.h"
#include "service/engine/engine.h"
#include "service/rpc/from_proto.h"
#include "service/rpc/limits.h"
#include "service/rpc/status.h"

namespace newsprint::rpc {
namespace {

using Json = nlohmann::json;

constexpr MethodRule kMethodRules[] = {
    {"IngestArticle", Role::kWrite, Scope::kCollection},
    {"BatchIngestArticles", Role::kWrite, Scope::kCollection},
    {"StreamIngest", Role::kWrite, Scope::kCollection},
    {"DeleteArticle", Role::kWrite, Scope::kCollection},
    {"FindDuplicates", Role::kRead, Scope::kCollection},
    {"FindRelated", Role::kRead, Scope::kCollection},
    {"Compare", Role::kRead, Scope::kCollection},
    {"GetArticle", Role::kRead, Scope::kCollection},
    {"BatchGetArticles", Role::kRead, Scope::kCollection},
    {"ComputeFingerprint", Role::kRead, Scope::kCollection},
    {"GetGroup", Role::kRead, Scope::kCollection},
    {"ListGroups", Role::kRead, Scope::kCollection},
    {"ListAffectedArticles", Role::kRead, Scope::kCollection},
    {"WatchGroups", Role::kRead, Scope::kCollection},
    {"SetCanonical", Role::kWrite, Scope::kCollection, true},
    {"MergeGroups", Role::kWrite, Scope::kCollection, true},
    {"SplitGroup", Role::kWrite, Scope::kCollection, true},
    {"WithdrawStory", Role::kWrite, Scope::kCollection, true},
    {"ReinstateStory", Role::kWrite, Scope::kCollection, true},
    {"GetCollection", Role::kRead, Scope::kCollection},
    {"GetStats", Role::kRead, Scope::kCollection},
    {"ListCollections", Role::kRead, Scope::kVisible},
    {"CreateCollection", Role::kAdmin, Scope::kNewCollection, true},
    {"UpdateCollection", Role::kAdmin, Scope::kCollection, true},
    {"DeleteCollection", Role::kAdmin, Scope::kCollection, true},
    {"ReembedCollection", Role::kAdmin, Scope::kCollection, true},
    {"CancelReembedding", Role::kAdmin, Scope::kCollection, true},
    {"ListEmbedders", Role::kAdmin, Scope::kServer},
    {"CreateSnapshot", Role::kAdmin, Scope::kServer, true},
    {"ListSnapshots", Role::kAdmin, Scope::kServer},
    {"DeleteSnapshot", Role::kAdmin, Scope::kServer, true},
    {"ReadSnapshot", Role::kAdmin, Scope::kServer, true},
};

constexpr size_t kIdentitiesMax = 1000;
constexpr size_t kTokensMax = 16;             // of an identity
constexpr size_t kCertificateNamesMax = 100;  // the same
constexpr size_t kGrantsMax = 1000;           // the same
constexpr size_t kIdentityNameBytesMax = 64;
constexpr size_t kCertificateNameBytesMax = 2048;
constexpr double kRateMin = 1e-3;
constexpr double kRateMax = 1e12;
// However large the debt.
constexpr double kWaitSecondsMax = 3600;
// How old a count of stored articles may be.
constexpr absl::Duration kCountAge = absl::Seconds(1);
// When there is no room, articles are counted anew once this many times what the last count took
// have passed: whoever sends on and on keeps a tenth of a core busy with it at most.
constexpr int kCountPauses = 10;
constexpr absl::Duration kCountTookMin = absl::Microseconds(100);  // less is nothing
constexpr absl::Duration kCountTookMax = absl::Milliseconds(100);
// When to look again whether articles under way have taken the last room.
constexpr absl::Duration kUnderWayPause = absl::Milliseconds(100);

absl::string_view RoleName(Role role) {
  switch (role) {
    case Role::kNone:
      return "none";
    case Role::kRead:
      return "read";
    case Role::kWrite:
      return "write";
    case Role::kAdmin:
      return "admin";
  }
  return "none";
}

template <typename... Parts>
absl::Status Bad(absl::string_view place, const Parts&... problem) {
  return absl::InvalidArgumentError(absl::StrCat("access_file: ", place, ": ", problem...));
}

// An object's members are looked at one by one, and every one has to be known.
absl::Status CheckObject(absl::string_view place, const Json& json,
                         const std::set<std::string>& known) {
  if (!json.is_object()) return Bad(place, "not an object, got ", json.type_name());
  for (const auto& [key, value] : json.items()) {
    if (known.count(key) == 0) {
      return Bad(place, "unknown field, got \"", embed::Printable(key), "\"");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<const Json*> List(absl::string_view place, const Json& json, size_t items_max) {
  if (!json.is_array()) return Bad(place, "not a list, got ", json.type_name());
  if (json.size() > items_max) {
    return Bad(place, "too many, got ", json.size(), ", limit ", items_max);
  }
  return &json;
}

absl::StatusOr<std::string> Text(absl::string_view place, const Json& json, size_t bytes_max) {
  if (!json.is_string()) return Bad(place, "not a string, got ", json.type_name());
  std::string text = json.get<std::string>();
  if (text.empty() || text.size() > bytes_max) {
    return Bad(place, text.empty() ? "required" : "too long", ", got ", text.size(),
               " bytes, limit 1 to ", bytes_max);
  }
  return text;
}

absl::StatusOr<std::string> IdentityName(absl::string_view place, const Json& json) {
  ASSIGN_OR_RETURN(std::string name, Text(place, json, kIdentityNameBytesMax));
  for (const char c : name) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && !absl::StrContains("-_.@", c)) {
      return Bad(place, "not a name, got \"", embed::Printable(name),
                 "\", limit letters, digits, - _ . and @");
    }
  }
  return name;
}

absl::StatusOr<TokenHash> HashFromHex(absl::string_view place, const Json& json) {
  ASSIGN_OR_RETURN(const std::string hex, Text(place, json, 64));
  TokenHash hash;
  if (hex.size() != 2 * hash.size() || !std::all_of(hex.begin(), hex.end(), [](unsigned char c) {
        return absl::ascii_isxdigit(c);
      })) {
    return Bad(place, "not a SHA-256 in hexadecimal, got ", hex.size(), " characters, expected 64");
  }
  for (size_t i = 0; i < hash.size(); ++i) {
    const char* const digits = hex.data() + 2 * i;
    std::from_chars(digits, digits + 2, hash[i], 16);
  }
  return hash;
}

absl::StatusOr<Role> RoleFromJson(absl::string_view place, const Json& json) {
  ASSIGN_OR_RETURN(const std::string name, Text(place, json, 64));
  for (const Role role : {Role::kRead, Role::kWrite, Role::kAdmin}) {
    if (name == RoleName(role)) return role;
  }
  return Bad(place, "unknown, got \"", embed::Printable(name), "\", limit read, write or admin");
}

absl::StatusOr<Grant> GrantFromJson(absl::string_view place, const Json& json, Role role) {
  ASSIGN_OR_RETURN(std::string pattern, Text(place, json, kCollectionNameBytesMax));
  Grant grant;
  grant.role = role;
  grant.is_prefix = pattern.back() == '*';
  if (grant.is_prefix) pattern.pop_back();
  // What could begin the name of a collection begins one.
  if (!(grant.is_prefix && pattern.empty()) && !IsCollectionName(pattern)) {
    return Bad(place, "no name of a collection, nor the beginning of one with a * behind, got \"",
               embed::Printable(json.get<std::string>()), "\"");
  }
  grant.name = std::move(pattern);
  return grant;
}

absl::Status AddGrants(const std::string& place, const Json& json, Identity* identity) {
  RETURN_IF_ERROR(CheckObject(place, json, {"collections", "role"}));
  if (!json.contains("role")) return Bad(place, "role: required, got nothing");
  if (!json.contains("collections")) return Bad(place, "collections: required, got nothing");
  ASSIGN_OR_RETURN(const Role role, RoleFromJson(absl::StrCat(place, ".role"), json["role"]));
  const std::string list_place = absl::StrCat(place, ".collections");
  ASSIGN_OR_RETURN(const Json* list, List(list_place, json["collections"], kGrantsMax));
  for (size_t i = 0; i < list->size(); ++i) {
    ASSIGN_OR_RETURN(Grant grant,
                     GrantFromJson(absl::StrCat(list_place, "[", i, "]"), (*list)[i], role));
    identity->grants.push_back(std::move(grant));
  }
  return absl::OkStatus();
}

absl::Status ReadLimits(const std::string& place, const Json& json, IdentityLimits* limits) {
  RETURN_IF_ERROR(CheckObject(
      place, json, {"calls_per_second", "bytes_per_second", "articles_max", "streams_max"}));
  for (const auto& [key, value] : json.items()) {
    const std::string at = absl::StrCat(place, ".", key);
    if (!value.is_number() || value.get<double>() < kRateMin || value.get<double>() > kRateMax) {
      return Bad(at, "out of range, got ", embed::Printable(value.dump()),
                 ", limit 0.001 to 1000000000000; leave it out for any");
    }
    if (key == "calls_per_second") limits->calls_per_second = value.get<double>();
    if (key == "bytes_per_second") limits->bytes_per_second = value.get<double>();
    if (key == "articles_max" || key == "streams_max") {
      if (!value.is_number_integer()) return Bad(at, "not a whole number");
      (key == "articles_max" ? limits->articles_max : limits->streams_max) = value.get<int64_t>();
    }
  }
  return absl::OkStatus();
}

absl::Status ReadCredentials(const std::string& place, const Json& json, Identity* identity) {
  if (json.contains("token_sha256")) {
    const std::string at = absl::StrCat(place, ".token_sha256");
    ASSIGN_OR_RETURN(const Json* list, List(at, json["token_sha256"], kTokensMax));
    for (size_t i = 0; i < list->size(); ++i) {
      ASSIGN_OR_RETURN(const TokenHash hash,
                       HashFromHex(absl::StrCat(at, "[", i, "]"), (*list)[i]));
      identity->token_hashes.push_back(hash);
    }
  }
  if (json.contains("certificate_names")) {
    const std::string at = absl::StrCat(place, ".certificate_names");
    ASSIGN_OR_RETURN(const Json* list, List(at, json["certificate_names"], kCertificateNamesMax));
    for (size_t i = 0; i < list->size(); ++i) {
      ASSIGN_OR_RETURN(std::string name,
                       Text(absl::StrCat(at, "[", i, "]"), (*list)[i], kCertificateNameBytesMax));
      identity->certificate_names.push_back(CanonicalCertificateName(name).text);
    }
  }
  if (identity->token_hashes.empty() && identity->certificate_names.empty()) {
    return Bad(place, "token_sha256 or certificate_names: required, got nothing");
  }
  return absl::OkStatus();
}

absl::StatusOr<Identity> IdentityFromJson(const std::string& place, const Json& json) {
  RETURN_IF_ERROR(
      CheckObject(place, json, {"name", "token_sha256", "certificate_names", "grants", "limits"}));
  if (!json.contains("name")) return Bad(place, "name: required, got nothing");
  Identity identity;
  ASSIGN_OR_RETURN(identity.name, IdentityName(absl::StrCat(place, ".name"), json["name"]));
  RETURN_IF_ERROR(ReadCredentials(place, json, &identity));
  if (json.contains("grants")) {
    const std::string at = absl::StrCat(place, ".grants");
    ASSIGN_OR_RETURN(const Json* list, List(at, json["grants"], kGrantsMax));
    for (size_t i = 0; i < list->size(); ++i) {
      RETURN_IF_ERROR(AddGrants(absl::StrCat(at, "[", i, "]"), (*list)[i], &identity));
    }
  }
  if (json.contains("limits")) {
    RETURN_IF_ERROR(ReadLimits(absl::StrCat(place, ".limits"), json["limits"], &identity.limits));
  }
  return identity;
}

// Looks for a name that an object has twice, of which the parser would take the last: someone who
// reads the file may take it for the other one.
class RepeatedNames {
 public:
  bool operator()(int /*depth*/, Json::parse_event_t event, const Json& parsed) {
    if (event == Json::parse_event_t::object_start) names_.emplace_back();
    if (event == Json::parse_event_t::object_end) names_.pop_back();
    if (event == Json::parse_event_t::key) {
      const std::string& name = parsed.get_ref<const std::string&>();
      if (!names_.back().insert(name).second && !found_.has_value()) found_ = name;
    }
    return true;
  }

  const std::optional<std::string>& found() const { return found_; }

 private:
  std::vector<std::set<std::string>> names_;  // of the objects that are open
  std::optional<std::string> found_;
};

// INVALID_ARGUMENT with line and column. nlohmann's own message would repeat what it has read.
absl::StatusOr<Json> ParseJson(absl::string_view text) {
  try {
    RepeatedNames repeated;
    Json json = Json::parse(text.begin(), text.end(), std::ref(repeated));
    if (repeated.found().has_value()) {
      return Bad("file", "a field twice in one object, got \"", embed::Printable(*repeated.found()),
                 "\"");
    }
    return json;
  } catch (const Json::parse_error& error) {
    const absl::string_view read = text.substr(0, error.byte == 0 ? 0 : error.byte - 1);
    const size_t line_begin =
        read.rfind('\n') == absl::string_view::npos ? 0 : read.rfind('\n') + 1;
    return Bad("not JSON", "line ", std::count(read.begin(), read.end(), '\n') + 1, ", column ",
               read.size() - line_begin + 1);
  } catch (const Json::exception&) {
    return Bad("not JSON", "got ", text.size(), " bytes");
  }
}

absl::Status Nobody() {
  return absl::UnauthenticatedError("authorization: required, and nobody has asked for it");
}

// Leaves the quota when the last copy of a pointer to it goes.
class ArticleUnderWay {
 public:
  explicit ArticleUnderWay(std::shared_ptr<IdentityUse> use) : use_(std::move(use)) {}
  ~ArticleUnderWay() { use_->articles.Leave(); }
  ArticleUnderWay(const ArticleUnderWay&) = delete;
  ArticleUnderWay& operator=(const ArticleUnderWay&) = delete;

 private:
  const std::shared_ptr<IdentityUse> use_;
};

}  // namespace

absl::Span<const MethodRule> MethodRules() { return kMethodRules; }

const MethodRule* FindMethodRule(absl::string_view method) {
  static const auto* const rules = [] {
    auto* made = new absl::flat_hash_map<absl::string_view, const MethodRule*>();
    for (const MethodRule& rule : kMethodRules) made->emplace(rule.method, &rule);
    return made;
  }();
  const auto found = rules->find(method);
  return found == rules->end() ? nullptr : found->second;
}

CertificateName CanonicalCertificateName(absl::string_view text) {
  const std::string name(text);
  for (const int family : {AF_INET, AF_INET6}) {
    unsigned char address[sizeof(struct in6_addr)];
    char written[INET6_ADDRSTRLEN];
    // A name with a zero byte in it would be cut there.
    if (name.size() == std::strlen(name.c_str()) && inet_pton(family, name.c_str(), address) == 1 &&
        inet_ntop(family, address, written, sizeof(written)) != nullptr) {
      return {CertificateNameKind::kIp, written};
    }
  }
  if (name.find_first_of(":/") != std::string::npos) return {CertificateNameKind::kUri, name};
  return {CertificateNameKind::kDns, absl::AsciiStrToLower(name)};
}

bool Grant::Covers(absl::string_view collection) const {
  return is_prefix ? absl::StartsWith(collection, name) : collection == name;
}

void RateLimit::Refill(const IdentityLimits& limits, absl::Time now) {
  const double seconds = absl::ToDoubleSeconds(now - filled_at_);
  // Also of a clock that went back: else nothing would be filled in for as long.
  filled_at_ = now;
  if (seconds <= 0) return;
  const auto fill = [seconds](double per_second, double* held) {
    *held = per_second == 0 ? 0 : std::min(*held + per_second * seconds, std::max(per_second, 1.0));
  };
  fill(limits.calls_per_second, &calls_);
  fill(limits.bytes_per_second, &bytes_);
}

absl::Duration RateLimit::Wait(const IdentityLimits& limits, absl::Time now) {
  MutexLock lock(mutex_);
  Refill(limits, now);
  double seconds = 0;
  if (limits.calls_per_second > 0 && calls_ < 1) {
    // A bucket of less than one call a second is full with one.
    seconds = (1 - calls_) / limits.calls_per_second;
  }
  if (limits.bytes_per_second > 0 && bytes_ <= 0) {
    seconds = std::max(seconds, (1 - bytes_) / limits.bytes_per_second);
  }
  return absl::Seconds(std::min(seconds, kWaitSecondsMax));
}

void RateLimit::Charge(const IdentityLimits& limits, double calls, double bytes, absl::Time now) {
  MutexLock lock(mutex_);
  Refill(limits, now);
  if (limits.calls_per_second > 0) calls_ -= calls;
  if (limits.bytes_per_second > 0) bytes_ -= bytes;
}

ArticleQuota::Entry ArticleQuota::Enter(int64_t articles_max, absl::FunctionRef<int64_t()> count,
                                        absl::Time now) {
  MutexLock lock(mutex_);
  const absl::Duration age = now - counted_at_;
  const bool full = counted_ + entered_ >= articles_max;
  if (age < absl::ZeroDuration() || age >= (full ? count_took_ * kCountPauses : kCountAge)) {
    // What is under way may be in the count already, or be no new article in the end.
    const absl::Time begin = absl::Now();
    counted_ = count();
    const absl::Duration took = absl::Now() - begin;
    count_took_ = took < kCountTookMin ? absl::ZeroDuration() : std::min(took, kCountTookMax);
    entered_ = under_way_;
    counted_at_ = now;
  }
  if (counted_ >= articles_max) return Entry::kFull;
  if (counted_ + entered_ >= articles_max) return Entry::kBusy;
  ++entered_;
  ++under_way_;
  return Entry::kIn;
}

void ArticleQuota::Leave() {
  MutexLock lock(mutex_);
  --under_way_;
}

Role Identity::RoleOn(absl::string_view collection) const {
  Role role = Role::kNone;
  for (const Grant& grant : grants) {
    if (grant.Covers(collection)) role = std::max(role, grant.role);
  }
  return role;
}

Role Identity::RoleOnAll() const {
  Role role = Role::kNone;
  for (const Grant& grant : grants) {
    if (grant.is_prefix && grant.name.empty()) role = std::max(role, grant.role);
  }
  return role;
}

absl::StatusOr<std::shared_ptr<const AccessRules>> AccessRules::Parse(absl::string_view json,
                                                                      const AccessRules* before) {
  ASSIGN_OR_RETURN(const Json parsed, ParseJson(json));
  RETURN_IF_ERROR(CheckObject("file", parsed, {"identities"}));
  if (!parsed.contains("identities")) return Bad("identities", "required, got nothing");
  ASSIGN_OR_RETURN(const Json* list, List("identities", parsed["identities"], kIdentitiesMax));
  auto rules = std::make_shared<AccessRules>();
  std::set<std::string> names;
  std::set<TokenHash> hashes;
  for (size_t i = 0; i < list->size(); ++i) {
    const std::string place = absl::StrCat("identities[", i, "]");
    ASSIGN_OR_RETURN(Identity read, IdentityFromJson(place, (*list)[i]));
    if (!names.insert(read.name).second) {
      return Bad(place, "name: twice, got \"", read.name, "\"");
    }
    for (const TokenHash& hash : read.token_hashes) {
      if (!hashes.insert(hash).second) return Bad(place, "token_sha256: the same one twice");
    }
    const std::shared_ptr<const Identity> old =
        before == nullptr ? nullptr : before->FindByName(read.name);
    read.use = old == nullptr ? std::make_shared<IdentityUse>() : old->use;
    const auto identity = std::make_shared<const Identity>(std::move(read));
    for (const std::string& name : identity->certificate_names) {
      if (!rules->by_certificate_.emplace(name, identity).second) {
        return Bad(place, "certificate_names: twice, got \"", embed::Printable(name), "\"");
      }
    }
    rules->identities_.push_back(identity);
  }
  return rules;
}

std::shared_ptr<const Identity> AccessRules::FindByToken(const TokenHash& hash) const {
  const std::shared_ptr<const Identity>* found = nullptr;
  for (const std::shared_ptr<const Identity>& identity : identities_) {
    for (const TokenHash& known : identity->token_hashes) {
      if (CRYPTO_memcmp(known.data(), hash.data(), hash.size()) == 0) found = &identity;
    }
  }
  return found == nullptr ? nullptr : *found;
}

std::shared_ptr<const Identity> AccessRules::FindByCertificate(
    const std::vector<std::string>& names) const {
  std::shared_ptr<const Identity> identity;
  for (const std::string& name : names) {
    const auto found = by_certificate_.find(name);
    if (found == by_certificate_.end()) continue;
    if (identity != nullptr && identity != found->second) return nullptr;
    identity = found->second;
  }
  return identity;
}

std::shared_ptr<const Identity> AccessRules::FindByName(absl::string_view name) const {
  for (const std::shared_ptr<const Identity>& identity : identities_) {
    if (identity->name == name) return identity;
  }
  return nullptr;
}

TokenHash HashToken(absl::string_view token) {
  // Looking the algorithm up takes longer than hashing a token.
  static const EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  thread_local const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(),
                                                                                &EVP_MD_CTX_free);
  TokenHash hash = {};
  if (EVP_DigestInit_ex2(context.get(), sha256, nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), token.data(), token.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), hash.data(), nullptr) != 1) {
    std::abort();  // out of memory, or an OpenSSL without SHA-256
  }
  return hash;
}

absl::Status CollectionNotFound(absl::string_view name) {
  if (name.size() > kCollectionNameBytesMax) {
    return absl::NotFoundError(absl::StrCat("collection: not found, got ", name.size(), " bytes"));
  }
  return NoSuchCollection(name);
}

Caller Caller::Unrestricted() {
  Caller caller;
  caller.unrestricted_ = true;
  return caller;
}

bool Caller::MayReadAll() const {
  return unrestricted_ || (identity_ != nullptr && identity_->RoleOnAll() >= Role::kRead);
}

absl::Span<const Grant> Caller::grants() const {
  return identity_ == nullptr ? absl::Span<const Grant>() : identity_->grants;
}

absl::Status Caller::Check(const MethodRule& rule, absl::string_view collection) const {
  if (unrestricted_) return absl::OkStatus();
  if (identity_ == nullptr) return Nobody();
  if (rule.scope == Scope::kVisible) return absl::OkStatus();
  if (rule.scope == Scope::kServer) {
    if (identity_->RoleOnAll() >= rule.role) return absl::OkStatus();
    return absl::PermissionDeniedError(absl::StrCat("role: needs ", RoleName(rule.role),
                                                    " on all collections (\"*\"), got ",
                                                    RoleName(identity_->RoleOnAll())));
  }
  const absl::string_view name = collection.empty() ? kDefaultCollection : collection;
  const Role role = identity_->RoleOn(name);
  if (role >= rule.role) return absl::OkStatus();
  if (role == Role::kNone && rule.scope == Scope::kCollection) return CollectionNotFound(name);
  return absl::PermissionDeniedError(absl::StrCat("role: needs ", RoleName(rule.role),
                                                  " on this collection, got ", RoleName(role)));
}

absl::Duration Caller::Wait() const {
  if (identity_ == nullptr) return absl::ZeroDuration();
  const IdentityLimits& limits = identity_->limits;
  if (limits.calls_per_second == 0 && limits.bytes_per_second == 0) return absl::ZeroDuration();
  return identity_->use->rate.Wait(limits, absl::Now());
}

void Caller::Charge(double calls, size_t bytes) const {
  if (identity_ == nullptr) return;
  const IdentityLimits& limits = identity_->limits;
  if (limits.calls_per_second == 0 && limits.bytes_per_second == 0) return;
  identity_->use->rate.Charge(limits, calls, static_cast<double>(bytes), absl::Now());
}

absl::Status Caller::EnterStream() const {
  if (unrestricted_) return absl::OkStatus();
  if (identity_ == nullptr) return Nobody();
  const int64_t streams_max = identity_->limits.streams_max;
  if (++identity_->use->streams <= streams_max) return absl::OkStatus();
  --identity_->use->streams;
  return absl::ResourceExhaustedError(absl::StrCat(
      "identity: has as many streams open as it may, limit ", streams_max, " (streams_max)"));
}

void Caller::LeaveStream() const {
  if (identity_ != nullptr) --identity_->use->streams;
}

absl::StatusOr<std::shared_ptr<void>> Caller::EnterArticle(
    absl::FunctionRef<absl::Status()> find, absl::FunctionRef<int64_t()> count) const {
  if (unrestricted_) return nullptr;
  if (identity_ == nullptr) return Nobody();
  if (identity_->limits.articles_max == 0) return nullptr;
  const int64_t articles_max = identity_->limits.articles_max;
  const absl::Status found = find();
  if (found.ok()) return nullptr;
  if (!absl::IsNotFound(found)) return found;
  switch (identity_->use->articles.Enter(articles_max, count, absl::Now())) {
    case ArticleQuota::Entry::kIn:
      return std::make_shared<ArticleUnderWay>(identity_->use);
    case ArticleQuota::Entry::kBusy:
      return WithRetryDelay(absl::ResourceExhaustedError(absl::StrCat(
                                "identity: articles under way may take what room is left, limit ",
                                articles_max, " (articles_max); try again after a pause")),
                            kUnderWayPause);
    case ArticleQuota::Entry::kFull:
      break;
  }
  return absl::ResourceExhaustedError(
      absl::StrCat("identity: has stored as many articles as it may, limit ", articles_max,
                   " (articles_max); delete some first"));
}

}  // namespace newsprint::rpc
