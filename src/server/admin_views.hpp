// What the admin address shows of a running gateway, as JSON or lines. Main thread unless told.
#pragma once

#include <boost/json/fwd.hpp>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "server/admin_answer.hpp"
#include "weir/config/model.hpp"
#include "weir/provider/providers.hpp"
#include "weir/server/explain.hpp"
#include "weir/server/server.hpp"
#include "weir/upstream/cluster.hpp"

namespace weir::server {

AdminAnswer no_content();
// 200 with a JSON document.
AdminAnswer json_answer(const boost::json::value& value);
// 404: nothing of that name.
AdminAnswer not_found(std::string_view sentence);
// 422: the body is not what the path wants.
AdminAnswer unprocessable(std::string_view sentence);
// 422: a line for each problem, as `weir check` prints them.
AdminAnswer problem_lines(const Server::Problems& problems);

AdminAnswer show_listeners(Server& server);
AdminAnswer show_routes(Server& server);
AdminAnswer show_upstreams(Server& server);

// Why an endpoint gets no requests, or only those that no other one takes; "" when it is healthy.
std::string why_unhealthy(const upstream::EndpointInfo& endpoint);

// What is set by hand in place of the file's word, as the PUT that sets it and as the file has it.
struct Override {
  std::string path;     // "/routes/shop/split"
  std::string now;      // JSON
  std::string in_file;  // JSON
};
std::vector<Override> overrides(Server& server);

// `config` in JSON, with a member "overrides" if there are any: what is set by path; and with
// providers a member "provided": where documents come from, and how they were taken. Any thread.
std::string config_json(const config::Config& config, const std::vector<Override>& overrides,
                        const std::vector<provider::ProviderView>& providers);
// The same configuration with other endpoints of some upstreams.
config::Config with_endpoints(
    config::Config config,
    const std::map<std::string, std::vector<config::EndpointSpec>, std::less<>>& endpoints);
// The lines in which the file differs from what runs, the overrides first. Any thread.
std::string config_difference(const config::Config& running, const config::Config& in_file,
                              const std::vector<Override>& overrides);

// For explain().
LiveState live_state(Process& process);

}  // namespace weir::server
