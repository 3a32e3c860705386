#include "config/problem_row.hpp"

namespace weir::config {
namespace {

TEST(AuthProblems, AreReported) {
  expect_problems({
      {"api_key",
       Kind::middleware,
       "m: {api_key: {header: te, keys_file: /nowhere/keys}}",
       {"5:24: middleware.m.api_key.header: 'te' belongs to framing or to one connection and "
        "cannot be changed",
        "5:39: middleware.m.api_key.keys_file: cannot read '/nowhere/keys': No such file or "
        "directory"}},
      {"forward_auth",
       Kind::middleware,
       "m: {forward_auth: {upstream: ap, path: verify, on_error: open}}",
       {"5:31: middleware.m.forward_auth.upstream: unknown upstream 'ap' (did you mean 'app'?)",
        "5:41: middleware.m.forward_auth.path: 'verify' must start with '/'",
        "5:59: middleware.m.forward_auth.on_error: 'open' is not one of deny, allow"}},
  });
}

TEST(SheddingProblems, AreReported) {
  expect_problems({
      {"load_shed",
       Kind::middleware,
       "m: {load_shed: {lag: 0, memory: 120%, connections: 0%}}",
       {"5:23: middleware.m.load_shed.lag: must be above 0",
        "5:34: middleware.m.load_shed.memory: '120%' is more than 100%",
        "5:53: middleware.m.load_shed.connections: must be above 0, or off"}},
      {"load_shed_of_nothing",
       Kind::middleware,
       "m: {load_shed: {lag: off, memory: off, connections: off, saturation: off}}",
       {"5:17: middleware.m.load_shed: all of it is off: it would never refuse anything"}},
      {"route_priority",
       Kind::route,
       "match: {}\nrespond: {}\npriority: urgent",
       {"8:14: routes[1].priority: 'urgent' is not one of critical, high, normal, low"}},
  });
}

TEST(MirrorAndFaultProblems, AreReported) {
  expect_problems({
      {"route_mirror",
       Kind::route,
       "match: {}\nupstream: app\nmirror: {upstream: ap, sample: 130%}",
       {"8:23: routes[1].mirror.upstream: unknown upstream 'ap' (did you mean 'app'?)",
        "8:35: routes[1].mirror.sample: '130%' is more than 100%"}},
      {"route_mirror_without_upstream",
       Kind::route,
       "match: {}\nrespond: {}\nmirror: {upstream: app}",
       {"8:12: routes[1].mirror: needs `upstream` or `split`: nothing else is forwarded"}},
      {"route_fault",
       Kind::route,
       "match: {}\nrespond: {}\nfault: {abort: {status: 600}, delay: {time: 3}}",
       {"8:28: routes[1].fault.abort.status: '600' is not an integer of 200 to 599",
        "8:48: routes[1].fault.delay.time: '3' is not a duration; write a number and us, ms, s, m, "
        "h or d (did you mean '3s'?)"}},
  });
}

}  // namespace
}  // namespace weir::config
