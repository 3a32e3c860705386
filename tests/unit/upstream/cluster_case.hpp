// What the tests of this room share: an upstream as configured, and a cluster of it on loops.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "net/loop_run.hpp"
#include "net/sockets.hpp"
#include "weir/upstream/cluster.hpp"

namespace weir::upstream {

using namespace std::chrono_literals;
using net::Origin;
using net::pass;
using net::run_on;
using net::until;

inline config::Upstream upstream_of(std::vector<std::string> addresses) {
  config::Upstream out;
  out.name = "orders";
  for (std::string& address : addresses) out.endpoints.push_back({std::move(address), 1});
  return out;
}

inline std::shared_ptr<Cluster> cluster_on(const config::Upstream& upstream,
                                           std::vector<net::Loop*> loops,
                                           RegistryHooks hooks = {}) {
  return std::make_shared<Cluster>(upstream, std::move(loops), std::move(hooks));
}

// As the forwarder does it.
inline Task<Result<Lease>> lease_of(Cluster& cluster, net::Loop& loop, unsigned worker = 0,
                                    Duration within = 10s) {
  Tried tried;
  if (std::optional<Lease> lease = cluster.try_acquire(worker, tried)) co_return std::move(*lease);
  co_return co_await cluster.acquire(worker, tried, loop.now() + within, {});
}

inline Reason reason_of(const Result<Lease>& lease) {
  return lease ? Reason::none : lease.error().reason;
}

// An origin whose queue of connections is full: the kernel leaves further ones unanswered.
class Unanswering {
 public:
  Unanswering() : origin_(0) {
    sockaddr_storage storage;
    const socklen_t size = origin_.address().to_sockaddr(storage);
    for (int n = 0; n < 4; ++n) {
      net::Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      ::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&storage), size);
      pollfd at{socket.fd(), POLLOUT, 0};
      hangs_ = ::poll(&at, 1, 100) == 0;
      fillers_.push_back(std::move(socket));
      if (hangs_) return;
    }
  }
  bool hangs() const { return hangs_; }
  std::string text() const { return origin_.text(); }

 private:
  Origin origin_;
  std::vector<net::Socket> fillers_;
  bool hangs_ = false;
};

// An address that refuses until it listens.
class Refusing {
 public:
  Refusing() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(socket_.fd(), reinterpret_cast<sockaddr*>(&address), size);
    ::getsockname(socket_.fd(), reinterpret_cast<sockaddr*>(&address), &size);
    text_ = SocketAddress::from(reinterpret_cast<sockaddr*>(&address), size).to_string();
  }
  const std::string& text() const { return text_; }
  void listen() const { ::listen(socket_.fd(), 128); }

 private:
  net::Socket socket_;
  std::string text_;
};

}  // namespace weir::upstream
