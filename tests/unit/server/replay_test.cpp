#include "weir/server/replay.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "weir/config/loader.hpp"

namespace weir::server {
namespace {

using Verdict = Replayed::Verdict;

// Listeners, upstreams a, b and c, and these routes.
std::string document(std::string_view routes, std::string_view more = "") {
  std::string out = "version: 1\n" + std::string(more);
  if (!more.contains("listeners:")) out += "listeners: [{name: http, bind: '127.0.0.1:8080'}]\n";
  out += "routes:\n" + std::string(routes) + "\nupstreams:\n";
  for (const char* name : {"a", "b", "c"}) {
    out += std::string("  ") + name + ": {endpoints: [{address: '" + name + ":1'}]}\n";
  }
  return out;
}

class Two {
 public:
  Two(const std::string& before, const std::string& after)
      : before_(load(before)), after_(load(after)) {
    auto made = Replay::make(before_, after_);
    EXPECT_TRUE(made);
    if (made) replay_ = std::move(*made);
  }

  Replayed of(const LoggedFacts& facts) { return replay_->of(facts); }
  // "same", "different WHAT: BEFORE -> AFTER" or "cannot tell: WHAT".
  std::string told(const LoggedFacts& facts) {
    const Replayed out = of(facts);
    const std::string end = out.disagrees ? " (disagrees)" : "";
    if (out.verdict == Verdict::same) return "same" + end;
    if (out.verdict == Verdict::cannot_tell) return "cannot tell: " + out.what + end;
    return "different " + out.what + ": " + out.before + " -> " + out.after + end;
  }

 private:
  static config::Config load(const std::string& text) {
    auto loaded = config::load_text(text);
    EXPECT_TRUE(loaded) << (loaded ? "" : loaded.error().front().to_string());
    return loaded ? std::move(loaded->config) : config::Config();
  }

