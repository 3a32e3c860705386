#include "upstream/health_log.hpp"

#include <chrono>

#include "weir/base/debug_log.hpp"
#include "weir/telemetry/log.hpp"
#include "weir/telemetry/occasional.hpp"

namespace weir::upstream {

namespace log = telemetry::log;

void log_out_of_use(std::string_view upstream, const Endpoint& endpoint, std::string_view why) {
  log::warn("endpoint out of use",
            {{"upstream", upstream}, {"endpoint", endpoint.address()}, {"why", why}});
}

void log_in_use_again(std::string_view upstream, const Endpoint& endpoint, std::string_view why) {
  log::info("endpoint in use again",
            {{"upstream", upstream}, {"endpoint", endpoint.address()}, {"why", why}});
}

void log_not_ejected(TimePoint now, std::string_view upstream, const Endpoint& endpoint,
                     std::string_view why) {
  log::occasionally(now, log::Level::warn, "endpoint not ejected",
                    {{"upstream", upstream}, {"endpoint", endpoint.address()}}, {{"why", why}});
}

void tell_checked(std::string_view upstream, const Endpoint& endpoint, const CheckResult& result,
                  Duration took) noexcept {
  using debug_log::Component;
  using debug_log::Level;
  if (!debug_log::on(Component::upstream, Level::debug)) return;
  debug_log::write(Component::upstream, Level::debug, "health check",
                   {{"upstream", upstream},
                    {"endpoint", endpoint.address()},
                    {"result", result.passed ? std::string_view("success") : "failure"},
                    {"cause", result.cause},
                    {"ms", std::chrono::duration<double, std::milli>(took).count()}});
}

}  // namespace weir::upstream
