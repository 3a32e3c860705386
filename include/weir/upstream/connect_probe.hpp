// A connect that no request waits for: it finds out whether an endpoint whose connects failed
// answers again. One a worker and endpoint, that worker's thread only; may be destroyed at any time
// but from within its own calls to its owner.
#pragma once

#include <memory>

#include "weir/base/result.hpp"
#include "weir/base/time.hpp"
#include "weir/net/stream.hpp"
#include "weir/net/timer_wheel.hpp"

namespace weir::upstream {

class Endpoint;

class ConnectProbe final : private net::Timer, private net::StreamObserver {
 public:
  class Owner {
   public:
    // What came of it: a connected stream, which nothing else has yet, or why not. Of a probe that
    // was given up nothing comes, and both are empty.
    virtual void probed(Endpoint& endpoint, std::unique_ptr<net::Stream> stream,
                        const Error* failure) noexcept = 0;

   protected:
    ~Owner() = default;
  };

  // `owner` and `endpoint` outlive it.
  ConnectProbe(net::Loop& loop, Owner& owner, Endpoint& endpoint) noexcept
      : loop_(loop), owner_(owner), endpoint_(endpoint) {}
  // One that runs is not told of.
  ~ConnectProbe() override = default;

  bool running() const noexcept { return running_; }
  // When it began. REQUIRES: it has begun.
  TimePoint began() const noexcept { return began_; }
  // Connects; the owner may be told from within this call. REQUIRES: not running.
  void begin(Deadline until) noexcept;
  void give_up() noexcept;

 private:
  void expire(TimePoint now) noexcept override;
  void on_writable() noexcept override;
  void on_unread_edge(std::uint8_t) noexcept override {}
  void end(std::unique_ptr<net::Stream> stream, const Error* failure) noexcept;

  net::Loop& loop_;
  Owner& owner_;
  Endpoint& endpoint_;
  std::unique_ptr<net::Stream> stream_;
  TimePoint began_{};
  bool running_ = false;
};

}  // namespace weir::upstream
