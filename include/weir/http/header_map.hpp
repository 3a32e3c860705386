// The fields of one message in the order and case in which they came, with the names Weir looks at
// recognised once. Owns its bytes; views from it are valid until the map is destroyed or cleared,
// removals and moves included. One thread at a time.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <vector>

#include "weir/base/arena.hpp"
#include "weir/base/block_cache.hpp"

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
  x_request_timeout,
  x_rewrite_url,
};

// A bit a name; that of `other` stands for all names without an id.
using FieldSet = std::uint64_t;
static_assert(static_cast<unsigned>(FieldId::x_rewrite_url) < 64);
constexpr FieldSet field_set(FieldId id) noexcept {
  return FieldSet{1} << static_cast<unsigned>(id);
}
constexpr FieldSet field_set(std::initializer_list<FieldId> ids) noexcept {
  FieldSet set = 0;
  for (const FieldId id : ids) set |= field_set(id);
  return set;
}
constexpr bool holds(FieldSet set, FieldId id) noexcept { return (set & field_set(id)) != 0; }

// The id of a name in any case.
FieldId field_id(std::string_view name) noexcept;
// The same, for less. REQUIRES: `name` is a token.
FieldId field_id_of_token(std::string_view name) noexcept;
// The same, for still less. REQUIRES: sixteen bytes can be read from where it begins.
FieldId field_id_of_wide_token(std::string_view name) noexcept;
// The name in lower case, "" for other.
std::string_view field_name(FieldId id) noexcept;

// Fields of one connection, never forwarded (RFC 9110 section 7.6.1) besides what Connection names.
inline constexpr FieldSet hop_by_hop =
    field_set({FieldId::connection, FieldId::keep_alive, FieldId::proxy_connection, FieldId::te,
               FieldId::trailer, FieldId::transfer_encoding, FieldId::upgrade,
               FieldId::http2_settings, FieldId::proxy_authenticate, FieldId::proxy_authorization});
constexpr bool is_hop_by_hop(FieldId id) noexcept { return holds(hop_by_hop, id); }
// Fields that decide where a message ends or which connection it is on: never set by configuration.
bool is_framing_or_hop_by_hop(std::string_view name) noexcept;

class HeaderMap {
 public:
  struct Field {
    std::string_view name;
    std::string_view value;
    FieldId id = FieldId::other;
    // The views stand in memory as one line: name, ": ", value, "\r\n".
    bool is_line = false;
  };
  using Fields = std::vector<Field, CachedAllocator<Field>>;
  using const_iterator = Fields::const_iterator;

  const_iterator begin() const noexcept { return fields_.begin(); }
  const_iterator end() const noexcept { return fields_.end(); }
  std::size_t size() const noexcept { return fields_.size(); }
  bool empty() const noexcept { return fields_.empty(); }
  // Bytes of memory that the map takes.
  std::size_t held() const noexcept { return arena_.held() + fields_.capacity() * sizeof(Field); }
  const Field& operator[](std::size_t index) const noexcept { return fields_[index]; }

  // Copies both texts.
  void add(std::string_view name, std::string_view value);
  void add(FieldId id, std::string_view name, std::string_view value);
  // REQUIRES: both views point into arena() or outlive the map (literals).
  void add_view(FieldId id, std::string_view name, std::string_view value) {
    if (fields_.capacity() == 0) [[unlikely]]
      fields_.reserve(usual_fields);
    fields_.push_back({name, value, id});
    seen_ |= field_set(id);
  }
  // The same for a field of which the whole line stands there.
  void add_line(FieldId id, std::string_view name, std::string_view value) {
    if (fields_.capacity() == 0) [[unlikely]]
      fields_.reserve(usual_fields);
    fields_.push_back({name, value, id, true});
    seen_ |= field_set(id);
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
  // Copies all texts that the fields refer to: afterwards nothing but arena() need outlive the map.
  void own_texts();
  // Replaces all fields of that name by one, at the place of the first.
  void set(std::string_view name, std::string_view value);
  // Both return how many went.
  std::size_t remove(FieldId id);
  std::size_t remove(std::string_view name);
  // All fields of these names. REQUIRES: `other` is not among them.
  std::size_t remove_all(FieldSet ids) {
    if (!may_have(ids)) return 0;
    seen_ &= ~ids;
    return std::erase_if(fields_, [ids](const Field& field) { return holds(ids, field.id); });
  }
  template <class Predicate>
  std::size_t remove_if(Predicate&& predicate) {
    return std::erase_if(fields_, predicate);
  }
  void clear() noexcept {
    fields_.clear();
    seen_ = 0;
  }

  // False: there is none of these. Costs nothing; may be true though they were removed.
  bool may_have(FieldSet ids) const noexcept { return (seen_ & ids) != 0; }

  // The first field of that name, nothing if there is none. REQUIRES: id is not other.
  std::optional<std::string_view> get(FieldId id) const noexcept {
    if (!may_have(field_set(id))) return std::nullopt;
    return find(id);
  }
  std::optional<std::string_view> get(std::string_view name) const noexcept;
  std::size_t count(FieldId id) const noexcept;
  bool contains(FieldId id) const noexcept { return get(id).has_value(); }
  bool contains(std::string_view name) const noexcept { return get(name).has_value(); }

  // Where texts that live as long as the message are put.
  Arena& arena() noexcept { return arena_; }

 private:
  static constexpr std::size_t usual_fields = 16;
  std::optional<std::string_view> find(FieldId id) const noexcept;

  Arena arena_;
  Fields fields_;
  FieldSet seen_ = 0;  // may keep the bit of one that was removed
};

}  // namespace weir
