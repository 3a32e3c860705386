#include "app/demo/console.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

#include "app/demo/hints.hpp"
#include "weir/base/signals.hpp"

namespace weir::app {
namespace {

using control::BreakerState;

constexpr auto between_looks = std::chrono::milliseconds(50);
// For how long v2 is asked after it was broken or mended: until its breaker has opened or closed.
constexpr auto show_v2 = std::chrono::seconds(12);
// A stop takes effect at once; what continues after this was not stopped, or is continued.
constexpr auto stop_takes = std::chrono::milliseconds(200);
// Between two looks whether keys in the background's terminal are still not ours.
constexpr auto background_pause = std::chrono::milliseconds(200);
constexpr char ctrl_d = 4;

std::string time_text(Duration time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time).count();
  if (seconds < 60) return fmt::format("{} s", seconds);
  return fmt::format("{} min {} s", seconds / 60, seconds % 60);
}

}  // namespace

DemoConsole::DemoConsole(DemoView view, DemoControls controls, std::string hints,
                         SocketAddress gateway, std::string token,
                         std::unique_ptr<telemetry::AccessWatch> watch)
    : view_(view),
      controls_(std::move(controls)),
      hints_(std::move(hints)),
      watch_(std::move(watch)),
      paint_(Paint::for_fd(STDOUT_FILENO)),
      traffic_(io_, std::move(gateway), std::move(token)),
      keyboard_(STDIN_FILENO),
      screen_(STDOUT_FILENO) {
  traffic_.set_on(view_.traffic);
  if (view_.listens) {
    // Signals of the terminal come by other threads, which do not block them.
    for (const int number : {SIGTSTP, SIGCONT, SIGQUIT, SIGINT, SIGTERM}) signals_.add(number);
    hear_signals();
    keys_.assign(::dup(keyboard_.fd()));
    keyboard_.take();
    listen();
  }
  if (view_.shows) {
    screen_.write(hints_);
    look();
  }
  traffic_.start();
  thread_ = std::jthread([this] {
    block_signals();
    ::pthread_setname_np(::pthread_self(), "console");
    io_.run();
  });
}

DemoConsole::~DemoConsole() {
  screen_.give_up();
  asio::post(io_, [this] { io_.stop(); });
  thread_.join();
  keyboard_.release();
  if (watch_) show_requests();
  if (view_.shows) tell("the demo has ended");
}

void DemoConsole::tell(std::string_view text) {
  screen_.write(paint_(Style::bold, fmt::format("-- {}", text)) + "\n");
}

// --- what is shown

void DemoConsole::look() {
  show_requests();
  show_breaker();
  // Started in the background, or continued there: it may be in the foreground by now.
  if (view_.listens && !is_stopping_ && !keyboard_.is_taken()) keyboard_.take();
  next_look_.expires_after(between_looks);
  next_look_.async_wait([this](boost::system::error_code error) {
    if (!error) look();
  });
}

void DemoConsole::show_requests() {
  const std::uint64_t lost = watch_->take(lines_);
  const RequestLineFormat format{.with_host = false, .width = columns_of(STDOUT_FILENO)};
  std::string out;
  for (std::string_view rest = lines_; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const LoggedLine read = parse_logged_line(line);
    if (!read.request) continue;
    tally_.count(*read.request, Clock::now());
    out += request_line(*read.request, paint_, format) + "\n";
  }
  screen_.write(out);
  if (lost != 0) tell(fmt::format("{} more requests, too many to show", lost));
}

void DemoConsole::show_breaker() {
  const control::BreakerView view = controls_.v2_breaker();
  if (std::exchange(breaker_, view.state) == view.state) return;
  const std::string why = view.why.empty() ? "" : " (" + view.why + ")";
  switch (view.state) {
    case BreakerState::open:
      return tell("the circuit breaker of v2 opens" + why + ": v2 gets no requests for " +
                  time_text(std::chrono::ceil<std::chrono::seconds>(view.open_left)));
    case BreakerState::half_open:
      return tell("the circuit breaker of v2 is half open: a few requests try v2");
    case BreakerState::closed:
      return tell("the circuit breaker of v2 closes" + why + ": v2 gets its requests again");
  }
}

