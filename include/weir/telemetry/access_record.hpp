// What the access log tells of one exchange, and which exchanges it tells of. Plain values; the
// views live until AccessLog::write returns. What is absent (empty, nullopt, 0 where noted) is
// omitted from the line.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "weir/base/grpc_status.hpp"
#include "weir/base/ip.hpp"
#include "weir/base/reason.hpp"
#include "weir/base/time.hpp"
#include "weir/config/model.hpp"
#include "weir/http/try_record.hpp"

namespace weir::telemetry {

struct AccessRecord {
  TimePoint started;  // first byte of the request: the line's `time`
  std::string_view request_id;
  std::string_view trace_id;
  std::string_view listener;
  std::string_view protocol;  // "HTTP/1.1"
  IpAddress client_ip;
  const SocketAddress* peer = nullptr;  // null: absent
  std::string_view method;              // as sent; empty: "-", there was no head
  std::string_view host;
  std::string_view path;   // without the query, as the client sent it
  std::string_view query;  // without "?"
  int status = 0;          // 0: nothing was answered; not negative
  Reason reason = Reason::none;
  std::string_view route;
  Reason fallback = Reason::none;  // the failure that the route's fallback answered for
  std::string_view upstream;
  std::string_view endpoint;
  unsigned attempts = 0;  // 0: absent
  Duration duration{};
  std::optional<Duration> head{};
  std::optional<Duration> queue{};
  std::optional<Duration> connect{};
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::string_view user_agent;
  std::string_view referer;
  std::string_view tls_version{};
  std::string_view sni{};
  std::string_view user;       // who authenticated
  std::string_view limit_key;  // whom a limit refused
  GrpcStatus grpc_status = no_grpc_status;
  std::span<const TryRecord> tries{};  // when there was more than one
  std::string_view detail;             // why Weir refused, or what cut the answer
};

// The part of the access log's settings that a worker needs for a line; held by the snapshot.
struct AccessPolicy {
  AccessPolicy() = default;
  explicit AccessPolicy(const config::AccessLog& settings) noexcept;

  bool on = true;  // path is not "off"
  config::AccessLogFormat format = config::AccessLogFormat::json;
  config::QueryPolicy query = config::QueryPolicy::keep;
  std::uint32_t sample = 1'000'000;  // how many of a million
  Duration slow{};                   // 0: nothing is slow

  // Written whatever the sample.
  bool always(int status, Reason reason, Duration duration) const noexcept {
    return status >= 500 || reason != Reason::none || (slow > Duration::zero() && duration > slow);
  }
};

}  // namespace weir::telemetry
