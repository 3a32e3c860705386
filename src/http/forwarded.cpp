#include "weir/http/forwarded.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>

#include "weir/base/text.hpp"

namespace weir {
namespace {

constexpr FieldSet untrusted_ids =
    field_set({FieldId::forwarded, FieldId::proxy, FieldId::true_client_ip, FieldId::x_client_ip,
               FieldId::x_forwarded_client_cert, FieldId::x_forwarded_for,
               FieldId::x_forwarded_host, FieldId::x_forwarded_port, FieldId::x_forwarded_proto,
               FieldId::x_original_url, FieldId::x_real_ip, FieldId::x_request_id,
               FieldId::x_request_timeout, FieldId::x_rewrite_url});

constexpr std::string_view forwarded_prefix = "x-forwarded-";

// Of the list above those that a `_` may stand in; the X-Forwarded- ones have the prefix.
constexpr std::array<std::string_view, 7> untrusted_dashed{
    "x-real-ip",     "x-client-ip",  "true-client-ip",   "x-original-url",
    "x-rewrite-url", "x-request-id", "x-request-timeout"};

constexpr char fold(char c) noexcept { return c == '_' ? '-' : to_lower(c); }

bool same_spelling(std::string_view a, std::string_view b) noexcept {
  return std::ranges::equal(a, b, {}, fold, fold);
}

// REQUIRES: the name is none that has an id.
bool is_untrusted_spelling(std::string_view name) noexcept {
  if (name.size() >= forwarded_prefix.size() &&
      same_spelling(name.substr(0, forwarded_prefix.size()), forwarded_prefix)) {
    return true;
  }
  if (name.find('_') == std::string_view::npos) return false;
  return std::ranges::any_of(untrusted_dashed,
                             [&](std::string_view known) { return same_spelling(name, known); });
}

// What Connection names. Names without an id are kept as views into its value.
class Nominations {
 public:
  void add(std::string_view name) noexcept {
    if (const FieldId id = field_id(name); id != FieldId::other) {
      ids_ |= field_set(id);
    } else if (iequals(name, "close")) {
      return;
    } else if (count_ < names_.size()) {
      names_[count_++] = name;
    } else {
      too_many_ = true;
    }
  }

  // What goes by its id, the fields of the connection among them. tracestate is nothing without
  // traceparent.
  FieldSet ids() const noexcept {
    const bool trace = holds(ids_, FieldId::traceparent);
    return hop_by_hop | (ids_ & ~kept) | (trace ? field_set(FieldId::tracestate) : 0);
  }
  // Whether fields without an id may have been named.
  bool names_others() const noexcept { return count_ != 0; }
  bool contains_other(std::string_view field) const noexcept {
    if (too_many_) return true;
    return std::ranges::any_of(std::span(names_).first(count_),
                               [&](std::string_view name) { return iequals(name, field); });
  }

 private:
  static constexpr FieldSet kept = field_set({FieldId::host, FieldId::content_length});

