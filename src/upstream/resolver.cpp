#include "weir/upstream/resolver.hpp"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "weir/base/signals.hpp"

namespace weir::upstream {
namespace {

using Answer = std::expected<std::vector<SocketAddress>, std::string>;
using Question = std::pair<std::string, std::uint16_t>;

// One look-up. `done`, `deadline` and `late` are the main thread's; the rest is guarded by the
// mutex of Shared.
struct Job {
  Question question;
  Resolver::Done done;
  Deadline deadline = no_deadline;
  bool late = false;  // `done` was told of an error already

  bool runs = false;
  TimePoint began{};
  bool slow = false;  // counts as slow, from the beginning or since its time was over
};
using JobPtr = std::shared_ptr<Job>;

// What the threads need; each holds on to it, so that the resolver may go before they do.
struct Shared {
  Shared(Lookup how, const ResolverLimits& most) : lookup(std::move(how)), limits(most) {
    active.reserve(most.threads);
  }

  const Lookup lookup;
  const ResolverLimits limits;
  std::mutex mutex;
  // Null after stop(): whoever finds it null tells nobody.
  asio::io_context* main = nullptr;
  std::function<void(const JobPtr&, Answer)> arrived;  // on the main thread
  std::deque<JobPtr> fresh;
  std::deque<JobPtr> starved;  // waited longer than `patience` for a place, behind the fresh
  std::deque<JobPtr> slow;     // behind all others
  std::vector<JobPtr> active;  // those that run, at most limits.threads
  unsigned threads = 0;
  unsigned running_slow = 0;

  // Those that have run for their time leave their places to others, whoever asked for them again
  // meanwhile. REQUIRES: mutex is held.
  void find_slow(TimePoint now) {
    for (const JobPtr& job : active) {
      if (job->slow || now - job->began < limits.patience) continue;
      job->slow = true;
      ++running_slow;
    }
  }

  // The next that may run, marked as running; null for none. REQUIRES: mutex is held.
  JobPtr take() {
    std::deque<JobPtr>* from = nullptr;
    find_slow(Clock::now());
    if (active.size() - running_slow < limits.prompt) {
      from = !fresh.empty() ? &fresh : !starved.empty() ? &starved : nullptr;
    }
    if (from == nullptr && !slow.empty() && running_slow < limits.slow) from = &slow;
    if (from == nullptr) return nullptr;
    JobPtr out = std::move(from->front());
    from->pop_front();
    out->runs = true;
    out->began = Clock::now();
    active.push_back(out);
    if (out->slow) ++running_slow;
    return out;
  }
  // REQUIRES: mutex is held.
  void ended(const JobPtr& job) {
    job->runs = false;
    std::erase(active, job);
    if (job->slow) --running_slow;
  }
};

void run(const std::shared_ptr<Shared>& shared, JobPtr job) {
  block_signals();
  ::pthread_setname_np(::pthread_self(), "resolver");
  while (job != nullptr) {
    Answer answer = std::unexpected(std::string("not enough memory"));
    try {
      answer = shared->lookup(job->question.first, job->question.second);
    } catch (const std::bad_alloc&) {
    }
    const std::lock_guard lock(shared->mutex);
    shared->ended(job);
    if (shared->main == nullptr) break;
    asio::post(*shared->main, [shared, job, answer = std::move(answer)]() mutable {
      if (shared->arrived) shared->arrived(job, std::move(answer));
    });
    job = shared->take();
    if (job == nullptr) --shared->threads;
  }
}

double seconds(Duration time) { return std::chrono::duration<double>(time).count(); }

class ThreadResolver final : public Resolver {
 public:
  ThreadResolver(asio::io_context& main, Lookup lookup, const ResolverLimits& limits)
      : main_(main), shared_(std::make_shared<Shared>(std::move(lookup), limits)), timer_(main) {
    shared_->main = &main;
    shared_->arrived = [this](const JobPtr& job, Answer answer) {
      arrived(job, std::move(answer));
    };
  }
  ~ThreadResolver() override { ThreadResolver::stop(); }

  void resolve(const std::string& host, std::uint16_t port, Done done) override {
    Question question(host, port);
    JobPtr& job = jobs_[question];
    const bool begins = job == nullptr;
    if (begins) {
      job = std::make_shared<Job>();
      job->slow = slow_.contains(question);
      job->question = std::move(question);
    }
    job->done = std::move(done);
    job->late = false;
    job->deadline = deadline_after(Clock::now(), shared_->limits.patience);
    deadlines_.emplace_back(job->deadline, job);
    if (begins) {
      {
        const std::lock_guard lock(shared_->mutex);
        (job->slow ? shared_->slow : shared_->fresh).push_back(job);
      }
      start_threads();
    }
    schedule();
  }

