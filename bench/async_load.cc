#include "bench/async_load.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>
#include <utility>

#include "bench/grpc_load.h"
#include "bench/stats.h"

namespace newsprint::bench {
namespace {

using Clock = std::chrono::steady_clock;
using grpc::ByteBuffer;

Clock::duration Duration(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

class Load {
 public:
  Load(const ServerProcess& server, const char* method, RequestQueue* requests,
       const AsyncOptions& options)
      : server_(server), method_(method), requests_(*requests), options_(options) {
    for (int i = 0; i < options.connections; ++i) {
      stubs_.push_back(std::make_unique<grpc::GenericStub>(Connect(server.address())));
    }
  }

  AsyncLoad Run() {
    measure_from_ = Clock::now() + Duration(options_.warm_up_seconds);
    end_ = measure_from_ + Duration(options_.seconds);
    double cpu_seconds = 0;
    std::thread meter([&] {
      std::this_thread::sleep_until(measure_from_);
      const double before = server_.cpu_seconds();
      std::this_thread::sleep_until(end_);
      cpu_seconds = server_.cpu_seconds() - before;
    });
    if (options_.per_second > 0) {
      BeginAtRate();
    } else {
      for (int i = 0; i < options_.in_flight; ++i) Begin();
    }
    meter.join();
    std::unique_lock<std::mutex> lock(mutex_);
    all_done_.wait(lock, [this] { return on_their_way_ == 0; });
    load_.seconds = options_.seconds;
    load_.server_cpu_seconds = cpu_seconds;
    if (!served_us_.empty()) {
      load_.served_p50_us = Median(served_us_);
      load_.served_p99_us = Percentile(served_us_, 0.99);
    }
    if (!refused_us_.empty()) {
      load_.refused_p50_us = Median(refused_us_);
      load_.refused_p99_us = Percentile(refused_us_, 0.99);
    }
    return load_;
  }

 private:
  struct Call {
    grpc::ClientContext context;
    ByteBuffer request;
    ByteBuffer response;
    Clock::time_point begun;
  };

  // Those that are due begin once a millisecond.
  void BeginAtRate() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      ++on_their_way_;  // this loop
    }
    const Clock::time_point begin = Clock::now();
    for (int64_t begun = 0; Clock::now() < end_;) {
      const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
      for (const double due = seconds * options_.per_second;
           static_cast<double>(begun) < due && Clock::now() < end_; ++begun) {
        if (on_their_way_ < kOnTheirWayMax) Begin();
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    if (--on_their_way_ == 0) all_done_.notify_all();
  }

  void Begin() {
    auto* call = new Call;
    call->request = requests_.Take();
    call->begun = Clock::now();
    call->context.set_deadline(
        std::chrono::system_clock::now() +
        std::chrono::microseconds(static_cast<int64_t>(options_.deadline_seconds * 1e6)));
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      ++on_their_way_;
      if (call->begun >= measure_from_) ++load_.begun;
    }
    grpc::GenericStub& stub = *stubs_[next_stub_.fetch_add(1) % stubs_.size()];
    stub.UnaryCall(&call->context, method_, {}, &call->request, &call->response,
                   [this, call](const grpc::Status& status) { Done(call, status); });
  }

  void Done(Call* done, const grpc::Status& status) {
    const std::unique_ptr<Call> call(done);
    const Clock::time_point now = Clock::now();
    if (!status.ok()) requests_.GiveBack(call->request);
    if (options_.per_second <= 0 && now < end_) Begin();
    const std::lock_guard<std::mutex> lock(mutex_);
    if (now >= measure_from_ && now < end_) {
      Count(status, std::chrono::duration<double, std::micro>(now - call->begun).count());
    }
    if (--on_their_way_ == 0) all_done_.notify_all();
  }

  // With mutex_ held.
  void Count(const grpc::Status& status, double us) {
    switch (status.error_code()) {
      case grpc::OK:
        ++load_.served;
        served_us_.push_back(us);
        break;
      case grpc::RESOURCE_EXHAUSTED:
        ++load_.refused;
        refused_us_.push_back(us);
        break;
      case grpc::DEADLINE_EXCEEDED:
        ++load_.late;
        break;
      default:
        ++load_.failed;
    }
  }

  const ServerProcess& server_;
  const std::string method_;
  RequestQueue& requests_;
  const AsyncOptions options_;
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs_;
  std::atomic<size_t> next_stub_{0};
  std::atomic<int> on_their_way_{0};  // changed with mutex_ held
  Clock::time_point measure_from_, end_;

  std::mutex mutex_;
  std::condition_variable all_done_;
  AsyncLoad load_;
  std::vector<double> served_us_, refused_us_;
};

}  // namespace

RequestQueue::RequestQueue(std::vector<ByteBuffer> requests, bool once)
    : once_(once),
      requests_(std::make_move_iterator(requests.begin()),
                std::make_move_iterator(requests.end())) {}

ByteBuffer RequestQueue::Take() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (requests_.empty()) {
    std::fprintf(stderr, "no requests are left: give more\n");
    std::exit(1);
  }
  ByteBuffer request = std::move(requests_.front());
  requests_.pop_front();
  if (!once_) requests_.push_back(request);
  return request;
}

void RequestQueue::GiveBack(ByteBuffer request) {
  if (!once_) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  requests_.push_back(std::move(request));
}

AsyncLoad RunAsync(const ServerProcess& server, const char* method, RequestQueue* requests,
                   const AsyncOptions& options) {
  return Load(server, method, requests, options).Run();
}

}  // namespace newsprint::bench
