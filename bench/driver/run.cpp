#include "driver/run.hpp"

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "driver/interrupt.hpp"
#include "driver/schedule.hpp"
#include "driver/ticker.hpp"
#include "weir/base/cancel.hpp"
#include "weir/http/transfer_clock.hpp"
#include "weir/net/task_group.hpp"
#include "weir/net/waiter.hpp"

namespace weir::bench {
namespace {

// A request that is due.
struct Job {
  std::size_t step = 0;
  std::size_t stream = 0;
  TimePoint due;
  TimePoint noticed;         // when the driver turned to it
  unsigned times_again = 0;  // that it was sent again
};

// Of one request. As HTTP/2 clients do: who goes away or is full says which requests it has not
// looked at.
constexpr unsigned most_times_again = 3;

// Ends an exchange when its time is over.
class Expiry final : private net::Timer {
 public:
  Expiry(net::Loop& loop, Deadline at, CancelScope& scope, codec::ClientExchange& exchange)
      : scope_(scope), exchange_(exchange) {
    loop.wheel().schedule(*this, at);
  }

 private:
  void expire(TimePoint) noexcept override {
    scope_.cancel(Reason::request_timeout);
    exchange_.cancel();
  }

  CancelScope& scope_;
  codec::ClientExchange& exchange_;
};

class AnswerEnd final : public codec::ClientExchange::Owner {
 public:
  bool reusable() const noexcept { return reusable_; }

 private:
  void answer_ended(bool reusable) noexcept override { reusable_ = reusable; }

  bool reusable_ = false;
};

class Run final : private Connections::Owner {
 public:
  explicit Run(const Options& options)
      : options_(options),
        connections_(loop_, options.target, options.connections, options.places, options.timeout,
                     *this),
        exchanges_(loop_),
        idle_(loop_),
        ticker_(loop_, [this]() noexcept { tick(); }),
        interrupt_(loop_, [this]() noexcept { interrupted(); }) {
    const std::size_t streams = options.streams.size();
    out_.tallies.assign(options.steps.size(), std::vector<Tally>(streams));
    Duration counted{};
    for (const Step& step : options.steps) {
      out_.lengths.push_back(step.length);
      if (step.counted) counted += step.length;
    }
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(counted).count();
    out_.seconds.assign(streams, std::vector<Second>(static_cast<std::size_t>(seconds)));
  }

  Outcome run() {
    net::TaskGroup all(loop_);
    all.spawn(whole());
    loop_.run();
    const net::Loop::Use use = loop_.use();
    if (use.total > Duration::zero()) {
      out_.busy = static_cast<double>(use.busy.count()) / static_cast<double>(use.total.count());
    }
    out_.connections = connections_.figures();
    return std::move(out_);
  }

 private:
  Task<> whole() {
    if (options_.target.http2) co_await connections_.open_all();
    begin();
    while (!over()) {
      idle_.reset();
      co_await idle_.wait(no_deadline);
    }
    co_await connections_.close();
    loop_.stop();
  }

  // --- when requests are due

  void begin() {
    step_begin_ = Clock::now();
    TimePoint begin = step_begin_;
    for (const Step& step : options_.steps) {
      if (step.counted) break;
      begin += step.length;
    }
    counted_begin_ = begin;
    const auto wall = std::chrono::system_clock::now() + (begin - step_begin_);
    out_.began = std::chrono::floor<std::chrono::milliseconds>(wall.time_since_epoch()).count();
    begin_step();
    tick();
  }

  void begin_step() {
    const Step& step = options_.steps[step_];
    schedules_.clear();
    for (std::size_t i = 0; i < options_.streams.size(); ++i) {
      const double phase = static_cast<double>(i) / static_cast<double>(options_.streams.size());
      schedules_.emplace_back(step.rates[i], phase, options_.arrivals, step_begin_, step.length,
                              options_.seed + step_ * options_.streams.size() + i);
    }
  }

  // The stream whose request is due first.
  std::size_t first_due() const noexcept {
    std::size_t first = 0;
    for (std::size_t i = 1; i < schedules_.size(); ++i) {
      if (schedules_[i].due() < schedules_[first].due()) first = i;
    }
    return first;
  }