  FieldSet ids_ = 0;
  std::size_t count_ = 0;
  bool too_many_ = false;
  std::array<std::string_view, 64> names_;
};

void strip_nominated(HeaderMap& headers) {
  Nominations nominated;
  for (const HeaderMap::Field& field : headers) {
    if (field.id != FieldId::connection) continue;
    for_each_element(field.value, [&](std::string_view name) {
      nominated.add(name);
      return true;
    });
  }
  if (nominated.names_others()) {
    headers.remove_if([&](const HeaderMap::Field& field) {
      return field.id == FieldId::other && nominated.contains_other(field.name);
    });
  }
  headers.remove_all(nominated.ids());
}

bool is_port(std::string_view text) noexcept {
  const auto port = text.size() <= 5 ? parse_decimal(text) : std::nullopt;
  return port && *port <= 65535;
}

// `IP`, `IP:port`, `[IP]` or `[IP]:port`.
std::optional<IpAddress> parse_forwarded_for(std::string_view entry) noexcept {
  if (entry.starts_with('[')) {
    const std::size_t close = entry.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    const std::string_view behind = entry.substr(close + 1);
    if (!behind.empty() && !(behind.starts_with(':') && is_port(behind.substr(1)))) {
      return std::nullopt;
    }
    return IpAddress::parse(entry.substr(1, close - 1));
  }
  const std::size_t colon = entry.find(':');
  if (colon == std::string_view::npos || entry.find(':', colon + 1) != std::string_view::npos) {
    return IpAddress::parse(entry);
  }
  if (!is_port(entry.substr(colon + 1))) return std::nullopt;
  return IpAddress::parse(entry.substr(0, colon));
}

// The right-most element that is not empty of the list that the lines of a field are; "" for none.
std::string_view last_element(const HeaderMap& headers, FieldId id) noexcept {
  for (std::size_t line = headers.size(); line-- > 0;) {
    if (headers[line].id != id) continue;
    std::string_view list = headers[line].value;
    for (bool more = true; more;) {
      const std::size_t comma = list.rfind(',');
      more = comma != std::string_view::npos;
      const std::string_view element = trim(more ? list.substr(comma + 1) : list);
      if (!element.empty()) return element;
      if (more) list = list.substr(0, comma);
    }
  }
  return {};
}

bool is_lower_hex(std::string_view text) noexcept {
  return std::ranges::all_of(text, [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}
bool is_zero(std::string_view text) noexcept {
  return text.find_first_not_of('0') == std::string_view::npos;
}

}  // namespace

bool same_field_name(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && same_spelling(a, b);
}

std::size_t remove_spellings(HeaderMap& headers, std::string_view name) {
  return headers.remove_if(
      [&](const HeaderMap::Field& field) { return same_field_name(field.name, name); });
}

void strip_untrusted(HeaderMap& headers, std::span<const std::string> extra) {
  if (extra.empty() && !headers.may_have(untrusted_ids | field_set(FieldId::other))) return;
  headers.remove_if([&](const HeaderMap::Field& field) {
    if (field.id != FieldId::other ? holds(untrusted_ids, field.id)
                                   : is_untrusted_spelling(field.name)) {
      return true;
    }
    return std::ranges::any_of(
        extra, [&](const std::string& name) { return same_field_name(field.name, name); });
  });
}

void strip_hop_by_hop(HeaderMap& headers) {
  if (!headers.may_have(hop_by_hop)) return;
  const auto connection = headers.get(FieldId::connection);
  // Nearly always: nothing is named, or nothing that would stay.
  if (!connection || ((*connection == "keep-alive" || *connection == "close") &&
                      headers.count(FieldId::connection) == 1)) {
    headers.remove_all(hop_by_hop);
    return;
  }
  strip_nominated(headers);
}

IpAddress client_ip(const HeaderMap& headers, const IpAddress& peer, bool peer_trusted,
                    std::span<const Cidr> trusted) noexcept {
  if (!peer_trusted) return peer;
  unsigned left = 64;
  for (std::size_t line = headers.size(); line-- > 0;) {
    if (headers[line].id != FieldId::x_forwarded_for) continue;
    std::string_view list = headers[line].value;
    for (bool more = true; more;) {
      const std::size_t comma = list.rfind(',');
      more = comma != std::string_view::npos;
      const std::string_view entry = trim(more ? list.substr(comma + 1) : list);
      if (more) list = list.substr(0, comma);
      if (entry.empty()) continue;
      if (left-- == 0) return peer;
      const auto address = parse_forwarded_for(entry);
      if (!address) return peer;
      const auto holds = [&](const Cidr& network) { return network.contains(*address); };
      if (std::ranges::none_of(trusted, holds)) return *address;
    }
  }
  return peer;
}

Scheme client_scheme(const HeaderMap& headers, Scheme own, bool peer_trusted) noexcept {
  if (!peer_trusted || !headers.may_have(field_set(FieldId::x_forwarded_proto))) return own;
  const std::string_view told = last_element(headers, FieldId::x_forwarded_proto);
  if (iequals(told, "https") || iequals(told, "wss")) return Scheme::https;
  return iequals(told, "http") || iequals(told, "ws") ? Scheme::http : own;
}

bool is_valid_traceparent(std::string_view value) noexcept {
  constexpr std::size_t known = 55;  // 2 version, 32 trace id, 16 parent id, 2 flags, 3 dashes
  if (value.size() < known || value[2] != '-' || value[35] != '-' || value[52] != '-') return false;
  const std::string_view version = value.substr(0, 2);
  const std::string_view trace = value.substr(3, 32);
  const std::string_view parent = value.substr(36, 16);
  if (!is_lower_hex(version) || !is_lower_hex(trace) || !is_lower_hex(parent) ||
      !is_lower_hex(value.substr(53, 2)) || version == "ff" || is_zero(trace) || is_zero(parent)) {
    return false;
  }
  return value.size() == known || (version != "00" && value[known] == '-');
}

std::string_view keep_valid_trace(HeaderMap& headers) {
  constexpr FieldSet trace = field_set({FieldId::traceparent, FieldId::tracestate});
  if (!headers.may_have(trace)) return {};
  const auto parent = headers.get(FieldId::traceparent);
  if (parent && headers.count(FieldId::traceparent) == 1 && is_valid_traceparent(*parent)) {
    return parent->substr(3, 32);
  }
  headers.remove_all(trace);
  return {};
}

unsigned count_via(const HeaderMap& headers, std::string_view name) noexcept {
  unsigned count = 0;
  if (!headers.may_have(field_set(FieldId::via))) return count;
  for (const HeaderMap::Field& field : headers) {
    if (field.id != FieldId::via) continue;
    for_each_element(field.value, [&](std::string_view element) {
      const std::size_t space = element.find_first_of(" \t");  // after the protocol
      if (space == std::string_view::npos) return true;
      const std::string_view by = trim(element.substr(space));
      if (iequals(by.substr(0, by.find_first_of(" \t")), name)) ++count;
      return true;
    });
  }
  return count;
}

}  // namespace weir
