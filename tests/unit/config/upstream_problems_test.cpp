#include "config/problem_row.hpp"

namespace weir::config {
namespace {

TEST(UpstreamProblems, AreReported) {
  expect_problems({
      {"upstream_without_endpoints",
       Kind::upstream,
       "connect_timeout: 1s",
       {"5:4: upstreams.app: 'endpoints' is required: the addresses of its servers"}},
      {"upstream_no_endpoint",
       Kind::upstream,
       "endpoints: []",
       {"5:15: upstreams.app.endpoints: must not be empty"}},
      {"upstream_address",
       Kind::upstream,
       "endpoints: [{address: '127.0.0.1'}, {address: 'http://a:1'}, {address: '1.2.3:80'}, "
       "{address: 'a:0'}, {address: 'unix:'}]",
       {"5:26: upstreams.app.endpoints[0].address: '127.0.0.1' is not IP:port, [IPv6]:port, "
        "unix:PATH or NAME:port; the port is missing, as in '127.0.0.1:8080'",
        "5:50: upstreams.app.endpoints[1].address: 'http://a:1' is not IP:port, [IPv6]:port, "
        "unix:PATH or NAME:port; write the address without scheme and path: 'a:1'",
        "5:75: upstreams.app.endpoints[2].address: '1.2.3:80' is not IP:port, [IPv6]:port, "
        "unix:PATH or NAME:port",
        "5:98: upstreams.app.endpoints[3].address: 'a:0' is not IP:port, [IPv6]:port, unix:PATH or "
        "NAME:port",
        "5:116: upstreams.app.endpoints[4].address: 'unix:': a socket's path has 1 to 107 bytes"}},
      {"upstream_twice",
       Kind::upstream,
       "endpoints: [{address: 'a:1'}, {address: 'a:1'}]",
       {"5:34: upstreams.app.endpoints[1]: endpoint 'a:1' is given twice"}},
      {"upstream_weights",
       Kind::upstream,
       "endpoints: [{address: 'a:1', weight: 0}]",
       {"5:15: upstreams.app.endpoints: one weight at least must be above 0"}},
      {"upstream_weight",
       Kind::upstream,
       "endpoints: [{address: 'a:1', weight: 1001}]",
       {"5:41: upstreams.app.endpoints[0].weight: '1001' is not an integer of 0 to 1000"}},
      {"upstream_protocol",
       Kind::upstream,
       "endpoints: [{address: 'a:1'}]\nprotocol: h3",
       {"6:14: upstreams.app.protocol: 'h3' is not supported by this version"}},
      {"upstream_policy",
       Kind::upstream,
       "endpoints: [{address: 'a:1'}]\nload_balancer: {policy: hash, key: host}",
       {"6:28: upstreams.app.load_balancer.policy: 'hash' is not supported by this version",
        "6:34: upstreams.app.load_balancer.key: 'key' is not supported by this version"}},
      {"upstream_policy_unknown",
       Kind::upstream,
       "endpoints: [{address: 'a:1'}]\nload_balancer: {policy: least_request}",
       {"6:28: upstreams.app.load_balancer.policy: 'least_request' is not one of round_robin, "
        "least_requests, random_two (did you mean 'least_requests'?)"}},
      {"upstream_pool",
       Kind::upstream,
       "endpoints: [{address: 'a:1'}]\npool: {in_flight: 0, pending: 0, h2_connections: 0}",
       {"6:22: upstreams.app.pool.in_flight: '0' is not an integer of 1 to 1000000000",
        "6:53: upstreams.app.pool.h2_connections: '0' is not an integer of 1 to 1000"}},
      {"upstream_client_share",
       Kind::upstream,
       "endpoints: [{address: 'a:1'}]\npool: {client_share: 0%}",
       {"6:25: upstreams.app.pool.client_share: '0%' is neither a share above 0, such as 25%, nor "
        "off"}},
      {"circuit_breaker_failures",
       Kind::upstream,
       "endpoints: [{address: 'a:1'}]\n"
       "circuit_breaker: {failures: [conect, 404, 503, '5xx', 503, connect, connect]}",
       {"6:33: upstreams.app.circuit_breaker.failures[0]: 'conect' is not one of connect, reset, "
        "timeout, 5xx, or a status (did you mean 'connect'?)",
        "6:41: upstreams.app.circuit_breaker.failures[1]: '404' is not a status of 500 to 599: "
        "others are not failures of an upstream",
        "6:58: upstreams.app.circuit_breaker.failures[4]: '503' is given twice",
        "6:72: upstreams.app.circuit_breaker.failures[6]: 'connect' is given twice"}},
      {"circuit_breaker_grpc",
       Kind::upstream,
       "endpoints: [{address: 'a:1'}]\n"
       "circuit_breaker: {failures: [grpc_unavailble, grpc_ok, grpc_internal, grpc_internal]}",
       {"6:33: upstreams.app.circuit_breaker.failures[0]: 'grpc_unavailble' is not a status code "
        "of gRPC (did you mean 'grpc_unavailable'?)",
        "6:50: upstreams.app.circuit_breaker.failures[1]: 'grpc_ok' is not a failure",
        "6:74: upstreams.app.circuit_breaker.failures[3]: 'grpc_internal' is given twice"}},
      {"circuit_breaker_numbers",
       Kind::upstream,
       "endpoints: [{address: 'a:1'}]\n"
       "circuit_breaker: {failure_rate: 0%, slow_call_rate: 0, open_for: 0, half_open_calls: 0,\n"
       "  minimum_calls: 0, slow_call: 0s, rate: 1}",
       {"6:36: upstreams.app.circuit_breaker.failure_rate: must be above 0",
        "6:56: upstreams.app.circuit_breaker.slow_call_rate: must be above 0",
        "6:69: upstreams.app.circuit_breaker.open_for: must be above 0",
        "6:89: upstreams.app.circuit_breaker.half_open_calls: '0' is not an integer of 1 to "
        "1000000",
        "7:21: upstreams.app.circuit_breaker.minimum_calls: '0' is not an integer of 1 to 1000000",
        "7:35: upstreams.app.circuit_breaker.slow_call: must be above 0",
        "7:39: upstreams.app.circuit_breaker.rate: unknown key 'rate' (known: failures, window)"}},
      {"circuit_breaker_window",
       Kind::upstream,
       "endpoints: [{address: 'a:1'}]\ncircuit_breaker: {window: 100}",
       {"6:30: upstreams.app.circuit_breaker.window: '100' is neither a time like 10s nor like "
        "\"100 calls\""}},
      {"circuit_breaker_window_of_none",
       Kind::upstream,
       "endpoints: [{address: 'a:1'}]\ncircuit_breaker: {window: 0 calls}",
       {"6:30: upstreams.app.circuit_breaker.window: '0' is not an integer of 1 to 100000"}},
      {"upstream_later_keys",
       Kind::upstream,
       "endpoints: [{address: 'a:1'}]\ntls: {sni: a}\nhealth_check: {}\n"
       "outlier_detection: {}\nretry_budget: {min: -1}\nconcurrency: {}",
       {"6:10: upstreams.app.tls.sni: unknown key 'sni'; write `server_name: NAME`",
        "7:4: upstreams.app.health_check: 'health_check' is not supported by this version",
        "8:4: upstreams.app.outlier_detection: 'outlier_detection' is not supported by this "
        "version",
        "9:24: upstreams.app.retry_budget.min: '-1' is not an integer of 0 to 1000000000",
        "10:4: upstreams.app.concurrency: 'concurrency' is not supported by this version"}},
  });
}

}  // namespace
}  // namespace weir::config
