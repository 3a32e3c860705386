#include "weir/http/variables.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace weir {
namespace {

class VariablesTest : public testing::Test {
 protected:
  VariablesTest() {
    request_.head.host = "shop.example";
    request_.head.authority = "shop.example:8080";
    request_.head.path = "/orders/7";
    request_.head.query = "a=1&b";
    request_.head.has_query = true;
    exchange_.fill_context().client_ip = IpAddress::parse("2001:db8::7").value();
    constexpr std::string_view id = "0190-ab";
    std::ranges::copy(id, exchange_.fill_context().request_id_text.begin());
    exchange_.fill_context().request_id_length = id.size();
    exchange_.fill_context().route_name = "orders";
    exchange_.fill_context().rest = "/7";
    exchange_.record.tell_upstream("orders-v1");
    exchange_.fill_context().path_params = {"7", "eu"};
  }

  std::string expand(std::string_view text) {
    const auto parsed = TemplateText::parse(text, params_);
    if (!parsed) return "(" + parsed.error() + ")";
    return Variables(request_, exchange_).expand(*parsed);
  }

  const std::vector<std::string> params_{"id", "region"};
  ConnectionInfo connection_;
  Request request_;
  Exchange exchange_{connection_, TimePoint{}};
};

TEST_F(VariablesTest, EachStandsForItsFact) {
  struct Row {
    const char* text;
    const char* value;
  };
  const Row rows[] = {
      {"plain", "plain"},
      {"{client_ip}", "2001:db8::7"},
      {"{host}", "shop.example"},
      {"{scheme}", "http"},
      {"{path}", "/orders/7"},
      {"{rest}", "/7"},
      {"{query}", "?a=1&b"},
      {"{request_id}", "0190-ab"},
      {"{route}", "orders"},
      {"{upstream}", "orders-v1"},
      {"{id}", "7"},
      {"{region}", "eu"},
      {"{client_ip} {query} {client_ip}", "2001:db8::7 ?a=1&b 2001:db8::7"},
      {"https://{host}{path}{query}", "https://shop.example/orders/7?a=1&b"},
      {"{{{id}}", "{7}"},
  };
  for (const Row& row : rows) EXPECT_EQ(expand(row.text), row.value) << row.text;
}

TEST_F(VariablesTest, AQueryThatIsThereButEmptyKeepsItsMark) {
  request_.head.query = "";
  EXPECT_EQ(expand("{path}{query}"), "/orders/7?");
  request_.head.has_query = false;
  EXPECT_EQ(expand("{path}{query}"), "/orders/7");
}

TEST_F(VariablesTest, TheSchemeIsTheConnections) {
  request_.head.scheme = Scheme::https;
  EXPECT_EQ(expand("{scheme}"), "https");
}

TEST_F(VariablesTest, WhatIsNotKnownIsEmpty) {
  const Request request;
  const Exchange exchange(connection_, TimePoint{});
  const auto text = TemplateText::parse("<{host}{path}{rest}{query}{request_id}{route}{upstream}>");
  ASSERT_TRUE(text);
  EXPECT_EQ(Variables(request, exchange).expand(*text), "<>");
}

}  // namespace
}  // namespace weir
