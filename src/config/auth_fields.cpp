// Middleware that asks who it is: api_key, forward_auth.
#include <string>

#include "config/checks.hpp"
#include "config/document.hpp"
#include "config/kinds.hpp"
#include "config/middleware_fields.hpp"
#include "weir/base/text.hpp"

namespace weir::config {
namespace {

void read_api_keys(const Reader& in, ApiKey& auth) {
  const auto file = in.text();
  if (!file || !in.may_name_files()) return;
  auth.keys_file = *file;
  if (!in.context().checks.opens_files) return;
  const auto content = read_named_file(in.context(), *file);
  if (!content) return in.error("cannot read " + in_quotes(*file) + ": " + content.error());
  auto keys = parse_api_keys(*content);
  if (keys) {
    auth.keys = std::move(*keys);
  } else {
    for (const std::string& fault : keys.error()) in.error(in_quotes(*file) + " " + fault);
  }
}

// A path, and perhaps a query.
Wrong check_asked_path(std::string& text) {
  if (!text.starts_with('/')) return in_quotes(text) + " must start with '/'";
  for (const char c : text) {
    if (c < 0x21 || c > 0x7E) return in_quotes(text) + ": write it percent-encoded";
    if (c == '#' || c == '\\')
      return in_quotes(text) + ": there is no " + in_quotes({&c, 1}) + " here";
    if (c == '{') return in_quotes(text) + ": there are no variables here";
  }
  return std::nullopt;
}

// Names that a client must be able to send: listed, they would be taken from every request.
void warn_of_lost_fields(const Reader& in, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (!iequals(name, "authorization") && !iequals(name, "cookie")) continue;
    in.warning(WarningName::lost_field,
               "clients' own " + in_quotes(name) +
                   " is removed from every request; let the server answer with another field");
  }
}

}  // namespace

Fields fields(ApiKey& auth, std::vector<Written>&) {
  Value keys_file = text(auth.keys_file, check_printable);
  keys_file.read = [&auth](const Reader& in) { read_api_keys(in, auth); };
  return {{"header", text(auth.header, check_changeable_field_name), "carries the key"},
          {"keys_file", keys_file, "lines of NAME:KEY, NAME:sha256:HEX or KEY", Need::required}};
}

Fields fields(ForwardAuth& auth, std::vector<Written>&) {
  Value upstream = text(auth.upstream, check_name);
  upstream.read = [&auth, read = std::move(upstream.read)](const Reader& in) {
    read(in);
    auth.upstream_place = in.place();
    auth.upstream_at = in.path();
  };
  Value copies = texts(auth.copy_headers, check_changeable_field_name);
  copies.read = [&auth, read = std::move(copies.read)](const Reader& in) {
    read(in);
    warn_of_lost_fields(in, auth.copy_headers);
  };
  return {{"upstream", upstream, "the upstream that is asked", Need::required},
          {"path", text(auth.path, check_asked_path), "the path that is asked for, by GET",
           Need::required},
          {"timeout", duration(auth.timeout), "until the whole answer has come"},
          {"copy_headers", copies,
           "fields of the answer that are added to the request; a client's own copies are removed"},
          {"on_error",
           choice<OnError>(auth.on_error, {{"deny", OnError::deny}, {"allow", OnError::allow}}),
           "when there is no answer: deny (503), or allow"}};
}

std::string_view fault(const ApiKey&) { return ""; }
std::string_view fault(const ForwardAuth&) { return ""; }

}  // namespace weir::config
