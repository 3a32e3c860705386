#include "telemetry/query_redaction.hpp"

#include <array>

#include "weir/base/text.hpp"
#include "weir/config/redacted_parameters.hpp"

namespace weir::telemetry {
namespace {

constexpr std::size_t longest_secret = 12;

bool is_secret(std::string_view name) noexcept {
  std::array<char, longest_secret> decoded;
  std::size_t length = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    char c = name[i];
    if (c == '%' && i + 2 < name.size()) {
      const int high = hex_value(name[i + 1]);
      const int low = hex_value(name[i + 2]);
      if (high >= 0 && low >= 0) {
        c = static_cast<char>(high * 16 + low);
        i += 2;
      }
    }
    if (length == decoded.size()) return false;
    decoded[length++] = to_lower(c);
  }
  const std::string_view plain(decoded.data(), length);
  for (const std::string_view secret : config::redacted_parameters) {
    if (plain == secret) return true;
  }
  return false;
}

}  // namespace

void append_redacted(std::string& out, std::string_view query) {
  while (!query.empty()) {
    const std::size_t end = query.find_first_of("&;");
    const std::string_view parameter = query.substr(0, end);
    const std::size_t equals = parameter.find('=');
    if (equals != std::string_view::npos && is_secret(parameter.substr(0, equals))) {
      out += parameter.substr(0, equals + 1);
      out += "REDACTED";
    } else {
      out += parameter;
    }
    if (end == std::string_view::npos) return;
    out += query[end];
    query.remove_prefix(end + 1);
  }
}

}  // namespace weir::telemetry
