#include "provider/etcd/prefix_task.hpp"

#include <algorithm>
#include <utility>

#include "provider/etcd/messages.hpp"

namespace weir::provider::etcd {

PrefixTask::~PrefixTask() { drop_calls(); }

void PrefixTask::drop_calls() {
  calls_.drop(std::exchange(call_, 0));
  calls_.drop(std::exchange(look_, 0));
}

TimePoint PrefixTask::advance(TimePoint now) {
  if (is_torn_) {
    is_torn_ = false;
    restart(now);
  }
  if (now >= due_) {
    if (phase_ == Phase::pausing) {
      begin_round(now);
    } else if (phase_ == Phase::watching) {
      look();
    }
  }
  return due_;
}

void PrefixTask::restart(TimePoint now) {
  drop_calls();
  if (now - round_began_ >= times_.round) return begin_round(now);
  phase_ = Phase::pausing;
  due_ = round_began_ + times_.round;
}

void PrefixTask::begin_round(TimePoint now) {
  round_began_ = now;
  tried_ = 0;
  is_token_fresh_ = false;
  disagreed_ = false;
  list();
}

Question PrefixTask::question(const char* path, std::string body, Duration at_most) const {
  return {endpoint(), path, std::move(body), token_, at_most};
}

void PrefixTask::ask_token() {
  phase_ = Phase::asking;
  due_ = TimePoint::max();
  is_token_fresh_ = true;
  token_.clear();
  call_ = calls_.ask(access_,
                     question("/v3/auth/authenticate",
                              token_question(access_.username, access_.password), times_.answer),
                     [this](CallEnd end) {
                       call_ = 0;
                       auto token = end.error.empty()
                                        ? parse_token(end.body)
                                        : Parsed<std::string>(std::unexpected(end.error));
                       if (!token) return fail(std::move(token.error()));
                       token_ = std::move(*token);
                       list();
                     });
}

void PrefixTask::list() {
  if (!access_.username.empty() && token_.empty()) return ask_token();
  const auto prefix = prefix_.lock();
  if (!prefix) return;
  phase_ = Phase::asking;
  due_ = TimePoint::max();
  call_ = calls_.ask(access_,
                     question("/v3/kv/range", list_question(prefix->prefix()), 2 * times_.answer),
                     [this](CallEnd end) {
                       call_ = 0;
                       listed(std::move(end));
                     });
}

void PrefixTask::listed(CallEnd end) {
  if (!end.error.empty()) {
    const bool may_have_run_out = !access_.username.empty() && !is_token_fresh_;
    if (may_have_run_out && is_about_token(end.error)) return ask_token();
    return fail(std::move(end.error));
  }
  auto range = parse_range(end.body);
  if (!range) return fail(std::move(range.error()));
  const std::int64_t revision = range->revision;
  tell([&](KeyTable& table, ProviderState& state) {
    const bool was_up = std::exchange(state.up, true);
    const bool is_other = state.from != endpoint() || !was_up;
    state.error.clear();
    state.from = endpoint();
    const bool changed = table.list(std::move(*range));
    state.revision = table.revision();
    return changed || is_other;
  });
  watch(revision + 1);
}

void PrefixTask::watch(std::int64_t from_revision) {
  const auto prefix = prefix_.lock();
  if (!prefix) return;
  phase_ = Phase::watching;
  due_ = Clock::now() + times_.look;
  call_ = calls_.ask(
      access_,
      question("/v3/watch", watch_question(prefix->prefix(), from_revision), Duration::zero()),
      [this](CallEnd end) {
        call_ = 0;
        watch_ended(std::move(end));
      },
      [this](std::string_view line) { heard(line); });
}

// From within curl: no call may begin or end here.
void PrefixTask::heard(std::string_view line) {
  if (is_torn_) return;
  const auto message = parse_watch(line);
  // What was asked for may be compacted, the token may have run out, or the answer is nonsense: the
  // next list finds out.
  if (!message || message->is_canceled) {
    is_torn_ = true;
    due_ = {};
    return;
  }
  tell([&](KeyTable& table, ProviderState& state) {
    const bool changed = table.apply(*message);
    state.revision = table.revision();
    return changed;
  });
}

void PrefixTask::watch_ended(CallEnd end) {
  drop_calls();
  // One that was up for a while is asked again first: it may only have been restarted.
  if (Clock::now() - round_began_ < times_.round) {
    return fail(end.error.empty() ? "the watch ended" : std::move(end.error));
  }
  begin_round(Clock::now());
}

void PrefixTask::look() {
  due_ = TimePoint::max();
  const auto prefix = prefix_.lock();
  if (!prefix) return;
  look_ = calls_.ask(access_,
                     question("/v3/kv/range", newest_question(prefix->prefix()), times_.answer),
                     [this](CallEnd end) {
                       look_ = 0;
                       looked(std::move(end));
                     });
}

void PrefixTask::looked(CallEnd end) {
  if (phase_ != Phase::watching) return;
  const auto newest = end.error.empty() ? parse_range(end.body)
                                        : Parsed<Range>(std::unexpected(std::move(end.error)));
  if (!newest) {
    at_ = (at_ + 1) % access_.endpoints.size();  // it is silent: others first
    token_.clear();
    return restart(Clock::now());
  }
  const auto prefix = prefix_.lock();
  if (!prefix) return;
  bool agrees = false;
  std::int64_t known = 0;
  tell([&](KeyTable& table, ProviderState&) {
    agrees = table.agrees(*newest);
    known = table.revision();
    return false;
  });
  const bool is_stuck = !agrees && std::exchange(disagreed_, true) && known == known_;
  known_ = known;
  if (agrees) disagreed_ = false;
  if (is_stuck || newest->revision < known) {
    drop_calls();
    disagreed_ = false;
    return list();
  }
  // What is missing may be on its way.
  due_ = Clock::now() + (agrees ? times_.look : times_.again);
}

void PrefixTask::fail(std::string error) {
  drop_calls();
  token_.clear();
  is_token_fresh_ = false;
  const std::string whom = endpoint();
  at_ = (at_ + 1) % access_.endpoints.size();
  if (++tried_ < access_.endpoints.size()) return list();
  tell([&](KeyTable&, ProviderState& state) {
    std::string told = whom + ": " + error;
    const bool is_other = std::exchange(state.up, false) || state.error != told;
    state.error = std::move(told);
    state.from.clear();
    return is_other;
  });
  phase_ = Phase::pausing;
  due_ = round_began_ + times_.round;
}

void PrefixTask::tell(const std::function<bool(KeyTable& table, ProviderState& state)>& change) {
  const auto prefix = prefix_.lock();
  if (!prefix) return;
  bool changed = false;
  {
    const std::lock_guard lock(prefix->mutex_);
    changed = change(prefix->table_, prefix->state_);
  }
  if (changed) changed_();
}

}  // namespace weir::provider::etcd
