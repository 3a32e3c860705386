// Names into addresses without holding up anybody: blocking look-ups on a bounded number of threads
// of their own, each name with a limit of time. Used on the main thread.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "weir/base/asio.hpp"
#include "weir/base/ip.hpp"
#include "weir/base/time.hpp"

namespace weir::upstream {

class Resolver {
 public:
  using Done =
      std::move_only_function<void(std::string error, std::vector<SocketAddress> addresses)>;
  virtual ~Resolver() = default;
  // Calls `done` on the main thread, never from within: with an error text ("" for none) and what
  // was found, within a bounded time; and a second time if addresses come after that time. When
  // the same name is still being looked up for an earlier call, that look-up answers this call, and
  // the earlier `done` is not called any more.
  virtual void resolve(const std::string& host, std::uint16_t port, Done done) = 0;
  // No `done` is called after this. Does not wait for look-ups that run.
  virtual void stop() = 0;
};

// A look-up that blocks; any thread, several at once. Throws nothing but bad_alloc.
using Lookup = std::function<std::expected<std::vector<SocketAddress>, std::string>(
    const std::string& host, std::uint16_t port)>;

struct ResolverLimits {
  // Look-ups at the same time that are within `patience`.
  unsigned prompt = 16;
  // Look-ups at the same time of names that took longer than `patience` this time or last time.
  // They cannot be stopped, and do not take the places of `prompt`.
  unsigned slow = 8;
  // Threads in all; more than `prompt`.
  unsigned threads = 32;
  // After this an answer is an error, although it is still taken when it comes.
  Duration patience = std::chrono::seconds(5);
};

// Threads begin when there is something to look up and end when there is not. The process may end
// while one of them is in `lookup`: nothing waits for it.
std::unique_ptr<Resolver> make_resolver(asio::io_context& main, Lookup lookup,
                                        ResolverLimits limits = {});

// The system's: /etc/hosts, DNS, whatever nsswitch.conf says (getaddrinfo).
std::unique_ptr<Resolver> make_system_resolver(asio::io_context& main);

}  // namespace weir::upstream
