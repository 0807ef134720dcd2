#include "service/engine/collection.h"

#include "absl/strings/str_cat.h"
#include "service/engine/engine.h"
#include "tests/testing/articles.h"

namespace newsprint {
namespace {

using ::newsprint::testing::AtLeast;
using ::newsprint::testing::Ingest;
using ::newsprint::testing::Named;
using ::newsprint::testing::OpenEngine;
using ::newsprint::testing::StoryArticle;
using ::newsprint::testing::StoryText;
using ::newsprint::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class CollectionTest : public ::testing::Test {
 protected:
  Collection& collection() { return *collection_; }

  void Reopen() {
    collection_.reset();
    engine_.reset();
    engine_ = OpenEngine(dir_.path());
    collection_ = *engine_->Find(kDefaultCollection);
  }

  Verdict MustIngest(Article article, std::string request_id = "") {
    const auto verdict = Ingest(collection(), std::move(article), std::move(request_id));
    EXPECT_TRUE(verdict.ok()) << verdict.status();
    return verdict.value_or(Verdict());
  }

  std::vector<std::string> Members(GroupNumber group) {
    std::vector<std::string> ids;
    const auto page = collection().GetGroup(group, 0, 1000);
    EXPECT_TRUE(page.ok()) << page.status();
    if (page.ok()) {
      for (const GroupMember& member : page->members.items) ids.push_back(member.article.id);
    }
    return ids;
  }

  TempDir dir_;
  std::unique_ptr<Engine> engine_ = OpenEngine(dir_.path());
  std::shared_ptr<Collection> collection_ = *engine_->Find(kDefaultCollection);
};

TEST_F(CollectionTest, FirstIsNewAndItsCopiesJoinIt) {
  const Verdict first = MustIngest(StoryArticle("a", 1));
  EXPECT_EQ(first.relation, Relation::kNew);
  EXPECT_EQ(first.canonical_id, "a");
  EXPECT_THAT(first.matches, IsEmpty());

  const Verdict exact = MustIngest(StoryArticle("b", 1));
  EXPECT_EQ(exact.relation, Relation::kExact);
  EXPECT_EQ(exact.canonical_id, "a");
  EXPECT_EQ(exact.group, first.group);

  Article headline = StoryArticle("c", 1);
  headline.title = "Another headline";
  EXPECT_EQ(MustIngest(headline).relation, Relation::kNearDuplicate);

  Article half = StoryArticle("d", 1);
  half.body = half.body.substr(0, half.body.size() / 2);
  const Verdict excerpt = MustIngest(half);
  EXPECT_EQ(excerpt.relation, Relation::kExcerpt);
  ASSERT_FALSE(excerpt.matches.empty());
  EXPECT_GT(excerpt.matches[0].evidence.containment, 0.97);
  EXPECT_NEAR(excerpt.matches[0].evidence.reverse_containment, 0.5, 0.05);

  Article longer = StoryArticle("e", 1);
  longer.body += StoryText(99, 200);
  EXPECT_EQ(MustIngest(longer).relation, Relation::kExtension);

  EXPECT_EQ(MustIngest(StoryArticle("f", 2)).group, first.group + 1);
  EXPECT_THAT(Members(first.group), ElementsAre("a", "b", "c", "d", "e"));
}

TEST_F(CollectionTest, TheSameAgainChangesNothing) {
  MustIngest(StoryArticle("other", 5));
  Article copy = StoryArticle("a", 5);
  copy.title = "Another headline";
  const Verdict first = MustIngest(copy);
  const int64_t sequence = collection().Stats().sequence;
  const Verdict again = MustIngest(copy);
  EXPECT_TRUE(again.replayed);
  EXPECT_EQ(again.relation, first.relation);
  EXPECT_EQ(again.canonical_id, "other");
  ASSERT_EQ(again.matches.size(), first.matches.size());
  EXPECT_EQ(again.matches[0].evidence.jaccard, first.matches[0].evidence.jaccard);
  EXPECT_EQ(collection().Stats().sequence, sequence);
}

TEST_F(CollectionTest, NewMetadataIsKeptAndIsNoRevision) {
  Article article = StoryArticle("a", 5);
  article.attributes = {{"desk", "metro"}};
  MustIngest(article);
  article.url = "https://example.org/a";
  article.attributes = {{"desk", "state"}};
  const Verdict again = MustIngest(article);
  EXPECT_TRUE(again.replayed);
  const StoredArticle stored = *collection().Get("a", false);
  EXPECT_EQ(stored.article.url, "https://example.org/a");
  EXPECT_EQ(stored.article.attributes.at("desk"), "state");
  EXPECT_EQ(stored.state.revision_number, 1);
}

TEST_F(CollectionTest, NewTextIsARevision) {
  const Verdict first = MustIngest(StoryArticle("a", 5));
  Article revised = StoryArticle("a", 5);
  revised.body += StoryText(6, 40);
  const Verdict revision = MustIngest(revised);
  EXPECT_EQ(revision.relation, Relation::kRevision);
  EXPECT_EQ(revision.group, first.group);
  EXPECT_EQ(revision.canonical_id, "a");
  ASSERT_FALSE(revision.matches.empty());
  EXPECT_EQ(revision.matches[0].article.id, "a");
  EXPECT_GT(revision.matches[0].evidence.reverse_containment, 0.95);
  EXPECT_EQ(collection().Get("a", false)->article.body, revised.body);
  EXPECT_EQ(collection().Get("a", false)->state.revision_number, 2);
  EXPECT_EQ(collection().Stats().articles, 1);
  // The new text is what later articles are compared with.
  Article copy = revised;
  copy.id = "b";
  EXPECT_EQ(MustIngest(copy).relation, Relation::kExact);
}

TEST_F(CollectionTest, ARevisedPlaceholderJoinsTheStoryItBecame) {
  const Verdict story = MustIngest(StoryArticle("wire", 7));
  Article placeholder = StoryArticle("b", 8, 60);
  const Verdict before = MustIngest(placeholder);
  EXPECT_NE(before.group, story.group);
  Article filled = StoryArticle("b", 7);
  filled.title = "Filled in";
  const Verdict after = MustIngest(filled);
  EXPECT_EQ(after.relation, Relation::kRevision);
  EXPECT_EQ(after.group, story.group);
  EXPECT_EQ(after.canonical_id, "wire");
  EXPECT_THAT(Members(story.group), ElementsAre("wire", "b"));
  EXPECT_FALSE(collection().GetGroup(before.group, 0, 10).ok());
  EXPECT_EQ(collection().Stats().groups, 1);
}

TEST_F(CollectionTest, ARevisionIntoAnotherStoryLeavesTheGroup) {
  const Verdict first = MustIngest(StoryArticle("a", 7));
  MustIngest(StoryArticle("b", 7));
  MustIngest(StoryArticle("c", 7));
  const Verdict other =
      MustIngest(StoryArticle("a", 9));  // the canonical turns into something else
  EXPECT_EQ(other.relation, Relation::kRevision);
  EXPECT_NE(other.group, first.group);
  EXPECT_THAT(Members(first.group), ElementsAre("b", "c"));
  EXPECT_EQ(collection().Get("c", true)->state.canonical_id, "b");
  EXPECT_EQ(MustIngest(StoryArticle("d", 7)).canonical_id, "b");
  EXPECT_EQ(MustIngest(StoryArticle("e", 9)).canonical_id, "a");
}

TEST_F(CollectionTest, TheReferenceOfAWithdrawnStoryMayBecomeAnotherStory) {
  const Verdict first = MustIngest(StoryArticle("a", 7));
  MustIngest(StoryArticle("b", 7));
  Withdrawal withdrawal;
  withdrawal.note = "Not for use.";
  ASSERT_TRUE(collection().Withdraw(first.group, withdrawal).ok());
  const Verdict other = MustIngest(StoryArticle("a", 9));
  EXPECT_EQ(other.relation, Relation::kRevision);
  EXPECT_NE(other.group, first.group);
  EXPECT_FALSE(other.withdrawal.has_value());
  EXPECT_THAT(Members(first.group), ElementsAre("b"));
  // Copies of what it was are still told.
  Article copy = StoryArticle("c", 7);
  copy.title = "Another headline";
  const Verdict late = MustIngest(copy);
  EXPECT_EQ(late.group, first.group);
  ASSERT_TRUE(late.withdrawal.has_value());
  EXPECT_EQ(late.withdrawal->note, "Not for use.");
  EXPECT_FALSE(MustIngest(StoryArticle("d", 9)).withdrawal.has_value());
}

TEST_F(CollectionTest, DeletingTheCanonicalMakesTheEarliestCopyCanonical) {
  const Verdict first = MustIngest(StoryArticle("a", 7));
  MustIngest(StoryArticle("b", 7));
  MustIngest(StoryArticle("c", 7));
  const Deleted deleted = *collection().Delete("a", "");
  EXPECT_EQ(deleted.group, first.group);
  EXPECT_EQ(deleted.canonical_id, "b");
  EXPECT_EQ(collection().Delete("a", "").status().code(), absl::StatusCode::kNotFound);
  const Verdict next = MustIngest(StoryArticle("d", 7));
  EXPECT_EQ(next.group, first.group);
  EXPECT_EQ(next.canonical_id, "b");
  EXPECT_EQ(next.relation, Relation::kExact);
  for (const char* id : {"b", "c", "d"}) ASSERT_TRUE(collection().Delete(id, "").ok());
  EXPECT_EQ(collection().Stats().articles, 0);
  EXPECT_EQ(collection().Stats().groups, 0);
  // The number of an ended group is not used again, and the text is new again.
  const Verdict afresh = MustIngest(StoryArticle("e", 7));
  EXPECT_EQ(afresh.relation, Relation::kNew);
  EXPECT_GT(afresh.group, first.group);
}

TEST_F(CollectionTest, RequestIdsGiveTheFirstAnswerAgain) {
  MustIngest(StoryArticle("a", 1), "r1");
  MustIngest(StoryArticle("a", 2), "r2");  // a revision
  const Verdict retried = MustIngest(StoryArticle("a", 1), "r1");
  EXPECT_TRUE(retried.replayed);
  EXPECT_EQ(retried.relation, Relation::kNew);
  EXPECT_EQ(collection().Get("a", false)->article.body, StoryText(2, 300));

  const absl::Status misused = Ingest(collection(), StoryArticle("b", 1), "r1").status();
  EXPECT_EQ(misused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(misused.message()), HasSubstr("request_id: already used"));

  EXPECT_TRUE(collection().Delete("a", "r3").ok());
  EXPECT_TRUE(collection().Delete("a", "r3").ok());
  EXPECT_EQ(collection().Delete("a", "r4").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(collection().Delete("a", "r1").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(CollectionTest, ShortTextsMatchOnlyExactly) {
  Article brief = StoryArticle("a", 1, 15);
  const Verdict first = MustIngest(brief);
  EXPECT_TRUE(first.short_text);
  brief.id = "b";
  EXPECT_EQ(MustIngest(brief).relation, Relation::kExact);
  brief.id = "c";
  brief.body += " more";
  const Verdict changed = MustIngest(brief);
  EXPECT_FALSE(IsDuplicate(changed.relation));
  brief.id = "d";
  brief.title = "Another title, same short body";
  EXPECT_FALSE(IsDuplicate(MustIngest(brief).relation));
}

TEST_F(CollectionTest, TextsWithoutWordsDoNotCollapse) {
  Article dots;
  dots.id = "a";
  dots.body = "...";
  MustIngest(dots);
  Article stars;
  stars.id = "b";
  stars.body = "***";
  EXPECT_EQ(MustIngest(stars).relation, Relation::kNew);
  dots.id = "c";
  EXPECT_EQ(MustIngest(dots).relation, Relation::kExact);
  EXPECT_THAT(*collection().FindRelated(ArticleQuery("a"), {}), IsEmpty());
}

TEST_F(CollectionTest, FindDuplicatesStoresNothingAndListsTheGroupOfAStoredOne) {
  const Verdict first = MustIngest(StoryArticle("a", 1));
  MustIngest(StoryArticle("b", 1));
  const Verdict of_text = *collection().FindDuplicates(StoryArticle("", 1), 10);
  EXPECT_EQ(of_text.relation, Relation::kExact);
  EXPECT_EQ(of_text.group, first.group);
  EXPECT_EQ(collection().Stats().articles, 2);

  const Verdict of_canonical = *collection().FindDuplicates("a", 10);
  ASSERT_EQ(of_canonical.matches.size(), 1u);
  EXPECT_EQ(of_canonical.matches[0].article.id, "b");
  const Verdict of_copy = *collection().FindDuplicates("b", 10);
  ASSERT_EQ(of_copy.matches.size(), 1u);
  EXPECT_EQ(of_copy.matches[0].article.id, "a");
  EXPECT_EQ(collection().FindDuplicates("nobody", 10).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(CollectionTest, FindRelatedGivesOneOfEachGroupUnlessAsked) {
  Article a = StoryArticle("a", 1);
  MustIngest(a);
  Article copy = StoryArticle("a2", 1);
  copy.title = "Other headline";
  MustIngest(copy);
  Article b = StoryArticle("b", 2, 200);
  b.body = StoryText(1, 60) + b.body;  // shares words with the first, but not most of its text
  MustIngest(b);
  Article b_copy = b;
  b_copy.id = "b2";
  MustIngest(b_copy);

  RelatedOptions all;
  const auto related = *collection().FindRelated(ArticleQuery("a"), all);
  ASSERT_EQ(related.size(), 1u);
  EXPECT_EQ(related[0].article.id, "b");
  EXPECT_FALSE(related[0].same_group);
  all.include_duplicates = true;
  std::vector<std::string> ids;
  const auto with_copies = *collection().FindRelated(ArticleQuery("a"), all);
  for (const RelatedArticle& article : with_copies) {
    ids.push_back(article.article.id);
    EXPECT_EQ(article.same_group, article.article.id == "a2");
  }
  EXPECT_THAT(ids, UnorderedElementsAre("a2", "b", "b2"));
  all.results_max = 1;
  EXPECT_EQ(collection().FindRelated(ArticleQuery("a"), all)->size(), 1u);
}

TEST_F(CollectionTest, CallersMayBringVectors) {
  NewCollection wanted = Named("vectors");
  wanted.embedder = kCallerEmbedder;
  collection_ = *engine_->Create(wanted);
  EXPECT_EQ(collection().Info().embedding.dimension, 256);
  Article article = StoryArticle("a", 1);
  article.embedding.assign(256, 0);
  article.embedding[0] = 5;
  MustIngest(article);
  std::vector<float> query(256);
  query[0] = 1;
  const auto related = *collection().FindRelated(query, {});
  ASSERT_EQ(related.size(), 1u);
  EXPECT_GT(related[0].score, 0.9);

  article.id = "b";
  article.embedding.resize(3);
  absl::Status status = Ingest(collection(), article).status();
  EXPECT_EQ(status.message(), "article.embedding: wrong dimension, got 3 values, expected 256");
  article.embedding.assign(256, std::nanf(""));
  status = Ingest(collection(), article).status();
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("article.embedding[0]: not a finite number"));
  article.embedding.assign(256, 0);
  status = Ingest(collection(), article).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("all 256 values are zero"));
}

TEST_F(CollectionTest, OnlyACollectionOfCallersVectorsTakesThem) {
  Article article = StoryArticle("a", 1);
  article.embedding.assign(256, 1);
  const absl::Status status = Ingest(collection(), article).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(),
            "article.embedding: only in collections whose embedder is \"caller\", got 256 values, "
            "and the collection's embedder is \"builtin\"");
  EXPECT_EQ(collection().FindRelated(ArticleQuery(article), {}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(collection().Stats().articles, 0);
}

TEST_F(CollectionTest, ACollectionOfCallersVectorsWantsThem) {
  NewCollection wanted = Named("vectors");
  wanted.embedder = kCallerEmbedder;
  wanted.dimension = 16;
  const auto vectors = *engine_->Create(wanted);
  EXPECT_EQ(vectors->Info().embedding.embedder, "caller");
  EXPECT_EQ(vectors->Info().embedding.identity, "caller");
  EXPECT_EQ(vectors->Info().embedding.dimension, 16);
  const absl::Status status = Ingest(*vectors, StoryArticle("a", 1)).status();
  EXPECT_EQ(status.message(), "article.embedding: wrong dimension, got 0 values, expected 16");
}

TEST_F(CollectionTest, ACollectionWithoutTextRecognisesAllTheSame) {
  NewCollection wanted = Named("licensed");
  wanted.settings.omit_text = true;
  auto licensed = *engine_->Create(wanted);
  ASSERT_TRUE(Ingest(*licensed, StoryArticle("a", 1)).ok());
  licensed.reset();
  Reopen();
  licensed = *engine_->Find("licensed");
  EXPECT_EQ(Ingest(*licensed, StoryArticle("b", 1))->relation, Relation::kExact);
  const StoredArticle stored = *licensed->Get("a", false);
  EXPECT_EQ(stored.article.title, "");
  EXPECT_EQ(stored.article.body, "");
}

TEST_F(CollectionTest, CompareExplains) {
  MustIngest(StoryArticle("a", 1));
  Article half = StoryArticle("", 1);
  half.body = half.body.substr(0, half.body.size() / 2);
  const Comparison comparison = *collection().Compare(half, "a");
  EXPECT_EQ(comparison.relation, Relation::kExcerpt);
  EXPECT_THAT(comparison.explanation, HasSubstr("excerpt_length_ratio"));
  EXPECT_EQ(collection().Compare("a", half)->relation, Relation::kExtension);
  EXPECT_EQ(collection().Compare("a", "a")->relation, Relation::kExact);
}

TEST_F(CollectionTest, GroupsComeInPages) {
  for (int i = 0; i < 7; ++i) {
    MustIngest(StoryArticle(absl::StrCat("s", i), 100 + i));
    if (i % 2 == 0) MustIngest(StoryArticle(absl::StrCat("s", i, "copy"), 100 + i));
  }
  const auto first = *collection().ListGroups(0, 3, AtLeast(2));
  ASSERT_EQ(first.items.size(), 3u);
  ASSERT_TRUE(first.next.has_value());
  const auto second = *collection().ListGroups(*first.next, 3, AtLeast(2));
  ASSERT_EQ(second.items.size(), 1u);
  EXPECT_FALSE(second.next.has_value());
  EXPECT_EQ(second.items[0].canonical_id, "s6");
  EXPECT_EQ(second.items[0].members, 2);
  EXPECT_EQ(collection().ListGroups(0, 100, AtLeast(1))->items.size(), 7u);

  const auto members = *collection().GetGroup(first.items[0].group, 0, 1);
  ASSERT_TRUE(members.members.next.has_value());
  const auto rest = *collection().GetGroup(first.items[0].group, *members.members.next, 1);
  EXPECT_EQ(rest.members.items[0].article.id, "s0copy");
  EXPECT_FALSE(rest.members.next.has_value());
  EXPECT_TRUE(rest.members.items[0].evidence.has_value());
}

TEST_F(CollectionTest, AReplayNamesThePresentCanonical) {
  MustIngest(StoryArticle("a", 1));
  MustIngest(StoryArticle("b", 1));
  ASSERT_TRUE(collection().Delete("a", "").ok());
  const Verdict again = MustIngest(StoryArticle("b", 1));
  EXPECT_TRUE(again.replayed);
  EXPECT_EQ(again.canonical_id, "b");
}

TEST_F(CollectionTest, FindDuplicatesByIdRanksTheWholeGroup) {
  MustIngest(StoryArticle("a", 1));
  for (int i = 0; i < 12; ++i) {
    Article changed = StoryArticle(absl::StrCat("copy", i), 1);
    changed.body += StoryText(1000 + i, 60);
    MustIngest(changed);
  }
  Article twin = StoryArticle("twin", 1);
  twin.body += StoryText(1011, 60) + " indeed";
  MustIngest(twin);
  const Verdict nearest = *collection().FindDuplicates("twin", 1);
  ASSERT_EQ(nearest.matches.size(), 1u);
  EXPECT_EQ(nearest.matches[0].article.id, "copy11");
}

TEST_F(CollectionTest, FindDuplicatesByIdLooksBeyondTheGroup) {
  const auto report = [](const std::string& id, int first_value) {
    Article article = StoryArticle(id, 1);
    for (int i = 0; i < 6; ++i) absl::StrAppend(&article.body, "Value ", first_value + i, ". ");
    return article;
  };
  MustIngest(report("first", 1000));
  EXPECT_EQ(MustIngest(report("second", 2000)).relation, Relation::kTemplate);
  const Verdict found = *collection().FindDuplicates("second", 10);
  EXPECT_EQ(found.relation, Relation::kTemplate);
  ASSERT_EQ(found.matches.size(), 1u);
  EXPECT_EQ(found.matches[0].article.id, "first");
  // And what an editor has moved apart is still a copy.
  Article copy = report("copy", 1000);
  copy.title = "Another headline";
  const Verdict joined = MustIngest(copy);
  SplitRequest split;
  split.group = joined.group;
  split.ids = {"copy"};
  ASSERT_TRUE(collection().SplitGroup(split).ok());
  const Verdict apart = *collection().FindDuplicates("copy", 10);
  EXPECT_EQ(apart.relation, Relation::kNearDuplicate);
  EXPECT_EQ(apart.matches[0].article.id, "first");
}

TEST_F(CollectionTest, DroppedCollectionsAreGoneForGood) {
  const NewCollection wanted = Named("short-lived");
  auto collection = *engine_->Create(wanted);
  EXPECT_EQ(engine_->Create(wanted).status().code(), absl::StatusCode::kAlreadyExists);
  ASSERT_TRUE(Ingest(*collection, StoryArticle("a", 1)).ok());
  ASSERT_TRUE(engine_->Drop("short-lived").ok());
  EXPECT_EQ(Ingest(*collection, StoryArticle("b", 2)).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(engine_->Drop("short-lived").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(engine_->Drop("default").code(), absl::StatusCode::kFailedPrecondition);
  collection = *engine_->Create(wanted);
  EXPECT_EQ(Ingest(*collection, StoryArticle("b", 1))->relation, Relation::kNew);
}

TEST_F(CollectionTest, AnswersTheSameAfterOpeningAgain) {
  for (int i = 0; i < 40; ++i) MustIngest(StoryArticle(absl::StrCat("s", i), i % 25));
  MustIngest(StoryArticle("s3", 77));
  ASSERT_TRUE(collection().Delete("s4", "").ok());
  RelatedOptions all;
  const auto related = *collection().FindRelated(ArticleQuery("s1"), all);
  const auto verdict = *collection().FindDuplicates("s29", 10);
  const CollectionStats stats = collection().Stats();
  Reopen();
  const auto related_after = *collection().FindRelated(ArticleQuery("s1"), all);
  ASSERT_EQ(related.size(), related_after.size());
  for (size_t i = 0; i < related.size(); ++i) {
    EXPECT_EQ(related[i].article.id, related_after[i].article.id);
    EXPECT_EQ(related[i].score, related_after[i].score);
  }
  EXPECT_EQ(collection().FindDuplicates("s29", 10)->canonical_id, verdict.canonical_id);
  EXPECT_EQ(collection().Stats().articles, stats.articles);
  EXPECT_EQ(collection().Stats().groups, stats.groups);
  EXPECT_EQ(collection().Stats().relations, stats.relations);
  EXPECT_EQ(MustIngest(StoryArticle("late", 77)).canonical_id, "s3");
}

}  // namespace
}  // namespace newsprint
