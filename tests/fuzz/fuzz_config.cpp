// Any text is a configuration or has problems; each problem is a line with an excerpt of one; what
// loads, prints, and the print loads again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "weir/config/loader.hpp"

namespace {

using namespace weir::config;

bool is_line(std::string_view text) { return text.find_first_of("\r\n") == std::string_view::npos; }

void look_at(const Problem& problem, const SourceTexts& texts) {
  if (!is_line(problem.to_string())) std::abort();
  if (!problem.message.contains(problem.remedy())) std::abort();
  const auto shown = excerpt(texts, problem.place);
  if (shown && (!is_line(shown->line) || shown->line.size() > 1000)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const SourceTexts texts{{"weir.yaml", std::string(text)}};
  const std::string no_folder = "/nonexistent";
  auto loaded = load_text(text, "weir.yaml", no_folder);
  if (!loaded) {
    if (loaded.error().empty()) std::abort();
    for (const Problem& problem : loaded.error()) look_at(problem, texts);
    if (to_json("weir.yaml", loaded.error()).empty()) std::abort();
    return 0;
  }
  settle_warnings(*loaded);
  for (const Problem& warning : loaded->warnings) look_at(warning, texts);
  const std::string yaml = to_yaml(loaded->config);
  const auto again = load_text(yaml, "weir.yaml", no_folder);
  if (!again || to_yaml(again->config) != yaml) std::abort();
  if (to_json(loaded->config).empty()) std::abort();
  return 0;
}
