// Identities, roles and limits without a network; and that every method has a rule.
#include "service/rpc/access.h"

#include <fcntl.h>
#include <grpcpp/security/auth_context.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <fstream>
#include <map>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "newsprint/v1/admin_service.pb.h"
#include "newsprint/v1/article_service.pb.h"
#include "newsprint/v1/cluster_service.pb.h"
#include "service/rpc/access_control.h"
#include "service/rpc/file_watch.h"
#include "service/rpc/server.h"
#include "service/rpc/whole_file.h"
#include "tests/testing/articles.h"

namespace newsprint::rpc {
namespace {

using ::newsprint::testing::TempDir;
using ::testing::HasSubstr;

std::string HexHash(absl::string_view token) {
  const TokenHash hash = HashToken(token);
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(hash.data()), hash.size()));
}

// One identity with a token of its name; `more` follows, as `, "grants": ...`.
std::string IdentityJson(absl::string_view name, absl::string_view more) {
  return absl::StrCat("{\"name\":\"", name, "\",\"token_sha256\":[\"", HexHash(name), "\"]", more,
                      "}");
}

std::string FileJson(absl::string_view identities) {
  return absl::StrCat("{\"identities\":[", identities, "]}");
}

std::string Grants(absl::string_view collections, absl::string_view role) {
  return absl::StrCat(",\"grants\":[{\"collections\":[", collections, "],\"role\":\"", role,
                      "\"}]");
}

std::shared_ptr<const AccessRules> ParseOrDie(absl::string_view json,
                                              const AccessRules* before = nullptr) {
  auto rules = AccessRules::Parse(json, before);
  EXPECT_TRUE(rules.ok()) << rules.status();
  return rules.ok() ? *rules : std::make_shared<const AccessRules>();
}

TEST(AccessTest, EveryMethodOfTheApiHasARuleAndNoneIsLeftOver) {
  std::map<std::string, int> methods;
  for (const auto* file :
       {v1::IngestArticleRequest::descriptor()->file(), v1::GetGroupRequest::descriptor()->file(),
        v1::GetCollectionRequest::descriptor()->file()}) {
    for (int s = 0; s < file->service_count(); ++s) {
      for (int m = 0; m < file->service(s)->method_count(); ++m) {
        ++methods[file->service(s)->method(m)->name()];
      }
    }
  }
  EXPECT_GE(methods.size(), 32u);
  for (const auto& [method, count] : methods) {
    EXPECT_EQ(count, 1) << method << " is the name of methods of two services";
    EXPECT_NE(FindMethodRule(method), nullptr) << method << " has no rule in access.cc";
  }
  EXPECT_EQ(MethodRules().size(), methods.size());
  EXPECT_EQ(FindMethodRule("NoSuchMethod"), nullptr);
}