  void stop() override {
    {
      const std::lock_guard lock(shared_->mutex);
      shared_->main = nullptr;
      shared_->fresh.clear();
      shared_->starved.clear();
      shared_->slow.clear();
    }
    shared_->arrived = nullptr;
    jobs_.clear();
    deadlines_.clear();
    timer_.cancel();
  }

 private:
  // A thread for each look-up that may run, as far as threads can be had.
  void start_threads() {
    while (true) {
      const std::lock_guard lock(shared_->mutex);
      if (shared_->threads >= shared_->limits.threads) return;
      JobPtr job = shared_->take();
      if (job == nullptr) return;
      try {
        std::thread(run, shared_, job).detach();
        ++shared_->threads;
      } catch (const std::system_error& error) {
        shared_->ended(job);
        // Those that run take it; where there is none it is an answer like others.
        if (shared_->threads != 0) return shared_->fresh.push_front(std::move(job));
        asio::post(main_, [shared = shared_, job = std::move(job),
                           why = std::string("no thread: ") + error.what()] {
          if (shared->arrived) shared->arrived(job, std::unexpected(why));
        });
      }
    }
  }

  void arrived(const JobPtr& job, Answer answer) {
    jobs_.erase(job->question);
    if (Clock::now() - job->began < shared_->limits.patience) {
      slow_.erase(job->question);
    } else {
      remember_slow(job->question);
    }
    if (job->late && (!answer || answer->empty())) return;  // told as an error already
    tell(*job, answer ? std::string() : std::move(answer.error()),
         answer ? std::move(*answer) : std::vector<SocketAddress>());
  }

  void tell(Job& job, std::string error, std::vector<SocketAddress> addresses) {
    // The call may ask for the same name again, which is another job or replaces `done`.
    Done done = std::move(job.done);
    done(std::move(error), std::move(addresses));
    if (!job.done) job.done = std::move(done);
  }

  void schedule() {
    if (scheduled_ || deadlines_.empty()) return;
    scheduled_ = true;
    timer_.expires_at(deadlines_.front().first);
    timer_.async_wait([this, alive = std::weak_ptr(alive_)](boost::system::error_code failure) {
      if (alive.expired()) return;
      scheduled_ = false;
      if (failure) return;
      time_is_over();
      schedule();
    });
  }

  void time_is_over() {
    const TimePoint now = Clock::now();
    std::vector<JobPtr> late;
    while (!deadlines_.empty() && deadlines_.front().first <= now) {
      const auto [deadline, weak] = std::move(deadlines_.front());
      deadlines_.pop_front();
      const JobPtr job = weak.lock();
      // Answered, or asked again since.
      if (job == nullptr || job->deadline != deadline || !is_current(job)) continue;
      if (!demote(job, now)) {
        job->deadline = deadline_after(now, shared_->limits.patience);
        deadlines_.emplace_back(job->deadline, job);
      }
      if (!std::exchange(job->late, true)) late.push_back(job);
    }
    start_threads();
    for (const JobPtr& job : late) {
      if (shared_->main == nullptr) return;  // stopped by who was told
      tell(*job, fmt::format("no answer within {:g} s", seconds(shared_->limits.patience)), {});
    }
  }

  bool is_current(const JobPtr& job) const {
    const auto found = jobs_.find(job->question);
    return found != jobs_.end() && found->second == job;
  }

  // One that has run for its time leaves its place to others; one that waits lets those pass that
  // have not waited. Whether it is slow now: otherwise it is to be looked at again.
  bool demote(const JobPtr& job, TimePoint now) {
    const std::lock_guard lock(shared_->mutex);
    if (job->slow && !job->runs) return true;
    if (job->runs) {
      shared_->find_slow(now);
      if (!job->slow) return false;
      remember_slow(job->question);
      return true;
    }
    if (const auto at = std::ranges::find(shared_->fresh, job); at != shared_->fresh.end()) {
      shared_->fresh.erase(at);
      shared_->starved.push_back(job);
    }
    return false;
  }

  void remember_slow(const Question& question) {
    if (slow_.size() >= most_remembered) slow_.clear();
    slow_.insert(question);
  }

  // A name too many is forgotten with all others, and asked as if it had been quick.
  static constexpr std::size_t most_remembered = 4096;

  asio::io_context& main_;
  const std::shared_ptr<Shared> shared_;
  asio::steady_timer timer_;
  std::map<Question, JobPtr> jobs_;
  std::deque<std::pair<Deadline, std::weak_ptr<Job>>> deadlines_;
  std::set<Question> slow_;  // took longer than `patience` last time
  bool scheduled_ = false;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace

std::unique_ptr<Resolver> make_resolver(asio::io_context& main, Lookup lookup,
                                        ResolverLimits limits) {
  return std::make_unique<ThreadResolver>(main, std::move(lookup), limits);
}

}  // namespace weir::upstream
