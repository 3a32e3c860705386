#include "weir/http/cookie.hpp"

#include "weir/base/text.hpp"

namespace weir {

std::optional<std::string_view> cookie_value(const HeaderMap& headers,
                                             std::string_view name) noexcept {
  if (!headers.contains(FieldId::cookie)) return std::nullopt;
  for (const HeaderMap::Field& field : headers) {
    if (field.id != FieldId::cookie) continue;
    std::string_view rest = field.value;
    while (!rest.empty()) {
      const std::size_t end = rest.find(';');
      const std::string_view pair = rest.substr(0, end);
      rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
      const std::size_t equals = pair.find('=');
      if (equals != std::string_view::npos && trim(pair.substr(0, equals)) == name) {
        return trim(pair.substr(equals + 1));
      }
    }
  }
  return std::nullopt;
}

}  // namespace weir