TEST(AccessTest, RolesIncludeEachOtherAndPatternsCover) {
  const auto rules =
      ParseOrDie(FileJson(IdentityJson("a",
                                       R"(,"grants":[{"collections":["ap","wire-*"],"role":"write"},
                    {"collections":["*"],"role":"read"},{"collections":["own"],"role":"admin"}])")));
  const auto identity = rules->FindByName("a");
  ASSERT_NE(identity, nullptr);
  EXPECT_EQ(identity->RoleOn("ap"), Role::kWrite);
  EXPECT_EQ(identity->RoleOn("wire-"), Role::kWrite);
  EXPECT_EQ(identity->RoleOn("wire-7"), Role::kWrite);
  EXPECT_EQ(identity->RoleOn("wire"), Role::kRead);
  EXPECT_EQ(identity->RoleOn("apx"), Role::kRead);
  EXPECT_EQ(identity->RoleOn("own"), Role::kAdmin);
  EXPECT_EQ(identity->RoleOnAll(), Role::kRead);
  const Caller caller(identity);
  const MethodRule create = *FindMethodRule("CreateCollection");
  const MethodRule ingest = *FindMethodRule("IngestArticle");
  const MethodRule find = *FindMethodRule("FindDuplicates");
  const MethodRule snapshot = *FindMethodRule("CreateSnapshot");
  EXPECT_TRUE(caller.Check(create, "own").ok());
  EXPECT_TRUE(caller.Check(ingest, "own").ok());
  EXPECT_TRUE(caller.Check(find, "own").ok());
  EXPECT_TRUE(caller.Check(find, "any").ok());
  EXPECT_EQ(caller.Check(ingest, "any").code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(caller.Check(snapshot, "").code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(caller.Check(snapshot, "").message(),
            "role: needs admin on all collections (\"*\"), got read");
}

TEST(AccessTest, WithoutARightACollectionIsNotThere) {
  const auto rules = ParseOrDie(FileJson(absl::StrCat(
      IdentityJson("reader", Grants("\"ap\"", "read")), ",", IdentityJson("nobody", ""), ",",
      IdentityJson("admin", Grants("\"*\"", "admin")))));
  const Caller reader(rules->FindByName("reader"));
  const MethodRule ingest = *FindMethodRule("IngestArticle");
  const MethodRule create = *FindMethodRule("CreateCollection");
  const absl::Status hidden = reader.Check(ingest, "secret");
  EXPECT_EQ(hidden, NoSuchCollection("secret"));
  EXPECT_EQ(reader.Check(ingest, ""), NoSuchCollection("default"));
  EXPECT_EQ(reader.Check(ingest, std::string(65, 'x')).message(),
            "collection: not found, got 65 bytes");
  EXPECT_EQ(reader.Check(ingest, "ap").message(), "role: needs write on this collection, got read");
  // Whether a collection is there must not be told by what creating it says.
  EXPECT_EQ(reader.Check(create, "secret").code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(reader.Check(create, "secret").message(),
            "role: needs admin on this collection, got none");
  EXPECT_EQ(Caller(rules->FindByName("nobody")).Check(ingest, "ap"), NoSuchCollection("ap"));
  for (const MethodRule& rule : MethodRules()) {
    EXPECT_TRUE(Caller(rules->FindByName("admin")).Check(rule, "any").ok()) << rule.method;
    EXPECT_TRUE(Caller::Unrestricted().Check(rule, "any").ok()) << rule.method;
    EXPECT_EQ(Caller().Check(rule, "any").code(), absl::StatusCode::kUnauthenticated);
    if (rule.scope == Scope::kVisible) continue;
    EXPECT_FALSE(Caller(rules->FindByName("nobody")).Check(rule, "any").ok()) << rule.method;
  }
}

TEST(AccessTest, FindsByTokenAndByCertificate) {
  const auto rules = ParseOrDie(FileJson(absl::StrCat(
      IdentityJson("a", ""), R"(,{"name":"b","token_sha256":[")", HexHash("old"), "\",\"",
      HexHash("new"), R"("],"certificate_names":["spiffe://news/b","b.example"]})")));
  EXPECT_EQ(rules->FindByToken(HashToken("a"))->name, "a");
  EXPECT_EQ(rules->FindByToken(HashToken("old"))->name, "b");
  EXPECT_EQ(rules->FindByToken(HashToken("new"))->name, "b");
  EXPECT_EQ(rules->FindByToken(HashToken("A")), nullptr);
  EXPECT_EQ(rules->FindByCertificate({"other", "b.example"})->name, "b");
  EXPECT_EQ(rules->FindByCertificate({"example"}), nullptr);
  EXPECT_EQ(rules->FindByCertificate({}), nullptr);
  // The test vector of FIPS 180-2, so that files made by other programs hold.
  EXPECT_EQ(HexHash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(AccessTest, FilesWithErrorsAreRefusedWithThePlace) {
  const std::string ok = IdentityJson("a", "");
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "access_file: not JSON: line 1, column 1"},
      {"{\"identities\":\n [}", "access_file: not JSON: line 2, column 3"},
      {"[]", "access_file: file: not an object, got array"},
      {"{}", "access_file: identities: required, got nothing"},
      {R"({"identities":[],"users":[]})", "access_file: file: unknown field, got \"users\""},
      {R"({"identities":[],"identities":[]})",
       "access_file: file: a field twice in one object, got \"identities\""},
      {FileJson(
           IdentityJson("a", R"(,"grants":[{"collections":["*"],"role":"read","role":"admin"}])")),
       "access_file: file: a field twice in one object, got \"role\""},
      {FileJson("7"), "access_file: identities[0]: not an object, got number"},
      {FileJson(R"({"token_sha256":[]})"), "identities[0]: name: required"},
      {FileJson(R"({"name":"a b","token_sha256":[]})"), "identities[0].name: not a name"},
      {FileJson(R"({"name":"a\n","token_sha256":[]})"), "identities[0].name: not a name"},
      {FileJson(R"({"name":"a"})"), "identities[0]: token_sha256 or certificate_names: required"},
      {FileJson(R"({"name":"a","token":["np_x"]})"), "identities[0]: unknown field, got \"token\""},
      {FileJson(R"({"name":"a","token_sha256":["np_x"]})"),
       "identities[0].token_sha256[0]: not a SHA-256"},
      {FileJson(absl::StrCat(R"({"name":"a","token_sha256":[")", std::string(64, 'g'), "\"]}")),
       "identities[0].token_sha256[0]: not a SHA-256"},
      {FileJson(ok + "," + ok), "identities[1]: name: twice, got \"a\""},
      {FileJson(ok + "," + R"({"name":"b","token_sha256":[")" + HexHash("a") + "\"]}"),
       "identities[1]: token_sha256: the same one twice"},
      {FileJson(IdentityJson("a", Grants("\"ap\"", "owner"))),
       "identities[0].grants[0].role: unknown, got \"owner\", limit read, write or admin"},
      {FileJson(IdentityJson("a", Grants("\"AP\"", "read"))),
       "identities[0].grants[0].collections[0]: no name of a collection"},
      {FileJson(IdentityJson("a", Grants("\"a*b\"", "read"))), "collections[0]: no name"},
      {FileJson(IdentityJson("a", Grants("\"../*\"", "read"))), "collections[0]: no name"},
      {FileJson(IdentityJson("a", R"(,"grants":[{"role":"read"}])")),
       "grants[0]: collections: required"},
      {FileJson(IdentityJson("a", R"(,"limits":{"calls":1})")),
       "identities[0].limits: unknown field, got \"calls\""},
      {FileJson(IdentityJson("a", R"(,"limits":{"calls_per_second":0})")),
       "identities[0].limits.calls_per_second: out of range, got 0"},
      {FileJson(IdentityJson("a", R"(,"limits":{"bytes_per_second":1e-300})")),
       "identities[0].limits.bytes_per_second: out of range, got 1e-300, limit 0.001 to"},
      {FileJson(IdentityJson("a", R"(,"limits":{"articles_max":1.5})")),
       "identities[0].limits.articles_max: not a whole number"},
      {FileJson(IdentityJson("a", R"(,"certificate_names":["x","x"])")),
       "identities[0]: certificate_names: twice, got \"x\""},
  };
  for (const auto& [json, message] : cases) {
    const auto rules = AccessRules::Parse(json, nullptr);
    EXPECT_EQ(rules.status().code(), absl::StatusCode::kInvalidArgument) << json;
    EXPECT_THAT(std::string(rules.status().message()), HasSubstr(message)) << json;
  }
}

TEST(RateLimitTest, LetsASecondsWorthThroughAndRepaysDebts) {
  IdentityLimits limits;
  limits.calls_per_second = 4;
  limits.bytes_per_second = 1000;
  RateLimit rate;
  const absl::Time t0 = absl::FromUnixSeconds(1'000'000);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(rate.Wait(limits, t0), absl::ZeroDuration()) << i;
    rate.Charge(limits, 1, 10, t0);
  }
  EXPECT_EQ(rate.Wait(limits, t0), absl::Milliseconds(250));
  EXPECT_EQ(rate.Wait(limits, t0 + absl::Milliseconds(250)), absl::ZeroDuration());
  // One that is larger than the bucket gets through, and is paid off.
  const absl::Time t1 = t0 + absl::Seconds(10);
  EXPECT_EQ(rate.Wait(limits, t1), absl::ZeroDuration());
  rate.Charge(limits, 1, 3000, t1);
  EXPECT_GT(rate.Wait(limits, t1 + absl::Milliseconds(1900)), absl::ZeroDuration());
  EXPECT_EQ(rate.Wait(limits, t1 + absl::Milliseconds(2100)), absl::ZeroDuration());
  // Silence saves up no more than a second's worth. A clock that goes back does no harm.
  const absl::Time t2 = t1 + absl::Hours(1);
  rate.Charge(limits, 4, 0, t2);
  EXPECT_GT(rate.Wait(limits, t2), absl::ZeroDuration());
  const absl::Time t3 = t2 - absl::Hours(2);
  EXPECT_EQ(rate.Wait(limits, t3), absl::Milliseconds(250));
  EXPECT_EQ(rate.Wait(limits, t3 + absl::Milliseconds(250)), absl::ZeroDuration());
}

