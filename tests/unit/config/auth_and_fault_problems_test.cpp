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
