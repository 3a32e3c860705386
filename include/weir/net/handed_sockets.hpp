// The sockets that a process hands over to the one that takes its place, as a text that goes with
// the descriptors: a line for each address, in the order in which the descriptors come.
//
//   stream gateway 2 http 127.0.0.1:0
//   stream manager 1 https -
//   stream admin 1 - unix:/run/weir/admin.sock
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/descriptor.hpp"

namespace weir::net {

// Whose the address is, and what the sockets are for.
enum class HandedFor : std::uint8_t {
  gateway,  // a listener's; the gateway has bound it
  manager,  // a listener's; a service manager has bound it and goes on owning it
  admin,    // the admin address
};

struct HandedAddress {
  // Of the sockets: "stream". "datagram" is left for UDP listeners; who does not know a kind closes
  // its sockets.
  std::string kind = "stream";
  HandedFor owner = HandedFor::gateway;
  unsigned count = 1;  // descriptors
  std::string name;    // the listener's, "" of the admin address
  std::string asked;   // as the configuration has it, "127.0.0.1:0"; "" of a manager's

  friend bool operator==(const HandedAddress&, const HandedAddress&) = default;
};

// An address with its descriptors.
struct HandedSockets {
  HandedAddress address;
  std::vector<Descriptor> fds;
};

std::string to_text(const std::vector<HandedAddress>& addresses);
// Of to_text(), also of a later version's: kinds that are not known here stay in the list. The
// error says which line is wrong.
std::expected<std::vector<HandedAddress>, std::string> parse_handed(std::string_view text);

}  // namespace weir::net
