#include "weir/http/load_report.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <system_error>
#include <utility>

#include "weir/base/text.hpp"

namespace weir {
namespace {

constexpr unsigned deepest_json = 8;

// Which metrics were given, to find a second one, and what they say.
class ReportedMetrics {
 public:
  // False: it is given twice, or is not what it must be.
  bool set(std::string_view name, double value) noexcept {
    for (std::size_t i = 0; i < known.size(); ++i) {
      if (name != known[i].name && name != known[i].camel) continue;
      if (std::exchange(given_[i], true) || value < 0) return false;
      report_.*known[i].member = value;
      return true;
    }
    return true;
  }
  static bool knows(std::string_view name) noexcept {
    for (const Known& each : known) {
      if (name == each.name || name == each.camel) return true;
    }
    return false;
  }
  const LoadReport& report() const noexcept { return report_; }

 private:
  struct Known {
    std::string_view name;
    std::string_view camel;
    double LoadReport::* member;
  };
  static constexpr std::array<Known, 4> known{{
      {"application_utilization", "applicationUtilization", &LoadReport::application_utilization},
      {"cpu_utilization", "cpuUtilization", &LoadReport::cpu_utilization},
      {"rps_fractional", "rpsFractional", &LoadReport::rps},
      {"eps", "eps", &LoadReport::eps},
  }};

  LoadReport report_;
  std::array<bool, known.size()> given_{};
};

// The whole text as a finite number.
std::optional<double> finite_number(std::string_view text) noexcept {
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, failure] = std::from_chars(text.data(), end, value);
  if (failure != std::errc() || stopped != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

// "name=number,..."; older servers write "name:number".
bool read_text_metrics(std::string_view text, ReportedMetrics& out) noexcept {
  return for_each_element(text, [&](std::string_view element) {
    const std::size_t end = element.find_first_of("=:");
    if (end == std::string_view::npos) return false;
    const std::string_view name = trim(element.substr(0, end));
    const auto value = finite_number(trim(element.substr(end + 1)));
    return !name.empty() && value && out.set(name, *value);
  });
}

// RFC 8259, of which only the numbers at the top are kept.
class MetricsJson {
 public:
  MetricsJson(std::string_view text, ReportedMetrics& out) noexcept : left_(text), out_(out) {}

  bool read() noexcept {
    skip_space();
    if (!read_object(1)) return false;
    skip_space();
    return left_.empty();
  }

 private:
  void skip_space() noexcept {
    const std::size_t end = left_.find_first_not_of(" \t\r\n");
    left_.remove_prefix(end == std::string_view::npos ? left_.size() : end);
  }
  bool take(char c) noexcept {
    if (left_.empty() || left_.front() != c) return false;
    left_.remove_prefix(1);
    return true;
  }
  bool take(std::string_view word) noexcept {
    if (!left_.starts_with(word)) return false;
    left_.remove_prefix(word.size());
    return true;
  }

  // What stands between the quotes, as it was written.
  std::optional<std::string_view> read_string() noexcept {
    if (!take('"')) return std::nullopt;
    const std::string_view from = left_;
    while (!left_.empty()) {
      const char c = left_.front();
      if (static_cast<unsigned char>(c) < 0x20) return std::nullopt;
      left_.remove_prefix(1);
      if (c == '"') return from.substr(0, from.size() - left_.size() - 1);
      if (c == '\\' && !read_escape()) return std::nullopt;
    }
    return std::nullopt;
  }
  bool read_escape() noexcept {
    if (left_.empty()) return false;
    const char c = left_.front();
    left_.remove_prefix(1);
    if (c != 'u') return std::string_view("\"\\/bfnrt").contains(c);
    if (left_.size() < 4) return false;
    for (const char digit : left_.substr(0, 4)) {
      if (hex_value(digit) < 0) return false;
    }
    left_.remove_prefix(4);
    return true;
  }

  bool read_digits() noexcept {
    std::size_t digits = 0;
    while (digits < left_.size() && is_digit(left_[digits])) ++digits;
    left_.remove_prefix(digits);
    return digits != 0;
  }
  // Its text; the grammar is narrower than that of from_chars.
  std::optional<std::string_view> read_number() noexcept {
    const std::string_view from = left_;
    take('-');
    if (!take('0') && !read_digits()) return std::nullopt;
    if (take('.') && !read_digits()) return std::nullopt;
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      if (!read_digits()) return std::nullopt;
    }
    return from.substr(0, from.size() - left_.size());
  }

  bool read_object(unsigned depth) noexcept {
    if (!take('{')) return false;
    skip_space();
    if (take('}')) return true;
    do {
      skip_space();
      const auto name = read_string();
      skip_space();
      if (!name || !take(':')) return false;
      skip_space();
      if (!read_member(*name, depth)) return false;
      skip_space();
    } while (take(','));
    return take('}');
  }
  bool read_member(std::string_view name, unsigned depth) noexcept {
    if (depth != 1 || !ReportedMetrics::knows(name)) return read_value(depth);
    // As if it were not there.
    if (take("null")) return true;
    const auto number = read_number();
    const auto value = number ? finite_number(*number) : std::nullopt;
    return value && out_.set(name, *value);
  }
  bool read_array(unsigned depth) noexcept {
    if (!take('[')) return false;
    skip_space();
    if (take(']')) return true;
    do {
      skip_space();
      if (!read_value(depth)) return false;
      skip_space();
    } while (take(','));
    return take(']');
  }
  // One that stands in something of `depth`.
  bool read_value(unsigned depth) noexcept {
    if (left_.empty()) return false;
    switch (left_.front()) {
      case '{':
        return depth < deepest_json && read_object(depth + 1);
      case '[':
        return depth < deepest_json && read_array(depth + 1);
      case '"':
        return read_string().has_value();
      case 't':
        return take("true");
      case 'f':
        return take("false");
      case 'n':
        return take("null");
      default:
        return read_number().has_value();
    }
  }

  std::string_view left_;
  ReportedMetrics& out_;
};

}  // namespace

std::expected<LoadReport, LoadReportFault> parse_load_report(std::string_view field) noexcept {
  constexpr std::string_view as_text = "TEXT ";
  constexpr std::string_view as_json = "JSON ";
  if (field.starts_with("BIN ")) return std::unexpected(LoadReportFault::binary);
  ReportedMetrics metrics;
  bool read = false;
  if (field.size() > longest_load_report) {
    read = false;
  } else if (field.starts_with(as_text)) {
    read = read_text_metrics(field.substr(as_text.size()), metrics);
  } else if (field.starts_with(as_json)) {
    read = MetricsJson(field.substr(as_json.size()), metrics).read();
  }
  if (!read) return std::unexpected(LoadReportFault::malformed);
  return metrics.report();
}

}  // namespace weir
