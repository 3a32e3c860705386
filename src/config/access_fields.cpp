// Middleware that looks at who asks and what for: cors, ip_filter, body_limit, headers, basic_auth.
#include <algorithm>

#include "config/checks.hpp"
#include "config/document.hpp"
#include "config/kinds.hpp"
#include "config/middleware_fields.hpp"

namespace weir::config {
namespace {

Wrong check_method_or_any(std::string& written) {
  return written == "*" ? std::nullopt : check_method(written);
}

void read_users(const Reader& in, BasicAuth& auth) {
  const auto file = in.text();
  if (!file || !in.may_name_files()) return;
  auth.users_file = *file;
  if (!in.context().checks.opens_files) return;
  const auto content = read_named_file(in.context(), *file);
  if (!content) return in.error("cannot read " + in_quotes(*file) + ": " + content.error());
  auto users = parse_users(*content);
  if (users) {
    auth.users = std::move(*users);
  } else {
    for (const std::string& fault : users.error()) in.error(in_quotes(*file) + " " + fault);
  }
}

}  // namespace

Fields fields(Cors& cors, std::vector<Written>&) {
  return {
      {"origins", texts(cors.origins, check_origin),
       "scheme://host[:port] of pages that may read answers, or \"*\"", Need::required},
      {"methods", texts(cors.methods, check_method_or_any), "default: those of the route"},
      {"headers", texts(cors.headers, check_field_name), "request headers that a page may send"},
      {"expose", texts(cors.expose, check_field_name), "answer headers that a page may read"},
      {"credentials", flag(cors.credentials), "cookies and Authorization are allowed"},
      {"max_age", duration(cors.max_age, Zero::allowed),
       "how long browsers keep a preflight's answer; 0: not at all"}};
}

Fields fields(IpFilter& filter, std::vector<Written>&) {
  return {{"allow", cidrs(filter.allow),
           "addresses and networks; if it is not empty, nobody else passes"},
          {"deny", cidrs(filter.deny), "addresses and networks; looked at first"}};
}

Fields fields(BodyLimit& limit, std::vector<Written>&) {
  return {{"size", size(limit.size, Zero::allowed, largest_body),
           "replaces the listener's body_size; 0: unlimited", Need::required}};
}

Fields fields(Headers& headers, std::vector<Written>& templates) {
  return {{"request", block(fields(headers.request, templates)), "changes before the upstream"},
          {"response", block(fields(headers.response, templates)), "changes before the client"}};
}

Fields fields(BasicAuth& auth, std::vector<Written>&) {
  Value users_file = text(auth.users_file, check_printable);
  users_file.read = [&auth](const Reader& in) { read_users(in, auth); };
  return {{"users_file", users_file, "htpasswd file with bcrypt or SHA-512 hashes", Need::required},
          {"realm", text(auth.realm, check_realm), "what a browser shows"},
          {"header", text(auth.header, check_changeable_field_name),
           "the upstream gets the user's name in this header"}};
}

std::string_view fault(const Cors& cors) {
  if (cors.origins.empty()) return "`origins` must not be empty";
  const bool any = std::ranges::find(cors.origins, "*") != cors.origins.end();
  if (any && cors.credentials)
    return "\"*\" with credentials is refused by browsers; name the origins";
  return "";
}
std::string_view fault(const IpFilter& filter) {
  return filter.allow.empty() && filter.deny.empty() ? "`allow` or `deny` must not be empty" : "";
}
std::string_view fault(const BodyLimit&) { return ""; }
std::string_view fault(const Headers& headers) {
  return headers.request.empty() && headers.response.empty()
             ? "changes nothing; write `request` or `response`"
             : "";
}
std::string_view fault(const BasicAuth&) { return ""; }

}  // namespace weir::config
