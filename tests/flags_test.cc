#include "service/flags.h"

#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/testing/temp_dir.h"

namespace newsprint {
namespace {

std::string FlagErrorOf(const std::vector<std::string>& words) {
  const absl::StatusOr<Options> options = ReadFlags(words);
  if (options.ok()) return "ok";
  EXPECT_EQ(options.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(options.status().message());
}

TEST(FlagsTest, NoFlagsLeaveTheOptionsAsTheyAre) {
  const absl::StatusOr<Options> options = ReadFlags({});
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->server.listen, rpc::ServerOptions().listen);
  EXPECT_EQ(options->server.keepalive, rpc::ServerOptions().keepalive);
  EXPECT_EQ(options->drain, absl::Seconds(10));
  EXPECT_EQ(options->server.slow_call, absl::Seconds(1));
  EXPECT_EQ(options->metrics_listen, "");
  EXPECT_FALSE(options->check_config);
}

TEST(FlagsTest, EachFormOfAFlag) {
  const absl::StatusOr<Options> options =
      ReadFlags({"--listen=host:1", "--data_dir", "a=b", "--body_bytes_max=67108864",
                 "--keepalive_seconds", "7", "--remote_embedders=a=tei://h:1,b=tei://h:2",
                 "--log_level=debug", "--check_config", "--help=false"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->server.listen, "host:1");
  EXPECT_EQ(options->engine.store.data_dir, "a=b");
  EXPECT_EQ(options->server.limits.body_bytes_max, 67108864U);
  EXPECT_EQ(options->server.keepalive, absl::Seconds(7));
  EXPECT_EQ(options->engine.embedders.remote,
            (std::vector<std::string>{"a=tei://h:1", "b=tei://h:2"}));
  EXPECT_EQ(options->log_level, "debug");
  EXPECT_TRUE(options->check_config);
  EXPECT_FALSE(options->help);
}

TEST(FlagsTest, ErrorsNameFlagValueAndLimit) {
  EXPECT_EQ(FlagErrorOf({"--title_bytes_max=65537"}),
            "title_bytes_max: out of range, got 65537, limit 1 to 65536");
  EXPECT_EQ(FlagErrorOf({"--drain_seconds", "-1"}),
            "drain_seconds: out of range, got -1, limit 0 to 3600");
  for (const char* value : {"many", "", "1.5", "1e3", "99999999999999999999"}) {
    EXPECT_EQ(FlagErrorOf({absl::StrCat("--batch_items_max=", value)}),
              absl::StrCat("batch_items_max: not a whole number, got \"", value,
                           "\", limit 1 to 100000"));
  }
  EXPECT_EQ(FlagErrorOf({"--log_level=loud"}),
            "log_level: got \"loud\", limit debug, info, warning, error");
  EXPECT_EQ(FlagErrorOf({"--check_config=maybe"}),
            "check_config: got \"maybe\", limit true, false");
  EXPECT_EQ(FlagErrorOf({"--listen=h:1", "--data_dir"}), "data_dir: value missing");
  EXPECT_EQ(FlagErrorOf({"--listens=h:1"}), "listens: no such flag; see newsprintd --help");
  for (const char* word : {"junk", "-listen=h:1", "--", ""}) {
    EXPECT_EQ(FlagErrorOf({word}),
              absl::StrCat("unexpected argument, got \"", word, "\"; see newsprintd --help"));
  }
}

TEST(FlagsTest, Security) {
  const absl::StatusOr<Options> options =
      ReadFlags({"--tls_cert=c", "--tls_key=k", "--tls_client_ca=a", "--tls_client_auth=request",
                 "--access_file=f", "--admin_listen=h:2", "--reflection", "--allow_plaintext"});
  ASSERT_TRUE(options.ok()) << options.status();
  const rpc::SecurityOptions& security = options->server.security;
  EXPECT_EQ(security.tls.client_auth, rpc::ClientAuth::kRequest);
  EXPECT_EQ(security.reflection, true);
  EXPECT_TRUE(security.allow_plaintext);
  EXPECT_EQ(ReadFlags({})->server.security.reflection, std::nullopt);
  EXPECT_EQ(ReadFlags({"--reflection=false"})->server.security.reflection, false);
  EXPECT_EQ(ReadFlags({"--tls_client_ca=a"})->server.security.tls.effective_client_auth(),
            rpc::ClientAuth::kRequire);
  EXPECT_EQ(FlagErrorOf({"--tls_client_auth=maybe"}),
            "tls_client_auth: got \"maybe\", limit none, request, require");
  EXPECT_EQ(FlagErrorOf({"--reflection=2"}), "reflection: got \"2\", limit true, false");
}

TEST(FlagsTest, FlagsThatDoNotGoTogether) {
  absl::StatusOr<Options> options = ReadFlags({"--data_dir=d", "--message_bytes_max=536870912"});
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(CheckOptions(*options).message(),
            "grpc_bytes_max: less than queue_bytes_max or twice message_bytes_max, got 536870912, "
            "limit 1073741824 or more");
  options->server.grpc_bytes_max = 1073741824;
  EXPECT_TRUE(CheckOptions(*options).ok());
  options->engine.store.data_dir = "";
  EXPECT_EQ(CheckOptions(*options).message(),
            "data_dir: required, got nothing; see newsprintd --help");
}

TEST(FlagsTest, FlagFile) {
  const testing::TempDir folder;
  const std::string path = folder.File("flags");
  const auto write = [&path](const std::string& text) { std::ofstream(path) << text; };
  write("# comment\n\n \t--listen=file:1 \r\n--data_dir=d");
  absl::StatusOr<Options> options =
      ReadFlags({"--data_dir=before", "--flagfile=" + path, "--listen=after:1"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->engine.store.data_dir, "d");
  EXPECT_EQ(options->server.listen, "after:1");

  const std::string at_2 = absl::StrCat(" (", path, ", line 2)");
  write("#\n--title_bytes_max=0\n--nonsense");
  EXPECT_EQ(FlagErrorOf({"--flagfile", path}),
            "title_bytes_max: out of range, got 0, limit 1 to 65536" + at_2);
  write("#\n--data_dir\nd\n");
  EXPECT_EQ(FlagErrorOf({"--flagfile", path}), "data_dir: value missing" + at_2);
  write("#\n--flagfile=" + path);
  EXPECT_EQ(FlagErrorOf({"--flagfile", path}), "flagfile: not in a flag file" + at_2);
  EXPECT_EQ(FlagErrorOf({"--flagfile=" + folder.path()}),
            "flagfile: cannot be read, got " + folder.path());
  EXPECT_EQ(FlagErrorOf({"--flagfile="}), "flagfile: cannot be read, got ");
}

}  // namespace
}  // namespace newsprint
