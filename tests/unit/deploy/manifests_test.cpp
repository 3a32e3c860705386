// What stands in deploy/ is what the program does: ports, probes, drain times, names of metrics.
#include <gtest/gtest.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "server/host.hpp"
#include "server/limits.hpp"
#include "weir/base/release.hpp"
#include "weir/config/loader.hpp"
#include "weir/telemetry/metrics.hpp"

namespace weir {
namespace {

using namespace std::chrono_literals;

const std::string deploy = WEIR_SOURCE_DIR "/deploy/";
const std::string base = deploy + "k8s/base/";
const std::string small = deploy + "k8s/overlays/small/";
const std::string custom_metrics = deploy + "k8s/components/custom-metrics/";
const std::string public_example = deploy + "k8s/examples/public/";

std::string text_of_file(const std::string& file) {
  std::ifstream in(file);
  EXPECT_TRUE(in) << file;
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

config::Config configuration() {
  auto loaded = config::load(base + "weir.yaml");
  EXPECT_TRUE(loaded) << (loaded ? "" : loaded.error().front().to_string());
  return loaded ? std::move(loaded->config) : config::Config{};
}

YAML::Node pod() { return YAML::LoadFile(base + "deployment.yaml")["spec"]["template"]["spec"]; }
YAML::Node container() { return pod()["containers"][0]; }

std::map<std::string, int> ports() {
  std::map<std::string, int> out;
  for (const auto& port : container()["ports"]) {
    out[port["name"].as<std::string>()] = port["containerPort"].as<int>();
  }
  return out;
}

TEST(Manifests, PortsAreThoseOfTheConfiguration) {
  const config::Config config = configuration();
  ASSERT_EQ(config.listeners.size(), 1U);
  EXPECT_TRUE(config.listeners[0].bind.to_string().ends_with(":" + std::to_string(ports()["http"])))
      << config.listeners[0].bind.to_string();
  EXPECT_TRUE(config.admin.bind.ends_with(":" + std::to_string(ports()["admin"])));
  const auto annotations =
      YAML::LoadFile(small + "deployment.yaml")["spec"]["template"]["metadata"]["annotations"];
  EXPECT_EQ(annotations["prometheus.io/port"].as<int>(), ports()["admin"]);
  for (const YAML::Node& service : YAML::LoadAllFromFile(base + "service.yaml")) {
    for (const auto& port : service["spec"]["ports"]) {
      EXPECT_EQ(ports().count(port["targetPort"].as<std::string>()), 1U);
    }
  }
}

TEST(Manifests, ProbesAskWhatTheAdminAddressAnswersWithoutAToken) {
  const std::set<std::string> open{"/healthz", "/readyz", "/metrics"};
  const YAML::Node weir = container();
  for (const char* probe : {"startupProbe", "readinessProbe", "livenessProbe"}) {
    const YAML::Node get = weir[probe]["httpGet"];
    EXPECT_EQ(get["port"].as<std::string>(), "admin") << probe;
    EXPECT_TRUE(open.contains(get["path"].as<std::string>())) << probe;
  }
  EXPECT_EQ(weir["livenessProbe"]["httpGet"]["path"].as<std::string>(), "/healthz");
  EXPECT_EQ(weir["readinessProbe"]["httpGet"]["path"].as<std::string>(), "/readyz");
  // A name server that is away must not have the pod killed while it waits for addresses.
  EXPECT_EQ(weir["startupProbe"]["httpGet"]["path"].as<std::string>(), "/healthz");
}

TEST(Manifests, ThePodLivesUntilTheDrainIsOver) {
  const config::Config config = configuration();
  const auto grace = std::chrono::seconds(pod()["terminationGracePeriodSeconds"].as<int>());
  const auto before =
      std::chrono::seconds(container()["lifecycle"]["preStop"]["sleep"]["seconds"].as<int>());
  EXPECT_GE(grace, before + config.server.drain_delay + config.server.drain_timeout + 5s);
  // Readiness has been seen to fail before the listener closes.
  const YAML::Node readiness = container()["readinessProbe"];
  const auto seen = std::chrono::seconds(readiness["periodSeconds"].as<int>() *
                                         readiness["failureThreshold"].as<int>());
  EXPECT_GT(before + config.server.drain_delay, seen);
}

TEST(Manifests, TheConfigurationIsMountedWhereTheProgramLooks) {
  const std::string folder = container()["volumeMounts"][0]["mountPath"].as<std::string>();
  const auto args = container()["args"].as<std::vector<std::string>>();
  EXPECT_EQ(args, (std::vector<std::string>{"run", "-c", folder + "/weir.yaml"}));
}

TEST(Manifests, TheAutoscalerReadsMetricsThatThereAre) {
  telemetry::Metrics metrics(1, "test", "epoll");
  const auto route = metrics.route("-");
  route->shard(0).count(Method::get, 200, Reason::none);
  const std::string scrape = metrics.scrape(Clock::now());
  std::set<std::string> served;
  for (const auto& rule : YAML::LoadFile(custom_metrics + "prometheus-adapter.yaml")["rules"]) {
    const std::string series = rule["seriesQuery"].as<std::string>();
    const std::string name = series.substr(0, series.find('{'));
    EXPECT_NE(scrape.find("# TYPE " + name + " "), std::string::npos) << name;
    EXPECT_NE(rule["metricsQuery"].as<std::string>().find(name), std::string::npos);
    served.insert(rule["name"]["as"].as<std::string>());
  }
  std::set<std::string> read;
  for (const auto& addition : YAML::LoadFile(custom_metrics + "metrics.yaml")) {
    read.insert(addition["value"]["pods"]["metric"]["name"].as<std::string>());
  }
  EXPECT_EQ(read, served);
}

TEST(Manifests, ThePictureOfTheDockerfileIsTheOneOfThePods) {
  const std::string dockerfile = text_of_file(WEIR_SOURCE_DIR "/Dockerfile");
  const std::string image = container()["image"].as<std::string>();
  const std::string version = image.substr(image.find(':') + 1);
  EXPECT_EQ(version, release());
  EXPECT_NE(dockerfile.find("ARG VERSION=" + version + "\n"), std::string::npos);
  const auto user = pod()["securityContext"]["runAsUser"].as<std::string>();
  EXPECT_NE(dockerfile.find("USER " + user + ":"), std::string::npos);
  for (const auto& [name, port] : ports()) {
    EXPECT_NE(dockerfile.find(std::to_string(port)), std::string::npos) << name;
  }
}

TEST(Manifests, TheUnitStopsNoSoonerThanTheDrain) {
  const std::string unit = text_of_file(deploy + "systemd/weir.service");
  const std::string key = "TimeoutStopSec=";
  const std::size_t at = unit.find(key);
  ASSERT_NE(at, std::string::npos);
  const config::Server defaults;
  EXPECT_GT(std::chrono::seconds(std::stoi(unit.substr(at + key.size()))),
            defaults.drain_delay + defaults.drain_timeout);
}

// 256Mi and the like.
std::uint64_t bytes_of(const std::string& quantity) {
  const std::uint64_t number = std::stoull(quantity);
  if (quantity.ends_with("Gi")) return number << 30;
  EXPECT_TRUE(quantity.ends_with("Mi")) << quantity;
  return number << 20;
}

// The start of each overlay's pods warns of nothing: what the limit of connections may come to need
// and what heads may take fit into the memory limit. The example for the internet patches the
// production overlay, and its connections are TLS.
TEST(Manifests, ConnectionsAndHeadsFitIntoTheMemoryLimit) {
  const std::filesystem::path root =
      std::filesystem::path(testing::TempDir()) / ("weir_pod_" + std::to_string(::getpid()));
  const auto container_of = [](const std::string& folder) {
    return YAML::LoadFile(folder + "deployment.yaml")["spec"]["template"]["spec"]["containers"][0];
  };
  const std::string production = deploy + "k8s/overlays/production/";
  for (const std::string& overlay : {base, small, production, public_example}) {
    const YAML::Node weir = container_of(overlay);
    const bool sealed = overlay == public_example;
    const YAML::Node limits = (sealed ? container_of(production) : weir)["resources"]["limits"];
    std::uint64_t connections = configuration().server.max_connections;
    for (const auto& variable : weir["env"]) {
      if (variable["name"].as<std::string>() == "WEIR_MAX_CONNECTIONS") {
        connections = variable["value"].as<std::uint64_t>();
      }
    }
    std::filesystem::create_directories(root / "proc/self");
    std::filesystem::create_directories(root / "sys/fs/cgroup");
    std::ofstream(root / "proc/self/cgroup") << "0::/\n";
    std::ofstream(root / "sys/fs/cgroup/memory.max")
        << bytes_of(limits["memory"].as<std::string>()) << '\n';
    const server::Host host(root.string());
    ASSERT_NE(host.memory_limit(), 0U);
    const std::uint64_t heads = server::head_memory(configuration().server.head_memory, host);
    EXPECT_TRUE(server::shortages(host, connections, sealed, heads).empty()) << overlay;
    std::filesystem::remove_all(root);
  }
}

}  // namespace
}  // namespace weir
