#include "config/foreign_values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "config/checks.hpp"
#include "config/scalars.hpp"
#include "weir/base/ip.hpp"
#include "weir/base/text.hpp"

namespace weir::config {
namespace {

constexpr std::size_t longest = 40;  // what is longer is nobody's number

std::string mean(std::string_view text) {
  return fmt::format(" (did you mean {}?)", in_quotes(text));
}

struct Measured {
  std::string_view number;  // digits, perhaps with a '.' between
  std::string unit;         // lower case, without spaces before it
};

std::optional<Measured> split(std::string_view text) {
  text = trim(text);
  if (text.empty() || text.size() > longest || !is_digit(text.front())) return std::nullopt;
  const auto end = std::ranges::find_if_not(text, [](char c) { return is_digit(c) || c == '.'; });
  const std::string_view number = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  if (number.ends_with('.') || std::ranges::count(number, '.') > 1) return std::nullopt;
  return Measured{number, to_lower(trim(text.substr(number.size())))};
}

struct Unit {
  std::string_view words;  // divided by spaces
  std::string_view own;
};

std::string_view own_unit(std::string_view unit, std::span<const Unit> units) {
  for (const Unit& each : units) {
    std::string_view left = each.words;
    while (!left.empty()) {
      const std::size_t space = std::min(left.find(' '), left.size());
      if (left.substr(0, space) == unit) return each.own;
      left.remove_prefix(std::min(space + 1, left.size()));
    }
  }
  return {};
}

// `unit` of a number without one.
std::string unit_hint(std::string_view text, std::span<const Unit> units, std::string_view unit) {
  const auto parts = split(text);
  if (!parts) return "";
  const std::string_view own = parts->unit.empty() ? unit : own_unit(parts->unit, units);
  return own.empty() ? "" : mean(fmt::format("{}{}", parts->number, own));
}

// Scheme and what follows it; the scheme may be missing.
std::pair<std::string_view, std::string_view> without_scheme(std::string_view text) {
  const std::size_t at = text.find("://");
  if (at == std::string_view::npos) return {{}, text};
  return {text.substr(0, at), text.substr(at + 3)};
}

struct Parts {
  std::string_view host;
  std::string_view port;  // "" for none
};
Parts host_and_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || text.find(':') != colon) return {text, {}};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

bool is_too_large(std::string_view port) {
  const auto value = parse_decimal(port);
  return !port.empty() && std::ranges::all_of(port, is_digit) && (!value || *value > 65535);
}

}  // namespace

std::string duration_hint(std::string_view text) {
  constexpr std::array<Unit, 6> units{{{"us usec usecs microseconds", "us"},
                                       {"ms msec msecs millis milliseconds millisecond", "ms"},
                                       {"s sec secs second seconds", "s"},
                                       {"m min mins minute minutes", "m"},
                                       {"h hr hrs hour hours", "h"},
                                       {"d day days", "d"}}};
  return unit_hint(text, units, "s");
}

std::string size_hint(std::string_view text) {
  constexpr std::array<Unit, 4> units{{{"b byte bytes", "B"},
                                       {"k kb kib ki", "KiB"},
                                       {"m mb mib mi", "MiB"},
                                       {"g gb gib gi", "GiB"}}};
  return text.contains('.') ? "" : unit_hint(text, units, "B");
}

std::string rate_hint(std::string_view text) {
  constexpr std::array<Unit, 3> units{
      {{"/s /sec /second r/s rps rs/s req/s reqs/s per second", "/s"},
       {"/m /min /minute r/m rpm req/m reqs/m", "/m"},
       {"/h /hr /hour r/h rph", "/h"}}};
  return text.contains('.') ? "" : unit_hint(text, units, "/s");
}

std::string share_hint(std::string_view text) {
  const auto parts = split(text);
  if (!parts || !parts->unit.empty()) return "";
  const bool fraction = parts->number.starts_with("0.") || parts->number.starts_with("1.");
  if (!fraction) return mean(fmt::format("{}%", parts->number));
  if (parts->number.size() > 8) return "";
  const double share = std::stod(std::string(parts->number));
  return share > 1 ? "" : mean(fmt::format("{:.6g}%", share * 100));
}

