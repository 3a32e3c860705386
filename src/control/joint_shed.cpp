#include "weir/control/joint_shed.hpp"

#include <algorithm>
#include <cmath>
#include <new>
#include <utility>

#include "weir/control/exact_share.hpp"

namespace weir::control {
namespace {

constexpr double calm_share = 0.9;
constexpr std::size_t full_steps = 10;
// The answers' window: ten slots of five steps.
constexpr std::int64_t slot_steps = 5;
constexpr std::size_t answer_slots = 10;
// After so long without a call both windows are empty, and it has been calm for long enough.
constexpr std::int64_t longest_memory = 120;
// Edges of the answers' buckets: each is nine tenths of the next, and one is the limit.
constexpr std::size_t bucket_edges = 49;
constexpr std::size_t limit_edge = 24;

std::size_t shed_column(ShedCause cause) noexcept { return cause == ShedCause::p95 ? 1 : 0; }

}  // namespace

class JointShed::Running {
 public:
  Running(const JointShedPolicy& policy, std::uint64_t seed, const Observer& observer)
      : policy_(policy), share_(policy.share, seed), observer_(observer) {
    const auto limit = static_cast<double>(policy.p95.count());
    for (std::size_t i = 0; i < bucket_edges; ++i) {
      const int down = static_cast<int>(limit_edge) - static_cast<int>(i);
      edges_[i] = Duration(std::llround(limit * std::pow(calm_share, down)));
    }
  }

  const JointShedPolicy& policy() const noexcept { return policy_; }

  // Makes what is due until `now`; a time before that of an earlier call counts as that.
  void move_to(TimePoint now) {
    const std::int64_t to = now.time_since_epoch() / step;
    if (to - at_ > longest_memory) {
      forget();
      at_ = to;
      if (active_) end(now);
    }
    while (at_ < to) close_step();
  }

  std::optional<ShedCause> call(Priority priority, bool may_refuse) noexcept {
    ++calls_now_;
    if (!active_ || !may_refuse) {
      share_.note(priority);
      return std::nullopt;
    }
    ++calls_since_;
    if (!share_.pick(priority)) return std::nullopt;
    ++shed_since_;
    return cause_;
  }

  void answered(Duration took) noexcept {
    const auto bucket =
        static_cast<std::size_t>(std::ranges::lower_bound(edges_, took) - edges_.begin());
    ++slot()[bucket];
    ++answers_sum_[bucket];
    ++answers_all_;
  }

  // REQUIRES: active.
  void end_at_once() { end(TimePoint(at_ * step)); }
  bool active() const noexcept { return active_; }

  void show(JointShedView& out) const noexcept {
    out.on = true;
    out.active = active_;
    out.cause = cause_;
    out.policy = policy_;
    out.rate = static_cast<double>(calls_sum_);
    out.p95 = p95();
  }

 private:
  using Buckets = std::array<std::uint32_t, bucket_edges + 1>;

  Buckets& slot() noexcept {
    return answers_[static_cast<std::size_t>(at_ / slot_steps) % answer_slots];
  }

  void close_step() {
    std::uint32_t& oldest = calls_[static_cast<std::size_t>(at_) % full_steps];
    calls_sum_ += calls_now_;
    calls_sum_ -= oldest;
    oldest = std::exchange(calls_now_, 0);
    ++at_;
    judge(TimePoint(at_ * step));
    if (at_ % slot_steps != 0) return;
    Buckets& next = slot();
    for (std::size_t i = 0; i < next.size(); ++i) {
      answers_sum_[i] -= next[i];
      answers_all_ -= next[i];
    }
    next = {};
  }

  void judge(TimePoint at) {
    const auto rate = static_cast<double>(calls_sum_);
    const bool by_rate = policy_.rate > 0;
    const std::optional<std::size_t> bucket = p95_bucket();
    const bool rate_past = by_rate && rate > policy_.rate;
    const bool p95_past = bucket && *bucket > limit_edge;
    if (rate_past || p95_past) {
      cause_ = rate_past ? ShedCause::rate : ShedCause::p95;
      calm_since_.reset();
      if (!active_) begin(at);
      return;
    }
    if (!active_) return;
    const bool calm =
        (!by_rate || rate < calm_share * policy_.rate) && (!bucket || *bucket < limit_edge);
    if (!calm) {
      calm_since_.reset();
    } else if (!calm_since_) {
      calm_since_ = at;
    } else if (at - *calm_since_ >= calm_for) {
      end(at);
    }
  }

