#include "weir/config/documents.hpp"

#include <gtest/gtest.h>

namespace weir::config {
namespace {

constexpr std::string_view own_file = R"(
listeners: [{name: http, bind: "127.0.0.1:0"}]
routes: [{name: own, match: {path: /own}, upstream: main}]
upstreams: {main: {endpoints: [{address: "127.0.0.1:1"}]}}
providers: {etcd: {endpoints: ["http://127.0.0.1:2379"]}}
)";

Loaded own() {
  auto loaded = load_text(own_file);
  EXPECT_TRUE(loaded) << loaded.error().front().to_string();
  return std::move(*loaded);
}

std::string first_fault(const std::string& text) {
  const auto read = read_document({"etcd:d", text, std::nullopt});
  return read ? "" : read.error().front().to_string();
}

TEST(Documents, AreReadAlone) {
  const auto read =
      read_document({"etcd:d",
                     "routes:\n- {name: a, match: {path: /a}, upstream: x, middleware: [m]}\n"
                     "upstreams: {y: {endpoints: [{address: 'a:1'}]}}\n"
                     "middleware: {ask: {forward_auth: {upstream: z, path: /}}}\n",
                     std::nullopt});
  ASSERT_TRUE(read) << read.error().front().to_string();
  EXPECT_EQ(read->defines.routes, NameSet{"a"});
  EXPECT_EQ(read->defines.upstreams, NameSet{"y"});
  EXPECT_EQ(read->defines.middleware, NameSet{"ask"});
  EXPECT_EQ(read->needs.upstreams, (NameSet{"x", "z"}));
  EXPECT_EQ(read->needs.middleware, NameSet{"m"});
  EXPECT_EQ(read->asked.at("ask"), "z");
}

TEST(Documents, HoldNothingOfTheGatewayItself) {
  for (const std::string key : {"server", "listeners", "admin", "log", "providers", "defaults"}) {
    EXPECT_TRUE(
        first_fault(key + ": {}").starts_with("etcd:d:1:1: " + key + ": a document from elsewhere"))
        << first_fault(key + ": {}");
  }
}

TEST(Documents, NameNothingOfThisMachine) {
  const std::string told =
      "a document from elsewhere may not name files or sockets of this machine";
  for (const std::string text :
       {"middleware: {m: {basic_auth: {users_file: /etc/passwd}}}",
        "middleware: {m: {api_key: {keys_file: keys}}}",
        "upstreams: {u: {endpoints: [{address: 'unix:/run/docker.sock'}]}}",
        "upstreams: {u: {endpoints: [{address: 'a:1'}], tls: {ca: ca.crt}}}",
        "upstreams: {u: {endpoints_from: {file: list.yaml}}}",
        "certificates: [{cert: a.crt, key_pem: '-----BEGIN PRIVATE KEY-----'}]"}) {
    EXPECT_TRUE(first_fault(text).ends_with(told)) << text << ": " << first_fault(text);
  }
}

TEST(Documents, VariablesAreText) {
  EXPECT_TRUE(first_fault("routes: [{name: a, match: {path: /a}, respond: {body: '${HOME}'}}]")
                  .find("unset") == std::string::npos);
}

TEST(Documents, JoinTheFileInOrder) {
  const Loaded file = own();
  const std::vector<DocumentText> documents{
      {"etcd:a", "routes: [{name: a, match: {path: /a}, upstream: main}]", std::nullopt},
      {"etcd:b", "routes: [{name: b, match: {path: /b}, respond: {body: '${{X'}}]", std::nullopt}};
  const auto whole = join_documents(file, documents);
  ASSERT_TRUE(whole) << whole.error().front().to_string();
  std::vector<std::string> routes;
  for (const Route& each : whole->config.routes) routes.push_back(each.name);
  EXPECT_EQ(routes, (std::vector<std::string>{"own", "a", "b"}));
  // The way back leads to the file.
  ASSERT_TRUE(whole->origin);
  EXPECT_EQ(whole->origin, file.origin);
  const auto again = whole->origin->load();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->config.routes.size(), 1U);
  EXPECT_TRUE(again->sources);
}

TEST(Documents, OnlySomeDefinitionsCount) {
  const Loaded file = own();
  NamesByKind only;
  only.upstreams = {"x"};
  const std::vector<DocumentText> documents{
      {"etcd:a",
       "routes: [{name: a, match: {path: /a}, upstream: y}]\n"
       "upstreams: {x: {endpoints: [{address: 'a:1'}]}, y: {endpoints: [{address: 'a:1'}]}}",
       only}};
  const auto whole = join_documents(file, documents);
  ASSERT_TRUE(whole) << whole.error().front().to_string();
  EXPECT_EQ(whole->config.routes.size(), 1U);
  EXPECT_NE(whole->config.find_upstream("x"), nullptr);
  EXPECT_EQ(whole->config.find_upstream("y"), nullptr);
}

TEST(EndpointChanges, OfEndpointsAlone) {
  const auto change = [](const std::string& before, const std::string& after) {
    return endpoint_changes({"d", before, std::nullopt}, {"d", after, std::nullopt});
  };
  const std::string one = "upstreams: {x: {endpoints: [{address: '10.0.0.1:1'}]}}";
  const std::string two =
      "upstreams:\n  x:\n    endpoints:\n    - {address: '10.0.0.2:1', weight: 2}\n";
  const auto found = change(one, two);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 1U);
  EXPECT_EQ(found->front().upstream, "x");
  EXPECT_EQ(found->front().endpoints, (std::vector<EndpointSpec>{{"10.0.0.2:1", 2}}));
  EXPECT_TRUE(change(one, one + "\n# a comment\n")->empty());
  EXPECT_FALSE(change(one, "upstreams: {x: {endpoints: [{address: 'nonsense'}]}}"));
  EXPECT_FALSE(change(one, "upstreams: {x: {endpoints: [{address: '10.0.0.1:1'}], protocol: h2}}"));
  EXPECT_FALSE(change(one, "upstreams: {y: {endpoints: [{address: '10.0.0.1:1'}]}}"));
  EXPECT_FALSE(change(one, one + "\nroutes: []"));
  EXPECT_FALSE(change(one, "]["));
}

}  // namespace
}  // namespace weir::config