std::string flag_hint(std::string_view text) {
  constexpr std::array<std::string_view, 5> on{"yes", "y", "1", "enabled", "enable"};
  constexpr std::array<std::string_view, 6> off{"no", "n", "0", "disabled", "disable", "none"};
  if (text.size() > longest) return "";
  const std::string lower = to_lower(text);
  if (std::ranges::find(on, lower) != on.end() || lower == "on" || lower == "true")
    return mean("on");
  const bool is_off =
      std::ranges::find(off, lower) != off.end() || lower == "off" || lower == "false";
  return is_off ? mean("off") : "";
}

std::string bind_hint(std::string_view text) {
  const auto [scheme, rest] = without_scheme(text);
  const std::string_view address = rest.substr(0, rest.find('/'));
  if (!scheme.empty()) {
    return fmt::format("; write the address without scheme and path: {}", in_quotes(address));
  }
  if (std::ranges::all_of(text, is_digit) && !text.empty()) {
    return is_too_large(text)
               ? "; a port is 0 to 65535"
               : fmt::format("; write \"*:{0}\" for every address, or 127.0.0.1:{0}", text);
  }
  const auto [host, port] = host_and_port(address);
  if (is_too_large(port)) return "; a port is 0 to 65535";
  if (host.empty() && !port.empty()) {
    return fmt::format("; write \"*:{0}\" for every address, or 127.0.0.1:{0}", port);
  }
  if (host == "localhost" && !port.empty()) {
    return fmt::format(
        "; write 127.0.0.1:{0} for this machine alone, or 0.0.0.0:{0} for every address", port);
  }
  if (port.empty() && IpAddress::parse(host)) {
    return fmt::format("; the port is missing, as in {}", in_quotes(fmt::format("{}:8080", host)));
  }
  if (!port.empty() && is_host_name(host)) {
    return fmt::format(
        "; names are not looked up here: write an address of this machine, or 0.0.0.0:{} for all "
        "of them",
        port);
  }
  return "; for every address write 0.0.0.0:port or [::]:port, or \"*:port\" for both families";
}

std::string endpoint_hint(std::string_view text) {
  const auto [scheme, rest] = without_scheme(text);
  const std::string_view address = rest.substr(0, rest.find('/'));
  const auto [host, port] = host_and_port(address);
  if (!scheme.empty()) {
    const bool tls = scheme == "https" || scheme == "grpcs" || scheme == "wss";
    const std::string whole =
        port.empty() ? fmt::format("{}:{}", host, tls ? 443 : 80) : std::string(address);
    return fmt::format("; write the address without scheme and path: {}{}", in_quotes(whole),
                       tls ? ", and `tls: {}` beside `endpoints`" : "");
  }
  if (address.size() < text.size()) {
    return "; an address has no path: a route's `rewrite` changes it";
  }
  if (is_too_large(port)) return "; a port is 1 to 65535";
  if (port.empty() && (is_host_name(host) || IpAddress::parse(host))) {
    const bool is_v6 = host.contains(':');
    return fmt::format(
        "; the port is missing, as in {}",
        in_quotes(is_v6 ? fmt::format("[{}]:8080", host) : fmt::format("{}:8080", host)));
  }
  return "";
}

std::string host_hint(std::string_view text) {
  const auto [scheme, rest] = without_scheme(text);
  const std::string_view authority = rest.substr(0, rest.find('/'));
  const bool has_path = authority.size() < rest.size() && rest.size() - authority.size() > 1;
  const auto [host, port] = host_and_port(authority);
  if (scheme.empty() && port.empty() && authority.size() == rest.size()) return "";
  if (!is_host_name(host.starts_with("*.") ? host.substr(2) : host)) return "";
  const std::string path = has_path ? fmt::format(", and `path_prefix: {}` beside it",
                                                  rest.substr(authority.size(), longest))
                                    : "";
  return fmt::format("; hosts are matched without scheme, port and path: write {}{}",
                     in_quotes(host), path);
}

bool is_address(std::string_view text) {
  if (text.contains("://") || text.starts_with("unix:")) return true;
  if (IpAddress::parse(text)) return true;
  const auto [host, port] = host_and_port(text);
  return !host.empty() && !port.empty() && std::ranges::all_of(port, is_digit);
}

}  // namespace weir::config
