// The configuration as plain structs; each value's initialiser is its default, and
// config/reference.yaml shows the same (a test compares them). Built by the loader, then const.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "weir/base/ip.hpp"
#include "weir/base/priority.hpp"
#include "weir/base/reason.hpp"
#include "weir/base/time.hpp"
#include "weir/config/bind.hpp"
#include "weir/config/canary.hpp"
#include "weir/config/circuit_breaker.hpp"
#include "weir/config/concurrency.hpp"
#include "weir/config/deadlines.hpp"
#include "weir/config/health.hpp"
#include "weir/config/hedge.hpp"
#include "weir/config/load_balancer.hpp"
#include "weir/config/metrics.hpp"
#include "weir/config/middleware.hpp"
#include "weir/config/place.hpp"
#include "weir/config/providers.hpp"
#include "weir/config/retry.hpp"
#include "weir/config/route_test.hpp"
#include "weir/config/tls.hpp"
#include "weir/config/tracing.hpp"
#include "weir/config/value_match.hpp"

namespace weir::config {

struct Via {
  bool request = true;
  bool response = false;
  std::string name = "weir";
};

enum class IoBackend : std::uint8_t { automatic, epoll, io_uring };

struct Server {
  unsigned workers = 0;  // 0: auto
  IoBackend io_backend = IoBackend::automatic;
  Duration drain_delay = 0s;
  Duration drain_timeout = 30s;
  Duration handover_timeout = 1h;
  Duration ready_wait = 60s;  // 0: ready at once
  std::uint64_t max_connections = 50000;
  std::uint64_t head_memory = 0;  // bytes; 0: auto
  std::string zone{};             // where this gateway is; "": unknown
  bool watch = false;             // its files, and reload when they change
  std::string state_dir{};        // a folder for what outlives the process; "": none
  Via via;
  Deadlines deadline;
};

enum class LogLevel : std::uint8_t { trace, debug, info, warn, error };
enum class LogFormat : std::uint8_t { text, json };

struct Log {
  LogLevel level = LogLevel::info;
  LogFormat format = LogFormat::text;
};

enum class AccessLogFormat : std::uint8_t { json, combined };
enum class QueryPolicy : std::uint8_t { keep, drop, redact };

struct AccessLog {
  std::string path = "stdout";  // off | stdout | stderr | FILE
  AccessLogFormat format = AccessLogFormat::json;
  double sample = 1.0;  // share, 0..1
  Duration slow = 1s;   // 0: nothing is slow
  QueryPolicy query = QueryPolicy::keep;
};

struct Admin {
  std::string bind = "127.0.0.1:9901";  // IP:port, unix:PATH, or "" for off
  std::string token;                    // content of token_file, "" for none
  std::string token_file;
  std::vector<std::string> allow_hosts;
};

enum class ProxyProtocol : std::uint8_t { off, required };
enum class HalfClose : std::uint8_t { abort, finish };
enum class Underscores : std::uint8_t { reject, drop, keep };
enum class EmptySegments : std::uint8_t { merge, keep };
enum class RawTargetBytes : std::uint8_t { reject, encode };
enum class EncodedSlashes : std::uint8_t { reject, keep };

struct Limits {
  std::uint64_t uri_size = 16 * KiB;
  std::uint64_t header_size = 60 * KiB;
  std::uint64_t header_count = 100;
  Duration header_timeout = 10s;
  Duration handshake_timeout = 10s;
  Duration idle_timeout = 75s;
  Duration body_idle_timeout = 30s;
  std::uint64_t body_rate = 0;  // bytes a second, 0: none is asked for
  std::uint64_t body_size = 0;  // 0: unlimited
  std::uint64_t connections_per_client = 0;
  std::uint64_t requests_per_connection = 0;
  Duration connection_age = 0s;
  HalfClose client_half_close = HalfClose::abort;
  std::uint64_t h2_streams = 100;
  Underscores underscores = Underscores::reject;
  EmptySegments empty_segments = EmptySegments::merge;
  RawTargetBytes raw_target_bytes = RawTargetBytes::reject;

