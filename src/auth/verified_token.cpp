#include "weir/auth/verified_token.hpp"

#include <algorithm>

namespace weir::auth {

std::string_view VerifiedToken::claim(std::string_view name) const noexcept {
  const auto found = std::ranges::find(claims_, name, &Texts::value_type::first);
  return found == claims_.end() ? std::string_view() : std::string_view(found->second);
}

}  // namespace weir::auth