  // Starts all that is due. Those that become due meanwhile wait for the next turn, so that answers
  // are read in between.
  void tick() noexcept {
    const TimePoint now = Clock::now();
    give_up_waiting(now);
    TimePoint next = no_deadline;
    while (!ended_) {
      const std::size_t stream = first_due();
      next = schedules_[stream].due();
      if (next == no_deadline) {
        next_step();
        continue;
      }
      if (next > now) break;
      start({step_, stream, next, now});
      schedules_[stream].advance();
    }
    if (ended_) next = no_deadline;
    if (!waiting_.empty()) next = std::min<TimePoint>(next, first_deadline());
    ticker_.arm(next);
    if (over()) idle_.notify();
  }

  void next_step() {
    step_begin_ += options_.steps[step_].length;
    if (++step_ == options_.steps.size()) {
      ended_ = true;
    } else {
      begin_step();
    }
  }

  void interrupted() noexcept {
    // What is under way ends by itself.
    if (ended_) return;
    ended_ = out_.interrupted = true;
    const bool begun = !schedules_.empty();
    for (std::size_t i = step_; i < out_.lengths.size(); ++i) {
      Duration& length = out_.lengths[i];
      const bool current = begun && i == step_;
      length = current ? std::min<Duration>(Clock::now() - step_begin_, length) : Duration{};
    }
    if (begun) tick();
  }

  bool over() const noexcept { return ended_ && waiting_.empty() && exchanges_.size() == 0; }

  // --- the account

  bool counted(const Job& job) const noexcept { return options_.steps[job.step].counted; }
  Tally& tally(const Job& job) noexcept { return out_.tallies[job.step][job.stream]; }
  // Null for a request that only warms up.
  Second* second(const Job& job) noexcept {
    if (!counted(job)) return nullptr;
    std::vector<Second>& all = out_.seconds[job.stream];
    const auto at = std::chrono::floor<std::chrono::seconds>(job.due - counted_begin_).count();
    return &all[std::min(static_cast<std::size_t>(at), all.size() - 1)];
  }

  void omit(const Job& job, Omission why) noexcept {
    ++tally(job).omissions[static_cast<std::size_t>(why)];
    if (Second* const of = second(job)) ++of->omitted;
  }

  void failed(const Job& job, Failure why) noexcept {
    ++tally(job).failures[static_cast<std::size_t>(why)];
    if (Second* const of = second(job)) ++of->failed;
  }

  void answered(const Job& job, int status) {
    const Duration latency = Clock::now() - job.due;
    const bool ok = status < 400;
    const bool good = ok && options_.good_within && latency <= *options_.good_within;
    Tally& all = tally(job);
    ++all.answered;
    ++all.statuses[status];
    all.ok += ok ? 1 : 0;
    all.good += good ? 1 : 0;
    all.latency.add(latency);
    if (ok) all.latency_ok.add(latency);
    Second* const of = second(job);
    if (of == nullptr) return;
    ++of->answered;
    of->ok += ok ? 1 : 0;
    of->good += good ? 1 : 0;
    if (ok) of->latency_ok.add(latency);
  }

  // --- requests

  void start(const Job& job) {
    ++tally(job).due;
    if (Second* const of = second(job)) ++of->due;
    Connection* const connection = waiting_.empty() ? connections_.take() : nullptr;
    if (connection != nullptr) {
      exchanges_.spawn(exchange(job, *connection, false));
    } else if (waiting_.size() >= options_.waiting) {
      omit(job, Omission::no_room);
    } else {
      waiting_.push_back(job);
      connections_.want();
    }
  }

  // REQUIRES: somebody waits.
  Deadline first_deadline() const noexcept { return waiting_.front().due + options_.timeout; }

  void give_up_waiting(TimePoint now) noexcept {
    while (!waiting_.empty() && first_deadline() <= now) {
      if (connections_.only_connecting()) {
        failed(waiting_.front(), Failure::connect_timeout);
      } else if (waiting_.front().times_again != 0) {
        failed(waiting_.front(), Failure::timeout);
      } else {
        omit(waiting_.front(), Omission::waited_out);
      }
      waiting_.pop_front();
    }
  }

