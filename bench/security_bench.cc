// What TLS, and knowing who calls, cost on unary calls: FindDuplicates with and without, on servers
// with the same articles, in turn. Prints one JSON object. Makes its certificate with Debian's
// openssl.
#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/str_cat.h"
#include "bench/article_generator.h"
#include "bench/grpc_load.h"
#include "bench/loaded_service.h"
#include "bench/stats.h"
#include "nlohmann/json.hpp"
#include "tests/testing/temp_dir.h"

ABSL_FLAG(int, rounds, 5, "Times that each server is measured, in turn.");
ABSL_FLAG(double, seconds, 2, "Length of one measurement.");

namespace newsprint::bench {
namespace {

constexpr char kFindDuplicates[] = "/newsprint.v1.ArticleService/FindDuplicates";
constexpr int kArticles = 1000;
constexpr int kQueries = 500;
// Beside the one that calls.
constexpr int kOtherIdentities = 50;
constexpr char kToken[] = "np_of-the-benchmark-alone";
constexpr char kTokenHash[] = "be9e8c5351f9adf26823f9fb90b635cb50cb44c41a962ec9e6bcba0adb9aab81";

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// A certificate that is its own authority, at `path` and its key at `path`.key.
void MakeCertificate(const std::string& path) {
  const std::string command = absl::StrCat(
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "
      "/CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout '",
      path, ".key' -out '", path, "' 2>/dev/null");
  if (std::system(command.c_str()) != 0) Die("openssl makes no certificate");
}

void WriteAccessFile(const std::string& path) {
  nlohmann::json identities = nlohmann::json::array();
  const auto add = [&](const std::string& name, const std::string& hash) {
    identities.push_back({{"name", name},
                          {"token_sha256", {hash}},
                          {"grants", {{{"collections", {"*"}}, {"role", "admin"}}}},
                          {"limits", {{"calls_per_second", 1e9}, {"bytes_per_second", 1e12}}}});
  };
  for (int i = 0; i < kOtherIdentities; ++i) {
    add(absl::StrCat("other-", i), absl::StrCat(i + 10, std::string(62, '0')));
  }
  add("benchmark", kTokenHash);
  std::ofstream(path) << nlohmann::json{{"identities", identities}};
}

struct Variant {
  std::string name;
  std::unique_ptr<LoadedService> service;
  Credentials credentials;
  std::vector<double> calls_per_second, p50_us;
};

class SecurityBenchmark {
 public:
  void Run() {
    const std::string cert = folder_.path() + "/cert.pem";
    const std::string access = folder_.path() + "/access.json";
    MakeCertificate(cert);
    WriteAccessFile(access);
    const std::vector<std::string> tls = {"--tls_cert=" + cert, "--tls_key=" + cert + ".key"};
    const Credentials over_tls =
        grpc::SslCredentials(grpc::SslCredentialsOptions{ReadFile(cert), "", ""});
    Add("plaintext", {}, nullptr);
    Add("tls", tls, over_tls);
    Add("tls_and_token", {tls[0], tls[1], "--access_file=" + access},
        grpc::CompositeChannelCredentials(over_tls, grpc::AccessTokenCredentials(kToken)));
    const std::vector<grpc::ByteBuffer> queries = Queries();
    for (int round = 0; round < absl::GetFlag(FLAGS_rounds); ++round) {
      for (Variant& variant : variants_) {
        UnaryOptions options;
        options.seconds = absl::GetFlag(FLAGS_seconds);
        options.credentials = variant.credentials;
        const UnaryLoad load =
            RunUnary(variant.service->address(), kFindDuplicates, queries, options);
        variant.calls_per_second.push_back(load.calls_per_second);
        variant.p50_us.push_back(load.p50_us);
      }
    }
    nlohmann::json figures;
    const double plaintext = Median(variants_[0].calls_per_second);
    for (const Variant& variant : variants_) {
      const std::string prefix = "security_" + variant.name;
      figures[prefix + "_calls_per_second"] = Median(variant.calls_per_second);
      figures[prefix + "_p50_us"] = Median(variant.p50_us);
      if (&variant == &variants_[0]) continue;
      figures[prefix + "_vs_plaintext"] = Median(variant.calls_per_second) / plaintext;
    }
    std::cout << figures << "\n";
  }

 private:
  void Add(const std::string& name, const std::vector<std::string>& flags,
           const Credentials& credentials) {
    Report(name);
    Variant variant{name, std::make_unique<LoadedService>(flags, credentials), credentials, {}, {}};
    GeneratedArticle made;
    v1::BatchIngestArticlesRequest request;
    for (int i = 0; i < kArticles; ++i) {
      generator_.Make(i, &made);
      v1::IngestArticleRequest* item = request.add_requests();
      item->set_skip_related(true);
      MoveInto(std::move(made), item->mutable_article());
    }
    const auto response = OrDie(variant.service->client().BatchIngestArticles(request));
    for (const v1::IngestResult& result : response.results()) {
      if (result.status().code() != 0) Die(result.status().message());
    }
    variants_.push_back(std::move(variant));
  }

  // Other reports of the same stories, which are no copies.
  std::vector<grpc::ByteBuffer> Queries() {
    std::vector<grpc::ByteBuffer> queries;
    GeneratedArticle made;
    for (int i = 0; i < kQueries; ++i) {
      generator_.MakeOtherReport(i, 1, &made);
      v1::FindDuplicatesRequest request;
      MoveInto(std::move(made), request.mutable_article());
      queries.push_back(ToBuffer(request.SerializeAsString()));
    }
    return queries;
  }

  const testing::TempDir folder_;
  const ArticleGenerator generator_{ArticleGenerator::Options()};
  std::vector<Variant> variants_;
};

}  // namespace
}  // namespace newsprint::bench

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  newsprint::bench::SecurityBenchmark().Run();
}
