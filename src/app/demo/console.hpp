// What the demo shows and hears while it serves, on a thread of its own: a line for each request,
// keys, and the traffic that makes something to see. Made and destroyed on the main thread.
#pragma once

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "app/demo/controls.hpp"
#include "app/demo/keyboard.hpp"
#include "app/demo/screen.hpp"
#include "app/demo/tally.hpp"
#include "app/demo/traffic.hpp"
#include "app/terminal.hpp"
#include "weir/base/asio.hpp"
#include "weir/telemetry/access_tap.hpp"

namespace weir::app {

// What it is for.
struct DemoView {
  bool shows = false;    // stdout is a terminal: lines for people
  bool listens = false;  // stdin is one, too: keys
  bool traffic = false;  // from the beginning
};

class DemoConsole {
 public:
  // `hints`: what to try, printed at once. `watch`: where requests are seen; null without `shows`.
  DemoConsole(DemoView view, DemoControls controls, std::string hints, SocketAddress gateway,
              std::string token, std::unique_ptr<telemetry::AccessWatch> watch);
  // Shows what there is left to show, and puts the terminal back.
  ~DemoConsole();
  DemoConsole(const DemoConsole&) = delete;
  DemoConsole& operator=(const DemoConsole&) = delete;

 private:
  // --- the thread's
  void look();
  void show_requests();
  void show_breaker();
  void listen();
  void press(char key);
  void hear_signals();
  void handle(int signal);
  void stop_process();
  void resume();
  std::string status();
  // A line of the demo's own.
  void tell(std::string_view text);

  const DemoView view_;
  DemoControls controls_;
  const std::string hints_;
  const std::unique_ptr<telemetry::AccessWatch> watch_;
  const TimePoint started_ = Clock::now();
  const Paint paint_;

  asio::io_context io_{1};
  asio::steady_timer next_look_{io_};
  asio::steady_timer next_keys_{io_};
  asio::steady_timer back_{io_};  // after a stop
  asio::posix::stream_descriptor keys_{io_};
  asio::signal_set signals_{io_};
  DemoTraffic traffic_;
  Keyboard keyboard_;
  Screen screen_;
  DemoTally tally_;
  std::string lines_;
  bool is_stopping_ = false;  // the shell is about to have the terminal
  control::BreakerState breaker_ = control::BreakerState::closed;

  std::jthread thread_;
};

}  // namespace weir::app
