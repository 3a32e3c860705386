#include "middleware/fixture.hpp"

namespace weir::test {
namespace {

using HeadersTest = MiddlewareTest;

TEST_F(HeadersTest, ChangesTheRequest) {
  struct Row {
    std::string name;
    config::HeaderChanges changes;
    Fields sent;
    std::string saw;
  };
  const std::vector<Row> rows{
      {"set a new one", {{{"x-a", "1"}}, {}, {}}, {}, "x-a: 1"},
      {"set replaces all", {{{"x-a", "1"}}, {}, {}}, {{"X-A", "0"}, {"x-a", "2"}}, "x-a: 1"},
      {"add keeps", {{}, {{"x-a", "1"}}, {}}, {{"x-a", "0"}}, "x-a: 0; x-a: 1"},
      {"remove in any case", {{}, {}, {"x-a"}}, {{"X-A", "0"}, {"b", "1"}}, "b: 1"},
      {"remove, then set, then add",
       {{{"x-a", "1"}}, {{"x-a", "2"}}, {"x-a"}},
       {{"x-a", "0"}},
       "x-a: 1; x-a: 2"},
      {"variables",
       {{{"x-v", "{client_ip} {host} {path} {route} {id}"}}, {}, {}},
       {},
       "x-v: 192.0.2.1 shop.example /orders/42 orders 42"},
      {"braces", {{{"x-v", "{{}"}}, {}, {}}, {}, "x-v: {}"},
  };
  route.name = "orders";
  route.match.path_params = {"id"};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    send(chain_of(config::Headers{row.changes, {}}), {.headers = row.sent});
    EXPECT_EQ(origin.saw, row.saw);
  }
}

TEST_F(HeadersTest, KnowsTheUpstreamWhereThereIsNoChoice) {
  struct Row {
    std::string name;
    config::Split split;
    std::string saw;
  };
  const std::vector<Row> rows{{"one", {{"orders-v1", 1}}, "x-v: [orders-v1]"},
                              {"two", {{"orders-v1", 1}, {"orders-v2", 1}}, "x-v: []"}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    config::UpstreamAction to;
    to.split = row.split;
    route.action = to;
    send(chain_of(config::Headers{{{{"x-v", "[{upstream}]"}}, {}, {}}, {}}), {});
    EXPECT_EQ(origin.saw, row.saw);
  }
}

TEST_F(HeadersTest, ChangesTheResponse) {
  origin.reply = {{"Server", "secret/1.0"}, {"x-old", "1"}};
  const Chain chain =
      chain_of(config::Headers{{}, {{{"x-frame-options", "DENY"}}, {}, {"x-old", "server"}}});
  const Response response = send(chain, {});
  EXPECT_EQ(values(response.head.headers, "x-frame-options"), "DENY");
  EXPECT_EQ(values(response.head.headers, "x-old"), "");
  EXPECT_EQ(values(response.head.headers, "server"), "");
}

TEST_F(HeadersTest, ChangesRefusalsFromWithin) {
  std::vector<config::Middleware> specs(2);
  specs[0].spec = config::Headers{{}, {{{"x-edge", "weir"}}, {}, {}}};
  specs[1].spec = config::BodyLimit{1};
  std::vector<std::shared_ptr<Middleware>> layers;
  for (const auto& spec : specs) layers.push_back(make_middleware(spec, {}, services));
  const Response response = send(Chain(std::move(layers)), {.content_length = 2});
  EXPECT_EQ(response.head.status, 413);
  EXPECT_EQ(values(response.head.headers, "x-edge"), "weir");
}

}  // namespace
}  // namespace weir::test