TEST(RateLimitTest, ALimitThatComesLaterHolds) {
  IdentityLimits limits;
  RateLimit rate;
  const absl::Time t0 = absl::FromUnixSeconds(1'000'000);
  rate.Charge(limits, 1, 1, t0);
  EXPECT_EQ(rate.Wait(limits, t0), absl::ZeroDuration());
  limits.calls_per_second = 0.5;
  const absl::Time t1 = t0 + absl::Seconds(10);
  EXPECT_EQ(rate.Wait(limits, t1), absl::ZeroDuration());
  rate.Charge(limits, 1, 1, t1);
  EXPECT_EQ(rate.Wait(limits, t1), absl::Seconds(2));
}

TEST(RateLimitTest, NoDebtMakesAPauseEndless) {
  IdentityLimits limits;
  limits.bytes_per_second = 0.001;
  RateLimit rate;
  const absl::Time now = absl::FromUnixSeconds(1'000'000);
  rate.Charge(limits, 1, 1e300, now);
  EXPECT_EQ(rate.Wait(limits, now), absl::Hours(1));
}

TEST(FileWatchTest, NoticesAFileWhoseTimeOfModificationWasSetBack) {
  const TempDir dir;
  const std::string path = dir.path() + "/file";
  std::ofstream(path) << "one";
  struct stat before = {};
  ASSERT_EQ(stat(path.c_str(), &before), 0);
  FileWatch watch({path});
  EXPECT_FALSE(watch.Changed());
  absl::SleepFor(absl::Milliseconds(20));  // more than a tick of the file system's clock
  std::ofstream(path) << "two";
  const struct timespec times[] = {before.st_atim, before.st_mtim};
  ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  EXPECT_FALSE(watch.Changed());  // it may not be done
  EXPECT_TRUE(watch.Changed());
  EXPECT_FALSE(watch.Changed());
}

