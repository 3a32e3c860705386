// What loads and does not do what was meant: `weir check` says so.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "weir/config/loader.hpp"

namespace weir::config {
namespace {

// A configuration of an http and an https listener (its files are not opened here), an upstream and
// these routes; `more` goes before.
std::string document(std::string_view routes, std::string_view more = "") {
  std::string out = "version: 1\n" + std::string(more);
  if (!more.contains("listeners:")) {
    out +=
        "listeners:\n"
        "  - {name: http, bind: '0.0.0.0:8080'}\n"
        "  - {name: https, bind: '0.0.0.0:8443', tls: {certificates: [{cert: c, key: k}]}}\n";
  }
  out += "upstreams: {app: {endpoints: [{address: 'a:1'}]}}\nroutes:\n";
  return out + std::string(routes) + "\n";
}

// "path: message" for each warning; "error: ..." for what does not load.
std::vector<std::string> warnings_of(const std::string& text) {
  const auto loaded = load_text(text);
  std::vector<std::string> out;
  if (!loaded) {
    for (const Problem& each : loaded.error()) out.push_back("error: " + each.to_string());
    return out;
  }
  for (const Problem& each : loaded->warnings) {
    EXPECT_EQ(each.place.file, "weir.yaml");
    if (each.path == "upstreams.app") continue;  // nobody uses it where no route forwards
    out.push_back(each.path + ": " + each.message);
  }
  return out;
}

struct WarningRow {
  const char* name;
  std::string text;
  std::vector<std::string> warnings;
};

void expect_warnings(const std::vector<WarningRow>& rows) {
  for (const WarningRow& row : rows) EXPECT_EQ(warnings_of(row.text), row.warnings) << row.name;
}

std::string route_with(std::string_view match, std::string_view more = "") {
  return document("  - {name: r, match: " + std::string(match) + ", upstream: app" +
                  std::string(more) + "}");
}
std::string redirect(std::string_view to) {
  return document("  - {name: r, match: {path_prefix: /a}, redirect: {to: '" + std::string(to) +
                  "'}}");
}

TEST(Warnings, AStarIsNoPattern) {
  expect_warnings({
      {"a prefix",
       route_with("{path_prefix: '/api/*'}"),
       {"routes[0].match.path_prefix: '*' is a plain character here: write `path_prefix: /api` for "
        "everything below it"}},
      {"a path",
       route_with("{path: '/api/*'}"),
       {"routes[0].match.path: '*' is a plain character here: write `path_prefix: /api` for "
        "everything below it"}},
      {"everything",
       route_with("{path: '/*'}"),
       {"routes[0].match.path: '*' is a plain character here: write `path_prefix: /` for "
        "everything below it"}},
      {"a segment",
       route_with("{path: '/api/*/x'}"),
       {"routes[0].match.path: '*' is a plain character here: write {name} for any one segment, or "
        "`path_regex` for a pattern"}},
      {"a part of a segment",
       route_with("{path_prefix: /api/v*}"),
       {"routes[0].match.path_prefix: '*' is a plain character here: a prefix is not a pattern; "
        "write `path_regex` for one"}},
      {"an expression", route_with("{path_regex: '/api/[0-9]+'}"), {}},
      {"an expression for what is below",
       route_with("{path_regex: '/api/.*'}"),
       {"routes[0].match.path_regex: a prefix would do, and is found faster; write `path_prefix: "
        "/api`, which takes /api too"}},
      {"an expression for all",
       route_with("{path_regex: '/.*'}"),
       {"routes[0].match.path_regex: a prefix would do, and is found faster; write `path_prefix: "
        "/`"}},
      {"an expression for one path",
       route_with("{path_regex: '/v1\\.0/status'}"),
       {"routes[0].match.path_regex: this is a plain path; write `path: /v1.0/status`"}},
      {"an expression with a dot", route_with("{path_regex: '/v1.0/status'}"), {}},
      {"an expression for a part of a segment", route_with("{path_regex: '/api.*'}"), {}},
      {"nginx's expression",
       route_with("{path_regex: '^/api/'}"),
       {"routes[0].match.path_regex: must match the whole path, unlike nginx's `~`: it matches "
        "nothing after the last '/'; write '.*' at its end"}},
      {"an expression with both ends",
       route_with("{path_regex: '^/api(/.*)?$'}"),
       {"routes[0].match.path_regex: a prefix would do, and is found faster; write `path_prefix: "
        "/api`"}},
  });
}

TEST(Warnings, ADollarIsNoVariable) {
  expect_warnings({
      {"nginx's uri",
       redirect("https://www.test$request_uri"),
       {"routes[0].redirect.to: '$request_uri' is plain text here: variables are written "
        "{path}{query}"}},
      {"two",
       redirect("https://$host/x$is_args"),
       {"routes[0].redirect.to: '$host' is plain text here: variables are written {host}",
        "routes[0].redirect.to: '$is_args' is plain text here: variables are written {query}"}},
      {"a group",
       redirect("/b/$1"),
       {"routes[0].redirect.to: '$1' is plain text here: variables are written {name}"}},
      {"a rewrite",
       route_with("{path_prefix: /a}", ", rewrite: {path: '/x$uri'}"),
       {"routes[0].rewrite.path: '$uri' is plain text here: variables are written {path}"}},
      {"a field",
       route_with("{path_prefix: /a}", ", request_headers: {set: {x-from: $remote_addr}}"),
       {"routes[0].request_headers.set.x-from: '$remote_addr' is plain text here: variables are "
        "written {client_ip}"}},
      {"a field of named middleware",
       document("  - {name: r, match: {}, upstream: app, middleware: [m]}",
                "middleware: {m: {headers: {request: {set: {x: $host}}}}}\n"),
       {"middleware.m.headers.request.set.x: '$host' is plain text here: variables are written "
        "{host}"}},
      {"a dollar", redirect("/a$/b"), {}},
      {"a body with prices",
       document("  - {name: r, match: {}, respond: {body: 'costs $5, or $x'}}"),
       {}},
      {"a body with a variable",
       document("  - {name: r, match: {}, respond: {body: 'you are $remote_addr'}}"),
       {"routes[0].respond.body: '$remote_addr' is plain text here: variables are written "
        "{client_ip}"}},
  });
}

TEST(Warnings, ADoubledBraceIsOne) {
  const auto body = [](std::string_view text) {
    return document("  - {name: r, match: {}, respond: {body: '" + std::string(text) + "'}}");
  };
  expect_warnings({
      {"one is missing",
       body(R"({{"a": {{"b": 1}})"),
       {"routes[0].respond.body: '}}' is one '}': the text has 2 '{' and 1 '}'"}},
      {"as meant", body(R"({{"a": {{"b": 1}}}})"), {}},
      {"single ones", body(R"({{"a": {{"b": 1} })"), {}},
      {"with a variable", body(R"({{"a": {{"b": "{path}"}}}})"), {}},
  });
}

TEST(Warnings, ARouteThatNeverGetsARequest) {
  const auto two = [](std::string_view first, std::string_view second) {
    return document("  - {name: a, match: " + std::string(first) +
                    ", upstream: app}\n  - {name: b, match: " + std::string(second) +
                    ", upstream: app}");
  };
  const auto dead = [](const WarningRow& row, std::string_view why) {
    const std::vector<std::string> got = warnings_of(row.text);
    ASSERT_EQ(got.size(), 1u) << row.name;
    EXPECT_TRUE(got[0].starts_with("routes[1].match: never gets a request: 'a' (weir.yaml:"))
        << got[0];
    EXPECT_TRUE(got[0].contains(why)) << got[0];
    EXPECT_TRUE(got[0].ends_with("remove one of them, or give this one another condition"))
        << got[0];
  };
  constexpr std::string_view same = "has the same match and comes first";
  constexpr std::string_view wider = "comes first and takes every request that fits";
  dead({"the same", two("{path: /a}", "{path: /a}"), {}}, same);
  dead({"another slash", two("{path_prefix: /a}", "{path_prefix: /a/}"), {}}, same);
  dead({"no path and every path", two("{path_prefix: /}", "{}"), {}}, same);
  dead({"another name of a parameter", two("{path: '/a/{x}'}", "{path: '/a/{y}'}"), {}}, same);
  dead({"the order of lists",
        two("{host: [x.test, y.test], methods: [GET, PUT]}",
            "{host: [y.test, x.test], methods: [PUT, GET]}"),
        {}},
       same);
  dead(
      {"a field's name in another case", two("{headers: {x-a: '1'}}", "{headers: {X-A: '1'}}"), {}},
      same);
  dead({"one of its hosts", two("{host: [x.test, y.test]}", "{host: y.test}"), {}}, wider);
  dead({"one of its methods", two("{methods: [GET, PUT]}", "{methods: [HEAD]}"), {}}, wider);
  dead({"a scheme is no precedence", two("{path_prefix: /}", "{scheme: http}"), {}}, wider);
  dead({"nor a listener", two("{path: /a}", "{path: /a, listeners: [https]}"), {}}, wider);
  expect_warnings({
      {"another method", two("{methods: [GET]}", "{methods: [PUT]}"), {}},
      {"methods come first", two("{path: /a}", "{path: /a, methods: [GET]}"), {}},
      {"more fields come first", two("{path: /a}", "{path: /a, headers: {x: '1'}}"), {}},
      {"another value", two("{query: {x: '1'}}", "{query: {x: '2'}}"), {}},
      {"another host, too", two("{host: x.test}", "{host: [x.test, y.test]}"), {}},
      {"another listener",
       two("{path: /a, listeners: [https]}", "{path: /a, listeners: [http]}"),
       {}},
      {"a longer path", two("{path_prefix: /a}", "{path_prefix: /a/b}"), {}},
      {"an exact path", two("{path_prefix: /a}", "{path: /a}"), {}},
      {"a parameter of its own", two("{path: '/a;v=1'}", "{path: /a}"), {}},
  });
}

TEST(Warnings, ARouteWithoutAListenerThatHasRequests) {
  const std::string listeners =
      "listeners:\n"
      "  - {name: http, bind: '0.0.0.0:8080', redirect_https: on}\n"
      "  - {name: https, bind: '0.0.0.0:8443', tls: {certificates: [{cert: c, key: k}]}}\n";
  const auto with = [&](std::string_view match, std::string_view more = "") {
    return document("  - {name: r, match: " + std::string(match) + ", upstream: app}",
                    listeners + std::string(more));
  };
  const std::string redirected =
      "routes[0].match: never gets a request: `redirect_https` of its listeners answers all of "
      "them";
  expect_warnings({
      {"on the listener that redirects", with("{listeners: [http]}"), {redirected}},
      {"in plain text", with("{scheme: http}"), {redirected}},
      {"on both", with("{}"), {}},
      {"a trusted proxy may have taken https",
       with("{listeners: [http]}", "trusted_proxies: [10.0.0.1]\n"),
       {}},
      {"https on a plain listener",
       route_with("{listeners: [http], scheme: https}"),
       {"routes[0].match: never gets a request: none of its listeners gets requests by https"}},
      {"http under tls",
       route_with("{listeners: [https], scheme: http}"),
       {"routes[0].match: never gets a request: none of its listeners gets requests by http"}},
  });
}

TEST(Warnings, PlainTextBesideARedirect) {
  const std::string to_https =
      "  - {name: to-https, match: {scheme: http, path_prefix: /}, "
      "redirect: {to: 'https://{host}{path}{query}'}}\n";
  const auto beside = [&](std::string_view match) {
    return document(to_https + "  - {name: r, match: " + std::string(match) + ", upstream: app}");
  };
  const std::string passes =
      "routes[1].match: takes requests in plain text on listener 'http': it is more specific than "
      "the route 'to-https', which redirects to https. Write `redirect_https: on` at the listener, "
      "or `scheme: https` here";
  expect_warnings({
      {"a host", beside("{host: api.test, path_prefix: /}"), {passes}},
      {"a longer path", beside("{path_prefix: /orders}"), {passes}},
      {"a method", beside("{methods: [GET]}"), {passes}},
      {"behind it", beside("{path_prefix: /}"), {}},
      {"https alone", beside("{host: api.test, scheme: https}"), {}},
      {"on the other listener", beside("{host: api.test, listeners: [https]}"), {}},
      {"plain on purpose", beside("{path_prefix: /.well-known/acme-challenge, scheme: http}"), {}},
      {"plain on purpose by listener",
       beside("{path_prefix: /.well-known/acme-challenge, listeners: [http]}"),
       {}},
  });
  const std::string listeners =
      "listeners:\n"
      "  - {name: http, bind: '0.0.0.0:8080', redirect_https: on}\n"
      "  - {name: https, bind: '0.0.0.0:8443', tls: {certificates: [{cert: c, key: k}]}}\n"
      "  - {name: other, bind: '";
  const auto with = [&](std::string_view bind, std::string_view match) {
    return document("  - {name: r, match: " + std::string(match) + ", upstream: app}",
                    listeners + std::string(bind) + "'}\n");
  };
  expect_warnings({
      {"another listener",
       with("0.0.0.0:8081", "{}"),
       {"listeners[2]: takes requests in plain text, for the route 'r' among others, while "
        "listener "
        "'http' redirects to https; write `redirect_https: on` here, too, or `listeners` or "
        "`scheme` in the routes"}},
      {"a listener for inside", with("127.0.0.1:8081", "{}"), {}},
      {"no route for it", with("0.0.0.0:8081", "{listeners: [https]}"), {}},
      {"a route of its own", with("0.0.0.0:8081", "{listeners: [other]}"), {}},
  });
}

TEST(Warnings, WhatDoesNothing) {
  const auto answers = [](std::string_view more) {
    return document("  - {name: r, match: {path_prefix: /a}, respond: {status: 200}" +
                    std::string(more) + "}");
  };
  const auto nothing = [](std::string_view key) {
    return "routes[0]." + std::string(key) +
           ": does nothing beside `respond`: nothing is forwarded; remove it, or write `upstream` "
           "instead";
  };
  expect_warnings({
      {"rewrite", answers(", rewrite: {prefix: /}"), {nothing("rewrite")}},
      {"upgrades", answers(", upgrades: [websocket]"), {nothing("upgrades")}},
      {"request_headers",
       answers(", request_headers: {set: {x: y}}"),
       {nothing("request_headers")}},
      {"timeout", answers(", timeout: 1s"), {nothing("timeout")}},
      {"response_headers do", answers(", response_headers: {set: {x: y}}"), {}},
      {"beside a redirect",
       document("  - {name: r, match: {}, redirect: {to: /x}, upgrades: [websocket]}"),
       {"routes[0].upgrades: does nothing beside `redirect`: nothing is forwarded; remove it, or "
        "write `upstream` instead"}},
      {"defaults are for others, too",
       document("  - {name: r, match: {}, respond: {status: 200}}", "defaults: {timeout: 1s}\n"),
       {}},
      {"an empty rewrite",
       route_with("{}", ", rewrite: {}"),
       {"routes[0].rewrite: does nothing: write `path`, `prefix` or `host`"}},
      {"a mirror of nothing",
       route_with("{}", ", mirror: {upstream: app, sample: 0%}"),
       {"routes[0].mirror.sample: nothing is copied: the share is 0%"}},
      {"a ca that nobody asks",
       "version: 1\nlisteners: [{name: h, bind: '0.0.0.0:8080'}]\nroutes: [{name: r, match: {}, "
       "upstream: u}]\nupstreams: {u: {endpoints: [{address: 'a:1'}], tls: {verify: off, ca: "
       "c}}}\n",
       {"upstreams.u.tls: `ca` does nothing with `verify: off`; remove one"}},
      {"a ca without a mode",
       document("  - {name: r, match: {}, upstream: app}",
                "listeners: [{name: s, bind: '0.0.0.0:8443', tls: {certificates: [{cert: c, key: "
                "k}], client_auth: {ca: x}}}]\n"),
       {"listeners[0].tls.client_auth: `ca` does nothing while `mode` is off; write `mode: "
        "required`"}},
      {"hsts for preload lists",
       document("  - {name: r, match: {}, upstream: app}",
                "listeners: [{name: s, bind: '0.0.0.0:8443', tls: {certificates: [{cert: c, key: "
                "k}], hsts: {preload: on}}}]\n"),
       {"listeners[0].tls.hsts: browsers' preload lists ask for `subdomains: on` and a `max_age` "
        "of "
        "365d"}},
  });
}

TEST(Warnings, WeightsOfNothing) {
  const std::string split = "[{upstream: app}, {upstream: app2, weight: 0}]";
  const auto with_split = [&](std::string_view more) {
    return document("  - {name: r, match: {}, split: " + split + std::string(more) + "}");
  };
  const auto two = [](std::string text) {
    const std::string one = "upstreams: {app: {endpoints: [{address: 'a:1'}]}";
    text.replace(text.find(one), one.size(), one + ", app2: {endpoints: [{address: 'b:1'}]}");
    return text;
  };
  expect_warnings({
      {"a share of 0",
       two(with_split("")),
       {"routes[0].split: 'app2' gets no request: its weight is 0, and no `override` names it"}},
      {"one that is named", two(with_split(", override: {header: x-to, values: {new: app2}}")), {}},
  });
}

TEST(Warnings, RequestsWithoutAnEnd) {
  expect_warnings({
      {"no timeout",
       route_with("{path_prefix: /a}", ", timeout: 0"),
       {"routes[0].timeout: a request waits for its answer without end; write a time here, or "
        "`max_duration`"}},
      {"no limit of silence",
       route_with("{path_prefix: /a}", ", stream_idle_timeout: 0"),
       {"routes[0].stream_idle_timeout: an answer on which nothing moves is kept without end; "
        "write a time here, or `max_duration`"}},
      {"an end in any case", route_with("{path_prefix: /a}", ", timeout: 0, max_duration: 1h"), {}},
      {"an answer of our own",
       document("  - {name: r, match: {path_prefix: /a}, respond: {status: 200}}"),
       {}},
  });
}

TEST(Warnings, KeysThatAClientChooses) {
  const auto limited = [](std::string_view key, std::string_view before = "") {
    return route_with("{path_prefix: /a}", ", middleware: [" + std::string(before) +
                                               "{rate_limit: {rate: 5/s, key: " + std::string(key) +
                                               "}}]");
  };
  const std::string login =
      "{jwt: {issuers: [{issuer: a, algorithms: [RS256], keys: {jwks_url: 'https://a/'}}], "
      "claims_to_headers: {sub: x-user}}}, ";
  expect_warnings({
      {"an address", limited("client_ip"), {}},
      {"a header",
       limited("{header: x-tenant}"),
       {"middleware.r/rate_limit: any client escapes this limit on route 'r': it sends another "
        "header 'x-tenant'. Count by client_ip, or by who was verified before"}},
      {"a cookie",
       limited("[client_ip, {cookie: session}]"),
       {"middleware.r/rate_limit: any client escapes this limit on route 'r': it sends another "
        "cookie 'session'. Count by client_ip, or by who was verified before"}},
      {"a header that was made of a claim", limited("{header: X-User}", login), {}},
      {"the token that was verified", limited("{header: authorization}", login), {}},
  });
}

}  // namespace
}  // namespace weir::config
