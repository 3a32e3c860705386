// Where a request carries a key or a password, judged by one rule for the middleware that asks for
// them and for `explain`. Worker or main thread.
#pragma once

#include <string>
#include <string_view>

#include "weir/base/reason.hpp"
#include "weir/config/model.hpp"
#include "weir/http/header_map.hpp"

namespace weir {

// What a request offers: `refusal` is none where there is something to be checked, otherwise why
// there is not, with a few words for the problem's detail.
struct OfferedKey {
  Reason refusal = Reason::none;
  std::string_view detail = {};
  std::string_view key = {};  // as long as the headers
};

// The key in the field `name` (lower case); in Authorization it is a bearer token.
OfferedKey offered_key(const HeaderMap& headers, std::string_view name) noexcept;
// Whether it is one of those.
bool is_known_key(const config::ApiKey& spec, std::string_view key);

struct OfferedPassword {
  Reason refusal = Reason::none;
  std::string_view detail = {};
  std::string user = {};
  std::string password = {};
};

// The credentials of RFC 7617 section 2 in Authorization.
OfferedPassword offered_password(const HeaderMap& headers);

}  // namespace weir
