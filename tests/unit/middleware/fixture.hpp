// A request through one middleware to a handler that notes what it saw.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/run_task.hpp"
#include "weir/base/offload.hpp"
#include "weir/base/text.hpp"
#include "weir/http/answer.hpp"
#include "weir/middleware/builtin.hpp"
#include "weir/middleware/route_facts.hpp"

namespace weir::test {

using Fields = std::vector<std::pair<std::string, std::string>>;

// "a: 1; b: 2" of the fields, names in lower case.
inline std::string listed(const HeaderMap& headers) {
  std::string text;
  for (const HeaderMap::Field& field : headers) {
    if (!text.empty()) text += "; ";
    text += to_lower(field.name) + ": " + std::string(field.value);
  }
  return text;
}

// The values of all fields of that name, joined by " | ".
inline std::string values(const HeaderMap& headers, std::string_view name) {
  std::string text;
  for (const HeaderMap::Field& field : headers) {
    if (!iequals(field.name, name)) continue;
    if (!text.empty()) text += " | ";
    text += field.value;
  }
  return text;
}

class Origin final : public Handler {
 public:
  Fields reply;
  unsigned calls = 0;
  std::string saw;  // the request's fields
  std::string saw_user;
  std::uint64_t saw_limit = 0;

  Task<Response> handle(Request& request, Exchange& exchange) override {
    ++calls;
    saw = listed(request.head.headers);
    saw_user = exchange.decisions.user;
    saw_limit = exchange.decisions.body_limit;
    Response response = simple_answer(200, "hello");
    for (const auto& [name, value] : reply) response.head.headers.add(name, value);
    co_return response;
  }
};

struct Sent {
  std::string method = "GET";
  Fields headers = {};
  std::string client_ip = "192.0.2.1";
  std::optional<std::uint64_t> content_length = {};
};

class MiddlewareTest : public testing::Test {
 protected:
  Offload offload{1, 16};
  telemetry::Metrics metrics{1, "test", "none"};
  KeptStates kept;
  MiddlewareServices services{offload, metrics, kept, 1, {}};
  Origin origin;
  config::Route route;

  Chain chain_of(config::MiddlewareSpec spec) {
    config::Middleware named;
    named.name = "m";
    named.spec = std::move(spec);
    return Chain({make_middleware(named, route.match.path_params, services)});
  }

  Response send(const Chain& chain, const Sent& sent) {
    return run_task([&](net::Loop& loop) { return exchange_on(loop, chain, sent); });
  }

 private:
  Task<Response> exchange_on(net::Loop& loop, const Chain& chain, const Sent& sent) {
    ConnectionInfo connection;
    connection.loop = &loop;
    Exchange exchange(connection, loop.now());
    if (const auto address = IpAddress::parse(sent.client_ip))
      exchange.fill_context().client_ip = *address;
    const RouteFacts facts = facts_of(route);
    exchange.fill_context().route = &facts;
    exchange.fill_context().route_name = route.name;
    exchange.fill_context().path_params[0] = "42";
    Request request;
    request.head.method = parse_method(sent.method);
    request.head.method_text = sent.method;
    request.head.host = "shop.example";
    request.head.path = "/orders/42";
    if (sent.content_length) {
      request.head.framing = Framing::length;
      request.head.content_length = *sent.content_length;
    }
    for (const auto& [name, value] : sent.headers) request.head.headers.add(name, value);
    Response response = co_await chain.handle(request, exchange, origin);
    co_return response;
  }
};

}  // namespace weir::test
