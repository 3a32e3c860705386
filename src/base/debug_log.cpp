#include "weir/base/debug_log.hpp"

#include <algorithm>
#include <new>
#include <vector>

namespace weir::debug_log {
namespace {

std::atomic<Sink> lines_go_to{nullptr};

}  // namespace

namespace internal {
std::array<std::atomic<Level>, component_names.size()> levels{Level::off, Level::off, Level::off};
}

std::string component_list() {
  std::string out;
  for (const std::string_view each : component_names) {
    if (!out.empty()) out += each == component_names.back() ? " or " : ", ";
    out += each;
  }
  return out;
}

std::optional<Component> component(std::string_view name) noexcept {
  const auto found = std::ranges::find(component_names, name);
  if (found == component_names.end()) return std::nullopt;
  return static_cast<Component>(found - component_names.begin());
}

void set_level(Component component, Level level) noexcept {
  internal::levels[static_cast<std::size_t>(component)].store(level, std::memory_order_relaxed);
}

void write(Component component, Level level, std::string_view message, LogFields fields) noexcept {
  const Sink sink = lines_go_to.load(std::memory_order_relaxed);
  if (sink == nullptr || !on(component, level)) return;
  try {
    std::vector<LogField> all;
    all.reserve(fields.size() + 1);
    all.emplace_back("component", name(component));
    all.insert(all.end(), fields.begin(), fields.end());
    sink(level, message, all);
  } catch (const std::bad_alloc&) {
    // Nobody waits for it.
  }
}

void set_sink(Sink sink) noexcept { lines_go_to.store(sink, std::memory_order_relaxed); }

}  // namespace weir::debug_log
