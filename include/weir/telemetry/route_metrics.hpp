// What is counted per route, and per share of a split. Found by name through Metrics, kept by the
// snapshots that name the route; its numbers go on over reloads. Each worker writes its own shard.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "weir/base/grpc_status.hpp"
#include "weir/base/reason.hpp"
#include "weir/http/method.hpp"
#include "weir/telemetry/cells.hpp"
#include "weir/telemetry/sharded.hpp"

namespace weir::telemetry {

// Counts by method and status: a page of a hundred counters per method and status class, made when
// first needed. At most 90 pages of 800 bytes, whatever upstreams answer.
class StatusTable {
 public:
  StatusTable() = default;
  StatusTable(const StatusTable&) = delete;
  StatusTable& operator=(const StatusTable&) = delete;
  ~StatusTable();

  // Counts one answer; a status outside 100..999 counts as 999. The owning thread.
  void count(Method method, int status) {
    const unsigned s = status >= 100 && status <= 999 ? static_cast<unsigned>(status) : 999;
    std::atomic<Page*>& slot = pages_[static_cast<unsigned>(method) * 9 + s / 100 - 1];
    Page* page = slot.load(std::memory_order_relaxed);
    if (page == nullptr) page = &make(slot);
    (*page)[s % 100].add();
  }

  // Calls fn(method, status, count) for each count that is not 0. Any thread.
  template <class Fn>
  void for_each(Fn&& fn) const {
    for (unsigned i = 0; i < pages_.size(); ++i) {
      const Page* page = pages_[i].load(std::memory_order_acquire);
      if (page == nullptr) continue;
      for (unsigned j = 0; j < page->size(); ++j) {
        const std::uint64_t n = (*page)[j].value();
        if (n != 0) fn(static_cast<Method>(i / 9), static_cast<int>((i % 9 + 1) * 100 + j), n);
      }
    }
  }

 private:
  using Page = std::array<Counter, 100>;
  static Page& make(std::atomic<Page*>& slot);

  std::array<std::atomic<Page*>, method_count * 9> pages_{};
};

struct alignas(cache_line) RouteShard {
  // The end of an exchange; status 499 when the client left.
  void count(Method method, int status, Reason reason) {
    requests.count(method, status);
    if (reason != Reason::none) rejected[static_cast<std::size_t>(reason)].add();
  }

  // The end of a call of gRPC.
  void count_grpc(GrpcStatus status) {
    const std::size_t at =
        status == no_grpc_status ? grpc.size() - 1 : static_cast<std::size_t>(status);
    grpc[at].add();
  }

  Histogram duration;  // first byte of the request to the last of the answer; no tunnels
  Histogram head;      // ... to the head of the answer
  Gauge in_flight;
  Gauge tunnels;
  Counter request_bytes;   // content received
  Counter response_bytes;  // content sent
  StatusTable requests;
  std::array<Counter, reason_count> rejected;
  std::array<Counter, grpc_code_count + 2> grpc;  // calls by status; then another one; none
};

class RouteMetrics : public Sharded<RouteShard> {
 public:
  RouteMetrics(std::string route, unsigned slots) : Sharded(slots), route_(std::move(route)) {}
  const std::string& route() const noexcept { return route_; }

 private:
  std::string route_;
};

struct alignas(cache_line) SplitShard {
  Counter requests;
};

class SplitMetrics : public Sharded<SplitShard> {
 public:
  SplitMetrics(std::string route, std::string upstream, unsigned slots)
      : Sharded(slots), route_(std::move(route)), upstream_(std::move(upstream)) {}
  const std::string& route() const noexcept { return route_; }
  const std::string& upstream() const noexcept { return upstream_; }

  SharedValue weight;  // in force; set at each scrape

 private:
  std::string route_;
  std::string upstream_;
};

}  // namespace weir::telemetry
