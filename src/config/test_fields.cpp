// `tests`: requests, and what is to become of them.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "config/blocks.hpp"
#include "config/checks.hpp"
#include "config/document.hpp"
#include "config/kinds.hpp"
#include "config/unknown_names.hpp"
#include "weir/base/text.hpp"

namespace weir::config {
namespace {

Wrong check_test_name(std::string& text) {
  if (text.empty() || text.size() > 200) return "a name has 1 to 200 bytes";
  return check_printable(text);
}

Wrong check_asked_url(std::string& text) {
  const bool fits =
      text.starts_with('/') || istarts_with(text, "http://") || istarts_with(text, "https://");
  if (!fits) return in_quotes(text) + " is neither http(s)://HOST/PATH nor a path";
  const bool spoilt =
      std::ranges::any_of(text, [](unsigned char c) { return c <= 0x20 || c >= 0x7F || c == '#'; });
  if (spoilt) return in_quotes(text) + ": write it percent-encoded, and without '#'";
  return std::nullopt;
}

Wrong check_from(std::string& text) {
  if (IpAddress::parse(text)) return std::nullopt;
  return in_quotes(text) + " is not an IP address";
}

// A mapping of names to texts, or to lists of them.
Value request_headers_value(std::vector<std::pair<std::string, std::string>>& target) {
  return {
      .read =
          [&target](const Reader& in) {
            target.clear();
            in.each_entry([&](const std::string& key, const Reader& value) {
              std::string name = key;
              if (Wrong wrong = check_token(name)) return value.key_error(std::move(*wrong));
              value.each_item_or_text([&](const Reader& item) {
                auto written = item.text();
                if (!written) return;
                if (Wrong wrong = check_field_value(*written)) {
                  return item.error(std::move(*wrong));
                }
                target.emplace_back(name, std::move(*written));
              });
            });
          },
      .print =
          [&target] {
            Tree out = Tree::map();
            std::vector<std::string_view> seen;
            for (const auto& [name, value] : target) {
              if (std::ranges::find(seen, name) != seen.end()) continue;
              seen.push_back(name);
              Tree values = Tree::list();
              for (const auto& [other, text] : target) {
                if (other != name) continue;
                values.push(is_secret_name(name) ? Tree(redacted) : Tree(text));
              }
              out.set(name, values.items()->size() == 1 ? values.items()->front() : values);
            }
            return out;
          },
      .schema =
          [] { return Tree::map({{"type", "object"}, {"additionalProperties", texts_schema()}}); }};
}

void read_client_certificate(const Reader& in, TestRequest& request) {
  auto written = in.text();
  if (!written) return;
  if (Wrong wrong = check_printable(*written)) return in.error(std::move(*wrong));
  if (in.context().checks.opens_files) {
    auto content = read_named_file(in.context(), *written);
    if (!content) return in.error("cannot read " + in_quotes(*written) + ": " + content.error());
    request.client_pem = std::move(*content);
  }
  request.client_cert = std::move(*written);
}

Value unless_empty(Value value, const std::string& of) {
  return printed_if([&of] { return !of.empty(); }, std::move(value));
}

Fields client_tls_fields(TestRequest& request) {
  Value certificate = text(request.client_cert, check_printable);
  certificate.read = [&request](const Reader& in) { read_client_certificate(in, request); };
  return {{"client_cert", std::move(certificate),
           "file (PEM) with the certificate that the client shows; it is taken for a good one",
           Need::required}};
}

Fields request_fields(TestRequest& request, std::vector<Written>& listeners) {
  Value headers = request_headers_value(request.headers);
  return {
      {"method", text(request.method, check_method), "default: GET"},
      {"url", text(request.url, check_asked_url),
       "http(s)://HOST/PATH?QUERY, or a path, whose host is that of the Host header",
       Need::required},
      {"headers", printed_if([&request] { return !request.headers.empty(); }, std::move(headers)),
       "values, or lists of them for headers that come several times"},
      {"from", text(request.from, check_from), "the client's address"},
      {"listener", reference(request.listener, listeners),
       "where it comes; default: the first listener that fits the scheme of the URL"},
      {"tls",
       printed_if([&request] { return !request.client_cert.empty(); },
                  block(client_tls_fields(request))),
       "of a client that comes over TLS"},
  };
}

Value reason_value(Reason& reason) {
  return {.read =
              [&reason](const Reader& in) {
                const auto written = in.text();
                if (!written) return;
                const auto found = reason_from_name(*written);
                if (found && *found != Reason::none) {
                  reason = *found;
                  return;
                }
                std::vector<std::string_view> known;
                for (std::size_t i = 1; i < reason_count; ++i) {
                  known.push_back(name(static_cast<Reason>(i)));
                }
                in.error("there is no reason " + in_quotes(*written) +
                         in.context().problems.known_words(*written, known));
              },
          .print = [&reason] { return Tree(name(reason)); },
          .schema =
              [] {
                Tree words = Tree::list();
                for (std::size_t i = 1; i < reason_count; ++i) {
                  words.push(name(static_cast<Reason>(i)));
                }
                return or_variable(Tree::map({{"enum", std::move(words)}}));
              }};
}

// `-` for none, which is no reference.
Value expected_route(std::string& route, std::vector<Written>& routes) {
  Value out = reference(route, routes);
  out.read = [&route, read = std::move(out.read)](const Reader& in) {
    if (in.is_text()) {
      if (const auto written = in.text(); written && *written == TestExpectation::no_route) {
        route = *written;
        return;
      }
    }
    read(in);
  };
  return out;
}

Value expected_split(TestExpectation& expect, std::vector<Written>& upstreams) {
  const auto share = [&upstreams](TestExpectation::Share& each) {
    return Fields{{"upstream", reference(each.upstream, upstreams), "its name", Need::required},
                  {"weight", count(each.weight, 0, 1'000'000'000), "its part of the sum"}};
  };
  // Of a sample, whose names nobody looks up.
  Value out = blocks(expect.split, share, [](TestExpectation::Share&, const Reader&) {});
  out.read = [&expect, read = std::move(out.read)](const Reader& in) {
    read(in);
    const bool any = std::ranges::any_of(expect.split, [](const auto& one) { return one.weight; });
    if (!expect.split.empty() && !any) in.error("the weights must not all be 0");
  };
  return printed_if([&expect] { return !expect.split.empty(); }, std::move(out));
}

Fields expectation_fields(TestExpectation& expect, TestNames& names) {
  return {
      {"route", expected_route(expect.route, names.routes), "the route that takes it; -: none"},
      {"upstream", reference(expect.upstream, names.upstreams),
       "the upstream that gets it; of a split only if that is certain"},
      {"split", expected_split(expect, names.upstreams),
       "the upstreams that may get it, with their weights"},
      {"status",
       printed_if([&expect] { return expect.status != 0; }, count(expect.status, 100, 599)),
       "of the answer that Weir gives itself"},
      {"reason",
       printed_if([&expect] { return expect.reason != Reason::none; }, reason_value(expect.reason)),
       "why Weir refuses it"},
      {"path", unless_empty(text(expect.path, check_printable), expect.path),
       "that the upstream is asked for, without the query"},
      {"host", unless_empty(text(expect.host, check_printable), expect.host),
       "that the upstream is asked for, with the port if there is one"},
      {"request_headers",
       printed_if([&expect] { return !expect.request_headers.empty(); },
                  conditions(expect.request_headers, check_token)),
       "that the upstream gets: value, {regex: ...} or {present: true or false}"},
      {"response_headers",
       printed_if([&expect] { return !expect.response_headers.empty(); },
                  conditions(expect.response_headers, check_token)),
       "the same, of what Weir puts into the answer"},
      {"redirect", unless_empty(text(expect.redirect, check_printable), expect.redirect),
       "where the answer sends the client"},
  };
}

Fields test_fields(RouteTest& test, TestNames& names) {
  return {{"name", text(test.name, check_test_name), "unique", Need::required},
          {"request", block(request_fields(test.request, names.listeners)), "what comes",
           Need::required},
          {"expect", block(expectation_fields(test.expect, names)), "what is to become of it",
           Need::required}};
}

}  // namespace

Value tests_value(Draft& draft) {
  return {
      .read =
          [&draft](const Reader& in) {
            in.each_item([&draft](const Reader& item) {
              RouteTest& test = draft.config.tests.emplace_back();
              test.place = item.place();
              test.at = item.path();
              const Problems& problems = item.context().problems;
              const std::size_t errors = problems.error_count();
              read_fields(item, test_fields(test, draft.test_names));
              if (problems.error_count() == errors && test.expect.empty()) {
                item.error("expects nothing; write what is to become of the request in `expect`");
              }
            });
          },
      .print =
          [&draft] {
            Tree out = Tree::list();
            for (RouteTest& each : draft.config.tests) {
              out.push(print_fields(test_fields(each, draft.test_names)));
            }
            return out.items()->empty() ? Tree() : out;
          },
      .schema =
          [] {
            RouteTest sample;
            TestNames names;
            return Tree::map(
                {{"type", "array"}, {"items", schema_fields(test_fields(sample, names))}});
          }};
}

void check_tests(const Draft& draft, const TestedNames& known, Problems& problems) {
  std::unordered_map<std::string_view, const RouteTest*> seen;
  for (const RouteTest& each : draft.config.tests) {
    if (each.name.empty()) continue;
    const auto [first, fresh] = seen.try_emplace(each.name, &each);
    if (fresh) continue;
    problems.error(each.place, each.at + ".name",
                   fmt::format("the name {} is already taken at {}", in_quotes(each.name),
                               to_string(first->second->place)));
  }
  const auto look_up = [&](const std::vector<Written>& written, std::string_view kind,
                           std::string_view section, const std::vector<std::string_view>& names) {
    if (draft.unread.contains(section)) return;
    const std::unordered_set<std::string_view> all(names.begin(), names.end());
    for (const Written& one : written) {
      if (all.contains(one.text) || draft.bad_names.contains(one.text)) continue;
      tell_unknown(one, kind, names, problems);
    }
  };
  look_up(draft.test_names.listeners, "listener", "listeners", known.listeners);
  look_up(draft.test_names.routes, "route", "routes", known.routes);
  look_up(draft.test_names.upstreams, "upstream", "upstreams", known.upstreams);
}

}  // namespace weir::config