  config::Config before_;
  config::Config after_;
  std::unique_ptr<Replay> replay_;
};

LoggedFacts get(std::string path, std::string route) {
  LoggedFacts out;
  out.listener = "http";
  out.client_ip = "192.0.2.7";
  out.method = "GET";
  out.host = "x.example";
  out.path = std::move(path);
  out.route = std::move(route);
  return out;
}

constexpr std::string_view plain = "  - {name: all, match: {path_prefix: /}, upstream: a}";

TEST(Replay, WhatTheLogHasDecides) {
  Two two(
      document(plain),
      document("  - {name: all, match: {path_prefix: /}, upstream: b}\n"
               "  - {name: new, match: {path: /new}, upstream: a}\n"
               "  - {name: old, match: {path: /old}, redirect: {to: '/x{query}'}}\n"
               "  - {name: bot, match: {path: /bot, headers: {user-agent: bot}}, upstream: a}"));
  EXPECT_EQ(two.told(get("/a", "all")), "different upstream: a -> b");
  EXPECT_EQ(two.told(get("/new", "all")), "different route: all -> new");
  EXPECT_EQ(two.told(get("/old", "all")), "different route: all -> old");
  LoggedFacts bot = get("/bot", "all");
  EXPECT_EQ(two.told(bot), "different upstream: a -> b");
  bot.user_agent = "bot";
  EXPECT_EQ(two.told(bot), "different route: all -> bot");
}

TEST(Replay, EqualConfigurationsTreatAllAlike) {
  const std::string text = document(
      "  - {name: beta, match: {path_prefix: /, headers: {x-beta: '1'}}, upstream: b}\n"
      "  - {name: pages, match: {path_prefix: /p}, upstream: c, middleware: [{cors: "
      "{origins: ['*']}}]}\n" +
      std::string(plain));
  Two two(text, text);
  EXPECT_EQ(two.told(get("/a", "all")), "same");
  EXPECT_EQ(two.told(get("/a", "beta")), "same");
  LoggedFacts options = get("/p", "pages");
  options.method = "OPTIONS";
  EXPECT_EQ(two.told(options), "same");
}

TEST(Replay, WhatTheLogDoesNotHaveCannotBeTold) {
  Two two(
      document(plain),
      document("  - {name: beta, match: {path_prefix: /, headers: {x-beta: '1'}}, upstream: b}\n" +
               std::string(plain)));
  EXPECT_EQ(two.told(get("/a", "all")), "cannot tell: header x-beta");
}

TEST(Replay, TheRouteInTheLogSaysWhichConditionsHeld) {
  const std::string beta =
      "  - {name: beta, match: {path_prefix: /, headers: {x-beta: '1'}}, upstream: b}\n";
  Two two(document(beta + std::string(plain)),
          document("  - {name: beta, match: {path_prefix: /, headers: {x-beta: '1'}}, upstream: "
                   "c}\n" +
                   std::string(plain)));
  EXPECT_EQ(two.told(get("/a", "beta")), "different upstream: b -> c");
  EXPECT_EQ(two.told(get("/a", "all")), "same");
  EXPECT_EQ(two.told(get("/a", "other")), "cannot tell: header x-beta (disagrees)");
}

TEST(Replay, ValuesOfOneHeaderExcludeEachOther) {
  const auto routes = [](std::string_view of_two) {
    return document(
        "  - {name: one, match: {path_prefix: /, headers: {x-v: '1'}}, upstream: a}\n"
        "  - {name: two, match: {path_prefix: /, headers: {x-v: '2'}}, upstream: " +
        std::string(of_two) + "}\n" + std::string(plain));
  };
  Two two(routes("b"), routes("c"));
  EXPECT_EQ(two.told(get("/a", "one")), "same");  // so x-v is not 2
  EXPECT_EQ(two.told(get("/a", "two")), "different upstream: b -> c");
}

TEST(Replay, AQueryThatTheLogHidesCannotBeTold) {
  const std::string more = "access_log: {query: drop}\n";
  Two two(document(plain, more),
          document("  - {name: beta, match: {path_prefix: /, query: {beta: '1'}}, redirect: {to: "
                   "'/b{query}'}}\n" +
                       std::string(plain),
                   more));
  EXPECT_EQ(two.told(get("/a", "all")), "cannot tell: query beta");
}

TEST(Replay, CredentialsAreNotInTheLog) {
  const std::string open = "  - {name: all, match: {path_prefix: /}, upstream: a}";
  const std::string asks =
      "  - {name: all, match: {path_prefix: /}, upstream: a, middleware: [{jwt: {issuers: "
      "[{issuer: i, algorithms: [RS256], keys: {jwks_url: 'https://i.example/'}}]}}]}";
  LoggedFacts refused = get("/a", "all");
  refused.reason = Reason::token_missing;
  {
    Two two(document(open), document(asks));
    EXPECT_EQ(two.told(get("/a", "all")), "cannot tell: credentials");
  }
  {
    Two two(document(asks), document(open));
    EXPECT_EQ(two.told(get("/a", "all")), "same");
    EXPECT_EQ(two.told(refused),
              "different answer: 401 token_missing -> nobody is asked who it is");
  }
  Two two(document(asks), document(asks));
  EXPECT_EQ(two.told(refused), "same");
}

TEST(Replay, RefusalsAreCompared) {
  const auto filtered = [](std::string_view network) {
    return document(
        "  - {name: all, match: {path_prefix: /}, upstream: a, middleware: "
        "[{ip_filter: {allow: [" +
        std::string(network) + "]}}]}");
  };
  Two two(filtered("192.0.2.0/24"), filtered("198.51.100.0/24"));
  EXPECT_EQ(two.told(get("/a", "all")), "different answer: the upstream's -> 403 ip_denied");
  Two gone(document(plain), document("  - {name: few, match: {path: /few}, upstream: a}"));
  EXPECT_EQ(gone.told(get("/a", "all")), "different route: all -> none (404 no_route)");
}

TEST(Replay, AClientBehindAProxyIsWhoTheLogSays) {
  const auto trusting = [](std::string_view more) {
    return document(
        "  - {name: all, match: {path_prefix: /}, upstream: a, middleware: "
        "[{ip_filter: {allow: [192.0.2.0/24]}}]}",
        more);
  };
  LoggedFacts behind = get("/a", "all");
  behind.peer = "10.0.0.1";
  Two same(trusting("trusted_proxies: [10.0.0.0/8]\n"),
           trusting("trusted_proxies: [10.0.0.0/8]\n"));
  EXPECT_EQ(same.told(behind), "same");
  Two two(trusting("trusted_proxies: [10.0.0.0/8]\n"), trusting(""));
  EXPECT_EQ(two.told(behind), "different answer: the upstream's -> 403 ip_denied");
}

TEST(Replay, ListenersAreFoundByNameOrAddress) {
  const std::string renamed = "listeners: [{name: web, bind: '127.0.0.1:8080'}]\n";
  const std::string elsewhere = "listeners: [{name: web, bind: '127.0.0.1:8081'}]\n";
  Two two(document(plain), document(plain, renamed));
  EXPECT_EQ(two.told(get("/a", "all")), "same");
  Two gone(document(plain), document(plain, elsewhere));
  EXPECT_EQ(gone.told(get("/a", "all")), "different listener: http -> none at that address");
  LoggedFacts unknown = get("/a", "all");
  unknown.listener = "other";
  EXPECT_EQ(two.told(unknown), "cannot tell: a listener of that name (disagrees)");
}

TEST(Replay, ARequestThatWasRefusedForItsFormIsRefusedByTheSameListener) {
  LoggedFacts bad = get("/a", "");
  bad.reason = Reason::headers_too_large;
  Two two(document(plain), document("  - {name: all, match: {path_prefix: /}, upstream: b}"));
  EXPECT_EQ(two.told(bad), "same");
  Two larger(document(plain), document(plain,
                                       "listeners: [{name: http, bind: '127.0.0.1:8080', limits: "
                                       "{header_size: 100KiB}}]\n"));
  EXPECT_EQ(larger.told(bad), "cannot tell: the request (headers_too_large)");
}

TEST(Replay, ALineThatWasCutIsNoRequest) {
  Two two(document(plain), document("  - {name: all, match: {path_prefix: /}, upstream: b}"));
  EXPECT_EQ(two.told(get("/" + std::string(2047, 'a'), "all")), "cannot tell: the whole request");
}

}  // namespace
}  // namespace weir::server