TEST(FileWatchTest, LooksAgainAtWhatCouldNotBeRead) {
  const TempDir dir;
  FileWatch watch({dir.path() + "/file"});
  EXPECT_FALSE(watch.Changed());
  watch.TryAgain(std::chrono::hours(1));
  EXPECT_FALSE(watch.Changed());
  watch.TryAgain(std::chrono::seconds(0));
  EXPECT_TRUE(watch.Changed());
  EXPECT_FALSE(watch.Changed());
}

TEST(ReadWholeFileTest, TellsWhyAFileCannotBeRead) {
  const TempDir dir;
  const std::string path = dir.path() + "/file";
  const auto problem = [&](const std::string& at) {
    return std::string(ReadWholeFile("flag", at, 10).status().message());
  };
  EXPECT_EQ(problem(path),
            absl::StrCat("flag: cannot be read (No such file or directory), got \"", path, "\""));
  EXPECT_THAT(problem(dir.path()), HasSubstr("flag: not a regular file, got"));
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_THAT(problem(path), HasSubstr("not a regular file"));  // and it did not wait for a writer
  std::remove(path.c_str());
  std::ofstream(path) << "";
  EXPECT_THAT(problem(path), HasSubstr("flag: empty"));
  std::ofstream(path) << "0123456789";
  EXPECT_EQ(*ReadWholeFile("flag", path, 10), "0123456789");
  std::ofstream(path) << "0123456789a";
  EXPECT_THAT(problem(path), HasSubstr("too large"));
}

TEST(CertificateNameTest, IsOfTheKindThatItLooksLike) {
  const auto kind = [](absl::string_view text) { return CanonicalCertificateName(text).kind; };
  EXPECT_EQ(kind("site.news.example"), CertificateNameKind::kDns);
  EXPECT_EQ(CanonicalCertificateName("Site.News.example").text, "site.news.example");
  EXPECT_EQ(kind("10.1.2.3"), CertificateNameKind::kIp);
  EXPECT_EQ(CanonicalCertificateName("2001:DB8:0:0::1").text, "2001:db8::1");
  EXPECT_EQ(kind("spiffe://News.example/Site"), CertificateNameKind::kUri);
  EXPECT_EQ(CanonicalCertificateName("spiffe://News.example/Site").text,
            "spiffe://News.example/Site");
  EXPECT_EQ(kind("urn:uuid:1"), CertificateNameKind::kUri);
  EXPECT_EQ(kind(absl::string_view("10.1.2.3\0x", 10)), CertificateNameKind::kDns);
}

