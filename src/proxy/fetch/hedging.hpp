// A try of a fetch that others may join, each at another endpoint, when its head takes long
// (`hedge`): they race, the first head wins and the others are given up at once. To the fetch all
// of them together are one try. Owned by the fetch; worker thread only.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "proxy/fetch/attempt.hpp"
#include "proxy/fetch/kept_content.hpp"
#include "proxy/fetch/plan.hpp"
#include "weir/base/cancel.hpp"
#include "weir/base/result.hpp"
#include "weir/base/task.hpp"
#include "weir/control/retry_budget.hpp"
#include "weir/http/head.hpp"
#include "weir/net/task_group.hpp"
#include "weir/net/waiter.hpp"
#include "weir/upstream/tried.hpp"

namespace weir::proxy {

class Fetch;

class Hedging final {
 public:
  // REQUIRES: the fetch's plan has `hedge`, and HedgeRule::allows() its request.
  explicit Hedging(Fetch& fetch);
  ~Hedging();
  Hedging(const Hedging&) = delete;
  Hedging& operator=(const Hedging&) = delete;

  // Whether the next try may be joined: it is known how long a head is waited for, and the request
  // has hedges left.
  bool begins() noexcept;
  // The next try, to its head or its failure, as Fetch::first_try(). With a head the fetch's
  // attempt is that of the winner. REQUIRES: begins() said so.
  Task<Result<>> race(ResponseHead& head);

  // --- for the fetch's own try, which is the first of a race
  bool races() const noexcept { return racing_; }
  // Ends its wait for a connection.
  CancelScope& scope() noexcept;
  // Its final head came, while it races().
  void first_head_came();

  // The fetch has done with the winner. REQUIRES: settled().
  void clear() noexcept;
  // Stops what still runs and returns when nothing does.
  Task<> settle();
  bool settled() const noexcept;

 private:
  struct Racer {
    explicit Racer(CancelScope& parent) noexcept : scope(&parent) {}
    CancelScope scope;  // while there is no attempt
    ResponseHead head;
    std::optional<Result<>> came;  // nothing: it is under way
    bool answered = false;         // its head came
    bool lost = false;             // it was given up for another one
  };
  // One that joined.
  class Rival;

  Task<> run_first();
  Task<> run(Rival& rival);
  Task<Result<>> try_at(Rival& rival);
  // Since when the first one has waited for its head or its connection; nothing while it waits for
  // a permit, when no endpoint has room.
  std::optional<TimePoint> waited_since() const noexcept;
  bool is_due() const noexcept;
  Deadline next_look() const noexcept;
  void join_race();
  // Endpoints that the race is not at.
  upstream::Tried elsewhere() const;

  void head_came(Racer& racer, const Attempt& attempt);
  void win(Racer& racer);
  void lose(Racer& racer);
  bool may_answer(const Racer& racer) const noexcept { return !racer.came && !racer.answered; }
  bool others_may_answer(const Racer& but) const noexcept;
  bool is_decided() const noexcept;
  Attempt* attempt_of(const Racer& racer) const noexcept;
  // Tells how those that did not win ended, and destroys them.
  Task<> end_others();
  Task<> end(Racer& racer);

  Fetch& fetch_;
  FetchPlan plan_;  // of those that joined: interim answers are the first one's
  net::TaskGroup tasks_;
  net::Waiter changed_;
  unsigned left_;  // hedges that may still start
  Duration after_{};
  TimePoint began_{};
  bool racing_ = false;
  std::optional<Racer> first_;
  std::vector<std::unique_ptr<Rival>> rivals_;
  Racer* winner_ = nullptr;
  Racer* candidate_ = nullptr;  // the first one with a poor head, while others run
};

}  // namespace weir::proxy
