#include "service/metrics/families.h"

#include <grpcpp/grpcpp.h>

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "newsprint/v1/admin_service.grpc.pb.h"
#include "newsprint/v1/article_service.grpc.pb.h"
#include "newsprint/v1/cluster_service.grpc.pb.h"
#include "tests/testing/articles.h"

namespace newsprint::metrics {
namespace {

using ::newsprint::testing::OpenEngine;
using ::newsprint::testing::StoryText;
using ::newsprint::testing::TempDir;
using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

constexpr char kTraceparent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

class FamiliesTest : public ::testing::Test {
 protected:
  FamiliesTest() {
    rpc::ServerOptions options;
    options.listen = "127.0.0.1:0";
    server_ = *rpc::Server::Start(engine_.get(), options);
    channel_ = grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials());
    stub_ = v1::ArticleService::NewStub(channel_);
  }

  void Serve() {
    server_->SetReady();
    state_.set_loaded();
    state_.set_phase(ServerState::Phase::kServing);
  }

  // The values of a family by their labels, "a=1,b=2"; of histograms their counts.
  std::map<std::string, double> Values(const std::string& name) {
    std::map<std::string, double> values;
    for (const MetricFamily& family :
         CollectFamilies("1.2.3", state_, engine_.get(), server_.get(), &told_)) {
      if (family.name != name) continue;
      for (const ClientMetric& metric : family.metric) {
        std::string labels;
        for (const ClientMetric::Label& label : metric.label) {
          absl::StrAppend(&labels, labels.empty() ? "" : ",", label.name, "=", label.value);
        }
        EXPECT_EQ(values.count(labels), 0U) << name << " " << labels;
        values[labels] = family.type == MetricType::Counter ? metric.counter.value
                         : family.type == MetricType::Histogram
                             ? static_cast<double>(metric.histogram.sample_count)
                             : metric.gauge.value;
      }
    }
    return values;
  }

  static v1::IngestArticleRequest MakeRequest(const std::string& id, uint64_t story) {
    v1::IngestArticleRequest request;
    request.mutable_article()->set_id(id);
    request.mutable_article()->set_body(StoryText(story, 150));
    return request;
  }