TEST(AccessTest, AnIdentityHasSoManyStreams) {
  const auto rules = ParseOrDie(FileJson(IdentityJson("a", R"(,"limits":{"streams_max":2})")));
  const Caller caller(rules->FindByName("a"));
  EXPECT_TRUE(caller.EnterStream().ok());
  EXPECT_TRUE(caller.EnterStream().ok());
  EXPECT_EQ(caller.EnterStream().code(), absl::StatusCode::kResourceExhausted);
  caller.LeaveStream();
  EXPECT_TRUE(caller.EnterStream().ok());
  EXPECT_EQ(Caller().EnterStream().code(), absl::StatusCode::kUnauthenticated);
  EXPECT_TRUE(Caller::Unrestricted().EnterStream().ok());
}

TEST(ArticleQuotaTest, CountsLessOftenTheLongerThatTakes) {
  ArticleQuota quota;
  int counts = 0;
  const auto count = [&] {
    absl::SleepFor(absl::Milliseconds(20));
    return ++counts, int64_t{10};
  };
  absl::Time now = absl::FromUnixSeconds(1'000'000);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(quota.Enter(10, count, now), ArticleQuota::Entry::kFull);
    now += absl::Milliseconds(10);
  }
  EXPECT_EQ(counts, 1);
  now += absl::Seconds(1);
  EXPECT_EQ(quota.Enter(10, count, now), ArticleQuota::Entry::kFull);
  EXPECT_EQ(counts, 2);
}

TEST(ArticleQuotaTest, LetsInWhatThereIsRoomFor) {
  using Entry = ArticleQuota::Entry;
  ArticleQuota quota;
  int64_t stored = 7;
  int counts = 0;
  const auto count = [&] { return ++counts, stored; };
  const absl::Time now = absl::FromUnixSeconds(1'000'000);
  EXPECT_EQ(quota.Enter(10, count, now), Entry::kIn);
  EXPECT_EQ(quota.Enter(10, count, now), Entry::kIn);
  EXPECT_EQ(quota.Enter(10, count, now), Entry::kIn);
  EXPECT_EQ(counts, 1);
  // Three are under way, which may or may not be stored in the end.
  EXPECT_EQ(quota.Enter(10, count, now), Entry::kBusy);
  for (int i = 0; i < 3; ++i) quota.Leave();
  stored = 9;  // one of them was not
  EXPECT_EQ(quota.Enter(10, count, now), Entry::kIn);
  EXPECT_EQ(quota.Enter(10, count, now), Entry::kBusy);
  quota.Leave();
  stored = 10;
  EXPECT_EQ(quota.Enter(10, count, now), Entry::kFull);
  stored = 4;  // some were deleted
  EXPECT_EQ(quota.Enter(10, count, now), Entry::kIn);
  // A count of the future is none.
  const int counts_before = counts;
  EXPECT_EQ(quota.Enter(10, count, now - absl::Hours(1)), Entry::kIn);
  EXPECT_EQ(counts, counts_before + 1);
}

TEST(ArticleQuotaTest, NewTextsOfStoredArticlesTakeNoRoom) {
  const auto rules = ParseOrDie(FileJson(IdentityJson("a", R"(,"limits":{"articles_max":2})")));
  const Caller caller(rules->FindByName("a"));
  int64_t stored = 1;
  const auto count = [&] { return stored; };
  const auto is_stored = [] { return absl::OkStatus(); };
  const auto is_new = [] { return absl::NotFoundError("id"); };
  std::vector<std::shared_ptr<void>> under_way;
  for (int i = 0; i < 5; ++i) under_way.push_back(*caller.EnterArticle(is_stored, count));
  auto entered = caller.EnterArticle(is_new, count);
  ASSERT_TRUE(entered.ok()) << entered.status();
  // While that one is under way it is open whether there is room: to be tried again.
  const absl::Status busy = caller.EnterArticle(is_new, count).status();
  EXPECT_EQ(busy.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(busy.message()), HasSubstr("try again"));
  EXPECT_TRUE(busy.GetPayload("type.googleapis.com/google.rpc.RetryInfo").has_value());
  entered->reset();
  stored = 2;
  const absl::Status full = caller.EnterArticle(is_new, count).status();
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(full.message()), HasSubstr("delete some first"));
  EXPECT_FALSE(full.GetPayload("type.googleapis.com/google.rpc.RetryInfo").has_value());
  // What cannot be looked up is not let in.
  const absl::Status broken = absl::DataLossError("store");
  EXPECT_EQ(caller.EnterArticle([&] { return broken; }, count).status(), broken);
  EXPECT_FALSE(Caller().EnterArticle(is_stored, count).ok());
  EXPECT_TRUE(Caller::Unrestricted().EnterArticle([&] { return broken; }, count).ok());
}

