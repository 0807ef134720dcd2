// Runs commands of the CLI as main() would, against a fake server.
#ifndef NEWSPRINT_TESTS_CLIENT_CLI_FIXTURE_H_
#define NEWSPRINT_TESTS_CLIENT_CLI_FIXTURE_H_

#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/session.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/client/fake_server.h"
#include "tests/testing/temp_dir.h"

namespace newsprint::cli {

// A line of an article file.
inline std::string Article(const std::string& id, const std::string& body,
                           const std::string& more = "") {
  return absl::StrCat("{\"id\":\"", id, "\",\"title\":\"Title of ", id, "\",\"body\":\"", body,
                      "\"", more, "}\n");
}

class CliTest : public ::testing::Test {
 protected:
  CliTest() {
    settings_.target = server_.target();
    settings_.json = true;
  }

  std::string WriteFile(const std::string& text) {
    return dir_.Write(absl::StrCat(files_++, ".jsonl"), text);
  }

  // Runs a command; its output is then in out_ and err_.
  int Run(const std::vector<std::string>& words) {
    settings_.words = words;
    std::ostringstream out;
    std::ostringstream err;
    Session session{settings_, server_.MakeClient(), out, err, false, 80};
    const int code = RunCommand(session);
    out_ = out.str();
    err_ = err.str();
    return code;
  }

  // Imports articles, of which those of one letter's body are copies: {"a", "x"}, {"b", "x"}.
  void Import(const std::vector<std::pair<std::string, std::string>>& articles) {
    std::string text;
    for (const auto& [id, body] : articles) text += Article(id, body);
    ASSERT_EQ(Run({"import", WriteFile(text)}), 0) << err_;
  }

  // The output, which has to be one object on one line.
  nlohmann::json Output() {
    EXPECT_EQ(out_.find('\n'), out_.size() - 1) << out_;
    return nlohmann::json::parse(out_, nullptr, /*allow_exceptions=*/false);
  }

  // The output, which has to be objects, one on a line.
  std::vector<nlohmann::json> OutputLines() {
    std::vector<nlohmann::json> lines;
    std::istringstream in(out_);
    for (std::string line; std::getline(in, line);) {
      lines.push_back(nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false));
    }
    return lines;
  }

  const newsprint::testing::TempDir dir_;
  client::testing::FakeServer server_;
  Settings settings_;
  std::string out_;
  std::string err_;
  int files_ = 0;
};

}  // namespace newsprint::cli

#endif  // NEWSPRINT_TESTS_CLIENT_CLI_FIXTURE_H_
