// A request's content where the request may be retried: asked of the client beside the tries, kept
// up to a bound, given to each try from its beginning. What a try that is over had asked for is the
// next one's. Owned by the fetch; worker thread only.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "weir/base/result.hpp"
#include "weir/base/task.hpp"
#include "weir/http/body.hpp"
#include "weir/net/loop.hpp"
#include "weir/net/task_group.hpp"
#include "weir/net/waiter.hpp"
#include "weir/telemetry/cells.hpp"

namespace weir::proxy {

class ReplayedContent {
 public:
  // Keeps at most `most` bytes, and counts them in `held`. Both references outlive it.
  ReplayedContent(BodyStream& body, net::Loop& loop, std::size_t most, telemetry::Gauge& held);
  // REQUIRES: settled().
  ~ReplayedContent();
  ReplayedContent(const ReplayedContent&) = delete;
  ReplayedContent& operator=(const ReplayedContent&) = delete;

  // --- for a try: all that has come, then what follows

  // Valid until ready() or next(). REQUIRES: not lost(), and no other try reads.
  Bytes begin();
  // A piece that is here already, otherwise empty; valid until the next call. REQUIRES: nothing
  // was asked for.
  Bytes ready();
  // As BodyStream::read(); fails after leave().
  Task<Result<Bytes>> next();
  // The try reads no more.
  void leave() noexcept;
  // There is nothing behind what was given.
  bool complete() const noexcept { return !pulling_ && !came_ && body_.complete(); }

  // --- for who decides

  // A piece was given and not kept.
  bool lost() const noexcept { return lost_; }
  // Some content was given, or the client was asked for it.
  bool begun() const noexcept { return begun_; }
  // What is wrong with what came between two tries; null: nothing.
  const Error* failure() const noexcept { return came_ && !result_ ? &result_.error() : nullptr; }
  // Notifies `to` when there is a failure(), until it is given null.
  void tell_failure(net::Waiter* to) noexcept { listener_ = to; }

  // All that was read of the client, for who reads on in place of a further try; nothing where some
  // of it is gone. lost() afterwards. REQUIRES: no try reads.
  std::optional<std::string> hand_over();
  // Nobody will read on: returns when nothing runs.
  Task<> settle();
  bool settled() const noexcept { return pulls_.size() == 0; }

 private:
  Task<> pull();
  void keep(Bytes piece);
  void drop() noexcept;

  BodyStream& body_;
  const std::size_t most_;
  telemetry::Gauge& held_;
  net::TaskGroup pulls_;
  net::Waiter waiter_;  // of the try that reads
  net::Waiter* listener_ = nullptr;
  std::string kept_;
  Result<Bytes> result_;  // of the pull that ended last
  bool pulling_ = false;
  bool came_ = false;  // result_ was not taken
  bool left_ = false;
  bool lost_ = false;
  bool begun_ = false;
};

}  // namespace weir::proxy