  TempDir dir_;
  std::unique_ptr<Engine> engine_ = OpenEngine(dir_.path());
  ServerState state_;
  ToldCollections told_;
  std::unique_ptr<rpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::ArticleService::Stub> stub_;
};

TEST_F(FamiliesTest, CallsCountByMethodAndCode) {
  v1::IngestArticleResponse response;
  grpc::ClientContext early;
  EXPECT_EQ(stub_->IngestArticle(&early, MakeRequest("a", 1), &response).error_code(),
            grpc::UNAVAILABLE);
  Serve();
  std::map<std::string, double> verdicts = Values("newsprint_verdicts_total");
  for (const char* id : {"a", "b", "b", ""}) {
    grpc::ClientContext context;
    context.AddMetadata("traceparent", kTraceparent);
    EXPECT_EQ(stub_->IngestArticle(&context, MakeRequest(id, 1), &response).ok(), *id != '\0');
  }
  auto requests = Values("newsprint_requests_total");
  EXPECT_EQ(requests["method=IngestArticle,code=OK"], 3);
  EXPECT_EQ(requests["method=IngestArticle,code=INVALID_ARGUMENT"], 1);
  EXPECT_EQ(requests["method=IngestArticle,code=UNAVAILABLE"], 1);
  // What alerts read is there before it has happened, and what cannot happen is not.
  for (const char* code : {"OK", "INTERNAL", "UNAVAILABLE"}) {
    EXPECT_EQ(requests.count(absl::StrCat("method=GetArticle,code=", code)), 1U) << code;
    EXPECT_EQ(requests.count(absl::StrCat("method=StreamIngest,code=", code)), 1U) << code;
    EXPECT_EQ(requests.count(absl::StrCat("method=WatchGroups,code=", code)), 0U) << code;
    EXPECT_EQ(requests.count(absl::StrCat("method=ReadSnapshot,code=", code)), 0U) << code;
  }
  EXPECT_EQ(requests.count("method=GetArticle,code=NOT_FOUND"), 0U);
  // The first was not let in, which says nothing of how fast the server is.
  EXPECT_EQ(Values("newsprint_request_seconds"),
            (std::map<std::string, double>{{"method=IngestArticle", 4}}));
  EXPECT_GT(Values("newsprint_request_bytes_total")["method=IngestArticle"], 5 * 150);
  // The third is an answer that was given before.
  auto after = Values("newsprint_verdicts_total");
  EXPECT_EQ(after["relation=new"] - verdicts["relation=new"], 1);
  EXPECT_EQ(after["relation=exact"] - verdicts["relation=exact"], 1);
}

TEST_F(FamiliesTest, StreamsAndBatchesCountEachItem) {
  Serve();
  auto steps = Values("newsprint_step_seconds");
  grpc::ClientContext context;
  const auto stream = stub_->StreamIngest(&context);
  for (int i = 1; i <= 3; ++i) {
    v1::StreamIngestRequest request;
    request.set_sequence(i);
    *request.mutable_request() = MakeRequest(i == 2 ? "" : absl::StrCat("s", i), i);
    ASSERT_TRUE(stream->Write(request));
  }
  stream->WritesDone();
  v1::StreamIngestResponse answer;
  while (stream->Read(&answer)) {
  }
  ASSERT_TRUE(stream->Finish().ok());
  auto requests = Values("newsprint_requests_total");
  EXPECT_EQ(requests["method=StreamIngest,code=OK"], 2);
  EXPECT_EQ(requests["method=StreamIngest,code=INVALID_ARGUMENT"], 1);
  EXPECT_EQ(Values("newsprint_streams_ended_total"),
            (std::map<std::string, double>{{"method=ReadSnapshot,code=INTERNAL", 0},
                                           {"method=ReadSnapshot,code=OK", 0},
                                           {"method=ReadSnapshot,code=UNAVAILABLE", 0},
                                           {"method=StreamIngest,code=INTERNAL", 0},
                                           {"method=StreamIngest,code=OK", 1},
                                           {"method=StreamIngest,code=UNAVAILABLE", 0},
                                           {"method=WatchGroups,code=INTERNAL", 0},
                                           {"method=WatchGroups,code=OK", 0},
                                           {"method=WatchGroups,code=UNAVAILABLE", 0}}));
  auto after = Values("newsprint_step_seconds");
  EXPECT_EQ(after["step=turn"] - steps["step=turn"], 3);
  EXPECT_EQ(after["step=commit"] - steps["step=commit"], 3);

  grpc::ClientContext batch_context;
  v1::BatchIngestArticlesRequest batch;
  for (int i = 1; i <= 4; ++i) {
    *batch.add_requests() = MakeRequest(i == 2 ? "" : absl::StrCat("b", i), 10 + i);
  }
  v1::BatchIngestArticlesResponse results;
  ASSERT_TRUE(stub_->BatchIngestArticles(&batch_context, batch, &results).ok());
  EXPECT_EQ(Values("newsprint_batch_items_total"),
            (std::map<std::string, double>{{"code=OK", 3},
                                           {"code=INVALID_ARGUMENT", 1},
                                           {"code=INTERNAL", 0},
                                           {"code=UNAVAILABLE", 0}}));

  grpc::ClientContext watch_context;
  v1::WatchGroupsRequest watch;
  watch.set_collection("none");
  v1::WatchGroupsResponse changes;
  const auto watching = v1::ClusterService::NewStub(channel_)->WatchGroups(&watch_context, watch);
  while (watching->Read(&changes)) {
  }
  EXPECT_EQ(watching->Finish().error_code(), grpc::NOT_FOUND);
  EXPECT_EQ(Values("newsprint_streams_ended_total")["method=WatchGroups,code=NOT_FOUND"], 1);
}

TEST_F(FamiliesTest, TheLargestCollectionsHaveTheirNames) {
  Serve();
  for (size_t i = 0; i < kCollectionsTold + 4; ++i) {
    NewCollection wanted;
    wanted.settings.name = absl::StrCat("c", i);
    wanted.embedder = "builtin";
    ASSERT_TRUE(engine_->Create(std::move(wanted)).ok());
  }
  v1::IngestArticleResponse response;
  for (size_t i = 4; i < kCollectionsTold + 4; ++i) {
    for (int article = 0; article < (i == 4 ? 1 : 2); ++article) {
      grpc::ClientContext context;
      v1::IngestArticleRequest request = MakeRequest(absl::StrCat("a", article), 1);
      request.set_collection(absl::StrCat("c", i));
      ASSERT_TRUE(stub_->IngestArticle(&context, request, &response).ok());
    }
  }
  auto groups = Values("newsprint_groups");
  EXPECT_EQ(groups.size(), kCollectionsTold + 1);
  EXPECT_EQ(groups["collection=c5"], 1);
  EXPECT_EQ(groups.count("collection=c0"), 0U);
  EXPECT_EQ(groups["collection=_other"], 0);
  EXPECT_EQ(Values("newsprint_collections")[""], kCollectionsTold + 5);  // and "default"
  auto articles = Values("newsprint_articles");
  EXPECT_EQ(articles["collection=c5,relation=new"], 1);
  EXPECT_EQ(articles["collection=c5,relation=exact"], 1);

  // One of the rest becomes the largest, and stays there until there is a free place: with every
  // change of place there would be another series.
  for (int article = 0; article < 3; ++article) {
    grpc::ClientContext context;
    v1::IngestArticleRequest request = MakeRequest(absl::StrCat("a", article), article);
    request.set_collection("c0");
    ASSERT_TRUE(stub_->IngestArticle(&context, request, &response).ok());
  }
  groups = Values("newsprint_groups");
  EXPECT_EQ(groups.count("collection=c0"), 0U);
  EXPECT_EQ(groups["collection=_other"], 3);
  ASSERT_TRUE(engine_->Drop("c5").ok());
  groups = Values("newsprint_groups");
  EXPECT_EQ(groups["collection=c0"], 3);
  EXPECT_EQ(groups.count("collection=c5"), 0U);
  EXPECT_EQ(groups["collection=_other"], 0);
}

TEST(ToldCollectionsTest, SizesThatChangeMakeNoMoreNames) {
  constexpr int kCollections = 3 * kCollectionsTold;
  ToldCollections told;
  std::set<std::string> ever;
  for (int scrape = 0; scrape < 50; ++scrape) {
    std::vector<ToldCollections::Sized> sizes;
    for (int i = 0; i < kCollections; ++i) {
      // All the same at first, then each is the largest once.
      sizes.push_back({absl::StrCat("c", i), scrape == 0 ? 7 : (i + 17 * scrape) % kCollections});
    }
    const std::set<std::string>& names = told.Choose(std::move(sizes));
    EXPECT_EQ(names.size(), kCollectionsTold);
    ever.insert(names.begin(), names.end());
  }
  EXPECT_EQ(ever.size(), kCollectionsTold);
  // Of equals those that come first by name.
  EXPECT_EQ(ever.count("c0"), 1U);
  EXPECT_EQ(ever.count("c99"), 0U);
  // Those that are gone leave their places.
  EXPECT_EQ(told.Choose({{"small", 1}, {"c0", 0}, {"large", 2}}),
            (std::set<std::string>{"c0", "large", "small"}));
}

TEST_F(FamiliesTest, AllFamiliesAreThereBeforeThereIsAnythingToTell) {
  const auto names = [](const std::vector<MetricFamily>& families) {
    std::multiset<std::string> all;
    for (const MetricFamily& family : families) {
      all.insert(family.name);
      EXPECT_FALSE(family.help.empty()) << family.name;
    }
    return all;
  };
  const auto opening = names(CollectFamilies("1.2.3", state_, nullptr, nullptr, &told_));
  EXPECT_EQ(Values("newsprint_phase")["phase=opening"], 1);
  EXPECT_EQ(Values("newsprint_phase")["phase=serving"], 0);
  EXPECT_EQ(Values("newsprint_ready")[""], 0);
  EXPECT_TRUE(Values("newsprint_groups").empty());
  Serve();
  EXPECT_EQ(names(CollectFamilies("1.2.3", state_, engine_.get(), server_.get(), &told_)), opening);
  EXPECT_EQ(Values("newsprint_phase")["phase=opening"], 0);
  EXPECT_EQ(Values("newsprint_phase")["phase=serving"], 1);
  EXPECT_EQ(std::set<std::string>(opening.begin(), opening.end()).size(), opening.size());
  EXPECT_EQ(Values("newsprint_ready")[""], 1);
  EXPECT_EQ(Values("newsprint_build_info")["version=1.2.3"], 1);
  EXPECT_EQ(Values("newsprint_store_writable")[""], 1);
  EXPECT_EQ(Values("newsprint_groups")["collection=default"], 0);
}

TEST_F(FamiliesTest, WorkInTheBackgroundTellsOfEachTask) {
  Serve();
  EXPECT_TRUE(Values("newsprint_background_problems").empty());
  engine_->StartBackgroundWork([](const Collection&, absl::string_view, const absl::Status&) {});
  EXPECT_EQ(Values("newsprint_background_problems"),
            (std::map<std::string, double>{{"task=compacting", 0},
                                           {"task=embedding", 0},
                                           {"task=expiring", 0},
                                           {"task=saving_graphs", 0}}));
}

TEST_F(FamiliesTest, ASnapshotWaitsForAThreadAsWell) {
  Serve();
  auto before = Values("newsprint_step_seconds");
  grpc::ClientContext context;
  v1::CreateSnapshotRequest request;
  v1::CreateSnapshotResponse response;
  ASSERT_TRUE(
      v1::AdminService::NewStub(channel_)->CreateSnapshot(&context, request, &response).ok());
  EXPECT_EQ(Values("newsprint_step_seconds")["step=queue"] - before["step=queue"], 1);
}

}  // namespace
}  // namespace newsprint::metrics