  void begin(TimePoint at) {
    active_ = true;
    began_ = at;
    calls_since_ = 0;
    shed_since_ = 0;
    share_.restart();
    tell({});
  }

  void end(TimePoint at) {
    active_ = false;
    calm_since_.reset();
    tell(at - began_);
  }

  void tell(Duration lasted) const noexcept {
    if (!observer_) return;
    try {
      observer_({.active = active_,
                 .cause = cause_,
                 .policy = policy_,
                 .rate = static_cast<double>(calls_sum_),
                 .p95 = p95(),
                 .lasted = lasted,
                 .calls = calls_since_,
                 .shed = shed_since_});
    } catch (const std::bad_alloc&) {
      // What is told is lost, what is done is not.
    }
  }

  void forget() noexcept {
    calls_ = {};
    calls_now_ = 0;
    calls_sum_ = 0;
    answers_ = {};
    answers_sum_ = {};
    answers_all_ = 0;
  }

  std::optional<std::size_t> p95_bucket() const noexcept {
    if (answers_all_ < least_answers) return std::nullopt;
    // The least of which 95 of 100 are not above it.
    const std::uint64_t rank = (95 * answers_all_ + 99) / 100;
    std::uint64_t below = 0;
    std::size_t bucket = 0;
    while (bucket < bucket_edges && (below += answers_sum_[bucket]) < rank) ++bucket;
    return bucket;
  }

  std::optional<Duration> p95() const noexcept {
    const std::optional<std::size_t> bucket = p95_bucket();
    if (!bucket) return std::nullopt;
    return edges_[std::min(*bucket, bucket_edges - 1)];
  }

  const JointShedPolicy policy_;
  ExactShare share_;
  const Observer& observer_;
  std::int64_t at_ = 0;  // the running step, counted from the clock's start
  std::array<std::uint32_t, full_steps> calls_{};  // of full steps
  std::uint32_t calls_now_ = 0;                    // of the running step
  std::uint64_t calls_sum_ = 0;                    // of full steps
  std::array<Duration, bucket_edges> edges_{};     // ascending
  std::array<Buckets, answer_slots> answers_{};
  Buckets answers_sum_{};
  std::uint64_t answers_all_ = 0;

  bool active_ = false;
  ShedCause cause_ = ShedCause::rate;
  TimePoint began_;
  std::optional<TimePoint> calm_since_;
  std::uint64_t calls_since_ = 0;  // while active: those that might have been shed
  std::uint64_t shed_since_ = 0;
};

JointShed::JointShed(Observer observer, std::uint64_t seed)
    : observer_(std::move(observer)), seed_(seed) {}

JointShed::~JointShed() = default;

void JointShed::apply(const std::optional<JointShedPolicy>& policy) {
  const std::lock_guard lock(mutex_);
  if (policy ? running_ && running_->policy() == *policy : !running_) return;
  std::unique_ptr<Running> next;
  if (policy) next = std::make_unique<Running>(*policy, seed_, observer_);
  if (running_ && running_->active()) running_->end_at_once();
  running_ = std::move(next);
  on_.store(running_ != nullptr, std::memory_order_relaxed);
}

std::optional<ShedCause> JointShed::call(Priority priority, TimePoint now, bool may_refuse) {
  const std::lock_guard lock(mutex_);
  if (!running_) return std::nullopt;
  running_->move_to(now);
  const std::optional<ShedCause> cause = running_->call(priority, may_refuse);
  if (cause) ++shed_[static_cast<std::size_t>(priority)][shed_column(*cause)];
  return cause;
}

void JointShed::answered(TimePoint now, Duration took) {
  const std::lock_guard lock(mutex_);
  if (!running_ || running_->policy().p95 == Duration::zero()) return;
  running_->move_to(now);
  running_->answered(took);
}

JointShedView JointShed::view(TimePoint now) {
  const std::lock_guard lock(mutex_);
  JointShedView out;
  out.shed = shed_;
  if (!running_) return out;
  running_->move_to(now);
  running_->show(out);
  return out;
}

}  // namespace weir::control
