// Path normalisation: whatever comes in, what comes out is normal, safe and no longer.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "weir/http/url_path.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

// What routes are matched by: without any parameter, as normal as the path, of as many segments.
void check_matched(const weir::NormalPath& path, bool keep_empty, weir::Arena& arena) {
  const bool semicolon = path.path.find(';') != std::string_view::npos ||
                         path.path.find("%3B") != std::string_view::npos;
  require(path.parameters == semicolon);
  const auto [bare, full] = weir::matched_path(path.path, keep_empty, arena);
  const auto slashes = [](std::string_view text) { return std::ranges::count(text, '/'); };
  require(bare.starts_with('/') && bare.size() <= full.size() && full.size() <= path.path.size());
  require(slashes(bare) == slashes(full) && slashes(bare) <= slashes(path.path));
  require(bare.find(';') == std::string_view::npos && bare.find("%3B") == std::string_view::npos);
  const auto again = weir::normalise_path(bare, keep_empty, arena);
  require(again && again->path == bare && !again->parameters);
  require(semicolon || (bare == path.path && full == path.path));
}

void check(std::string_view path, bool keep_empty) {
  weir::Arena arena;
  const auto once = weir::normalise_path(path, keep_empty, arena);
  if (!once) return;
  require(once->path.starts_with('/') && once->path.size() <= path.size());
  for (const char c : once->path) require(c > 0x20 && c < 0x7F && c != '\\' && c != '#');
  const std::string closed = std::string(once->path) + "/";
  for (const std::string_view never : {"/../", "/./", "/.;", "/..;", "%00", "%2e", "%2f"}) {
    require(closed.find(never) == std::string::npos);
  }
  require(keep_empty || once->path.find("//") == std::string_view::npos);
  const auto twice = weir::normalise_path(once->path, keep_empty, arena);
  require(twice && twice->path.data() == once->path.data() && twice->path == once->path &&
          twice->encoded_slash == once->encoded_slash && twice->parameters == once->parameters);
  check_matched(*once, keep_empty, arena);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check(text, false);
  check(text, true);
  const std::string decoded = weir::percent_decode(text);
  require(weir::decodes_to(text, decoded));
  const std::size_t separator = text.find('\n');
  if (separator != std::string_view::npos) {
    const auto value = weir::query_value(text.substr(separator + 1), text.substr(0, separator));
    require(!value || value->empty() ||
            (value->data() >= text.data() && value->data() + value->size() <= text.data() + size));
  }
  return 0;
}