std::string DemoConsole::status() {
  const TimePoint now = Clock::now();
  std::string out = fmt::format("   up {}, {} requests, {:.1f} a second; traffic is {}\n  ",
                                time_text(now - started_), tally_.requests(), tally_.rate(now),
                                traffic_.is_on() ? "on" : "off");
  for (std::size_t digit = 1; digit <= 5; ++digit) {
    if (digit != 1 || tally_.of_class(1) != 0) {
      out += fmt::format(" {}xx {} ", digit, tally_.of_class(digit));
    }
  }
  out += fmt::format("\n   {:<8} {:>6} {:>9} {:>7}  {}\n", "upstream", "share", "requests",
                     "failed", "state");
  const auto weights = controls_.weights();
  const auto whole = std::max<std::uint32_t>(weights[0] + weights[1], 1);
  const control::BreakerView breaker = controls_.v2_breaker();
  const std::string v2_state =
      fmt::format("{}, circuit breaker {}", controls_.v2_fails() ? "fails" : "answers",
                  breaker.state == BreakerState::half_open ? "half open"
                  : breaker.state == BreakerState::open    ? "open"
                                                           : "closed");
  const auto row = [&](const std::string& name, std::uint32_t weight, std::string_view state) {
    const DemoTally::Upstream seen = tally_.upstream(name);
    out += fmt::format("   {:<8} {:>4} % {:>9} {:>7}  {}\n", name, weight * 100 / whole,
                       seen.requests, seen.failed, state);
  };
  row("v1", weights[0], "answers");
  row("v2", weights[1], v2_state);
  return out;
}

// --- keys

void DemoConsole::listen() {
  keys_.async_wait(asio::posix::stream_descriptor::wait_read,
                   [this](boost::system::error_code error) {
                     if (error) return;
                     const auto keys = keyboard_.read();
                     // The terminal was closed: nobody is there to end the demo.
                     if (!keys) return void(::kill(::getpid(), SIGTERM));
                     for (const char key : *keys) press(key);
                     if (!keys->empty()) return listen();
                     // What is there to be read is another's.
                     next_keys_.expires_after(background_pause);
                     next_keys_.async_wait([this](boost::system::error_code) { listen(); });
                   });
}

void DemoConsole::press(char key) {
  switch (key) {
    case 'b': {
      const bool fails = controls_.toggle_v2();
      traffic_.ask_v2_for(show_v2);
      return tell(fails ? "v2 fails from now on: watch its circuit breaker open (b repairs v2)"
                        : "v2 answers again: its circuit breaker closes after a while");
    }
    case 'c': {
      const auto weights = controls_.move_canary();
      return tell(fmt::format("the canary moves: v1 {} %, v2 {} %", weights[0], weights[1]));
    }
    case 't':
      traffic_.set_on(!traffic_.is_on());
      return tell(traffic_.is_on() ? "traffic is on" : "traffic is off");
    case 's':
      tell("status");
      return screen_.write(status());
    case 'h':
    case '?':
      return screen_.write(hints_);
    case 'q':
    case ctrl_d:
      ::kill(::getpid(), SIGTERM);
      return;
    default:
      if (key > ' ') screen_.write(demo_keys());
  }
}

// --- signals of the terminal

void DemoConsole::hear_signals() {
  signals_.async_wait([this](boost::system::error_code error, int signal) {
    if (error) return;
    handle(signal);
    hear_signals();
  });
}

void DemoConsole::handle(int signal) {
  switch (signal) {
    case SIGTSTP:
      return stop_process();
    case SIGCONT:
      return resume();
    case SIGQUIT:
      keyboard_.release();
      signals_.remove(SIGQUIT);  // which lets it kill again
      ::kill(::getpid(), SIGQUIT);
      return;
    default:
      tell("draining: requests in flight are finished (q or Ctrl-C again ends it at once)");
  }
}

// As if nobody had caught the signal, with the terminal as the shell wants it. Where no shell would
// continue the process the kernel does not stop it either, and it goes on after a moment.
void DemoConsole::stop_process() {
  is_stopping_ = true;
  keyboard_.release();
  signals_.remove(SIGTSTP);
  ::kill(::getpid(), SIGTSTP);
  back_.expires_after(stop_takes);
  back_.async_wait([this](boost::system::error_code error) {
    if (!error) resume();
  });
}

void DemoConsole::resume() {
  if (std::exchange(is_stopping_, false)) {
    back_.cancel();
    signals_.add(SIGTSTP);  // before keys are taken: a stop must find us
  }
  keyboard_.take();
}

}  // namespace weir::app
