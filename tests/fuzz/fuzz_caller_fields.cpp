// What callers are told apart by and what they may ask for: cookies, the places of a token, the
// fields of a fault; and the operator's file of keys. Up to the first line end it is a name, then
// come the field's or the file's bytes.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <unordered_set>

#include "config/blocks.hpp"
#include "middleware/jwt/token_places.hpp"
#include "proxy/fault_fields.hpp"
#include "weir/base/text.hpp"
#include "weir/http/caller_key.hpp"
#include "weir/http/cookie.hpp"

namespace {

using namespace weir;
using config::TokenPlace;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_cookie(std::string_view name, std::string_view value) {
  HeaderMap headers;
  headers.add("cookie", value);
  const auto found = cookie_value(headers, name);
  if (!found) return;
  require(found->find(';') == found->npos && trim(*found) == *found);
  require(value.find(*found) != value.npos);
}

void check_places(const std::string& name, std::string_view value) {
  for (const TokenPlace& place :
       {TokenPlace{TokenPlace::Kind::header, "authorization"},
        TokenPlace{TokenPlace::Kind::header, "x-token"}, TokenPlace{TokenPlace::Kind::cookie, name},
        TokenPlace{TokenPlace::Kind::query, name}}) {
    RequestHead head;
    head.headers.add("authorization", value);
    head.headers.add("x-token", value);
    head.headers.add("cookie", value);
    head.query = value;
    head.has_query = true;
    const std::array places{place};
    const std::size_t count = count_tokens(head, places);
    const OfferedToken offered = find_token(head, places);
    require(offered.count == count);
    require(offered.token.size() <= value.size());
    if (count == 0) continue;
    remove_token(head, place);
    require(count_tokens(head, places) == 0);
  }
}

void check_fault(std::string_view value) {
  const auto delay = proxy::parse_fault_delay(value);
  require(!delay || (*delay >= Duration::zero() && *delay <= std::chrono::minutes(1)));
  const auto status = proxy::parse_fault_status(value);
  require(!status || (*status >= 200 && *status <= 599));
}

void check_keys(std::string_view file) {
  const auto keys = config::parse_api_keys(file);
  if (!keys) return require(!keys.error().empty());
  require(!keys->empty());
  std::unordered_set<std::string> seen;
  for (const config::KnownKey& each : *keys) {
    require(each.key.empty() != each.sha256.empty());
    require(each.sha256.empty() || each.sha256.size() == 64);
    require(seen.insert(each.key + '\n' + each.sha256).second);
  }
}

// Two values that differ are two callers.
void check_key(std::string_view one, std::string_view other) {
  const CallerKey key(
      {{.source = KeySource::host, .name = ""}, {.source = KeySource::header, .name = "x-key"}});
  ConnectionInfo connection;
  Exchange exchange(connection, TimePoint{});
  const auto bytes = [&](std::string_view host, std::string_view field) {
    Request request;
    request.head.host = host;
    request.head.headers.add("x-key", field);
    return std::string(key.of(request, exchange, {}).view());
  };
  require((bytes(one, other) == bytes(other, one)) == (one == other));
  require(bytes(one, other) == bytes(one, other));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t line = text.find('\n');
  const std::string name(text.substr(0, line));
  const std::string_view value = line == text.npos ? text : text.substr(line + 1);
  check_cookie(name, value);
  check_places(name, value);
  check_fault(value);
  check_keys(value);
  check_key(name, value);
  return 0;
}
