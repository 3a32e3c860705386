// Listening sockets: bound once by the main thread, one a worker where the kernel can spread
// connections over several (SO_REUSEPORT), accepted from on a worker.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "weir/base/descriptor.hpp"
#include "weir/base/ip.hpp"
#include "weir/net/loop.hpp"
#include "weir/net/reactor.hpp"
#include "weir/net/timer_wheel.hpp"

namespace weir::net {

// How many connections may wait to be accepted at each socket; the kernel cuts it to
// net.core.somaxconn.
inline constexpr unsigned listen_backlog = 4096;

// Whether a process, this one too, listens on `address`, with `both_families` of [::] also on
// 0.0.0.0. Port 0 is nobody's.
bool is_listened_on(const SocketAddress& address, bool both_families = false);

// May others listen on the address, too?
enum class Sharing : std::uint8_t {
  alone,
  beside,  // other processes of this user, on TCP: the kernel deals new connections out to all
};

// Descriptors that listen on one address; closes those it still has.
class ListenSockets {
 public:
  // Binds `count` sockets to `address` (one for unix:, after removing a stale socket file that
  // nobody listens on). Port 0 is given a port, the same for all. [::] takes IPv6 alone, unless
  // `both_families`: then IPv4, too, and where the kernel has no IPv6 it is 0.0.0.0. The error says
  // what failed.
  static std::expected<ListenSockets, std::string> open(const SocketAddress& address,
                                                        unsigned count, bool both_families = false,
                                                        Sharing sharing = Sharing::alone);
  // Takes over sockets that somebody else bound to `address` and goes on owning.
  static ListenSockets passed(SocketAddress address, std::vector<int> fds);
  // Takes over sockets that the process before this one had bound to `address` when it was asked
  // for `asked`: they are this one's as if it had bound them.
  static ListenSockets handed(std::string asked, SocketAddress address, std::vector<int> fds);

  ListenSockets(ListenSockets&& other) noexcept;
  ListenSockets& operator=(ListenSockets&& other) noexcept;
  ~ListenSockets();

  const SocketAddress& address() const noexcept { return address_; }
  std::size_t size() const noexcept { return fds_.size(); }
  // Whether the address is somebody else's, who may go on listening there.
  bool is_passed() const noexcept { return passed_; }
  // Whether the process before this one had bound them.
  bool is_handed() const noexcept { return handed_; }
  // What open() was asked for, as it is written in a configuration: "127.0.0.1:0", "*:80". "" of
  // sockets that were passed.
  const std::string& asked() const noexcept { return asked_; }
  // The descriptor, none when it was taken before. Of one that was passed another descriptor of the
  // same socket, as often as it is asked for: who gives the address up may have it again.
  Descriptor take(std::size_t index) noexcept;
  // Descriptors of the same sockets, also of those that were taken, with close-on-exec set. The
  // error says what failed; that a socket was closed meanwhile is one.
  std::expected<std::vector<Descriptor>, std::string> duplicate() const;

 private:
  ListenSockets() = default;
  SocketAddress address_;
  std::string asked_;
  std::vector<int> fds_;      // -1: taken
  std::vector<int> numbers_;  // of all of them, whoever closes them
  bool passed_ = false;
  bool handed_ = false;
};

// How many connections an acceptor takes in a turn of the loop: the others of the worker come in
// between.
inline constexpr unsigned accepts_a_turn = 32;

// Accepts on a worker. That worker's thread only, but for open().
class Acceptor final : private ReadyTarget, private Timer {
 public:
  // Who hears of what an acceptor gets.
  class Sink {
   public:
    // A connection, non-blocking. What this throws (bad_alloc) closes it.
    virtual void accepted(Descriptor connection, const SocketAddress& peer) = 0;
    // accept() failed for want of descriptors or memory (EMFILE, ENFILE, ENOBUFS, ENOMEM), or
    // because accepted() threw (ENOMEM): connections may queue, and are tried again in 50 ms. With
    // any other errno the socket is of no use any more.
    virtual void accept_failed(int error) noexcept = 0;

   protected:
    ~Sink() = default;
  };

  // Begins to accept from `listener`, which listens and is non-blocking; `shared`: another process
  // goes on accepting from it. The error says why the socket cannot be watched. Before the loop
  // runs also from another thread. REQUIRES: `sink` outlives the acceptor.
  static std::expected<std::unique_ptr<Acceptor>, std::string> open(Loop& loop, Descriptor listener,
                                                                    Sink& sink,
                                                                    bool shared = false);
  ~Acceptor() override;

  // Answers a blocking question on a thread that may wait, and tells the answer on the worker.
  using Ask = std::function<void(std::function<bool()> question, std::function<void(bool)> told)>;

  // Lets nobody new in, accepts what is queued or in a handshake, and stops listening, which
  // takes half a second at most; then `closed`, maybe before this returns. To be called once.
  // `ask`: who asks the kernel which handshakes are under way, which takes it long where there are
  // many connections; none: the acceptor itself. REQUIRES: `ask` tells while the acceptor lives, or
  // not.
  void close(std::function<void()> closed, const Ask& ask = {});
  // Leaves the socket at once and as it is: another process has it, too, and accepts who is queued
  // or in a handshake. In place of close().
  void leave() noexcept;

 private:
  Acceptor(Loop& loop, Descriptor listener, Sink& sink, bool shared) noexcept;

  void on_ready(std::uint8_t ready) noexcept override;
  void expire(TimePoint now) noexcept override;
  // False: the turn's share was taken, and more may queue.
  bool accept_some() noexcept;
  void look();
  void looked(bool under_way);
  void take_rest();
  void end();

  Loop& loop_;
  Descriptor fd_;
  Sink& sink_;
  const bool shared_;
  // What follows is of the closing.
  std::function<void()> closed_;  // set: closes, waiting for handshakes until close_by_
  Ask ask_;
  TimePoint close_by_{};
  Duration next_look_{};
  bool asked_ = false;  // of the kernel, without an answer yet
  unsigned rest_ = 0;   // not 0: ends as soon as the queue is empty, or so many were taken
};

}  // namespace weir::net
