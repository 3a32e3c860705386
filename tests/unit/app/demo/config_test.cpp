#include "app/demo/config.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <variant>

#include "weir/server/explain.hpp"
#include "weir/server/snapshot.hpp"

namespace weir::app {
namespace {

DemoPlaces places_in(const DemoFolder& folder) {
  return {.folder = folder.path(),
          .bind = *SocketAddress::parse("127.0.0.1:1234"),
          .admin = "127.0.0.1:0",
          .backends = {"127.0.0.1:11", "127.0.0.1:12"}};
}

TEST(DemoConfig, LoadsWithoutWarningsAndCompiles) {
  const DemoFolder folder;
  const auto loaded = demo_config(places_in(folder));
  ASSERT_TRUE(loaded) << loaded.error().front().to_string();
  EXPECT_TRUE(loaded->warnings.empty());
  EXPECT_TRUE(server::compile_table(loaded->config));
}

TEST(DemoConfig, TakesThePlacesItIsGiven) {
  const DemoFolder folder;
  const auto loaded = demo_config(places_in(folder));
  ASSERT_TRUE(loaded);
  const config::Config& config = loaded->config;
  EXPECT_EQ(config.listeners.front().bind.to_string(), "127.0.0.1:1234");
  EXPECT_EQ(config.admin.bind, "127.0.0.1:0");
  EXPECT_EQ(config.find_upstream("v1")->endpoints.front().address, "127.0.0.1:11");
  EXPECT_EQ(config.find_upstream("v2")->endpoints.front().address, "127.0.0.1:12");
}

TEST(DemoConfig, RoutesWhatTheDemoPrints) {
  const DemoFolder folder;
  const auto loaded = demo_config(places_in(folder));
  ASSERT_TRUE(loaded);
  const auto table = server::compile_table(loaded->config);
  ASSERT_TRUE(table);
  struct Row {
    const char* url;
    const char* route;
    bool with_version;
  };
  for (const Row& row : {Row{"/?1", "shop: ", false}, Row{"/echo/hello?a=1", "canary: ", true},
                         Row{"/private", "private: ", false}, Row{"/account", "account: ", false},
                         Row{"/upload", "upload: ", false}, Row{"/limited?1", "limited: ", false},
                         Row{"/office", "office: ", false}, Row{"/old/page", "old: ", false},
                         Row{"/ping", "ping: ", false}}) {
    server::ExplainRequest request;
    request.url = row.url;
    if (row.with_version) request.headers.emplace_back("x-version", "2");
    const auto explanation = server::explain(loaded->config, *table, request);
    ASSERT_TRUE(explanation) << row.url;
    std::string route;
    for (const auto& step : explanation->steps) {
      if (step.what == "route") route = step.text;
    }
    EXPECT_TRUE(route.starts_with(row.route)) << row.url << ": " << route;
  }
}

TEST(DemoConfig, ForPeopleTheirLinesTakeThePlaceOfTheLogs) {
  const DemoFolder folder;
  DemoPlaces places = places_in(folder);
  EXPECT_EQ(demo_config(places)->config.access_log.path, "stdout");
  places.for_people = true;
  const auto loaded = demo_config(places);
  EXPECT_EQ(loaded->config.access_log.path, "off");
  EXPECT_EQ(loaded->config.log.level, config::LogLevel::error);
}

TEST(DemoConfig, TheSplitIsAsOtherPartsKnowIt) {
  const DemoFolder folder;
  const auto loaded = demo_config(places_in(folder));
  const auto route =
      std::ranges::find(loaded->config.routes, demo_split_route, &config::Route::name);
  ASSERT_NE(route, loaded->config.routes.end());
  const auto& split = std::get<config::UpstreamAction>(route->action).split;
  ASSERT_EQ(split.size(), demo_split.size());
  for (std::size_t i = 0; i < demo_split.size(); ++i) EXPECT_EQ(split[i].weight, demo_split[i]);
  EXPECT_EQ(split[1].upstream, demo_broken_upstream);
  EXPECT_TRUE(loaded->config.find_upstream(demo_broken_upstream)->circuit_breaker);
}

TEST(DemoFolder, HasATokenForCurl) {
  const DemoFolder folder;
  std::ifstream file(folder.token_file());
  std::string line;
  ASSERT_TRUE(std::getline(file, line));
  EXPECT_EQ(line, "Authorization: Bearer " + folder.token());
  EXPECT_NE(folder.token(), DemoFolder().token());
}

TEST(DemoFolder, IsGoneAfterwards) {
  std::string path;
  {
    const DemoFolder folder;
    path = folder.path();
    EXPECT_TRUE(std::filesystem::exists(path + "/users"));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace weir::app
