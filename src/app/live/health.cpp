#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/live/admin_client.hpp"
#include "app/terminal.hpp"
#include "weir/base/reason.hpp"

namespace weir::app {
namespace {

constexpr Duration health_patience = std::chrono::seconds(2);

}  // namespace

int health(const AdminOptions& options) {
  auto target = find_admin(options);
  if (!target) {
    return complain("weir: health: " + target.error().line, target.error().exit_code);
  }
  target->token.clear();  // a probe needs none
  const AdminClient client(std::move(*target), health_patience);
  const auto failed = [&](const std::string& what) {
    return complain(fmt::format("weir: {}: {}", client.target().to_string(), printable(what)), 1);
  };
  const auto answer = client.ask({.path = "/readyz", .body = {}});
  if (!answer) return failed(answer.error());
  if (answer->status == 200) return 0;
  const std::string why = answer->body.substr(0, answer->body.find_first_of("\r\n"));
  return failed(fmt::format("not ready: {} {}{}{}", answer->status, status_phrase(answer->status),
                            why.empty() ? "" : ": ", why));
}

}  // namespace weir::app
