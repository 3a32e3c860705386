#include "config/problem_row.hpp"

namespace weir::config {
namespace {

TEST(UpstreamProblems, AreReported) {
  expect_problems({
      {"upstream_without_endpoints",
       Kind::upstream,
       "connect_timeout: 1s",
       {"5:4: upstreams.app: 'endpoints' is required (or `endpoints_from`): the addresses of its "
        "servers"}},
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
       "endpoints: [{address: 'a:1'}]\nload_balancer: {policy: hash}",
       {"6:28: upstreams.app.load_balancer.policy: 'hash' needs `key`: what identifies a caller, "
        "such "
        "as `key: client_ip` or `key: {cookie: NAME}`"}},
      {"upstream_key_without_hash",
       Kind::upstream,
       "endpoints: [{address: 'a:1'}]\nload_balancer: {key: host, bounded_load: 200%}",
       {"6:25: upstreams.app.load_balancer.key: is for `policy: hash` alone",
        "6:45: upstreams.app.load_balancer.bounded_load: is for `policy: hash` alone"}},
      {"upstream_bounded_load",
       Kind::upstream,
       "endpoints: [{address: 'a:1'}]\n"
       "load_balancer: {policy: hash, key: [host, nobody], bounded_load: 100%}",
       {"6:46: upstreams.app.load_balancer.key[1]: 'nobody' is not a key; write client_ip, host, "
        "global, {header: NAME}, {cookie: NAME}, {jwt_claim: NAME}, {path_param: NAME}, or a list "
        "of "
        "these",
        "6:69: upstreams.app.load_balancer.bounded_load: '100%' is neither a share above 100%, "
        "such "
        "as 125%, nor off"}},
      {"upstream_slow_start",
       Kind::upstream,
       "endpoints: [{address: 'a:1', priority: 1001}]\n"
       "load_balancer: {slow_start: 30, panic_threshold: 101%}",
       {"5:43: upstreams.app.endpoints[0].priority: '1001' is not an integer of 0 to 1000",
        "6:32: upstreams.app.load_balancer.slow_start: '30' is not a duration; write a number and "
        "us, ms, s, m, h or d (did you mean '30s'?)",
        "6:53: upstreams.app.load_balancer.panic_threshold: '101%' is more than 100%"}},
      {"upstream_policy_unknown",
       Kind::upstream,
       "endpoints: [{address: 'a:1'}]\nload_balancer: {policy: least_request}",
       {"6:28: upstreams.app.load_balancer.policy: 'least_request' is not one of round_robin, "
        "least_requests, random_two, peak_ewma, hash (did you mean 'least_requests'?)"}},
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
        "7:39: upstreams.app.circuit_breaker.rate: unknown key 'rate' (known: failures, window, "
        "shed)"}},
      {"circuit_breaker_shed",
       Kind::upstream,
       "endpoints: [{address: 'a:1'}]\n"
       "circuit_breaker: {shed: {rate: 30/m, p95: 0, share: 0%}}",
       {"6:35: upstreams.app.circuit_breaker.shed.rate: must be at least one call a second: 1/s, "
        "60/m or 3600/h",
        "6:46: upstreams.app.circuit_breaker.shed.p95: must be above 0",
        "6:56: upstreams.app.circuit_breaker.shed.share: must be above 0"}},
      {"circuit_breaker_shed_of_nothing",
       Kind::upstream,
       "endpoints: [{address: 'a:1'}]\ncircuit_breaker: {shed: {p95: off}}",
       {"6:28: upstreams.app.circuit_breaker.shed: needs `rate` or `p95`: with neither nothing is "
        "ever shed"}},
      {"circuit_breaker_window",
       Kind::upstream,
       "endpoints: [{address: 'a:1'}]\ncircuit_breaker: {window: 100}",
       {"6:30: upstreams.app.circuit_breaker.window: '100' is neither a time like 10s nor like "
        "\"100 calls\""}},
      {"circuit_breaker_window_of_none",
       Kind::upstream,
       "endpoints: [{address: 'a:1'}]\ncircuit_breaker: {window: 0 calls}",
       {"6:30: upstreams.app.circuit_breaker.window: '0' is not an integer of 1 to 100000"}},
      {"health_check_values",
       Kind::upstream,
       "endpoints: [{address: 'a:1'}]\n"
       "health_check: {type: htp, path: healthz, method: TRACE, port: 0, host: 'a b',\n"
       "  interval: 0, jitter: 120%, healthy_after: 0, body: '', headers: {host: a}}",
       {"6:25: upstreams.app.health_check.type: 'htp' is not one of http, grpc, tcp (did you mean "
        "'http'?)",
        "6:36: upstreams.app.health_check.path: 'healthz' is not a path: write it as it is sent, "
        "like /healthz or /healthz?deep=1",
        "6:53: upstreams.app.health_check.method: 'TRACE' is not for checks; GET and HEAD are "
        "usual",
        "6:66: upstreams.app.health_check.port: '0' is not an integer of 1 to 65535",
        "6:75: upstreams.app.health_check.host: 'a b' is not a host: write NAME or NAME:port",
        "7:16: upstreams.app.health_check.interval: must be above 0",
        "7:27: upstreams.app.health_check.jitter: '120%' is more than 100%",
        "7:48: upstreams.app.health_check.healthy_after: '0' is not an integer of 1 to 1000000",
        "7:57: upstreams.app.health_check.body: must not be empty; write null for any content",
        "7:71: upstreams.app.health_check.headers.host: write `host: NAME` in the health_check "
        "itself"}},
      {"health_check_expect",
       Kind::upstream,
       "endpoints: [{address: 'a:1'}]\n"
       "health_check: {expect: [200, 100, 399-200, 200, 2xx, '300-']}",
       {"6:33: upstreams.app.health_check.expect[1]: '100' is neither a status of 200 to 599 nor a "
        "range like 200-399",
        "6:38: upstreams.app.health_check.expect[2]: '399-200' ends before it begins; write "
        "200-399",
        "6:47: upstreams.app.health_check.expect[3]: these statuses are given twice",
        "6:52: upstreams.app.health_check.expect[4]: '2xx' is neither a status of 200 to 599 nor a "
        "range like 200-399",
        "6:57: upstreams.app.health_check.expect[5]: '300-' is neither a status of 200 to 599 nor "
        "a "
        "range like 200-399"}},
      {"health_check_expects_nothing",
       Kind::upstream,
       "endpoints: [{address: 'a:1'}]\nhealth_check: {expect: []}",
       {"6:27: upstreams.app.health_check.expect: must not be empty"}},
      {"health_check_content_of_head",
       Kind::upstream,
       "endpoints: [{address: 'a:1'}]\nhealth_check: {method: HEAD, body: ok}",
       {"6:39: upstreams.app.health_check.body: an answer to HEAD has no content; write `method: "
        "GET`"}},
      {"health_check_grpc_over_http1",
       Kind::upstream,
       "endpoints: [{address: 'a:1'}]\nhealth_check: {type: grpc}",
       {"4:2: upstreams.app.health_check: `type: grpc` needs HTTP/2; write `protocol: h2` for the "
        "upstream"}},
      {"health_check_port_of_a_socket",
       Kind::upstream,
       "endpoints: [{address: 'unix:/run/a'}]\nhealth_check: {port: 80}",
       {"4:2: upstreams.app.health_check.port: 'unix:/run/a' has no port; remove this key"}},
      {"outlier_detection_values",
       Kind::upstream,
       "endpoints: [{address: 'a:1'}]\n"
       "outlier_detection: {interval: 0, ejection_time: 2m, max_ejection_time: 60s, "
       "max_ejected: 0%}",
       {"6:34: upstreams.app.outlier_detection.interval: must be above 0",
        "6:75: upstreams.app.outlier_detection.max_ejection_time: must not be below "
        "`ejection_time`",
        "6:93: upstreams.app.outlier_detection.max_ejected: must be above 0: nobody could be "
        "ejected"}},
      {"outlier_detection_time_alone",
       Kind::upstream,
       "endpoints: [{address: 'a:1'}]\noutlier_detection: {ejection_time: 10m}",
       {"6:39: upstreams.app.outlier_detection.ejection_time: must not be above "
        "`max_ejection_time`, which is 300s by default"}},
      {"outlier_detection_of_nothing",
       Kind::upstream,
       "endpoints: [{address: 'a:1'}]\noutlier_detection: {consecutive_errors: 0}",
       {"6:23: upstreams.app.outlier_detection: ejects nobody: `consecutive_errors` and "
        "`failure_share` are both 0"}},
      {"upstream_later_keys",
       Kind::upstream,
       "endpoints: [{address: 'a:1'}]\ntls: {sni: a}\nretry_budget: {min: -1}\nconsul: {}",
       {"6:10: upstreams.app.tls.sni: unknown key 'sni'; write `server_name: NAME`",
        "7:24: upstreams.app.retry_budget.min: '-1' is not an integer of 0 to 1000000000",
        "8:4: upstreams.app.consul: 'consul' is not supported by this version"}},
      {"concurrency_word",
       Kind::upstream,
       "endpoints: [{address: 'a:1'}]\nconcurrency: on",
       {"6:17: upstreams.app.concurrency: 'on' is neither off nor a mapping like {policy: "
        "gradient, min: 10, max: 1000}"}},
      {"concurrency_policy_unknown",
       Kind::upstream,
       "endpoints: [{address: 'a:1'}]\nconcurrency: {policy: gradent, limit: 5}",
       {"6:26: upstreams.app.concurrency.policy: 'gradent' is not one of fixed, gradient, "
        "heuristic (did you mean 'gradient'?)"}},
      {"concurrency_fixed_without_limit",
       Kind::upstream,
       "endpoints: [{address: 'a:1'}]\nconcurrency: {policy: fixed, min: 5}",
       {"6:26: upstreams.app.concurrency.policy: 'fixed' needs `limit`",
        "6:38: upstreams.app.concurrency.min: is for `policy: gradient` alone"}},
      {"concurrency_gradient_of_nothing",
       Kind::upstream,
       "endpoints: [{address: 'a:1'}]\nconcurrency: {min: 20, max: 10}",
       {"6:23: upstreams.app.concurrency.min: must not be above `max`, which is 10"}},
      {"concurrency_gradient_below_its_least",
       Kind::upstream,
       "endpoints: [{address: 'a:1'}]\nconcurrency: {max: 5}",
       {"6:23: upstreams.app.concurrency.min: must not be above `max`, which is 5"}},
      {"concurrency_heuristic",
       Kind::upstream,
       "endpoints: [{address: 'a:1'}]\nconcurrency: {policy: heuristic, base: 10, floor: 11}",
       {"6:54: upstreams.app.concurrency.floor: must not be above `base`, which is 10"}},
      {"pool_order_and_fair",
       Kind::upstream,
       "endpoints: [{address: 'a:1'}]\npool: {order: newest, fair: header}",
       {"6:18: upstreams.app.pool.order: 'newest' is not one of fifo, adaptive",
        "6:32: upstreams.app.pool.fair: 'header' needs a name; write {header: NAME}"}},
  });
}

}  // namespace
}  // namespace weir::config
