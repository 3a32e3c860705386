// The fields of one message in the order and case in which they came, with the names Weir looks at
// recognised once. Owns its bytes; views from it are valid until the map is destroyed or cleared,
// removals and moves included. One thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "weir/base/arena.hpp"

namespace weir {

enum class FieldId : std::uint8_t {
  other,
  accept,
  access_control_request_headers,
  access_control_request_method,
  allow,
  authorization,
  connection,
  content_encoding,
  content_length,
  content_type,
  cookie,
  date,
  expect,
  forwarded,
  host,
  http2_settings,
  keep_alive,
  location,
  origin,
  proxy,
  proxy_authenticate,
  proxy_authorization,
  proxy_connection,
  proxy_status,
  referer,
  retry_after,
  sec_websocket_accept,
  sec_websocket_key,
  sec_websocket_protocol,
  sec_websocket_version,
  server,
  set_cookie,
  te,
  traceparent,
  tracestate,
  trailer,
  transfer_encoding,
  true_client_ip,
  upgrade,
  user_agent,
  vary,
  via,
  www_authenticate,
  x_client_ip,
  x_forwarded_client_cert,
  x_forwarded_for,
  x_forwarded_host,
  x_forwarded_port,
  x_forwarded_proto,
  x_original_url,
  x_real_ip,
  x_request_id,
  x_rewrite_url,
};

// The id of a name in any case.
FieldId field_id(std::string_view name) noexcept;
// The name in lower case, "" for other.
std::string_view field_name(FieldId id) noexcept;

// Fields of one connection, never forwarded (RFC 9110 section 7.6.1) besides what Connection names.
bool is_hop_by_hop(FieldId id) noexcept;
// Fields that decide where a message ends or which connection it is on: never set by configuration.
bool is_framing_or_hop_by_hop(std::string_view name) noexcept;

class HeaderMap {
 public:
  struct Field {
    std::string_view name;
    std::string_view value;
    FieldId id = FieldId::other;
  };
  using const_iterator = std::vector<Field>::const_iterator;

  const_iterator begin() const noexcept { return fields_.begin(); }
  const_iterator end() const noexcept { return fields_.end(); }
  std::size_t size() const noexcept { return fields_.size(); }
  bool empty() const noexcept { return fields_.empty(); }
  const Field& operator[](std::size_t index) const noexcept { return fields_[index]; }

  // Copies both texts.
  void add(std::string_view name, std::string_view value);
  void add(FieldId id, std::string_view name, std::string_view value);
  // REQUIRES: both views point into arena() or outlive the map (literals).
  void add_view(FieldId id, std::string_view name, std::string_view value) {
    if (fields_.capacity() == 0) fields_.reserve(16);
    fields_.push_back({name, value, id});
    seen_ |= bit(id);
  }
  // The fields from the `first` on point into `from`, of which `to` is a copy in arena(): makes
  // them point there.
  void relocate(std::size_t first, const char* from, const char* to) noexcept {
    for (std::size_t i = first; i < fields_.size(); ++i) {
      Field& field = fields_[i];
      field.name = {to + (field.name.data() - from), field.name.size()};
      field.value = {to + (field.value.data() - from), field.value.size()};
    }
  }
  // Replaces all fields of that name by one, at the place of the first.
  void set(std::string_view name, std::string_view value);
  // Both return how many went.
  std::size_t remove(FieldId id);
  std::size_t remove(std::string_view name);
  template <class Predicate>
  std::size_t remove_if(Predicate&& predicate) {
    return std::erase_if(fields_, predicate);
  }
  void clear() noexcept {
    fields_.clear();
    seen_ = 0;
  }

  // The first field of that name, nothing if there is none. REQUIRES: id is not other.
  std::optional<std::string_view> get(FieldId id) const noexcept;
  std::optional<std::string_view> get(std::string_view name) const noexcept;
  std::size_t count(FieldId id) const noexcept;
  bool contains(FieldId id) const noexcept { return get(id).has_value(); }
  bool contains(std::string_view name) const noexcept { return get(name).has_value(); }

  // Where texts that live as long as the message are put.
  Arena& arena() noexcept { return arena_; }

 private:
  Arena arena_;
  // A bit a known name, so that asking for what is not there costs nothing. May keep the bit of one
  // that was removed.
  static constexpr std::uint64_t bit(FieldId id) noexcept {
    return std::uint64_t{1} << static_cast<unsigned>(id);
  }
  bool may_have(FieldId id) const noexcept { return (seen_ & bit(id)) != 0; }

  std::vector<Field> fields_;
  std::uint64_t seen_ = 0;
};
static_assert(static_cast<unsigned>(FieldId::x_rewrite_url) < 64);

}  // namespace weir
