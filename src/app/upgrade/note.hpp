// What a process tells the one that is to take its place, at its start, in one variable of the
// environment: who it is, how often that went before, and which sockets the descriptors are. Pure,
// but for the environment that is asked.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "weir/net/handed_sockets.hpp"

namespace weir::app {

inline constexpr const char* upgrade_variable = "WEIR_UPGRADE";
// Which descriptors the new process finds: one end of a UpgradeChannel, and the sockets behind it.
inline constexpr int channel_descriptor = 3;
inline constexpr int first_socket = channel_descriptor + 1;

struct UpgradeNote {
  pid_t from = 0;
  // Upgrades so far, of all processes of this line.
  std::uint64_t succeeded = 0;
  std::uint64_t failed = 0;
  std::vector<net::HandedAddress> addresses;

  std::string to_text() const;
  // The error says what is wrong with it, or that another version of Weir wrote it.
  static std::expected<UpgradeNote, std::string> parse(std::string_view text);
};

// `environment` ("NAME=VALUE" each, null at the end) for the new process: with the note, without
// what was for this process alone.
std::vector<std::string> successor_environment(const char* const* environment,
                                               const UpgradeNote& note);

}  // namespace weir::app
