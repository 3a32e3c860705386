// What happened to a request, for the log and the metrics. Whoever does something tells it here,
// and nothing that was told is taken back; whoever counts and logs has it const. Worker thread
// only.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/arena.hpp"
#include "weir/base/block_cache.hpp"
#include "weir/base/grpc_status.hpp"
#include "weir/base/reason.hpp"
#include "weir/base/time.hpp"
#include "weir/http/try_record.hpp"

namespace weir {

class ExchangeRecord {
 public:
  // --- by the last handler
  // The name of the upstream that it chose, of which no endpoint is known yet; lives as long as the
  // exchange.
  void tell_upstream(std::string_view name) noexcept {
    upstream_ = name;
    endpoint_ = {};
  }
  // A try begins at an endpoint whose address lives as long as the exchange.
  void tell_attempt(std::string_view endpoint, Duration queued, Duration connected) noexcept {
    ++attempts_;
    endpoint_ = endpoint;
    queue_time_ += queued;
    connect_time_ += connected;
  }
  // Of tries beside each other the one at this endpoint has the answer.
  void tell_answers(std::string_view endpoint) noexcept { endpoint_ = endpoint; }
  // Waited for a connection, and none came.
  void tell_wait(Duration queued) noexcept { queue_time_ += queued; }
  // One more try has ended, where there is more than one: the first is told when the second is
  // certain. Without memory for it, it is left out.
  void tell_try(const TryRecord& fact) noexcept;
  // The failure that the route's fallback answers for.
  void tell_fallback(Reason of) noexcept { fallback_reason_ = of; }
  void tell_grpc_status(GrpcStatus status) noexcept { grpc_status_ = status; }

  // --- by the codec
  void add_bytes_in(std::uint64_t bytes) noexcept { bytes_in_ += bytes; }    // of the content
  void add_bytes_out(std::uint64_t bytes) noexcept { bytes_out_ += bytes; }  // likewise

  // --- by whoever refuses or cuts; the last one counts
  // Of our refusal, as the client was told, or what cut the answer.
  void tell_detail(std::string_view detail) { detail_ = detail; }

  // --- by the gateway
  // A 101 was answered. The texts told so far are copied to where they live as long as the tunnel.
  void tell_tunnel(Arena& texts) {
    upstream_ = texts.copy(upstream_);
    tunnelled_ = true;
  }

  std::string_view upstream() const noexcept { return upstream_; }
  std::string_view endpoint() const noexcept { return endpoint_; }
  unsigned attempts() const noexcept { return attempts_; }
  Reason fallback_reason() const noexcept { return fallback_reason_; }
  // Empty when there was one try, or none; with one that a fallback might have followed, that one.
  std::span<const TryRecord> tries() const noexcept { return tries_; }
  Duration queue_time() const noexcept { return queue_time_; }      // of all tries together
  Duration connect_time() const noexcept { return connect_time_; }  // likewise
  GrpcStatus grpc_status() const noexcept { return grpc_status_; }  // of the upstream's answer
  const std::string& detail() const noexcept { return detail_; }
  bool tunnelled() const noexcept { return tunnelled_; }
  std::uint64_t bytes_in() const noexcept { return bytes_in_; }
  std::uint64_t bytes_out() const noexcept { return bytes_out_; }

 private:
  std::string_view upstream_;
  std::string_view endpoint_;
  std::uint64_t bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;
  Duration queue_time_{};
  Duration connect_time_{};
  unsigned attempts_ = 0;
  GrpcStatus grpc_status_ = no_grpc_status;
  Reason fallback_reason_ = Reason::none;
  bool tunnelled_ = false;
  std::string detail_;
  std::vector<TryRecord, CachedAllocator<TryRecord>> tries_;
};

}  // namespace weir
