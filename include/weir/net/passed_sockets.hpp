// Listening sockets that a service manager bound and passed on (sd_listen_fds(3)): descriptors from
// 3 on, each perhaps with a name. They stay the manager's: connections queue in them while no
// gateway runs. Owned by whoever binds the listeners; main thread.
#pragma once

#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/ip.hpp"
#include "weir/net/acceptor.hpp"

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
  // Those that nobody took, as "NAME (ADDRESS)".
  std::vector<std::string> left() const;

 private:
  struct Passed {
    int fd;
    std::string name;
    SocketAddress address;
  };
  std::expected<std::optional<ListenSockets>, std::string> take_if(
      const std::function<bool(const Passed&)>& meant, std::size_t most);

  std::vector<Passed> sockets_;
};

}  // namespace weir::net
