// newsprint train: what only the command does; tests/train/ has the learning itself.
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "service/embed/builtin_model.h"
#include "service/embed/term_model.h"
#include "tests/client/cli_fixture.h"

namespace newsprint::cli {
namespace {

class TrainTest : public CliTest {
 protected:
  TrainTest() {
    settings_.output = absl::StrCat(::testing::TempDir(), "/train_test_", getpid(), ".model");
    settings_.epochs = 1;
  }
  ~TrainTest() override { unlink(settings_.output.c_str()); }

  // Articles of a few topics with words that the built-in model does not know.
  std::string Archive(int articles) {
    std::string text;
    for (int i = 0; i < articles; ++i) {
      std::string body;
      for (int sentence = 0; sentence < 6; ++sentence) {
        for (int word = 0; word < 10; ++word) {
          const int pick = (i * 31 + sentence * 17 + word * 7) % 23;
          absl::StrAppend(&body, "qtopic", i % 20, word % 2 == 0 ? "w" : "v", pick, " item",
                          (i * 13 + word * sentence) % 97, " ");
        }
        absl::StrAppend(&body, "number", i, "s", sentence, ". ");
      }
      text += Article(absl::StrCat("a", i), body);
    }
    return WriteFile(text);
  }

  bool OutputExists() const { return access(settings_.output.c_str(), F_OK) == 0; }
};

TEST_F(TrainTest, WritesAModelAndReportsRecall) {
  ASSERT_EQ(Run({"train", Archive(400)}), 0) << err_;
  const nlohmann::json report = nlohmann::json::parse(out_);
  EXPECT_EQ(report["articles"].get<int>() + report["held_out"].get<int>(), 400);
  EXPECT_EQ(report["epochs"].size(), 1u);
  EXPECT_GE(report["after"]["recall_at_10"], report["before"]["recall_at_10"]);
  const auto model = embed::TermModel::Load(settings_.output);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->dimension(), embed::BuiltInModel().dimension());
}

TEST_F(TrainTest, PrintsATableForPeople) {
  settings_.json = false;
  ASSERT_EQ(Run({"train", Archive(300)}), 0) << err_;
  EXPECT_NE(out_.find("recall@10"), std::string::npos) << out_;
  EXPECT_NE(out_.find("built-in"), std::string::npos) << out_;
}

TEST_F(TrainTest, RefusesTooFewArticles) {
  EXPECT_EQ(Run({"train", Archive(50)}), 1);
  EXPECT_NE(err_.find("got 50, limit 200"), std::string::npos) << err_;
  EXPECT_FALSE(OutputExists());
  EXPECT_EQ(Run({"train", WriteFile("")}), 1);
  EXPECT_NE(err_.find("got 0, limit 200"), std::string::npos) << err_;
}

TEST_F(TrainTest, ChecksItsOutputBeforeItReads) {
  const std::string archive = Archive(10);
  settings_.output = "/nonexistent/folder/a.model";
  EXPECT_EQ(Run({"train", archive}), 1);
  EXPECT_NE(err_.find("cannot write /nonexistent/folder/a.model"), std::string::npos) << err_;
  settings_.output = ::testing::TempDir();
  EXPECT_EQ(Run({"train", archive}), 1);
  EXPECT_NE(err_.find("not a regular file"), std::string::npos) << err_;
  settings_.output = "";
  EXPECT_EQ(Run({"train", archive}), 2);
}

TEST_F(TrainTest, RefusesFlagsOutOfRange) {
  const std::string archive = Archive(10);
  settings_.epochs = 21;
  EXPECT_EQ(Run({"train", archive}), 2);
  settings_.epochs = 1;
  settings_.held_out = 0.7;
  EXPECT_EQ(Run({"train", archive}), 2);
  settings_.held_out.reset();
  EXPECT_EQ(Run({"train", "/nonexistent.jsonl"}), 1);
  EXPECT_EQ(Run({"train"}), 2);
}

TEST_F(TrainTest, KeepsAnOldModelWhenItFails) {
  std::ofstream(settings_.output) << "old";
  EXPECT_EQ(Run({"train", Archive(50)}), 1);
  std::ifstream file(settings_.output);
  std::string text;
  file >> text;
  EXPECT_EQ(text, "old");
}

}  // namespace
}  // namespace newsprint::cli