  Task<> exchange(Job job, Connection& connection, bool waited) {
    const Stream& stream = options_.streams[job.stream];
    bool reusable = false;
    {
      TransferClock clock;
      CancelScope scope;
      AnswerEnd end;
      const auto client = connection.begin(clock, scope, end, stream.head.method);
      const Expiry expiry(loop_, job.due + options_.timeout, scope, *client);
      Tally& all = tally(job);
      if (job.times_again == 0) {
        ++all.sent;
        const TimePoint sent = Clock::now();
        all.sent_after.add(sent - job.due);
        all.lateness.add((waited ? job.noticed : sent) - job.due);
      } else {
        ++all.sent_again;
      }

      const auto taken = client->send_head(stream.head, as_bytes(stream.content), true);
      bool whole = taken.has_value();
      if (taken && !*taken) whole = (co_await client->flush()).has_value();
      // One that takes no more may have answered before.
      const Result<int> status = co_await answer(*client, all);
      if (status) {
        answered(job, *status);
      } else if (client->unprocessed() && !scope.cancelled() &&
                 job.times_again < most_times_again) {
        ++job.times_again;
        waiting_.push_front(job);  // it is older than those that wait
        ticker_.arm(Clock::now());
      } else {
        failed(job, failure_of(scope.cancelled() ? scope.reason() : status.error().reason));
      }
      reusable = whole && status && end.reusable();
    }
    connections_.give_back(connection, reusable);
    done_one();
  }

  // The status of an answer whose content came to its end.
  Task<Result<int>> answer(codec::ClientExchange& client, Tally& all) {
    ResponseHead head;
    while (true) {
      const Result<bool> came = client.take_head(head);
      if (!came) co_return std::unexpected(came.error());
      if (*came && head.status >= 200) break;
      if (*came) {
        head = ResponseHead();  // an interim one
        continue;
      }
      const net::Io more = co_await client.wait_more(no_deadline);
      if (more != net::Io::ok) co_return fail(Reason::request_timeout, Side::upstream);
    }
    while (!client.complete()) {
      const Bytes ready = client.read_ready();
      all.bytes += ready.size();
      if (!ready.empty() || client.complete()) continue;
      const auto piece = co_await client.read();
      if (!piece) co_return std::unexpected(piece.error());
      if (piece->empty()) break;
      all.bytes += piece->size();
    }
    co_return head.status;
  }

  // This exchange still counts as running.
  void done_one() noexcept {
    if (ended_ && waiting_.empty() && exchanges_.size() <= 1) idle_.notify();
  }

  // --- for the connections

  std::size_t waiting() const noexcept override { return waiting_.size(); }

  void place_free() noexcept override {
    // An exchange that fails at once comes back here: the loop below goes on with its place.
    if (serving_) return;
    serving_ = true;
    give_up_waiting(Clock::now());
    while (!waiting_.empty()) {
      Connection* const connection = connections_.take();
      if (connection == nullptr) break;
      const Job job = waiting_.front();
      waiting_.pop_front();
      exchanges_.spawn(exchange(job, *connection, true));
    }
    serving_ = false;
  }

  void connect_failed(const Error& why) noexcept override {
    out_.connect_error = why.detail.empty() ? weir::name(why.reason) : why.detail;
    // Whoever it was made for has waited as long, and was given up.
    if (waiting_.empty() || why.reason == Reason::connect_timeout) return;
    failed(waiting_.front(), failure_of(why.reason));
    waiting_.pop_front();
    if (over()) idle_.notify();
  }

  const Options& options_;
  net::Loop loop_;
  Outcome out_;
  Connections connections_;
  net::TaskGroup exchanges_;
  net::Waiter idle_;  // notified when all is over
  Ticker ticker_;
  Interrupt interrupt_;
  std::deque<Job> waiting_;  // for a connection, the oldest first
  std::vector<Schedule> schedules_;
  std::size_t step_ = 0;
  TimePoint step_begin_;
  TimePoint counted_begin_;
  bool ended_ = false;
  bool serving_ = false;
};

}  // namespace

Outcome run(const Options& options) { return Run(options).run(); }

}  // namespace weir::bench