TEST(AccessTest, ReadingTheFileAgainForgivesNothing) {
  const std::string json = FileJson(IdentityJson("a", R"(,"limits":{"calls_per_second":0.001})"));
  const auto before = ParseOrDie(json);
  Caller(before->FindByName("a")).Charge(1, 0);
  const auto after = ParseOrDie(json, before.get());
  EXPECT_GT(Caller(after->FindByName("a")).Wait(), absl::Seconds(500));
  EXPECT_EQ(Caller(ParseOrDie(json)->FindByName("a")).Wait(), absl::ZeroDuration());
}

class AccessControlTest : public ::testing::Test {
 protected:
  void Write(const std::string& text) {
    std::ofstream(path_ + ".new") << text;
    std::rename((path_ + ".new").c_str(), path_.c_str());
  }

  // Files are taken as they are at the second look that finds them the same.
  static void PollTwice(AccessControl& control) {
    control.Poll();
    control.Poll();
  }

  TempDir dir_;
  const std::string path_ = dir_.path() + "/access.json";
};

TEST_F(AccessControlTest, FollowsTheFileAndKeepsWhatWasGood) {
  Write(FileJson(IdentityJson("a", "")));
  const auto control = AccessControl::Open(path_);
  ASSERT_TRUE(control.ok()) << control.status();
  EXPECT_TRUE((*control)->IdentifyToken("Bearer a").ok());
  EXPECT_TRUE((*control)->IdentifyToken("bearer a").ok());
  const Caller caller = *(*control)->IdentifyToken("Bearer a");
  const uint64_t version = (*control)->version();
  int told = 0;
  const Listeners::Id listener = (*control)->listeners().Add([&] { ++told; });

  Write(FileJson("{"));
  PollTwice(**control);
  EXPECT_EQ((*control)->version(), version);
  EXPECT_TRUE((*control)->IdentifyToken("Bearer a").ok());

  std::remove(path_.c_str());
  PollTwice(**control);
  EXPECT_TRUE((*control)->IdentifyToken("Bearer a").ok());

  // Another token of the same identity: who is in stays in, and the old token is worth nothing.
  Write(FileJson(absl::StrCat(R"({"name":"a","token_sha256":[")", HexHash("other"), "\"]}")));
  PollTwice(**control);
  EXPECT_GT((*control)->version(), version);
  EXPECT_EQ(told, 1);
  EXPECT_FALSE((*control)->IdentifyToken("Bearer a").ok());
  EXPECT_TRUE((*control)->IdentifyToken("Bearer other").ok());
  EXPECT_TRUE((*control)->Renew(caller, nullptr).ok());

  Write(FileJson(IdentityJson("b", "")));
  PollTwice(**control);
  EXPECT_EQ((*control)->Renew(caller, nullptr).status().code(), absl::StatusCode::kUnauthenticated);
  (*control)->listeners().Remove(listener);
}

// In PEM form, signed by itself.
std::string MakeCertificate(absl::Duration valid) {
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  const std::unique_ptr<X509, void (*)(X509*)> certificate(X509_new(), &X509_free);
  const auto seconds = static_cast<long>(absl::ToInt64Seconds(valid));
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -7200);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), seconds);
  X509_set_pubkey(certificate.get(), key.get());
  EXPECT_GT(X509_sign(certificate.get(), key.get(), EVP_sha256()), 0);
  const std::unique_ptr<BIO, int (*)(BIO*)> bio(BIO_new(BIO_s_mem()), &BIO_free);
  EXPECT_EQ(PEM_write_bio_X509(bio.get(), certificate.get()), 1);
  char* bytes = nullptr;
  const auto size = static_cast<size_t>(BIO_get_mem_data(bio.get(), &bytes));
  return {bytes, size};
}

// What gRPC tells of a client whose certificate it has verified.
class Peer final : public grpc::AuthContext {
 public:
  Peer(absl::Duration valid, std::multimap<std::string, std::string> properties)
      : properties_(std::move(properties)) {
    properties_.emplace("x509_pem_cert", MakeCertificate(valid));
  }

