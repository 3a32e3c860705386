#include "server/https_location.hpp"

namespace weir::server {

std::string https_location(const RequestHead& head, const config::RedirectHttps& redirect) {
  std::string out;
  if (head.host.empty()) return out;
  out.append("https://").append(head.host);
  if (redirect.port != 443) out.append(":").append(std::to_string(redirect.port));
  out += head.path;
  if (head.has_query) out.append("?").append(head.query);
  return out;
}

}  // namespace weir::server
