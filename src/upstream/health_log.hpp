// What the diagnostics say of endpoints that go out of use and come back, and the debug log of each
// check. Any thread.
#pragma once

#include <string_view>

#include "upstream/health_check_run.hpp"
#include "weir/base/time.hpp"
#include "weir/upstream/endpoint.hpp"

namespace weir::upstream {

void log_out_of_use(std::string_view upstream, const Endpoint& endpoint, std::string_view why);
void log_in_use_again(std::string_view upstream, const Endpoint& endpoint, std::string_view why);
// For the first time, then with a count once a minute.
void log_not_ejected(TimePoint now, std::string_view upstream, const Endpoint& endpoint,
                     std::string_view why);
void tell_checked(std::string_view upstream, const Endpoint& endpoint, const CheckResult& result,
                  Duration took) noexcept;

}  // namespace weir::upstream
