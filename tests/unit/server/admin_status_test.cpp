#include "server/admin_status.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace weir::server {
namespace {

using namespace std::chrono_literals;

// At a moment of 2026.
const WallClock::time_point now = WallClock::from_time_t(1'790'000'000);

std::string only_warning(const Status& status) {
  const auto warnings = process_warnings(status, now);
  if (warnings.size() != 1) return std::to_string(warnings.size()) + " warnings";
  return std::string(warnings.front().name) + ": " + warnings.front().text;
}

TEST(StatusWarnings, NoneOfAGatewayThatIsWell) {
  Status status;
  status.last_reload = ReloadStatus{.at = now, .problems = {}};
  status.certificates = {{.listener = "https", .name = "a.test", .ends = now + 15 * 24h}};
  status.load.saturation = 0.89;
  EXPECT_TRUE(process_warnings(status, now).empty());
}

TEST(StatusWarnings, SayWhatToLookAt) {
  Status status;
  status.why_not_ready = "draining";
  EXPECT_EQ(only_warning(status), "not_ready: not ready: draining");

  status = {};
  status.last_reload = ReloadStatus{.at = now, .problems = {"weir.yaml:1:1: a", "b", "c"}};
  EXPECT_EQ(only_warning(status),
            "reload_refused: the last reload was refused, what runs is older than the file: "
            "weir.yaml:1:1: a (and 2 more)");

  status = {};
  status.configuration_warnings = {"weir.yaml:2:3: admin.bind: x"};
  EXPECT_EQ(only_warning(status), "configuration: weir.yaml:2:3: admin.bind: x");

  status = {};
  status.certificates = {{.listener = "https", .name = "a.test", .ends = now + 24h}};
  EXPECT_EQ(only_warning(status),
            "certificate: listener https: the certificate of a.test expires on "
            "2026-09-22T14:13:20Z");
  status.certificates[0].ends = now - 24h;
  EXPECT_EQ(only_warning(status),
            "certificate: listener https: the certificate of a.test expired on "
            "2026-09-20T14:13:20Z");

  status = {};
  status.load.saturation = 0.954;
  EXPECT_EQ(only_warning(status), "saturated: the gateway is at 95% of what it can take");

  status = {};
  status.upgrades.last_failure.emplace(UpgradeFailure{.at = now, .problem = "weir.yaml:1:1: a"});
  EXPECT_EQ(only_warning(status),
            "upgrade_refused: the upgrade at 2026-09-21T14:13:20Z was refused, this process serves "
            "on: weir.yaml:1:1: a");

  status = {};
  status.log_lines_lost = 3;
  EXPECT_EQ(only_warning(status), "access_log_lost: 3 lines of the access log were lost");

  status = {};
  status.log_level = telemetry::log::Level::debug;
  status.log_level_in_file = telemetry::log::Level::info;
  EXPECT_EQ(only_warning(status), "log_level: the log level is debug, the file has info");
  status.log_level_left = 1500ms;
  EXPECT_EQ(only_warning(status),
            "log_level: the log level is debug, the file has info; it is back in 2s");

  status = {};
  status.log_level = status.log_level_in_file = telemetry::log::Level::info;
  status.log_components.push_back({.component = debug_log::Component::upstream,
                                   .level = telemetry::log::Level::debug,
                                   .left = 30s});
  EXPECT_EQ(only_warning(status),
            "log_level: the log level of upstream is debug, the others have info; it is back in "
            "30s");
}

}  // namespace
}  // namespace weir::server
