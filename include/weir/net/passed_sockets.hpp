// Listening sockets that this process was given at its start, as descriptors, by one of two.
// A service manager bound them and passed them on (sd_listen_fds(3)), each perhaps with a name:
// they stay the manager's, and connections queue in them while no gateway runs. Or the process
// before hands its own over to this one (handed_sockets.hpp). Owned by whoever binds the listeners;
// main thread.
#pragma once

#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/ip.hpp"
#include "weir/net/acceptor.hpp"
#include "weir/net/handed_sockets.hpp"

namespace weir::net {

class PassedSockets {
 public:
  PassedSockets() = default;
  PassedSockets(PassedSockets&& other) noexcept;
  PassedSockets& operator=(PassedSockets&& other) noexcept;
  // Closes what nobody took.
  ~PassedSockets();

  // What LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES tell; nothing when that is for another process.
  // The error says what is wrong with it. To be called once, before other threads run.
  static std::expected<PassedSockets, std::string> from_environment();
  // Of `count` descriptors from `first` on, which become this object's; `names` are divided by
  // colons. The error says which is not a listening stream socket.
  static std::expected<PassedSockets, std::string> adopt(int first, unsigned count,
                                                         std::string_view names);
  // Of the descriptors from `first` on that the process before hands over, which become this
  // object's. The error says which is not a listening stream socket; those of kinds that are not
  // known here are closed by and by.
  static std::expected<PassedSockets, std::string> adopt_handed(
      int first, const std::vector<HandedAddress>& addresses);

  // The sockets that were passed under the name, by address, in the order in which they came; none
  // when there are none. The error: they listen on more than `most_addresses`, or there are more
  // than `most` of one.
  std::expected<std::vector<ListenSockets>, std::string> take_named(std::string_view name,
                                                                    std::size_t most,
                                                                    std::size_t most_addresses);
  // Those that listen on `address`, whatever their name; nothing when there are none. The error:
  // they are more than `most`.
  std::expected<std::optional<ListenSockets>, std::string> take_at(const SocketAddress& address,
                                                                   std::size_t most);
  // Those that the process before had bound as `asked`; for a listener (`owner` is gateway) where
  // that has port 0 only those of the listener `name`, whatever their number. None when there are
  // none.
  std::optional<ListenSockets> take_handed(HandedFor owner, std::string_view name,
                                           std::string_view asked);
  // Whether a process before hands over, be it no socket at all.
  bool is_handed_over() const noexcept { return handed_over_; }
  // Whether a service manager's are left under the name.
  bool has_named(std::string_view name) const noexcept;
  // Those that nobody took, as "NAME (ADDRESS)".
  std::vector<std::string> left() const;
  // Files of unix: sockets among these that the process before had bound: they are in nobody's use
  // as soon as that process has left them.
  std::vector<std::string> left_files() const;

 private:
  struct Passed {
    int fd;
    std::string name;
    SocketAddress address;
    std::string asked = {};  // "": it is a manager's
    HandedFor owner = HandedFor::manager;
    std::size_t group = 0;  // of those handed over: the place of their line
  };
  std::expected<std::optional<ListenSockets>, std::string> take_if(
      const std::function<bool(const Passed&)>& meant, std::size_t most);

  std::vector<Passed> sockets_;
  bool handed_over_ = false;
};

}  // namespace weir::net
