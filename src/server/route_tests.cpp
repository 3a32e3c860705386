#include "weir/server/route_tests.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "weir/base/text.hpp"
#include "weir/net/client_identity.hpp"
#include "weir/route/field_condition.hpp"
#include "weir/server/explain.hpp"

namespace weir::server {
namespace {

using Shares = std::vector<Decision::Share>;

std::string shares_text(const Shares& shares) {
  std::string out;
  for (const Decision::Share& each : shares) {
    out += fmt::format("{}{} {:.4g}%", out.empty() ? "" : ", ", each.upstream, 100 * each.part);
  }
  return out;
}

Shares expected_shares(const config::TestExpectation& expect) {
  double sum = 0;
  for (const auto& each : expect.split) sum += each.weight;
  Shares out;
  for (const auto& each : expect.split) out.push_back({each.upstream, each.weight / sum});
  return out;
}

double share_part(const Shares& shares, std::string_view upstream) {
  double out = 0;
  for (const Decision::Share& each : shares) {
    if (each.upstream == upstream) out += each.part;
  }
  return out;
}

// Upstreams that get nothing do not count.
bool same_shares(const Shares& one, const Shares& other) {
  constexpr double tolerance = 1e-9;
  const auto all_in = [&](const Shares& these, const Shares& those) {
    return std::ranges::all_of(these, [&](const Decision::Share& each) {
      return std::abs(share_part(these, each.upstream) - share_part(those, each.upstream)) <
             tolerance;
    });
  };
  return all_in(one, other) && all_in(other, one);
}

ExplainRequest question_of(const config::TestRequest& request) {
  return {.method = request.method,
          .url = request.url,
          .headers = request.headers,
          .from = request.from,
          .listener = request.listener,
          .client_identity = {},
          .in_words = true};
}

class Comparison {
 public:
  Comparison(const config::RouteTest& test, const Explanation& got)
      : expect_(test.expect), got_(got) {}

  std::vector<TestMismatch> run() {
    compare_route();
    if (!expect_.upstream.empty() && decision_.upstream != expect_.upstream) {
      add("upstream", expect_.upstream, upstream_text());
    }
    if (!expect_.split.empty()) compare_split();
    if (expect_.status != 0 && got_.status != expect_.status) {
      add("status", std::to_string(expect_.status), status_text());
    }
    if (expect_.reason != Reason::none && decision_.reason != expect_.reason) {
      add("reason", std::string(name(expect_.reason)), reason_text());
    }
    compare_forwarded("path", expect_.path, decision_.path);
    compare_forwarded("host", expect_.host, decision_.host);
    if (!expect_.redirect.empty() && decision_.redirect != expect_.redirect) {
      add("redirect", expect_.redirect,
          decision_.redirect.empty() ? "no redirect, but " + outcome() : decision_.redirect);
    }
    if (!expect_.request_headers.empty() && !decision_.is_forwarded) {
      add("request_headers", "a request to an upstream", outcome());
    } else {
      compare_fields("request_headers", expect_.request_headers, decision_.request_headers);
    }
    compare_fields("response_headers", expect_.response_headers, decision_.response_headers);
    return std::move(out_);
  }

 private:
  void add(std::string what, std::string expected, std::string got) {
    out_.push_back({std::move(what), std::move(expected), std::move(got)});
  }

  std::string status_text() const {
    return got_.status == 0 ? "none, since an upstream answers" : std::to_string(got_.status);
  }
  std::string reason_text() const {
    return decision_.reason == Reason::none ? "none, it is not refused"
                                            : std::string(name(decision_.reason));
  }
  // What happens instead of what was expected.
  std::string outcome() const {
    if (decision_.is_forwarded) return "it goes to " + upstream_text();
    if (decision_.reason == Reason::none) return fmt::format("Weir answers {}", got_.status);
    return fmt::format("Weir answers {} {}", got_.status, name(decision_.reason));
  }
  std::string upstream_text() const {
    if (!decision_.is_forwarded) return "none, " + outcome();
    return decision_.upstream.empty() ? "one of a split: " + shares_text(decision_.shares)
                                      : decision_.upstream;
  }

