#include "service/engine/embedders.h"

#include <sys/stat.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "service/embed/term_model.h"
#include "service/engine/engine.h"
#include "tests/testing/articles.h"

namespace newsprint {
namespace {

using ::newsprint::testing::Ingest;
using ::newsprint::testing::Named;
using ::newsprint::testing::OpenEngine;
using ::newsprint::testing::StoryArticle;
using ::newsprint::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

void WriteFile(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << bytes;
  ASSERT_TRUE(file.good()) << path;
}

// A small model of terms; another `seed` makes another one.
std::string TermModelFile(int dimension, int seed) {
  embed::TermModelContent content;
  content.dimension = dimension;
  for (int i = 0; i < 64 * dimension; ++i) {
    content.hash_rows.push_back(static_cast<float>((i * 7919 + seed * 104729) % 255 - 127));
  }
  content.provenance = "made up";
  const auto file = embed::SerialiseTermModel(content);
  EXPECT_TRUE(file.ok()) << file.status();
  return file.value_or("");
}

// A Model2Vec folder of three tokens.
void WriteModel2Vec(const std::string& folder, int dimension) {
  std::filesystem::create_directory(folder);
  WriteFile(folder + "/config.json", R"({"model_type": "model2vec", "normalize": true})");
  nlohmann::json tokenizer = {
      {"normalizer", {{"type", "BertNormalizer"}, {"strip_accents", nullptr}, {"lowercase", true}}},
      {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
      {"model",
       {{"type", "WordPiece"},
        {"unk_token", "[UNK]"},
        {"continuing_subword_prefix", "##"},
        {"max_input_chars_per_word", 100},
        {"vocab", {{"[UNK]", 0}, {"flood", 1}, {"strike", 2}}}}}};
  WriteFile(folder + "/tokenizer.json", tokenizer.dump());
  std::vector<float> table(static_cast<size_t>(3 * dimension));
  for (size_t i = 0; i < table.size(); ++i) table[i] = static_cast<float>(i % 7) - 2.5f;
  const size_t bytes = table.size() * sizeof(float);
  const nlohmann::json header = {
      {"embeddings", {{"dtype", "F32"}, {"shape", {3, dimension}}, {"data_offsets", {0, bytes}}}}};
  const std::string text = header.dump();
  const uint64_t length = text.size();
  std::string file(sizeof(length), '\0');
  std::memcpy(file.data(), &length, sizeof(length));
  file += text;
  file.append(reinterpret_cast<const char*>(table.data()), bytes);
  WriteFile(folder + "/model.safetensors", file);
}

class EmbeddersTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const {
    return absl::StrCat(models_.path(), "/", name);
  }

  std::unique_ptr<Embedders> Make(std::vector<std::string> remote = {}) {
    auto embedders = Embedders::Create({models_.path(), std::move(remote)});
    EXPECT_TRUE(embedders.ok()) << embedders.status();
    return *std::move(embedders);
  }
  static absl::Status OpenStatus(Embedders& embedders, const std::string& name, int dimension = 0) {
    return embedders.Open("collection.embedder", name, dimension).status();
  }
  static std::vector<std::string> Names(Embedders& embedders) {
    std::vector<std::string> names;
    for (const EmbedderInfo& info : embedders.List()) names.push_back(info.name);
    return names;
  }

  TempDir models_;
};

TEST_F(EmbeddersTest, TwoAreAlwaysThere) {
  const auto embedders = *Embedders::Create({});
  const std::vector<EmbedderInfo> list = embedders->List();
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].name, "builtin");
  EXPECT_EQ(list[0].kind, EmbedderKind::kBuiltIn);
  EXPECT_EQ(list[0].dimension, 256);
  EXPECT_EQ(list[0].identity.rfind("terms256/", 0), 0u) << list[0].identity;
  EXPECT_EQ(list[0].problem, "");
  EXPECT_EQ(list[1].name, "caller");
  EXPECT_EQ(list[1].kind, EmbedderKind::kCaller);

