// Work off the loop, awaited on it: a function runs on the Offload's threads, its result comes back
// by the loop's mailbox. Worker thread only.
#pragma once

#include <atomic>
#include <concepts>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "weir/base/cancel.hpp"
#include "weir/base/offload.hpp"
#include "weir/base/result.hpp"
#include "weir/base/task.hpp"
#include "weir/base/time.hpp"
#include "weir/net/loop.hpp"
#include "weir/net/waiter.hpp"

namespace weir::net {

// What the waiting coroutine and the job share; whoever is last destroys it.
template <class R>
struct OffloadedResult {
  std::optional<R> value;             // the job's, then by mailbox the loop's
  std::atomic<bool> given_up{false};  // nobody waits any more
  Waiter* waiter = nullptr;           // loop's thread only
};

// The result of `work`, or Error{overloaded} when there is no room for it or `deadline` has passed,
// or what `scope` (null: none) was cancelled for, side downstream: then work that has not begun is
// skipped, and a late result is dropped. `work` throws nothing and
// owns copies of what it uses, or shares it, as it may outlive the caller. REQUIRES: `pool` is
// destroyed before `loop`.
template <std::invocable Work>
Task<Result<std::invoke_result_t<Work&>>> offload(Offload& pool, Loop& loop, Deadline deadline,
                                                  Work work, Offload::For whom = {},
                                                  CancelScope* scope = nullptr) {
  using R = std::invoke_result_t<Work&>;
  if (scope != nullptr && scope->cancelled()) co_return fail(scope->reason(), Side::downstream);
  const auto shared = std::make_shared<OffloadedResult<R>>();
  Offload::Job job = [shared, mailbox = &loop.mailbox(), work = std::move(work)]() mutable {
    if (shared->given_up.load(std::memory_order_relaxed)) return;
    shared->value.emplace(work());
    mailbox->post([shared = std::move(shared)] {
      if (shared->waiter != nullptr) shared->waiter->notify();
    });
  };
  if (!pool.try_post(std::move(job), whom)) {
    Error error{Reason::overloaded, Side::internal, "the queue for slow work is full"};
    error.sentence = "too many passwords or signatures wait to be checked";
    co_return std::unexpected(std::move(error));
  }
  // Also when the coroutine is destroyed while it waits, the letter must find no waiter.
  struct Waiting {
    OffloadedResult<R>& shared;
    Waiter waiter;
    Waiting(OffloadedResult<R>& result, Loop& on) : shared(result), waiter(on) {
      shared.waiter = &waiter;
    }
    ~Waiting() {
      shared.waiter = nullptr;
      shared.given_up.store(true, std::memory_order_relaxed);
    }
  };
  Waiting waiting(*shared, loop);
  const OnCancel stop(scope, [&](Reason) noexcept { waiting.waiter.cancel(); });
  co_await waiting.waiter.wait(deadline);
  if (waiting.waiter.cancelled()) co_return fail(scope->reason(), Side::downstream);
  if (waiting.waiter.result() != Wake::notified) {
    Error error{Reason::overloaded, Side::internal, "slow work took too long"};
    error.sentence = "checking the password or signature took too long";
    co_return std::unexpected(std::move(error));
  }
  co_return std::move(*shared->value);
}

}  // namespace weir::net