  void compare_route() {
    if (expect_.route.empty()) return;
    const std::string& got =
        decision_.route.empty() ? std::string(config::TestExpectation::no_route) : decision_.route;
    if (got == expect_.route) return;
    std::string text = got;
    for (const Explanation::Step& step : got_.steps) {
      if (step.what != "not " + expect_.route) continue;
      text += fmt::format(" ({}: {})", expect_.route, step.text);
      break;
    }
    add("route", expect_.route, std::move(text));
  }

  void compare_split() {
    const Shares expected = expected_shares(expect_);
    if (decision_.is_forwarded && same_shares(expected, decision_.shares)) return;
    add("split", shares_text(expected),
        decision_.is_forwarded ? shares_text(decision_.shares) : "none, " + outcome());
  }

  void compare_forwarded(const char* what, const std::string& expected, const std::string& got) {
    if (expected.empty() || (decision_.is_forwarded && got == expected)) return;
    add(what, expected, decision_.is_forwarded ? got : "none, " + outcome());
  }

  void compare_fields(std::string_view what, const std::vector<config::ValueMatch>& expected,
                      const Decision::Fields& got) {
    if (expected.empty()) return;
    HeaderMap headers;
    for (const auto& [name, value] : got) headers.add(name, value);
    for (const config::ValueMatch& each : expected) {
      const std::string refusal = route::refusal_of(each, headers);
      if (refusal.empty()) continue;
      std::string values;
      for (const HeaderMap::Field& field : headers) {
        if (iequals(field.name, each.name)) {
          values += fmt::format("{}{}", values.empty() ? "" : ", ", field.value);
        }
      }
      add(fmt::format("{}.{}", what, each.name), wanted(each), values.empty() ? "absent" : values);
    }
  }

  static std::string wanted(const config::ValueMatch& one) {
    switch (one.kind) {
      case config::ValueMatch::Kind::equals:
        break;
      case config::ValueMatch::Kind::regex:
        return "a match of " + one.value;
      case config::ValueMatch::Kind::present:
        return "present";
      case config::ValueMatch::Kind::absent:
        return "absent";
    }
    return one.value;
  }

  const config::TestExpectation& expect_;
  const Explanation& got_;
  const Decision& decision_ = got_.decision;
  std::vector<TestMismatch> out_;
};

TestResult run_test(const config::Config& config, const route::RouteTable& table,
                    const config::RouteTest& test) {
  TestResult out{&test, {}};
  ExplainRequest question = question_of(test.request);
  if (!test.request.client_pem.empty()) {
    auto identity = net::client_identity_of(test.request.client_pem);
    if (!identity) {
      out.mismatches.push_back({"request.tls.client_cert", "a certificate", identity.error()});
      return out;
    }
    question.client_identity = std::move(*identity);
  }
  // Words cost: they are for a test that looks at fields, and for one that failed.
  const bool of_fields =
      !test.expect.request_headers.empty() || !test.expect.response_headers.empty();
  for (const bool in_words : {false, true}) {
    if (of_fields && !in_words) continue;
    question.in_words = in_words;
    const auto explained = explain(config, table, question);
    if (!explained) {
      out.mismatches = {{"request", "a request", explained.error()}};
      return out;
    }
    out.mismatches = Comparison(test, *explained).run();
    if (out.passed()) return out;
  }
  return out;
}

}  // namespace

std::vector<TestResult> run_tests(const config::Config& config, const route::RouteTable& table) {
  std::vector<TestResult> out;
  out.reserve(config.tests.size());
  for (const config::RouteTest& test : config.tests) out.push_back(run_test(config, table, test));
  return out;
}

std::vector<config::Problem> failed_tests(const config::Config& config,
                                          const route::RouteTable& table) {
  std::vector<config::Problem> out;
  for (const config::RouteTest& test : config.tests) {
    const TestResult result = run_test(config, table, test);
    if (result.passed()) continue;
    std::string what;
    for (const TestMismatch& each : result.mismatches) {
      what += fmt::format("{}{}: expected {}, got {}", what.empty() ? "" : ", ", each.what,
                          each.expected, each.got);
    }
    out.push_back({.place = test.place,
                   .path = test.at,
                   .message = fmt::format("the test '{}' failed: {}", test.name, what)});
  }
  return out;
}

}  // namespace weir::server
