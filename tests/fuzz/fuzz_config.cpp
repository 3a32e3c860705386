// Any text is a configuration or has problems; what loads, prints, and the print loads again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "weir/config/loader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir::config;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string no_folder = "/nonexistent";
  const auto loaded = load_text(text, "weir.yaml", no_folder);
  if (!loaded) {
    if (loaded.error().empty()) std::abort();
    for (const Problem& problem : loaded.error()) {
      if (problem.to_string().find('\n') != std::string::npos) std::abort();
    }
    return 0;
  }
  const std::string yaml = to_yaml(loaded->config);
  const auto again = load_text(yaml, "weir.yaml", no_folder);
  if (!again || to_yaml(again->config) != yaml) std::abort();
  if (to_json(loaded->config).empty()) std::abort();
  return 0;
}
