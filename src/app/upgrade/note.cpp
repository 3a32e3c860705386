#include "app/upgrade/note.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

namespace weir::app {
namespace {

constexpr std::uint64_t note_version = 1;
constexpr std::uint64_t most_pid = 1ULL << 30;

// For this process alone: a service manager's sockets, whose watchdog it is, and how it came to its
// own sockets.
constexpr std::array<std::string_view, 7> own_variables{
    "LISTEN_PID",   "LISTEN_FDS",     "LISTEN_FDNAMES", "LISTEN_PIDFDID",
    "WATCHDOG_PID", "WEIR_TAKE_OVER", upgrade_variable};

// The number at the beginning of `text`, which goes on behind it and one separator.
std::optional<std::uint64_t> take_number(std::string_view& text) {
  std::uint64_t out = 0;
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{}) return std::nullopt;
  const auto length = static_cast<std::size_t>(at - text.data());
  text.remove_prefix(std::min(length + 1, text.size()));
  return out;
}

}  // namespace

std::string UpgradeNote::to_text() const {
  return std::to_string(note_version) + " " + std::to_string(from) + " " +
         std::to_string(succeeded) + " " + std::to_string(failed) + "\n" + net::to_text(addresses);
}

std::expected<UpgradeNote, std::string> UpgradeNote::parse(std::string_view text) {
  const std::size_t end = text.find('\n');
  std::string_view head = text.substr(0, end);
  const auto version = take_number(head);
  if (version && *version != note_version) {
    return std::unexpected(
        fmt::format("{}: the process before hands over in version {}, this one knows version {}",
                    upgrade_variable, *version, note_version));
  }
  const auto from = take_number(head);
  const auto succeeded = take_number(head);
  const auto failed = take_number(head);
  if (!version || !from || *from == 0 || *from > most_pid || !succeeded || !failed ||
      end == std::string_view::npos) {
    return std::unexpected(fmt::format("{} is not what a process before writes", upgrade_variable));
  }
  auto addresses = net::parse_handed(text.substr(end + 1));
  if (!addresses)
    return std::unexpected(fmt::format("{}: {}", upgrade_variable, addresses.error()));
  return UpgradeNote{.from = static_cast<pid_t>(*from),
                     .succeeded = *succeeded,
                     .failed = *failed,
                     .addresses = std::move(*addresses)};
}

std::vector<std::string> successor_environment(const char* const* environment,
                                               const UpgradeNote& note) {
  std::vector<std::string> out;
  for (; *environment != nullptr; ++environment) {
    const std::string_view one = *environment;
    if (std::ranges::find(own_variables, one.substr(0, one.find('='))) != own_variables.end()) {
      continue;
    }
    out.emplace_back(one);
  }
  out.push_back(std::string(upgrade_variable) + "=" + note.to_text());
  return out;
}

}  // namespace weir::app
