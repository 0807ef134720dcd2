#include "service/rpc/from_proto.h"

#include <cmath>

#include "absl/strings/str_cat.h"

namespace newsprint::rpc {
namespace {

v1::Article GoodArticle() {
  v1::Article article;
  article.set_id("a");
  article.set_body("text");
  return article;
}

std::string ErrorOf(const v1::Article& article) {
  const auto result = ArticleFromProto(article, Limits(), IdRule::kRequired);
  if (result.ok()) return "ok";
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(result.status().message());
}

TEST(ArticleFromProtoTest, EveryLimitNamesFieldValueAndLimit) {
  EXPECT_EQ(ErrorOf(GoodArticle()), "ok");
  struct Case {
    void (*damage)(v1::Article*);
    const char* error;
  };
  for (const Case& c : {
           Case{[](v1::Article* a) { a->clear_id(); }, "article.id: required, got nothing"},
           Case{[](v1::Article* a) { a->set_id(std::string(513, 'x')); },
                "article.id: too long, got 513 bytes, limit 512 bytes"},
           Case{[](v1::Article* a) { a->clear_body(); }, "article.body: required, got nothing"},
           Case{[](v1::Article* a) { a->set_body(std::string((1 << 20) + 1, 'x')); },
                "article.body: too long, got 1048577 bytes, limit 1048576 bytes"},
           Case{[](v1::Article* a) {
                  a->clear_body();
                  a->set_raw_body(std::string((1 << 20) + 1, 'x'));
                },
                "article.raw_body: too long, got 1048577 bytes, limit 1048576 bytes"},
           Case{[](v1::Article* a) { a->set_raw_body("x"); },
                "article.body: got both body and raw_body, limit one"},
           Case{[](v1::Article* a) { a->set_title(std::string(4097, 'x')); },
                "article.title: too long, got 4097 bytes, limit 4096 bytes"},
           Case{[](v1::Article* a) { a->set_language(std::string(36, 'x')); },
                "article.language: too long, got 36 bytes, limit 35 bytes"},
           Case{[](v1::Article* a) { a->set_source(std::string(513, 'x')); },
                "article.source: too long, got 513 bytes, limit 512 bytes"},
           Case{[](v1::Article* a) { a->set_url(std::string(4097, 'x')); },
                "article.url: too long, got 4097 bytes, limit 4096 bytes"},
           Case{[](v1::Article* a) { a->mutable_published_at()->set_seconds(253'402'300'800); },
                "article.published_at.seconds: out of range, got 253402300800, limit -62135596800 "
                "to 253402300799"},
           Case{[](v1::Article* a) { a->mutable_published_at()->set_nanos(-1); },
                "article.published_at.nanos: out of range, got -1, limit 0 to 999999999"},
           Case{[](v1::Article* a) {
                  for (int i = 0; i < 65; ++i) (*a->mutable_attributes())[absl::StrCat(i)] = "";
                },
                "article.attributes: too many, got 65, limit 64"},
           Case{[](v1::Article* a) { (*a->mutable_attributes())[""] = "v"; },
                "article.attributes: key: required, got nothing"},
           Case{[](v1::Article* a) { (*a->mutable_attributes())["k"] = std::string(4097, 'x'); },
                "article.attributes: value: too long, got 4097 bytes, limit 4096 bytes"},
           Case{[](v1::Article* a) {
                  for (int i = 0; i < 4097; ++i) a->add_embedding(1);
                },
                "article.embedding: too many values, got 4097, limit 4096"},
       }) {
    v1::Article article = GoodArticle();
    c.damage(&article);
    EXPECT_EQ(ErrorOf(article), c.error);
  }
}

TEST(ArticleFromProtoTest, TakesTheExtremes) {
  v1::Article article = GoodArticle();
  article.mutable_published_at()->set_seconds(-62'135'596'800);
  EXPECT_EQ(ErrorOf(article), "ok");
  article.mutable_published_at()->set_seconds(253'402'300'799);
  article.mutable_published_at()->set_nanos(999'999'999);
  article.set_body(std::string(1 << 20, 'x'));
  EXPECT_EQ(ErrorOf(article), "ok");
}

TEST(ArticleFromProtoTest, AQueryNeedsNoId) {
  v1::Article article = GoodArticle();
  article.clear_id();
  EXPECT_TRUE(ArticleFromProto(article, Limits(), IdRule::kOptional).ok());
}

TEST(QueryFromProtoTest, WantsOneOfTheKinds) {
  EXPECT_EQ(QueryFromProto(v1::FindDuplicatesRequest(), Limits()).status().message(),
            "query (id or article): required, got nothing");
  EXPECT_EQ(QueryFromProto(v1::FindRelatedRequest(), Limits()).status().message(),
            "query (id, article or vector): required, got nothing");
  EXPECT_EQ(QueryFromProto("b", v1::ArticleOrId(), Limits()).status().message(),
            "b (id or article): required, got nothing");
  v1::ArticleOrId no_body;
  no_body.mutable_article()->set_title("t");
  EXPECT_EQ(QueryFromProto("b", no_body, Limits()).status().message(),
            "b.article.body: required, got nothing");
}

TEST(SettingsFromProtoTest, NamesAndRanges) {
  const auto error = [](const v1::Collection& collection) {
    return std::string(SettingsFromProto(collection).status().message());
  };
  v1::Collection collection;
  EXPECT_EQ(error(collection), "collection.name: required, got nothing");
  for (const char* bad : {"Upper", "../up", "-dash", "a b", "ü"}) {
    collection.set_name(bad);
    EXPECT_THAT(error(collection), ::testing::StartsWith("collection.name: not a name")) << bad;
  }
  collection.set_name("wires-2011_a");
  EXPECT_EQ(error(collection), "");
  collection.set_shingle_words(17);
  EXPECT_EQ(error(collection), "collection.shingle_words: out of range, got 17, limit 0 to 16");
  collection.set_shingle_words(3);
  collection.set_embedding_dimension(12);
  EXPECT_EQ(error(collection), "collection.embedding_dimension: got 12, limit multiples of 8");
  collection.set_embedding_dimension(0);
  collection.mutable_thresholds()->set_near_duplicate_jaccard(1.5);
  EXPECT_EQ(error(collection),
            "collection.thresholds.near_duplicate_jaccard: out of range, got 1.5, limit 0 to 1");
  collection.mutable_thresholds()->set_near_duplicate_jaccard(std::nan(""));
  EXPECT_THAT(error(collection), ::testing::HasSubstr("near_duplicate_jaccard: out of range"));
  collection.mutable_thresholds()->set_near_duplicate_jaccard(0.4);
  collection.mutable_thresholds()->set_tokens_min(0);
  EXPECT_THAT(error(collection), ::testing::HasSubstr("tokens_min: out of range, got 0"));
  collection.mutable_thresholds()->set_tokens_min(30);
  const auto settings = SettingsFromProto(collection);
  ASSERT_TRUE(settings.ok());
  EXPECT_EQ(settings->thresholds.near_duplicate_jaccard, 0.4);
  EXPECT_EQ(settings->thresholds.tokens_min, 30);
  EXPECT_EQ(settings->thresholds.duplicate_containment, 0.6);
}

TEST(GroupIdTest, OnlyItsOwnFormIsOne) {
  EXPECT_EQ(GroupId(17), "g17");
  EXPECT_EQ(*GroupFromId("g17"), 17u);
  for (const char* bad : {"17", "g", "g017", "g-1", "g1x", "gx", "g99999999999999999999999"}) {
    EXPECT_EQ(GroupFromId(bad).status().code(), absl::StatusCode::kNotFound) << bad;
  }
  EXPECT_EQ(GroupFromId("").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(PageSizeTest, ZeroIsTheDefaultAndMoreThanTheLimitTheLimit) {
  EXPECT_EQ(*PageSizeFromProto(0), 100);
  EXPECT_EQ(*PageSizeFromProto(5000), 1000);
  EXPECT_EQ(PageSizeFromProto(-1).status().message(),
            "page_size: negative, got -1, limit 0 to 1000");
}

}  // namespace
}  // namespace newsprint::rpc
