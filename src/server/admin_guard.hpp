// Who may ask the admin address for what: the safety rules, before anything is looked up. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/admin_answer.hpp"

namespace weir::server {

struct AdminPolicy {
  bool local = true;  // bound to loopback or a unix: path
  std::string token;  // "" for none
  std::vector<std::string> allow_hosts;
};

// The path of an endpoint for anybody (/healthz, /readyz, /metrics): balancers and scrapers know no
// token and no name. Any thread.
bool is_probe(std::string_view path) noexcept;

// The refusal, nothing when the request may go on.
std::optional<AdminAnswer> guard(const AdminRequest& request, const AdminPolicy& policy);

}  // namespace weir::server
