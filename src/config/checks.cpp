#include "config/checks.hpp"

#include <algorithm>
#include <array>
#include <filesystem>

#include "config/foreign_values.hpp"
#include "config/scalars.hpp"
#include "weir/base/ip.hpp"
#include "weir/base/text.hpp"

namespace weir::config {
namespace {

bool is_control(char c) noexcept { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }
bool has_controls(std::string_view text) noexcept { return std::ranges::any_of(text, is_control); }

bool is_unreserved(int byte) noexcept {
  const char c = static_cast<char>(byte);
  return byte < 0x80 && (is_alpha(c) || is_digit(c) || std::string_view("-._~").contains(c));
}

Wrong check_escapes(std::string_view path) {
  for (std::size_t at = path.find('%'); at != std::string_view::npos; at = path.find('%', at + 1)) {
    if (at + 2 >= path.size()) return "a '%' must be followed by two hex digits";
    const int high = hex_value(path[at + 1]);
    const int low = hex_value(path[at + 2]);
    if (high < 0 || low < 0) return "a '%' must be followed by two hex digits";
    const int byte = high * 16 + low;
    const std::string escape(path.substr(at, 3));
    if (byte == 0) return "%00 is never accepted in a path";
    if (is_unreserved(byte)) {
      return "requests are matched in normal form; write '" +
             std::string(1, static_cast<char>(byte)) + "' for " + escape;
    }
    if (std::ranges::any_of(escape, [](char c) { return c >= 'a' && c <= 'f'; })) {
      return "requests are matched in normal form; write " + escape + " with upper-case digits";
    }
  }
  return std::nullopt;
}

}  // namespace

Wrong check_any(std::string&) { return std::nullopt; }

Wrong check_printable(std::string& text) {
  if (text.empty()) return "must not be empty";
  if (has_controls(text)) return in_quotes(text) + " has control characters in it";
  return std::nullopt;
}

Wrong check_name(std::string& text) {
  if (is_name(text)) return std::nullopt;
  return in_quotes(text) + " is not a name: 1 to 64 letters, digits, '_', '.' or '-'";
}

// Empty is none, so that ${ZONE:-} can leave it out.
Wrong check_zone(std::string& text) {
  constexpr std::size_t longest_zone = 64;
  if (text.empty()) return std::nullopt;
  if (text.size() > longest_zone) return in_quotes(text) + " is longer than 64 bytes";
  return check_printable(text);
}

Wrong check_token(std::string& text) {
  if (is_token(text)) return std::nullopt;
  return in_quotes(text) + " is not a token (RFC 9110, 5.6.2)";
}

Wrong check_method(std::string& text) {
  if (!is_token(text)) return in_quotes(text) + " is not a method";
  if (text == "CONNECT" || text == "TRACE")
    return text + " is never routed, it is answered with 501";
  if (std::ranges::none_of(text, [](char c) { return c >= 'a' && c <= 'z'; })) return std::nullopt;
  std::string upper = text;
  for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
  return "methods are upper-case; write " + in_quotes(upper);
}

Wrong check_field_name(std::string& text) {
  if (is_token(text)) return std::nullopt;
  return in_quotes(text) + " is not the name of a header field";
}

Wrong check_changeable_field_name(std::string& text) {
  constexpr std::array<std::string_view, 9> own{"connection",        "content-length",   "host",
                                                "keep-alive",        "proxy-connection", "te",
                                                "transfer-encoding", "trailer",          "upgrade"};
  if (Wrong wrong = check_field_name(text)) return wrong;
  if (std::ranges::none_of(own, [&](std::string_view name) { return iequals(name, text); })) {
    return std::nullopt;
  }
  if (iequals(text, "host")) return "'host' cannot be changed here; use `rewrite: {host: NAME}`";
  return in_quotes(text) + " belongs to framing or to one connection and cannot be changed";
}

Wrong check_field_value(std::string& text) {
  const auto wrong = [](char c) { return is_control(c) && c != '\t'; };
  if (std::ranges::any_of(text, wrong))
    return "line breaks and other controls cannot be in a field";
  return std::nullopt;
}

Wrong check_origin(std::string& text) {
  if (text == "*") return std::nullopt;
  text = to_lower(text);
  const std::size_t colon = text.find("://");
  const std::string message =
      in_quotes(text) + " is not an origin; write \"*\" or one like https://app.example.com:8443";
  if (colon == std::string::npos || colon == 0) return message;
  const std::string_view scheme = std::string_view(text).substr(0, colon);
  const std::string_view authority = std::string_view(text).substr(colon + 3);
  if (!is_alpha(scheme.front()) || !std::ranges::all_of(scheme, [](char c) {
        return is_alpha(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
      })) {
    return message;
  }
  const bool bracketed = authority.starts_with('[') && authority.ends_with(']');
  if (bracketed && IpAddress::parse(authority.substr(1, authority.size() - 2))) return std::nullopt;
  if (is_host_name(authority)) return std::nullopt;
  const auto parts = split_host_port(authority);
  if (!parts || !(is_host_name(parts->host) || IpAddress::parse(parts->host))) return message;
  if ((scheme == "https" && parts->port == 443) || (scheme == "http" && parts->port == 80)) {
    return "browsers leave out the scheme's default port; write the origin without it";
  }
  return std::nullopt;
}

std::string at_folder(std::string address, const std::string& folder) {
  constexpr std::string_view mark = "unix:";
  if (!address.starts_with(mark) || address.size() == mark.size() || address.contains('\0')) {
    return address;
  }
  const std::filesystem::path path = address.substr(mark.size());
  if (path.is_absolute() || folder.empty()) return address;
  return std::string(mark) + (std::filesystem::path(folder) / path).lexically_normal().string();
}

bool is_host_name(std::string_view text) noexcept {
  if (text.empty() || text.size() > 253) return false;
  while (true) {
    const std::size_t dot = text.find('.');
    const std::string_view label = text.substr(0, dot);
    if (label.empty() || label.size() > 63) return false;
    if (!std::ranges::all_of(
            label, [](char c) { return is_alpha(c) || is_digit(c) || c == '-' || c == '_'; })) {
      return false;
    }
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

Wrong check_host_pattern(std::string& text) {
  text = to_lower(text);
  if (text.ends_with('.')) text.pop_back();
  if (text.starts_with('[') && text.ends_with(']') &&
      IpAddress::parse(std::string_view(text).substr(1, text.size() - 2))) {
    return std::nullopt;
  }
  if (text == "*") return "leave `host` out for every host";
  const std::string_view name = text.starts_with("*.") ? std::string_view(text).substr(2) : text;
  if (is_host_name(name)) return std::nullopt;
  if (name.contains('*'))
    return in_quotes(text) +
           ": '*' may stand only alone, in place of the first labels, as in *.example.com";
  if (const std::string hint = host_hint(text); !hint.empty()) {
    return in_quotes(text) + " is not a host name" + hint;
  }
  if (const std::string hint = ascii_form_hint(text); !hint.empty()) {
    return in_quotes(text) + " is not a host name as clients send it" + hint;
  }
  return in_quotes(text) + " is not a host name: letters, digits, '-' and dots, no scheme, no path";
}

Wrong check_path(std::string& text) {
  if (!text.starts_with('/')) return in_quotes(text) + " must start with '/'";
  for (const char c : text) {
    if (c == '?' || c == '#') return "a path has no '?' and no '#'; match a query with `query`";
    if (c == '\\') return "a backslash is never accepted in a path";
    if (static_cast<unsigned char>(c) < 0x21 || static_cast<unsigned char>(c) > 0x7E) {
      return in_quotes(text) + ": write spaces and bytes outside ASCII percent-encoded";
    }
  }
  if (text.contains("//")) return "requests are matched in normal form; write '/' for '//'";
  std::string_view rest = text;
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const std::string_view segment = rest.substr(0, rest.find('/'));
    rest.remove_prefix(segment.size());
    if (segment == "." || segment == ".." || segment == ".;" || segment == "..;") {
      return "requests are matched in normal form, without " + in_quotes(segment);
    }
  }
  return check_escapes(text);
}

Wrong check_endpoint(std::string& text) {
  if (has_controls(text)) return in_quotes(text) + " has control characters in it";
  const std::string message = in_quotes(text) +
                              " is not IP:port, [IPv6]:port, unix:PATH or NAME:port" +
                              ascii_form_hint(text) + endpoint_hint(text);
  if (text.starts_with("unix:")) {
    if (SocketAddress::parse(text)) return std::nullopt;
    return in_quotes(text) + ": a socket's path has 1 to 107 bytes";
  }
  const auto parts = split_host_port(text);
  if (!parts) return message;
  const auto ip = IpAddress::parse(parts->host);
  if (text.starts_with('[')) return ip && ip->is_v6() ? std::nullopt : Wrong(message);
  if (ip && ip->is_v4()) return std::nullopt;
  // A dot at its end is no part of a name: such a name is looked up as it is.
  std::string_view name = parts->host;
  if (name.ends_with('.')) name.remove_suffix(1);
  // Four numbers that are no address would be asked of the resolver: somebody meant an address.
  const bool numeric = std::ranges::all_of(name, [](char c) { return is_digit(c) || c == '.'; });
  return is_host_name(name) && !numeric ? std::nullopt : Wrong(message);
}

Wrong check_realm(std::string& text) {
  if (Wrong wrong = check_printable(text)) return wrong;
  if (text.find_first_of("\"\\") != std::string::npos) return "a realm has no '\"' and no '\\'";
  return std::nullopt;
}

}  // namespace weir::config
