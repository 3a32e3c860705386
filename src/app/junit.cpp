#include "app/junit.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "app/terminal.hpp"

namespace weir::app {
namespace {

constexpr std::string_view xml_declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

std::string xml_begin(std::string_view suite, std::size_t tests, std::size_t failures,
                      std::size_t errors) {
  const std::string counts =
      fmt::format("tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"0\"", tests, failures, errors);
  return fmt::format("{}<testsuites {}>\n  <testsuite name=\"{}\" {}>\n", xml_declaration, counts,
                     xml_escaped(suite), counts);
}

constexpr std::string_view xml_end = "  </testsuite>\n</testsuites>\n";

}  // namespace

std::string xml_escaped(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&apos;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string junit_xml(std::string_view suite, std::span<const server::TestResult> results) {
  const auto failures = static_cast<std::size_t>(
      std::ranges::count_if(results, [](const auto& one) { return !one.passed(); }));
  std::string out = xml_begin(suite, results.size(), failures, 0);
  for (const server::TestResult& result : results) {
    const config::RouteTest& test = *result.test;
    out +=
        fmt::format("    <testcase classname=\"{}\" name=\"{}\" file=\"{}\" line=\"{}\" time=\"0\"",
                    xml_escaped(suite), xml_escaped(test.name), xml_escaped(test.place.file),
                    test.place.line + 1);
    if (result.passed()) {
      out += "/>\n";
      continue;
    }
    std::string what;
    std::string text;
    for (const server::TestMismatch& each : result.mismatches) {
      what += (what.empty() ? "" : ", ") + each.what;
      text += fmt::format("{}\n- {}\n+ {}\n", xml_escaped(each.what), xml_escaped(each.expected),
                          xml_escaped(each.got));
    }
    out += fmt::format(">\n      <failure type=\"expectation\" message=\"{}\">{}</failure>\n",
                       xml_escaped("not as expected: " + what), text);
    out += "    </testcase>\n";
  }
  return out + std::string(xml_end);
}

std::string junit_xml(std::string_view suite, std::span<const config::Problem> problems) {
  std::string out = xml_begin(suite, 1, 0, 1);
  out += fmt::format("    <testcase classname=\"{}\" name=\"configuration\" time=\"0\">\n",
                     xml_escaped(suite));
  out += "      <error type=\"configuration\" message=\"the configuration is not valid\">";
  for (const config::Problem& each : problems) {
    if (!each.is_warning()) out += xml_escaped(each.to_string()) + "\n";
  }
  out += "</error>\n    </testcase>\n";
  return out + std::string(xml_end);
}

}  // namespace weir::app
