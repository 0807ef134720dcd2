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

std::string ErrorOf(v1::Article article) {
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

v1::Article GoodPrint() {
  v1::Article article;
  article.set_id("a");
  v1::Fingerprint& fingerprint = *article.mutable_fingerprint();
  fingerprint.set_scheme("text1");
  fingerprint.set_text_hash("0123456789abcdef");
  fingerprint.set_body_tokens(300);
  fingerprint.set_embedder("caller");
  for (const uint32_t shingle : {1u, 0xffffffffu}) fingerprint.add_shingles(shingle);
  fingerprint.add_lede_shingles(1);
  fingerprint.add_numbers(7);
  fingerprint.add_terms(8);
  fingerprint.add_term_weights(0.5f);
  fingerprint.add_embedding(-1);
  return article;
}

TEST(ArticleFromProtoTest, AFingerprintStandsForTheText) {
  v1::Article print = GoodPrint();
  print.set_title("Title");
  const auto article = ArticleFromProto(print, Limits(), IdRule::kRequired);
  ASSERT_TRUE(article.ok()) << article.status();
  ASSERT_TRUE(article->fingerprint.has_value());
  const Fingerprint& fingerprint = *article->fingerprint;
  EXPECT_EQ(article->title, "Title");
  EXPECT_EQ(fingerprint.scheme, "text1");
  EXPECT_EQ(fingerprint.text_hash, "0123456789abcdef");
  EXPECT_EQ(fingerprint.body_tokens, 300);
  EXPECT_EQ(fingerprint.embedder, "caller");
  EXPECT_THAT(fingerprint.shingles, ::testing::ElementsAre(1, 0xffffffff));
  EXPECT_THAT(fingerprint.lede_shingles, ::testing::ElementsAre(1));
  EXPECT_THAT(fingerprint.numbers, ::testing::ElementsAre(7));
  ASSERT_EQ(fingerprint.terms.size(), 1u);
  EXPECT_EQ(fingerprint.terms[0].term, 8u);
  EXPECT_EQ(fingerprint.terms[0].weight, 0.5f);
  EXPECT_THAT(fingerprint.vector, ::testing::ElementsAre(-1));
}

TEST(ArticleFromProtoTest, AFingerprintGoesWithoutTextAndVector) {
  const char* const kBoth = "article.fingerprint: got text or embedding as well, limit one of them";
  v1::Article article = GoodPrint();
  article.set_body("text");
  EXPECT_EQ(ErrorOf(article), kBoth);
  article = GoodPrint();
  article.set_raw_body("text");
  EXPECT_EQ(ErrorOf(article), kBoth);
  article = GoodPrint();
  article.add_embedding(1);
  EXPECT_EQ(ErrorOf(article), kBoth);
  article = GoodPrint();
  article.mutable_fingerprint()->add_term_weights(0.5f);
  EXPECT_EQ(ErrorOf(article),
            "article.fingerprint.term_weights: got 2 values, expected 1, one for each term");
  // An empty one is a fingerprint too: what it lacks, the collection says.
  article = GoodArticle();
  article.mutable_fingerprint();
  EXPECT_EQ(ErrorOf(article), kBoth);
  article.clear_body();
  EXPECT_EQ(ErrorOf(article), "ok");
}

TEST(ArticleFromProtoTest, ComputingAFingerprintTakesText) {
  v1::ComputeFingerprintRequest request;
  EXPECT_EQ(ArticleFromProto(request, Limits()).status().message(),
            "article: required, got nothing");
  *request.mutable_article() = GoodPrint();
  EXPECT_EQ(ArticleFromProto(request, Limits()).status().message(),
            "article.fingerprint: got one, expected the text");
  request.mutable_article()->clear_fingerprint();
  EXPECT_EQ(ArticleFromProto(request, Limits()).status().message(),
            "article.body: required, got nothing");
  *request.mutable_article() = GoodArticle();
  request.mutable_article()->clear_id();
  EXPECT_TRUE(ArticleFromProto(request, Limits()).ok());
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
  v1::FindDuplicatesRequest duplicates;
  EXPECT_EQ(QueryFromProto(duplicates, Limits()).status().message(),
            "query (id or article): required, got nothing");
  v1::FindRelatedRequest related;
  EXPECT_EQ(QueryFromProto(related, Limits()).status().message(),
            "query (id, article or vector): required, got nothing");
  v1::ArticleOrId neither;
  EXPECT_EQ(QueryFromProto("b", neither, Limits()).status().message(),
            "b (id or article): required, got nothing");
  v1::ArticleOrId no_body;
  no_body.mutable_article()->set_title("t");
  EXPECT_EQ(QueryFromProto("b", no_body, Limits()).status().message(),
            "b.article.body: required, got nothing");
}

TEST(NewCollectionFromProtoTest, NamesAndRanges) {
  const auto error = [](const v1::Collection& collection) {
    return std::string(NewCollectionFromProto(collection).status().message());
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
  const auto settings = NewCollectionFromProto(collection);
  ASSERT_TRUE(settings.ok());
  EXPECT_EQ(settings->settings.thresholds.near_duplicate_jaccard, 0.4);
  EXPECT_EQ(settings->settings.thresholds.tokens_min, 30);
  EXPECT_EQ(settings->settings.thresholds.duplicate_containment, 0.6);
}

TEST(NewCollectionFromProtoTest, EveryThresholdHasItsRange) {
  struct Case {
    void (*set)(v1::Thresholds*, double);
    const char* name;
    double least;
    double most;
    double step;  // the next value that is out of range
  };
  using T = v1::Thresholds;
  for (const Case& c : {
           Case{[](T*t, double v) { t->set_near_duplicate_jaccard(v); }, "near_duplicate_jaccard",
                0, 1, 0.01},
           Case{[](T*t, double v) { t->set_duplicate_containment(v); }, "duplicate_containment", 0,
                1, 0.01},
           Case{[](T*t, double v) { t->set_excerpt_length_ratio(v); }, "excerpt_length_ratio", 0, 1,
                0.01},
           Case{[](T*t, double v) { t->set_template_jaccard(v); }, "template_jaccard", 0, 1, 0.01},
           Case{[](T*t, double v) { t->set_template_shared_numbers(v); }, "template_shared_numbers",
                0, 1, 0.01},
           Case{[](T*t, double v) { t->set_related_score_min(v); }, "related_score_min", 0, 1,
                0.01},
           Case{[](T*t, double v) { t->set_lede_containment_min(v); }, "lede_containment_min", 0, 1,
                0.01},
           Case{[](T*t, double v) { t->set_tokens_min(static_cast<int>(v)); }, "tokens_min", 1,
                1000, 1},
           Case{[](T*t, double v) { t->set_template_numbers_min(static_cast<int>(v)); },
                "template_numbers_min", 1, 1000, 1},
           Case{[](T*t, double v) { t->set_boilerplate_articles_min(static_cast<int>(v)); },
                "boilerplate_articles_min", 2, 1'000'000, 1},
           Case{[](T*t, double v) { t->set_boilerplate_source_articles_min(static_cast<int>(v)); },
                "boilerplate_source_articles_min", 2, 1'000'000, 1},
           Case{[](T*t, double v) { t->set_footer_shingles_max(static_cast<int>(v)); },
                "footer_shingles_max", 0, 100'000, 1},
           Case{[](T*t, double v) { t->set_revision_window_seconds(static_cast<int64_t>(v)); },
                "revision_window_seconds", 0, 31'536'000, 1},
       }) {
    v1::Collection collection;
    collection.set_name("wires");
    for (const double value : {c.least, c.most}) {
      c.set(collection.mutable_thresholds(), value);
      EXPECT_TRUE(NewCollectionFromProto(collection).ok()) << c.name << " " << value;
    }
    for (const double value : {c.least - c.step, c.most + c.step}) {
      c.set(collection.mutable_thresholds(), value);
      const absl::Status status = NewCollectionFromProto(collection).status();
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
      EXPECT_THAT(std::string(status.message()),
                  ::testing::StartsWith(
                      absl::StrCat("collection.thresholds.", c.name, ": out of range, got ")));
    }
  }
}

TEST(NewCollectionFromProtoTest, NewThresholdsArriveWhereTheyBelong) {
  v1::Collection collection;
  collection.set_name("wires");
  const auto defaults = NewCollectionFromProto(collection);
  ASSERT_TRUE(defaults.ok()) << defaults.status();
  EXPECT_EQ(defaults->settings.thresholds.boilerplate_articles_min, 20);
  EXPECT_EQ(defaults->settings.thresholds.boilerplate_source_articles_min, 5);
  EXPECT_EQ(defaults->settings.thresholds.footer_shingles_max, 200);
  EXPECT_EQ(defaults->settings.thresholds.lede_containment_min, 0.20);
  EXPECT_EQ(defaults->settings.canonical_policy, CanonicalPolicy::kFirstIngested);
  v1::Thresholds& thresholds = *collection.mutable_thresholds();
  thresholds.set_boilerplate_articles_min(31);
  thresholds.set_boilerplate_source_articles_min(32);
  thresholds.set_footer_shingles_max(0);
  thresholds.set_lede_containment_min(0.35);
  const auto settings = NewCollectionFromProto(collection);
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(settings->settings.thresholds.boilerplate_articles_min, 31);
  EXPECT_EQ(settings->settings.thresholds.boilerplate_source_articles_min, 32);
  EXPECT_EQ(settings->settings.thresholds.footer_shingles_max, 0);
  EXPECT_EQ(settings->settings.thresholds.lede_containment_min, 0.35);
}

TEST(NewCollectionFromProtoTest, PolicyAndPriorityGoTogether) {
  const auto error = [](const v1::Collection& collection) {
    return std::string(NewCollectionFromProto(collection).status().message());
  };
  v1::Collection collection;
  collection.set_name("wires");
  for (const auto& [proto, policy] :
       {std::make_pair(v1::CANONICAL_POLICY_UNSPECIFIED, CanonicalPolicy::kFirstIngested),
        std::make_pair(v1::CANONICAL_POLICY_FIRST_INGESTED, CanonicalPolicy::kFirstIngested),
        std::make_pair(v1::CANONICAL_POLICY_EARLIEST_PUBLISHED,
                       CanonicalPolicy::kEarliestPublished),
        std::make_pair(v1::CANONICAL_POLICY_LONGEST, CanonicalPolicy::kLongest)}) {
    collection.set_canonical_policy(proto);
    EXPECT_EQ(NewCollectionFromProto(collection)->settings.canonical_policy, policy);
  }
  collection.set_canonical_policy(static_cast<v1::CanonicalPolicy>(5));
  EXPECT_EQ(error(collection), "collection.canonical_policy: unknown, got 5, limit 0 to 4");
  collection.set_canonical_policy(v1::CANONICAL_POLICY_SOURCE_PRIORITY);
  EXPECT_EQ(error(collection),
            "collection.source_priority: required with canonical_policy SOURCE_PRIORITY, got "
            "nothing");
  collection.add_source_priority("AP");
  collection.add_source_priority("Reuters");
  EXPECT_EQ(error(collection), "");
  EXPECT_THAT(NewCollectionFromProto(collection)->settings.source_priority,
              ::testing::ElementsAre("AP", "Reuters"));
  collection.add_source_priority("AP");
  EXPECT_EQ(error(collection), "collection.source_priority: twice, got \"AP\"");
  collection.set_source_priority(2, "");
  EXPECT_EQ(error(collection), "collection.source_priority: source: required, got nothing");
  collection.set_source_priority(2, std::string(513, 'x'));
  EXPECT_EQ(error(collection),
            "collection.source_priority: too long, got 513 bytes, limit 512 bytes");
  collection.set_source_priority(2, std::string(512, 'x'));
  EXPECT_EQ(error(collection), "");
  for (int i = 3; i < 1000; ++i) collection.add_source_priority(absl::StrCat(i));
  EXPECT_EQ(error(collection), "");
  collection.add_source_priority("one more");
  EXPECT_EQ(error(collection), "collection.source_priority: too many, got 1001, limit 1000");
  collection.set_canonical_policy(v1::CANONICAL_POLICY_LONGEST);
  EXPECT_EQ(error(collection),
            "collection.source_priority: goes with canonical_policy SOURCE_PRIORITY alone, got "
            "1001 sources");
}

std::string ErrorOf(const v1::FindRelatedRequest& request) {
  const auto options = RelatedOptionsFromProto(request);
  if (options.ok()) return "ok";
  EXPECT_EQ(options.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(options.status().message());
}

TEST(RelatedOptionsFromProtoTest, NothingMeansTheDefaults) {
  const auto options = RelatedOptionsFromProto(v1::FindRelatedRequest());
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->results_max, 10);
  EXPECT_EQ(options->score_min, 0);
  EXPECT_FALSE(options->include_duplicates);
  EXPECT_EQ(options->half_life, absl::InfiniteDuration());
  EXPECT_TRUE(options->sources.empty());
  EXPECT_TRUE(options->languages.empty());
  EXPECT_EQ(options->published_from, absl::InfinitePast());
  EXPECT_EQ(options->published_before, absl::InfiniteFuture());
  EXPECT_EQ(options->diversity, 0);
}

TEST(RelatedOptionsFromProtoTest, EveryFieldArrives) {
  v1::FindRelatedRequest request;
  request.set_max_results(1000);
  request.set_score_min(0.5);
  request.set_include_duplicates(true);
  request.mutable_half_life()->set_seconds(3600);
  request.mutable_half_life()->set_nanos(500'000'000);
  request.add_sources("AP");
  request.add_sources("Reuters");
  request.add_languages("pt-BR");
  request.mutable_published_from()->set_seconds(-5);
  request.mutable_published_before()->set_seconds(1'600'000'000);
  request.mutable_published_before()->set_nanos(7);
  request.set_diversity(1);
  const auto options = RelatedOptionsFromProto(request);
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->results_max, 1000);
  EXPECT_EQ(options->score_min, 0.5);
  EXPECT_TRUE(options->include_duplicates);
  EXPECT_EQ(options->half_life, absl::Milliseconds(3'600'500));
  EXPECT_THAT(options->sources, ::testing::ElementsAre("AP", "Reuters"));
  EXPECT_THAT(options->languages, ::testing::ElementsAre("pt-BR"));
  EXPECT_EQ(options->published_from, absl::FromUnixSeconds(-5));
  EXPECT_EQ(options->published_before, absl::FromUnixNanos(1'600'000'000'000'000'007));
  EXPECT_EQ(options->diversity, 1);
}

TEST(RelatedOptionsFromProtoTest, EveryLimitNamesFieldValueAndLimit) {
  using R = v1::FindRelatedRequest;
  struct Case {
    void (*damage)(R*);
    const char* error;
  };
  for (const Case& c : {
           Case{[](R* r) { r->set_max_results(-1); },
                "max_results: out of range, got -1, limit 1 to 1000"},
           Case{[](R* r) { r->set_max_results(1001); },
                "max_results: out of range, got 1001, limit 1 to 1000"},
           Case{[](R* r) { r->set_score_min(-0.01); },
                "score_min: out of range, got -0.01, limit 0 to 1"},
           Case{[](R* r) { r->set_score_min(1.01); },
                "score_min: out of range, got 1.01, limit 0 to 1"},
           Case{[](R* r) { r->set_score_min(std::nan("")); },
                "score_min: out of range, got nan, limit 0 to 1"},
           Case{[](R* r) { r->mutable_half_life(); },
                "half_life.seconds: out of range, got 0, limit 1 to 3153600000"},
           Case{[](R* r) { r->mutable_half_life()->set_nanos(999'999'999); },
                "half_life.seconds: out of range, got 0, limit 1 to 3153600000"},
           Case{[](R* r) { r->mutable_half_life()->set_seconds(3'153'600'001); },
                "half_life.seconds: out of range, got 3153600001, limit 1 to 3153600000"},
           Case{[](R* r) { r->mutable_half_life()->set_seconds(-1); },
                "half_life.seconds: out of range, got -1, limit 1 to 3153600000"},
           Case{[](R* r) {
                  r->mutable_half_life()->set_seconds(1);
                  r->mutable_half_life()->set_nanos(1'000'000'000);
                },
                "half_life.nanos: out of range, got 1000000000, limit 0 to 999999999"},
           Case{[](R* r) {
                  for (int i = 0; i < 101; ++i) r->add_sources(absl::StrCat(i));
                },
                "sources: too many, got 101, limit 100"},
           Case{[](R* r) { r->add_sources(""); }, "sources: required, got nothing"},
           Case{[](R* r) { r->add_sources(std::string(513, 'x')); },
                "sources: too long, got 513 bytes, limit 512 bytes"},
           Case{[](R* r) {
                  for (int i = 0; i < 101; ++i) r->add_languages(absl::StrCat(i));
                },
                "languages: too many, got 101, limit 100"},
           Case{[](R* r) { r->add_languages(""); }, "languages: required, got nothing"},
           Case{[](R* r) { r->add_languages(std::string(36, 'x')); },
                "languages: too long, got 36 bytes, limit 35 bytes"},
           Case{[](R* r) { r->mutable_published_from()->set_seconds(253'402'300'800); },
                "published_from.seconds: out of range, got 253402300800, limit -62135596800 to "
                "253402300799"},
           Case{[](R* r) { r->mutable_published_from()->set_nanos(-1); },
                "published_from.nanos: out of range, got -1, limit 0 to 999999999"},
           Case{[](R* r) { r->mutable_published_before()->set_seconds(-62'135'596'801); },
                "published_before.seconds: out of range, got -62135596801, limit -62135596800 to "
                "253402300799"},
           Case{[](R* r) { r->set_diversity(-0.5); },
                "diversity: out of range, got -0.5, limit 0 to 1"},
           Case{[](R* r) { r->set_diversity(1.5); },
                "diversity: out of range, got 1.5, limit 0 to 1"},
           Case{[](R* r) { r->set_diversity(std::nan("")); },
                "diversity: out of range, got nan, limit 0 to 1"},
       }) {
    R request;
    c.damage(&request);
    EXPECT_EQ(ErrorOf(request), c.error);
  }
  R at_the_limits;
  at_the_limits.mutable_half_life()->set_seconds(3'153'600'000);
  for (int i = 0; i < 100; ++i) {
    at_the_limits.add_sources(std::string(512, 'x'));
    at_the_limits.add_languages(std::string(35, 'x'));
  }
  at_the_limits.set_score_min(1);
  at_the_limits.set_diversity(0);
  EXPECT_EQ(ErrorOf(at_the_limits), "ok");
}

TEST(NewCollectionFromProtoTest, EmbedderAndDimensionArrive) {
  v1::Collection collection;
  collection.set_name("wires");
  EXPECT_EQ(NewCollectionFromProto(collection)->embedder, "");
  EXPECT_EQ(NewCollectionFromProto(collection)->dimension, 0);
  collection.set_embedder("caller");
  collection.set_embedding_dimension(4096);
  EXPECT_EQ(NewCollectionFromProto(collection)->embedder, "caller");
  EXPECT_EQ(NewCollectionFromProto(collection)->dimension, 4096);
  for (const int bad : {4, 4104}) {
    collection.set_embedding_dimension(bad);
    EXPECT_EQ(NewCollectionFromProto(collection).status().message(),
              absl::StrCat("collection.embedding_dimension: out of range, got ", bad,
                           ", limit 8 to 4096"));
  }
}

TEST(WithdrawalFromProtoTest, WantsAReasonAndHasLimits) {
  v1::WithdrawStoryRequest request;
  request.set_article_id("a");
  const auto error = [&] { return std::string(WithdrawalFromProto(request).status().message()); };
  EXPECT_EQ(error(), "reason: required, got nothing");
  request.set_reason(static_cast<v1::WithdrawalReason>(3));
  EXPECT_EQ(error(), "reason: unknown, got 3, limit 1 to 2");
  request.set_reason(v1::WITHDRAWAL_REASON_CORRECTED);
  request.set_note(std::string(1025, 'x'));
  EXPECT_EQ(error(), "note: too long, got 1025 bytes, limit 1024 bytes");
  request.set_note(std::string(1024, 'x'));
  request.set_replacement_id(std::string(513, 'x'));
  EXPECT_EQ(error(), "replacement_id: too long, got 513 bytes, limit 512 bytes");
  request.set_replacement_id("b");
  const auto withdrawal = WithdrawalFromProto(request);
  ASSERT_TRUE(withdrawal.ok()) << withdrawal.status();
  EXPECT_EQ(withdrawal->article_id, "a");
  EXPECT_EQ(withdrawal->reason, WithdrawalReason::kCorrected);
  EXPECT_EQ(withdrawal->note.size(), 1024u);
  EXPECT_EQ(withdrawal->replacement_id, "b");
  request.set_reason(v1::WITHDRAWAL_REASON_KILLED);
  request.set_group_id("g1");
  EXPECT_EQ(WithdrawalFromProto(request)->reason, WithdrawalReason::kKilled);
  EXPECT_EQ(WithdrawalFromProto(request)->article_id, "");
}

TEST(SplitFromProtoTest, WantsAGroupAndAThousandArticlesAtMost) {
  v1::SplitGroupRequest request;
  const auto error = [&] { return std::string(SplitFromProto(request).status().message()); };
  EXPECT_EQ(error(), "group_id: required, got nothing");
  request.set_group_id("17");
  EXPECT_EQ(error(), "group_id: no such group, got \"17\"");
  request.set_group_id("g17");
  EXPECT_EQ(error(), "article_ids: required, got nothing");
  request.add_article_ids("");
  EXPECT_EQ(error(), "article_ids: required, got nothing");
  request.set_article_ids(0, std::string(513, 'x'));
  EXPECT_EQ(error(), "article_ids: too long, got 513 bytes, limit 512 bytes");
  request.set_article_ids(0, "a0");
  request.set_request_id(std::string(129, 'x'));
  EXPECT_EQ(error(), "request_id: too long, got 129 bytes, limit 128 bytes");
  request.set_request_id("r");
  for (int i = 1; i < 1000; ++i) request.add_article_ids(absl::StrCat("a", i));
  const auto split = SplitFromProto(request);
  ASSERT_TRUE(split.ok()) << split.status();
  EXPECT_EQ(split->group, 17u);
  EXPECT_EQ(split->ids.size(), 1000u);
  EXPECT_EQ(split->request_id, "r");
  request.add_article_ids("one more");
  EXPECT_EQ(error(), "article_ids: too many, got 1001, limit 1 to 1000");
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