  const auto by_default = embedders->Open("collection.embedder", "", 0);
  ASSERT_TRUE(by_default.ok()) << by_default.status();
  EXPECT_EQ(by_default->settings.embedder, "builtin");
  EXPECT_EQ(by_default->settings.identity, list[0].identity);
  EXPECT_EQ(by_default->settings.dimension, 256);
  EXPECT_EQ(by_default->settings.generation, 1u);
  EXPECT_FALSE(by_default->remote);
  const auto caller = embedders->Open("collection.embedder", "caller", 16);
  ASSERT_TRUE(caller.ok());
  EXPECT_EQ(caller->embedder, nullptr);
  EXPECT_EQ(caller->settings.dimension, 16);
}

TEST_F(EmbeddersTest, ModelsOfTheFolderComeByName) {
  WriteFile(Path("archive.model"), TermModelFile(64, 1));
  WriteModel2Vec(Path("potion.v2"), 16);
  WriteFile(Path("notes.txt"), "not a model");
  const auto embedders = Make({"tei=tei://127.0.0.1:1"});
  EXPECT_THAT(Names(*embedders), ElementsAre("archive", "builtin", "caller", "potion.v2", "tei"));
  const auto list = embedders->List();
  EXPECT_EQ(list[0].kind, EmbedderKind::kTrained);
  EXPECT_EQ(list[0].dimension, 64);
  EXPECT_EQ(list[3].kind, EmbedderKind::kModel2Vec);
  EXPECT_EQ(list[3].dimension, 16);
  EXPECT_EQ(list[3].problem, "");
  EXPECT_EQ(list[3].identity.rfind("model2vec/potion.v2/", 0), 0u) << list[3].identity;
  EXPECT_EQ(list[4].kind, EmbedderKind::kRemote);
  EXPECT_EQ(list[4].dimension, 0);
  EXPECT_EQ(list[4].identity, "");
  const auto archive = embedders->Open("collection.embedder", "archive", 64);
  ASSERT_TRUE(archive.ok()) << archive.status();
  EXPECT_EQ(archive->settings.identity, list[0].identity);
  // Loaded once.
  EXPECT_EQ(archive->embedder, embedders->Open("embedder", "archive", 0)->embedder);
}

