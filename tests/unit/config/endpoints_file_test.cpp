// What files of endpoints say, and what is wrong with them.
#include "weir/config/endpoints_file.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

#include "config/problem_row.hpp"
#include "support/temp_folder.hpp"

namespace weir::config {
namespace {

using testing_support::TempFolder;
using Lines = std::vector<std::string>;

// "address*weight/priority@zone"; of others than addresses with the kind before it.
Lines lines_of(const ListedEndpoints& endpoints) {
  Lines out;
  for (const EndpointSpec& each : endpoints) {
    std::string line = source_of(each) + "*" + std::to_string(each.weight);
    if (each.priority != 0) line += "/" + std::to_string(each.priority);
    if (!each.zone.empty()) line += "@" + each.zone;
    if (each.kind == EndpointKind::srv) line.insert(0, "srv ");
    out.push_back(std::move(line));
  }
  return out;
}

Lines endpoints_in(std::string_view text) {
  const auto listed = parse_endpoints(text, "targets.yaml", "/run/weir");
  if (!listed) return {"refused: " + listed.error().front().to_string()};
  return lines_of(*listed);
}

Lines faults_in(std::string_view text) {
  const auto listed = parse_endpoints(text, "targets.yaml", "/run/weir");
  if (listed) return {"taken"};
  Lines out;
  for (const Problem& problem : listed.error()) out.push_back(problem.to_string());
  return out;
}

TEST(EndpointsFile, Lists) {
  struct Row {
    const char* name;
    std::string_view text;
    Lines endpoints;
  };
  const Row rows[] = {
      {"nothing", "", {}},
      {"a comment", "# none today\n", {}},
      {"an empty list", "[]\n", {}},
      {"a group without targets", "[{targets: []}, {targets: , labels: }]", {}},
      {"file_sd",
       "- targets: ['10.0.0.1:80', 'a.test:81']\n"
       "  labels: {weight: '3', zone: west, __meta_x: y, priority: 1}\n"
       "- targets: ['10.0.0.2:80']\n",
       {"10.0.0.1:80*3/1@west", "a.test:81*3/1@west", "10.0.0.2:80*1"}},
      {"file_sd in JSON",
       R"([{"targets": ["10.0.0.1:80"], "labels": {"weight": "0", "job": "\u0061\/"}},)"
       "\n\t"
       R"({"targets": ["[2001:db8::1]:80"]}])",
       {"10.0.0.1:80*0", "[2001:db8::1]:80*1"}},
      {"addresses",
       "- 10.0.0.1:80\n- a.test:80\n- unix:/run/o.sock\n- unix:o.sock\n",
       {"10.0.0.1:80*1", "a.test:80*1", "unix:/run/o.sock*1", "unix:/run/weir/o.sock*1"}},
      {"as endpoints",
       "- {address: '10.0.0.1:80', weight: 7, priority: 2}\n"
       "- {dns: 'a.test:80', family: ipv6}\n"
       "- {srv: _http._tcp.a.test}\n",
       {"10.0.0.1:80*7/2", "a.test:80 ipv6*1", "srv _http._tcp.a.test*1"}},
      {"all of it",
       "- 10.0.0.1:80\n- {address: '10.0.0.2:80'}\n- {targets: ['10.0.0.3:80']}\n",
       {"10.0.0.1:80*1", "10.0.0.2:80*1", "10.0.0.3:80*1"}},
      {"twice the same", "- 10.0.0.1:80\n- {targets: ['10.0.0.1:80']}\n", {"10.0.0.1:80*1"}},
      {"aliases",
       "- {targets: &a ['10.0.0.1:80'], labels: &l {weight: 2}}\n"
       "- {targets: ['10.0.0.2:80'], labels: *l}\n",
       {"10.0.0.1:80*2", "10.0.0.2:80*2"}},
  };
  for (const Row& row : rows) EXPECT_EQ(endpoints_in(row.text), row.endpoints) << row.name;
}

TEST(EndpointsFile, FaultsHavePlaces) {
  struct Row {
    const char* name;
    std::string_view text;
    Lines faults;
  };
  const std::string shape =
      "a file of endpoints is a list: of \"HOST:PORT\", of {address: \"HOST:PORT\"}, or of "
      "{targets: [\"HOST:PORT\"], labels: {}}";
  const Row rows[] = {
      {"a mapping", "targets: []\n", {"targets.yaml:1:1: " + shape}},
      {"a target without a port",
       "- targets:\n  - 10.0.0.1\n",
       {"targets.yaml:2:5: [0].targets[0]: '10.0.0.1' is not IP:port, [IPv6]:port, unix:PATH or "
        "NAME:port; the port is missing, as in '10.0.0.1:8080'"}},
      {"no targets",
       "- {labels: {weight: 1}}\n",
       {"targets.yaml:1:3: [0]: 'targets' is required: a list of HOST:PORT"}},
      {"targets that are none",
       "- {targets: a.test:80}\n",
       {"targets.yaml:1:13: [0].targets: expected a list, got text"}},
      {"an unknown key",
       "- {targets: ['a.test:80'], label: {}}\n",
       {"targets.yaml:1:28: [0].label: unknown key 'label' (did you mean 'labels'?)"}},
      {"a weight",
       "- {targets: ['a.test:80'], labels: {weight: many}}\n",
       {"targets.yaml:1:45: [0].labels.weight: 'many' is not an integer of 0 to 1000"}},
      {"another weight",
       "['a.test:80', {address: 'a.test:80', weight: 2}]",
       {"targets.yaml:1:15: [1]: endpoint 'a.test:80' is given twice, with another weight, "
        "priority or zone"}},
      {"another zone",
       "[{address: 'a.test:80', zone: east}, {address: 'a.test:80', zone: west}]",
       {"targets.yaml:1:38: [1]: endpoint 'a.test:80' is given twice, with another weight, "
        "priority or zone"}},
      {"no weight",
       "- {address: 'a.test:80', weight: 0}\n",
       {"targets.yaml:1:1: one weight at least must be above 0"}},
      {"a URL",
       "- http://a.test:80\n",
       {"targets.yaml:1:3: [0]: 'http://a.test:80' is not IP:port, [IPv6]:port, unix:PATH or "
        "NAME:port; write the address without scheme and path: 'a.test:80'"}},
  };
  for (const Row& row : rows) EXPECT_EQ(faults_in(row.text), row.faults) << row.name;
}

TEST(EndpointsFile, WhatIsNoYamlIsRefused) {
  for (const std::string_view text : {"[", "- a: b: c\n", "\xff\xfe", "- 10.0.0.1:80\n--- \n- x\n",
                                      "- {targets: [], targets: []}\n", "{\"targets\": [}"}) {
    const auto listed = parse_endpoints(text, "targets.yaml", "");
    ASSERT_FALSE(listed) << text;
    for (const Problem& problem : listed.error()) {
      EXPECT_EQ(problem.place.file, "targets.yaml");
      EXPECT_FALSE(problem.message.empty());
    }
  }
}

TEST(EndpointsFile, HasBounds) {
  std::string text;
  for (std::size_t n = 0; n < most_listed_endpoints; ++n) {
    text += "- 10.0." + std::to_string(n / 250) + "." + std::to_string(n % 250) + ":80\n";
  }
  const auto most = parse_endpoints(text, "t", "");
  ASSERT_TRUE(most);
  EXPECT_EQ(most->size(), most_listed_endpoints);
  EXPECT_EQ(faults_in(text + "- 10.1.0.1:80\n"),
            Lines{"targets.yaml:10001:3: [10000]: more than 10000 endpoints"});
  text.clear();
  for (std::size_t n = 0; n <= most_listed_names; ++n) {
    text += "- a" + std::to_string(n) + ".test:80\n";
  }
  EXPECT_EQ(faults_in(text), Lines{"targets.yaml:1001:3: [1000]: more than 1000 names"});
  text.assign(most_endpoints_file_bytes + 1, '#');
  EXPECT_EQ(faults_in(text), Lines{"targets.yaml:1:1: larger than 4MiB"});
  text.clear();
  for (int n = 0; n < 1000; ++n) text += "- nonsense\n";
  const Lines faults = faults_in(text);
  ASSERT_EQ(faults.size(), 101u);
  EXPECT_EQ(faults.back(),
            "targets.yaml:101:3: [100]: and more: the rest of the file was not read");
}

TEST(EndpointsFile, VariablesAreNotForIt) {
  ASSERT_EQ(::setenv("WEIR_TEST_SECRET", "a.test", 1), 0);
  EXPECT_TRUE(faults_in("- ${WEIR_TEST_SECRET}:80\n").front().contains("${WEIR_TEST_SECRET}"));
}

TEST(EndpointsFile, IsReadFromItsPlace) {
  const TempFolder folder;
  const std::string path = folder.write("t.json", R"(["unix:o.sock"])");
  const auto listed = read_endpoints(path);
  ASSERT_TRUE(listed);
  EXPECT_EQ(lines_of(*listed), Lines{"unix:" + folder.file("o.sock") + "*1"});
  const auto missing = read_endpoints(folder.file("none.json"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().front().to_string(),
            folder.file("none.json") + ":1:1: cannot be read: No such file or directory");
  EXPECT_FALSE(read_endpoints(folder.path())) << "a folder";
}

std::string config_with(std::string_view upstream) {
  return "version: 1\nlisteners: [{name: http, bind: '127.0.0.1:0'}]\n"
         "routes: [{name: r, match: {}, upstream: app}]\nupstreams:\n  app: {" +
         std::string(upstream) + "}\n";
}

TEST(EndpointsFrom, IsReadWithTheConfiguration) {
  const TempFolder folder;
  folder.write("t.yaml", "- 10.0.0.1:80\n");
  const auto loaded = load_text(config_with("endpoints_from: {file: t.yaml, empty_after: 5s}"),
                                "weir.yaml", folder.path());
  ASSERT_TRUE(loaded);
  const Upstream& upstream = loaded->config.upstreams.front();
  EXPECT_TRUE(upstream.endpoints.empty());
  ASSERT_TRUE(upstream.endpoints_from);
  EXPECT_EQ(upstream.endpoints_from->path, folder.file("t.yaml"));
  EXPECT_EQ(upstream.endpoints_from->empty_after, 5s);
  ASSERT_TRUE(upstream.endpoints_from->listed);
  EXPECT_EQ(lines_of(*upstream.endpoints_from->listed), Lines{"10.0.0.1:80*1"});
  const std::string yaml = to_yaml(loaded->config);
  EXPECT_TRUE(yaml.contains("t.yaml"));
  const auto again = load_text(yaml, "weir.yaml", folder.path());
  ASSERT_TRUE(again);
  EXPECT_EQ(to_yaml(again->config), yaml);
}

TEST(EndpointsFrom, FaultsAreTold) {
  const TempFolder folder;
  folder.write("bad.yaml", "- 10.0.0.1\n");
  folder.write("socket.yaml", "- unix:/run/o.sock\n");
  const auto faults = [&](std::string_view upstream) {
    Lines out;
    const auto loaded = load_text(config_with(upstream), "weir.yaml", folder.path());
    if (loaded) return out;
    for (const Problem& problem : loaded.error()) out.push_back(problem.to_string());
    return out;
  };
  EXPECT_EQ(faults("endpoints_from: {file: none.yaml}"),
            Lines{"weir.yaml:5:32: upstreams.app.endpoints_from.file: cannot read 'none.yaml': No "
                  "such file or directory"});
  EXPECT_EQ(faults("endpoints_from: {file: bad.yaml}"),
            Lines{folder.file("bad.yaml") +
                  ":1:3: [0]: '10.0.0.1' is not IP:port, [IPv6]:port, unix:PATH or NAME:port; the "
                  "port is missing, as in '10.0.0.1:8080'"});
  EXPECT_EQ(faults("endpoints_from: {}"),
            Lines{"weir.yaml:5:25: upstreams.app.endpoints_from: 'file' is required (or `etcd`): "
                  "what lists the endpoints"});
  EXPECT_EQ(faults("endpoints_from: {file: socket.yaml}, tls: {}"),
            Lines{"weir.yaml:5:3: upstreams.app.tls: needs `server_name`: 'unix:/run/o.sock' has "
                  "no name"});
  EXPECT_EQ(
      faults("endpoints: [{address: 'a:1'}], endpoints_from: {file: bad.yaml, etcd: {}}").back(),
      "weir.yaml:5:79: upstreams.app.endpoints_from.etcd: 'prefix' is required: each key below it "
      "is an endpoint; it ends with '/'");
}

}  // namespace
}  // namespace weir::config