  bool IsPeerAuthenticated() const override { return true; }
  std::vector<grpc::string_ref> GetPeerIdentity() const override { return {}; }
  std::string GetPeerIdentityPropertyName() const override { return ""; }
  std::vector<grpc::string_ref> FindPropertyValues(const std::string& name) const override {
    std::vector<grpc::string_ref> values;
    const auto [first, last] = properties_.equal_range(name);
    for (auto at = first; at != last; ++at) values.emplace_back(at->second);
    return values;
  }
  grpc::AuthPropertyIterator begin() const override { return NoProperties(); }
  grpc::AuthPropertyIterator end() const override { return NoProperties(); }
  void AddProperty(const std::string& /*key*/, const grpc::string_ref& /*value*/) override {}
  bool SetPeerIdentityPropertyName(const std::string& /*name*/) override { return false; }

 private:
  struct NoProperties : grpc::AuthPropertyIterator {};

  std::multimap<std::string, std::string> properties_;
};

TEST_F(AccessControlTest, TakesNamesForMachinesFromCertificatesThatHold) {
  Write(FileJson(R"({"name":"a","certificate_names":["a.example","spiffe://a","10.1.2.3"]},
                    {"name":"b","certificate_names":["b.example"]})"));
  const auto control = AccessControl::Open(path_);
  ASSERT_TRUE(control.ok()) << control.status();
  const auto identify = [&](absl::Duration valid,
                            std::multimap<std::string, std::string> properties) {
    const auto caller = (*control)->IdentifyPeer(Peer(valid, std::move(properties)));
    if (caller.ok()) return std::string(caller->name());
    EXPECT_EQ(caller.status().code(), absl::StatusCode::kUnauthenticated);
    return std::string(caller.status().message().substr(0, 11));
  };
  const std::string san = "x509_subject_alternative_name", cn = "x509_common_name";
  const absl::Duration day = absl::Hours(24);
  EXPECT_EQ(identify(day, {{san, "a.example"}, {"peer_dns", "a.example"}}), "a");
  EXPECT_EQ(identify(day, {{san, "spiffe://a"}, {"peer_uri", "spiffe://a"}}), "a");
  EXPECT_EQ(identify(day, {{san, "10.1.2.3"}, {"peer_ip", "10.1.2.3"}}), "a");
  EXPECT_EQ(identify(day, {{cn, "a.example"}}), "a");
  EXPECT_EQ(identify(day, {{san, "a.example"}, {"peer_email", "a.example"}}), "authorizati");
  EXPECT_EQ(identify(day, {{san, "x"}, {"peer_dns", "x"}, {cn, "a.example"}}), "authorizati");
  EXPECT_EQ(
      identify(day, {{san, "a.example"}, {"peer_dns", "a.example"}, {"peer_uri", "spiffe://a"}}),
      "a");
  EXPECT_EQ(
      identify(day, {{san, "a.example"}, {"peer_dns", "a.example"}, {"peer_dns", "b.example"}}),
      "authorizati");
  EXPECT_EQ(identify(day, {{san, "A.Example"}, {"peer_dns", "A.Example"}}), "a");
  // One that looks like a name of another kind.
  EXPECT_EQ(identify(day, {{san, "10.1.2.3"}, {"peer_dns", "10.1.2.3"}}), "authorizati");
  EXPECT_EQ(identify(day, {{san, "spiffe://a"}, {"peer_dns", "spiffe://a"}}), "authorizati");
  // A common name is alone, and so may look like anything.
  EXPECT_EQ(identify(day, {{cn, "spiffe://a"}}), "a");
  // As on a connection that outlives its certificate, or resumes a session of before.
  EXPECT_EQ(identify(-absl::Seconds(5), {{cn, "a.example"}}), "certificate");
}

TEST_F(AccessControlTest, AStreamEndsWhenItsCertificateIsNobodysAnyMore) {
  Write(FileJson(R"({"name":"a","certificate_names":["one.example","two.example"]})"));
  const auto control = AccessControl::Open(path_);
  ASSERT_TRUE(control.ok()) << control.status();
  const Peer one(absl::Hours(1), {{"x509_common_name", "one.example"}});
  const Peer two(absl::Hours(1), {{"x509_common_name", "two.example"}});
  const Peer old(-absl::Seconds(5), {{"x509_common_name", "two.example"}});
  const Caller caller = *(*control)->IdentifyPeer(one);
  EXPECT_TRUE((*control)->Renew(caller, &one).ok());
  EXPECT_TRUE(absl::IsUnauthenticated((*control)->Renew(caller, &old).status()));
  EXPECT_LT(AccessControl::ExpiryOf(old), absl::Now());
  EXPECT_GT(AccessControl::ExpiryOf(one), absl::Now());

  Write(FileJson(R"({"name":"a","certificate_names":["two.example"]},
                    {"name":"b","certificate_names":["one.example"]})"));
  PollTwice(**control);
  EXPECT_TRUE((*control)->Renew(caller, &two).ok());
  EXPECT_TRUE(absl::IsUnauthenticated((*control)->Renew(caller, &one).status()));
}

TEST_F(AccessControlTest, WhatIsNoTokenIsToldLikeAnUnknownOne) {
  Write(FileJson(IdentityJson("a", "")));
  const auto control = AccessControl::Open(path_);
  ASSERT_TRUE(control.ok()) << control.status();
  const absl::Status unknown = (*control)->IdentifyToken("Bearer b").status();
  EXPECT_EQ(unknown.code(), absl::StatusCode::kUnauthenticated);
  for (const std::string& text :
       {std::string("a"), std::string("Basic a"), std::string("Bearer "), std::string("Bearer"),
        std::string("Bearer  a"), std::string("Bearer a "), "Bearer " + std::string(600, 'a'),
        std::string("Bearer \xff"), std::string()}) {
    EXPECT_EQ((*control)->IdentifyToken(text).status(), unknown) << text;
  }
}

TEST_F(AccessControlTest, AFileThatCannotBeReadIsRefused) {
  EXPECT_THAT(std::string(AccessControl::Open(path_).status().message()),
              HasSubstr("access_file: cannot be read"));
  Write("{\"identities\":[]} x");
  EXPECT_THAT(std::string(AccessControl::Open(path_).status().message()),
              HasSubstr("access_file: not JSON"));
  const auto open = AccessControl::Open("");
  ASSERT_TRUE(open.ok());
  EXPECT_FALSE((*open)->enabled());
}

TEST(IsLoopbackTest, TakesAddressesAndNotNamesThatLookLikeThem) {
  for (const char* listen : {"127.0.0.1:1", "127.8.9.10:1", "localhost:0", "[::1]:1"}) {
    EXPECT_TRUE(IsLoopback(listen)) << listen;
  }
  for (const char* listen : {"0.0.0.0:1", "[::]:1", "127.example.com:1", "127.0.0.1.example:1",
                             "10.0.0.1:1", "example:1", "[fe80::1]:1", "localhost.example:1"}) {
    EXPECT_FALSE(IsLoopback(listen)) << listen;
  }
}

TEST(CheckSecurityTest, PlaintextStaysOnThisMachineUnlessAllowed) {
  ServerOptions options;
  options.listen = "0.0.0.0:7420";
  EXPECT_THAT(std::string(CheckSecurity(options).message()),
              HasSubstr("listen: not a loopback address, got \"0.0.0.0:7420\""));
  options.security.allow_plaintext = true;
  EXPECT_TRUE(CheckSecurity(options).ok());
  options.security.allow_plaintext = false;
  options.security.tls.cert = "cert";
  EXPECT_THAT(std::string(CheckSecurity(options).message()), HasSubstr("tls_key: required"));
  options.security.tls.key = "key";
  EXPECT_TRUE(CheckSecurity(options).ok());
  options.security.tls.client_auth = ClientAuth::kRequest;
  EXPECT_THAT(std::string(CheckSecurity(options).message()), HasSubstr("tls_client_auth: "));
  options.security.tls = {};
  options.listen = "127.0.0.1:0";
  options.security.admin_listen = "10.0.0.1:0";
  EXPECT_THAT(std::string(CheckSecurity(options).message()),
              HasSubstr("admin_listen: not a loopback address"));
  options.security.admin_listen = "10.0.0.1";
  EXPECT_THAT(std::string(CheckSecurity(options).message()),
              HasSubstr("admin_listen: not HOST:PORT"));
  options.security.admin_listen = "";
  options.security.tls.client_ca = "ca";
  EXPECT_THAT(std::string(CheckSecurity(options).message()), HasSubstr("tls_client_ca: goes with"));
}

}  // namespace
}  // namespace newsprint::rpc