TEST_F(EmbeddersTest, AnUnknownNameIsNamed) {
  const auto embedders = Make();
  const absl::Status status = OpenStatus(*embedders, "nobody");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(),
            "collection.embedder: no such embedder, got \"nobody\"; ListEmbedders names those "
            "there are");
  EXPECT_EQ(OpenStatus(*embedders, "Builtin").code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(EmbeddersTest, NamesAreNoPaths) {
  // All of these lead to a model that is there.
  WriteFile(Path(".hidden.model"), TermModelFile(64, 1));
  WriteFile(Path("-dash.model"), TermModelFile(64, 1));
  WriteFile(Path("archive.model"), TermModelFile(64, 1));
  std::filesystem::create_directory(Path("inner"));
  WriteFile(Path("inner/model.model"), TermModelFile(64, 1));
  const std::string outside = absl::StrCat(models_.path(), "-outside.model");
  WriteFile(outside, TermModelFile(64, 1));
  const auto embedders = Make();
  const std::string base = std::filesystem::path(models_.path()).filename();
  for (const std::string& name :
       {absl::StrCat("../", base, "-outside"), std::string("../x"), std::string("/etc"),
        std::string("/etc/passwd"), std::string("."), std::string(".."), std::string(".hidden"),
        std::string("-dash"), std::string("inner/model"), std::string("./archive"),
        std::string("archive.model"), std::string("archive\0x", 9), std::string("arch ive"),
        std::string("\xC3\xA4"), std::string(65, 'a'), std::string(100'000, 'a')}) {
    const absl::Status status = OpenStatus(*embedders, name);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << name.substr(0, 70);
    EXPECT_EQ(status.message().find("collection.embedder: no such embedder, got "), 0u) << status;
    EXPECT_LT(status.message().size(), 200u);
  }
  // The empty folder is one of a Model2Vec model without its files.
  EXPECT_THAT(Names(*embedders), ElementsAre("archive", "builtin", "caller", "inner"));
  std::filesystem::remove(outside);
}

TEST_F(EmbeddersTest, BrokenModelsSayWhichFileAndField) {
  const std::string good = TermModelFile(64, 1);
  WriteFile(Path("empty.model"), "");
  WriteFile(Path("cut.model"), good.substr(0, good.size() / 2));
  WriteFile(Path("other.model"), std::string(1000, 'x'));
  std::filesystem::create_directory(Path("nothing"));
  WriteModel2Vec(Path("noconfig"), 16);
  std::filesystem::remove(Path("noconfig/config.json"));
  WriteModel2Vec(Path("badconfig"), 16);
  WriteFile(Path("badconfig/config.json"), "{");
  WriteModel2Vec(Path("badtable"), 16);
  WriteFile(Path("badtable/model.safetensors"), "x");
  WriteModel2Vec(Path("oddsize"), 12);
  const auto embedders = Make();
  struct Case {
    const char* name;
    const char* path;  // in the folder of models
    const char* file;
  };
  for (const Case& c :
       {Case{"empty", "empty.model", "model"}, Case{"cut", "cut.model", "model"},
        Case{"other", "other.model", "model"}, Case{"nothing", "nothing", "config.json"},
        Case{"noconfig", "noconfig", "config.json"},
        Case{"badconfig", "badconfig", "config.json: text"},
        Case{"badtable", "badtable", "model.safetensors: header length"},
        Case{"oddsize", "oddsize", "model.safetensors: embeddings: dimension"}}) {
    const absl::Status status = OpenStatus(*embedders, c.name);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << c.name << ": " << status;
    const std::string message(status.message());
    EXPECT_THAT(message, HasSubstr(absl::StrCat("collection.embedder: \"", c.name,
                                                "\" cannot be loaded: ", Path(c.path))));
    EXPECT_THAT(message.substr(message.find(Path(c.path)) + Path(c.path).size()),
                HasSubstr(c.file));
  }
  // The list says the same and goes on.
  for (const EmbedderInfo& info : embedders->List()) {
    const bool good_one = info.name == "builtin" || info.name == "caller";
    EXPECT_EQ(info.problem.empty(), good_one) << info.name << ": " << info.problem;
    EXPECT_EQ(info.dimension > 0, info.name == "builtin") << info.name;
  }
}

TEST_F(EmbeddersTest, AnUnreadableFileOrALinkToNothingIsNoModel) {
  std::filesystem::create_symlink("/nonexistent/model", Path("dangling.model"));
  std::filesystem::create_directory(Path("folder.model"));
  ASSERT_EQ(mkfifo(Path("pipe.model").c_str(), 0600), 0);
  const auto embedders = Make();
  for (const char* name : {"dangling", "folder"}) {
    EXPECT_FALSE(OpenStatus(*embedders, name).ok()) << name;
  }
}

TEST_F(EmbeddersTest, AnotherDimensionIsRefused) {
  WriteFile(Path("archive.model"), TermModelFile(64, 1));
  const auto embedders = Make();
  const absl::Status status = OpenStatus(*embedders, "archive", 128);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(),
            "collection.embedding_dimension: not the embedder's, got 128, and \"archive\" has 64");
  EXPECT_EQ(OpenStatus(*embedders, "", 128).message(),
            "collection.embedding_dimension: not the embedder's, got 128, and \"builtin\" has 256");
  EXPECT_TRUE(OpenStatus(*embedders, "", 256).ok());
}

TEST_F(EmbeddersTest, AModelThatIsAddedLaterIsFound) {
  const auto embedders = Make();
  EXPECT_FALSE(OpenStatus(*embedders, "late").ok());
  WriteFile(Path("late.model"), TermModelFile(64, 1));
  EXPECT_TRUE(OpenStatus(*embedders, "late").ok());
  EXPECT_THAT(Names(*embedders), ElementsAre("builtin", "caller", "late"));
  // A broken one may be put right without a restart.
  WriteFile(Path("broken.model"), "x");
  EXPECT_FALSE(OpenStatus(*embedders, "broken").ok());
  WriteFile(Path("broken.model"), TermModelFile(64, 2));
  EXPECT_TRUE(OpenStatus(*embedders, "broken").ok());
}

TEST_F(EmbeddersTest, NamesAreTakenOnce) {
  WriteFile(Path("builtin.model"), TermModelFile(64, 1));
  WriteFile(Path("caller.model"), TermModelFile(64, 1));
  WriteFile(Path("server.model"), TermModelFile(64, 1));
  const auto embedders = Make({"server=tei://127.0.0.1:1"});
  for (const EmbedderInfo& info : embedders->List()) {
    if (info.name == "builtin") {
      EXPECT_EQ(info.kind, EmbedderKind::kBuiltIn);
    }
    if (info.name == "caller") {
      EXPECT_EQ(info.kind, EmbedderKind::kCaller);
    }
    if (info.name == "server") {
      EXPECT_EQ(info.kind, EmbedderKind::kRemote);
    }
  }
  EXPECT_EQ(embedders->Open("e", "builtin", 0)->settings.dimension, 256);
  for (const char* name : {"builtin", "caller", "twice"}) {
    const std::string flag = absl::StrCat(name, "=tei://127.0.0.1:1");
    const absl::Status status = Embedders::Create({"", {"twice=tei://127.0.0.1:2", flag}}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(status.message(),
              absl::StrCat("remote_embedders: name is taken, got \"", name, "\""));
  }
}

TEST_F(EmbeddersTest, OptionsAreChecked) {
  EXPECT_EQ(Embedders::Create({"/nonexistent/models", {}}).status().message(),
            "models_dir: no such folder, got /nonexistent/models");
  EXPECT_EQ(Embedders::Create({"", {"nonsense"}}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(EmbeddersTest, AServerThatDoesNotAnswerCannotBeChosenButReopened) {
  const auto embedders = Make({"server=tei://127.0.0.1:1?deadline_ms=50"});
  EXPECT_EQ(OpenStatus(*embedders, "server").code(), absl::StatusCode::kUnavailable);
  const EmbeddingSettings before = {"server", "tei/model/abc", 384, 1, absl::UnixEpoch()};
  const auto reopened = embedders->Reopen(before);
  ASSERT_TRUE(reopened.ok()) << reopened.status();
  EXPECT_TRUE(reopened->remote);
  EXPECT_EQ(reopened->settings.identity, "tei/model/abc");
  EXPECT_EQ(reopened->embedder->dimension(), 384);
}

TEST_F(EmbeddersTest, ReopenWantsWhatWasThere) {
  WriteFile(Path("archive.model"), TermModelFile(64, 1));
  EmbeddingSettings settings = Make()->Open("e", "archive", 0)->settings;
  settings.generation = 7;
  const auto again = Make()->Reopen(settings);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->settings.generation, 7u);
  EXPECT_EQ(again->settings.identity, settings.identity);

  WriteFile(Path("archive.model"), TermModelFile(64, 2));
  const absl::Status changed = Make()->Reopen(settings).status();
  EXPECT_EQ(changed.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(changed.message()),
              HasSubstr("embedder: \"archive\" is another one than before, got terms64/"));
  EXPECT_THAT(std::string(changed.message()), HasSubstr(settings.identity));

  std::filesystem::remove(Path("archive.model"));
  const absl::Status gone = Make()->Reopen(settings).status();
  EXPECT_EQ(gone.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(gone.message()),
              HasSubstr("\"archive\" is not among --models_dir and --remote_embedders"));
  settings.embedder = settings.identity = "caller";
  EXPECT_TRUE(Make()->Reopen(settings).ok());
}

// The same by way of an engine over a data folder.

TEST_F(EmbeddersTest, AnEngineRefusesToOpenWithAnotherModel) {
  WriteFile(Path("archive.model"), TermModelFile(64, 1));
  const TempDir data;
  Engine::Options options;
  options.store.data_dir = data.path();
  options.embedders.models_dir = models_.path();
  {
    const auto engine = OpenEngine(data.path(), options.embedders);
    NewCollection wanted = Named("wires");
    wanted.embedder = "archive";
    const auto collection = engine->Create(wanted);
    ASSERT_TRUE(collection.ok()) << collection.status();
    EXPECT_EQ((*collection)->Info().embedding.dimension, 64);
    ASSERT_TRUE(Ingest(**collection, StoryArticle("a", 1)).ok());
  }
  WriteFile(Path("archive.model"), TermModelFile(64, 2));
  const absl::Status changed = Engine::Open(options).status();
  EXPECT_EQ(changed.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(changed.message()),
              HasSubstr("data_dir: collection \"wires\": embedder: \"archive\" is another one"));
  options.embedders.models_dir.clear();
  EXPECT_THAT(std::string(Engine::Open(options).status().message()),
              HasSubstr("data_dir: collection \"wires\": embedder: \"archive\" is not among"));
  options.embedders.models_dir = models_.path();
  WriteFile(Path("archive.model"), TermModelFile(64, 1));
  EXPECT_TRUE(Engine::Open(options).ok());
}

TEST_F(EmbeddersTest, AnEngineCreatesNothingWithABrokenEmbedder) {
  WriteFile(Path("broken.model"), "x");
  const TempDir data;
  const auto engine = OpenEngine(data.path(), {models_.path(), {}});
  NewCollection wanted = Named("wires");
  for (const char* name : {"broken", "nobody"}) {
    wanted.embedder = name;
    EXPECT_FALSE(engine->Create(wanted).ok()) << name;
    EXPECT_FALSE(engine->Find("wires").ok());
  }
  auto collection = *engine->Find(kDefaultCollection);
  EXPECT_EQ(engine->BeginReembedding(*collection, "nobody").code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(engine->BeginReembedding(*collection, "broken").code(),
            absl::StatusCode::kFailedPrecondition);
  const absl::Status caller = engine->BeginReembedding(*collection, "caller");
  EXPECT_EQ(caller.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(caller.message()), HasSubstr("got \"caller\""));
  EXPECT_FALSE(collection->Info().reembedding.has_value());
}

TEST_F(EmbeddersTest, TheEnginesWorkerMovesACollectionOfCallersVectors) {
  WriteFile(Path("archive.model"), TermModelFile(64, 1));
  const TempDir data;
  const auto engine = OpenEngine(data.path(), {models_.path(), {}});
  NewCollection wanted = Named("vectors");
  wanted.embedder = kCallerEmbedder;
  wanted.dimension = 8;
  const auto collection = *engine->Create(wanted);
  for (int i = 0; i < 40; ++i) {
    Article article = StoryArticle(absl::StrCat("a", i), i, 80);
    article.embedding.assign(8, 1);
    article.embedding[i % 8] = 3;
    ASSERT_TRUE(Ingest(*collection, article).ok());
  }
  engine->StartBackgroundWork([](const Collection&, absl::string_view, const absl::Status& status) {
    EXPECT_TRUE(status.ok()) << status;
  });
  ASSERT_TRUE(engine->BeginReembedding(*collection, "archive").ok());
  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  while (collection->Info().reembedding.has_value() && absl::Now() < deadline) {
    absl::SleepFor(absl::Milliseconds(5));
  }
  EXPECT_FALSE(collection->Info().reembedding.has_value());
  EXPECT_EQ(collection->Info().embedding.embedder, "archive");
  EXPECT_EQ(collection->Info().embedding.dimension, 64);
  EXPECT_EQ(collection->FindRelated(ArticleQuery("a0"), {})->size(), 10u);
  // Vectors of callers are refused from now on.
  Article late = StoryArticle("late", 99);
  late.embedding.assign(8, 1);
  EXPECT_EQ(Ingest(*collection, late).status().code(), absl::StatusCode::kInvalidArgument);
  late.embedding.clear();
  EXPECT_TRUE(Ingest(*collection, late).ok());
}

}  // namespace
}  // namespace newsprint