  friend bool operator==(const Limits&, const Limits&) = default;
};

// What a listener speaks: http1 and h2c on a plain one, http1 and h2 (by ALPN) under TLS.
struct Protocols {
  bool http1 = true;
  bool h2 = false;
  bool h2c = false;
  friend bool operator==(const Protocols&, const Protocols&) = default;
};

// A listener's answer to every request that came in plain text, before routes are asked.
struct RedirectHttps {
  std::uint16_t port = 443;  // left out of the URL when 443
  int status = 308;
  friend bool operator==(const RedirectHttps&, const RedirectHttps&) = default;
};

struct Listener {
  std::string name;
  Bind bind;
  std::optional<Protocols> protocols;  // none: what is usual, see spoken()
  Protocols spoken() const noexcept {
    return protocols.value_or(Protocols{.http1 = true, .h2 = tls.has_value()});
  }
  std::optional<RedirectHttps> redirect_https;
  ProxyProtocol proxy_protocol = ProxyProtocol::off;
  Limits limits;
  std::optional<ListenerTls> tls;
  Place place;
};

enum class PathKind : std::uint8_t { any, exact, prefix, regex };

struct Match {
  std::vector<std::string> hosts;  // lower case; "*.x" for one or more labels; empty: any
  PathKind path_kind = PathKind::any;
  std::string path;  // as written: "/orders/{id}", a prefix, or an RE2 expression
  Place path_place;
  std::vector<std::string> path_params;  // names of an exact path's {segments}, in order
  std::vector<std::string> methods;      // empty: any; GET includes HEAD
  std::vector<ValueMatch> headers;
  std::vector<ValueMatch> query;
  std::vector<std::string> listeners;  // names; empty: all
  std::string scheme;                  // "", "http" or "https"
};

// All three are templates.
struct Rewrite {
  std::string path;    // "" for none; excludes prefix
  std::string prefix;  // with has_prefix: replaces the matched path_prefix
  bool has_prefix = false;
  std::string host;  // "" for none
};

struct Redirect {
  int status = 308;
  std::string to;  // template
};

struct Respond {
  int status = 200;
  std::string body;                                          // template
  std::vector<std::pair<std::string, std::string>> headers;  // values are templates
};

struct SplitShare {
  std::string upstream;
  std::uint32_t weight = 1;
};
using Split = std::vector<SplitShare>;  // sum above 0

struct UpstreamAction {
  Split split;            // one share of weight 1 for `upstream: NAME`
  bool is_split = false;  // written as `split`
  std::optional<Sticky> sticky;
  std::optional<SplitByHeader> by_header;
};

// Copies of requests to an upstream whose answers nobody reads.
struct Mirror {
  std::string upstream;
  double sample = 0.3;  // share, 0..1
};

// Failures on purpose.
struct Fault {
  struct Delay {
    double share = 0.01;
    Duration time = 200ms;
  };
  struct Abort {
    double share = 0.001;
    int status = 503;
  };
  std::optional<Delay> delay;
  std::optional<Abort> abort;
};

// Who answers in place of the route's upstream when that fails: another upstream or a fixed answer,
// exactly one of the two.
struct Fallback {
  // The failures that it answers for, each once. See fallback_reasons() for those there may be.
  std::vector<Reason> conditions{Reason::no_healthy_endpoint,
                                 Reason::circuit_open,
                                 Reason::connect_failed,
                                 Reason::connect_timeout,
                                 Reason::request_timeout,
                                 Reason::pool_full,
                                 Reason::shed};
  std::string upstream;            // "" for a fixed answer
  std::optional<Respond> respond;  // its texts are templates
};

// The reasons with which Weir answers because of an upstream, before there is an answer's head.
std::span<const Reason> fallback_reasons() noexcept;

struct Route {
  std::string name;
  Match match;
  std::vector<std::string>
      middleware;  // effective names in order: defaults' first (less `without`), then its own
  std::optional<Rewrite> rewrite;
  HeaderChanges request_headers;  // defaults merged: defaults' changes come first
  HeaderChanges response_headers;
  EncodedSlashes encoded_slashes = EncodedSlashes::reject;
  Priority priority = Priority::normal;
  Duration timeout = 15s;               // 0: none
  Duration stream_idle_timeout = 5min;  // 0: none
  Duration max_duration = 0s;
  std::optional<Retry> retry;
  bool failover = true;  // false: `retry: off`, a failed connect goes to no other endpoint
  std::optional<Hedge> hedge;
  std::vector<std::string> upgrades;  // only "websocket" exists
  std::optional<Mirror> mirror;
  std::optional<Fault> fault;
  std::optional<Fallback> fallback;
  RouteTracing tracing;
  bool access_log = true;  // off: its requests are in no access log
  std::variant<UpstreamAction, Redirect, Respond> action;
  Place place;
  std::string at;  // "routes[2]": where a Problem about it starts its path
};

// What the text of an endpoint is. A NAME:port written as `address` is one of `dns`.
enum class EndpointKind : std::uint8_t { address, dns, srv };

// Which addresses of a name become endpoints.
enum class NameFamily : std::uint8_t { any, ipv4, ipv6 };

struct EndpointSpec {
  // As written: IP:port, [IPv6]:port, unix:PATH or NAME:port; of kind srv the name of its records.
  std::string address;
  std::uint32_t weight = 1;
  std::uint32_t priority = 0;  // the lowest is used first
  EndpointKind kind = EndpointKind::address;
  NameFamily family = NameFamily::any;
  std::string zone{};  // where its servers are; "": it says nothing of that

