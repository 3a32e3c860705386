// The copies of requests that are on their way to shadow upstreams, with a bound on how many. One a
// worker, that worker's thread only; lives as long as the process, so that a copy may outlast its
// client and its configuration.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "weir/base/time.hpp"
#include "weir/http/body.hpp"
#include "weir/http/exchange.hpp"
#include "weir/net/loop.hpp"
#include "weir/net/task_group.hpp"
#include "weir/proxy/side_target.hpp"
#include "weir/telemetry/policy_metrics.hpp"

namespace weir::proxy {

// A request with its whole content, which owns all it needs.
struct RequestCopy {
  // Copies the head; the content is added by whoever has it.
  RequestCopy(const SideTarget& to, const RequestHead& head, const Exchange& of, Duration wait);

  SideTarget target;
  Request request;
  std::string content;
  bool has_content = false;
  Duration timeout;  // for the answer's head; zero: none
  IpAddress client;
  unsigned worker;
};

class Shadows {
 public:
  static constexpr unsigned most_copies = 64;  // to one upstream, with those being recorded
  static constexpr std::size_t most_content = std::size_t{64} << 10;  // bytes of a request's
  static constexpr std::size_t most_answer = std::size_t{1} << 20;    // bytes read and dropped
  static constexpr Duration longest = std::chrono::seconds(30);       // of one copy

  // `loop` is the worker's.
  explicit Shadows(net::Loop& loop) : loop_(loop), group_(loop) {}

  // The right to one copy; move-only.
  class Place {
   public:
    Place(Place&& other) noexcept
        : shadows_(std::exchange(other.shadows_, nullptr)),
          taken_(other.taken_),
          counts_(std::exchange(other.counts_, nullptr)) {}
    Place& operator=(Place&&) = delete;
    ~Place();
    Shadows& shadows() const noexcept { return *shadows_; }

   private:
    friend class Shadows;
    using Taken = std::map<std::string, unsigned, std::less<>>;
    Place(Shadows& of, Taken::iterator taken, telemetry::MirrorShard& counts) noexcept
        : shadows_(&of), taken_(taken), counts_(&counts) {
      ++taken_->second;
    }

    Shadows* shadows_;
    Taken::iterator taken_;
    telemetry::MirrorShard* counts_;  // null once the copy was sent
  };
  // Nothing when that upstream has its copies. Each has its own bound: a dead one costs no other.
  // `counts`, which outlives the place until the copy is sent, hears whether it was.
  std::optional<Place> take_place(const std::string& upstream, telemetry::MirrorShard& counts);

  // Sends `copy` from the loop's next turn on, and reads and drops the answer.
  void send(std::unique_ptr<RequestCopy> copy, Place place);

  // Ends what is on its way and takes nothing more; `done` runs on the worker when nothing is left.
  void end(std::function<void()> done);

 private:
  Task<> run(std::unique_ptr<RequestCopy> copy, Place place);
  void ended();

  net::Loop& loop_;
  Place::Taken taken_;  // places by upstream, none with 0
  CancelScope scope_;
  std::size_t sent_ = 0;  // on their way
  std::function<void()> done_;
  net::TaskGroup group_;
};

}  // namespace weir::proxy