  friend bool operator==(const EndpointSpec&, const EndpointSpec&) = default;
};

// Whether it has to be looked up.
bool is_name_of(const EndpointSpec& endpoint);
// Tells the endpoints of an upstream apart: its text, and the family where that is not `any`.
std::string source_of(const EndpointSpec& endpoint);

// What lists endpoints besides those of `endpoints`, as it changes: a file, or keys of etcd.
struct EndpointsFrom {
  std::string file;  // as written; "" with etcd
  std::optional<EtcdEndpoints> etcd{};
  Duration empty_after = 30s;  // an empty list is in force when it has been empty for so long
  std::string path{};          // where `file` is
  // What the file lists, and when it was begun to be read. Not null once that was tried.
  std::shared_ptr<const std::vector<EndpointSpec>> listed{};
  TimePoint read_at{};
};
// Tells it apart from endpoints: "endpoints_from FILE", or "endpoints_from etcd:PREFIX".
std::string source_of(const EndpointsFrom& from);

// How the names of an upstream's endpoints are looked up.
struct Dns {
  Duration min_ttl = 1s;
  Duration max_ttl = 30s;            // not below min_ttl
  std::vector<std::string> servers;  // IP:port; none: those of /etc/resolv.conf
  Duration keep_on_nxdomain = 30s;   // 0: not at all

  friend bool operator==(const Dns&, const Dns&) = default;
};

// `automatic`: what ALPN gives, HTTP/1 without TLS.
enum class UpstreamProtocol : std::uint8_t { http1, h2, automatic };

// What an upstream's answers over HTTP/1 may do against RFC 9112 and are understood all the same.
struct Lenient {
  bool bare_lf = false;            // a line ends with LF alone
  bool padded_chunk_size = false;  // spaces stand behind a chunk's size
};

// Who is served first of those who wait for a place: `adaptive` is control::AdaptiveOrder.
enum class PoolOrder : std::uint8_t { fifo, adaptive };

struct Pool {
  std::uint64_t in_flight = 1024;  // where `concurrency` is off
  std::uint64_t pending = 1024;
  Duration pending_timeout = 1s;
  std::uint64_t h2_connections = 2;  // a worker and endpoint
  std::uint64_t tunnels = 10000;
  double client_share = 0;       // of the permits, for one client address; 0: no limit
  Duration connection_age = 0s;  // 0: no limit
  PoolOrder order = PoolOrder::fifo;
  std::optional<Key> fair{};  // whose requests take turns when they wait; none: nobody's
};

struct Upstream {
  std::string name;
  std::vector<EndpointSpec> endpoints;  // none only with endpoints_from
  std::optional<EndpointsFrom> endpoints_from;
  UpstreamProtocol protocol = UpstreamProtocol::http1;
  LoadBalancer load_balancer;
  Duration connect_timeout = 2s;
  Duration idle_timeout = 4s;
  std::uint64_t response_header_size = 64 * KiB;
  Lenient lenient;
  Pool pool;
  Concurrency concurrency;
  std::optional<HealthCheck> health_check;
  std::optional<OutlierDetection> outlier_detection;
  std::optional<CircuitBreaker> circuit_breaker;
  RetryBudget retry_budget;
  std::optional<UpstreamTls> tls;
  Dns dns;
  Place place;
};

struct Config {
  Server server;
  Log log;
  AccessLog access_log;
  Metrics metrics;
  Admin admin;
  std::vector<Cidr> trusted_proxies;
  std::vector<Listener> listeners;
  std::vector<Middleware> middleware;  // named and inline ones
  std::vector<Route> routes;           // in file order
  std::vector<Upstream> upstreams;
  std::vector<Certificate> certificates;  // those that have listeners are in `more` of these, too
  Providers providers;
  std::optional<Tracing> tracing;  // none: off
  std::vector<RouteTest> tests;
  std::string folder;  // relative file names start here

  const Middleware* find_middleware(std::string_view name) const noexcept;
  const Upstream* find_upstream(std::string_view name) const noexcept;
  // `file` itself if it is absolute, otherwise under `folder`.
  std::string resolve(std::string_view file) const;
};

}  // namespace weir::config
