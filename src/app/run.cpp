#include "app/run.hpp"

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "app/commands.hpp"
#include "app/configuration.hpp"
#include "app/report.hpp"
#include "app/service_manager.hpp"
#include "app/terminal.hpp"
#include "weir/telemetry/log.hpp"

namespace weir::app {
namespace {

namespace log = telemetry::log;

// What an end takes beside the drain.
constexpr Duration to_end = std::chrono::seconds(10);

// Tells the service manager that main thread and workers are alive, twice in each of its periods.
class Watchdog {
 public:
  Watchdog(asio::io_context& main, server::Server& server, const ServiceManager& manager)
      : server_(server), manager_(manager), timer_(main) {}

  // REQUIRES: the workers run.
  void start() {
    if (manager_.watchdog() == Duration::zero()) return;
    timer_.expires_after(manager_.watchdog() / 2);
    timer_.async_wait([this](boost::system::error_code error) {
      if (error) return;
      server_.ask_workers([this] { manager_.alive(); });
      start();
    });
  }

 private:
  server::Server& server_;
  const ServiceManager& manager_;
  asio::steady_timer timer_;
};

class Signals {
 public:
  Signals(asio::io_context& main, server::Server& server, const ServiceManager& manager,
          int& exit_code)
      : main_(main), server_(server), manager_(manager), exit_code_(exit_code), set_(main) {
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2}) set_.add(number);
    wait();
  }

  // What is left is to free memory: another signal ends the process at once, with the code that it
  // has earned. No other thread takes signals.
  void ended() {
    sigset_t ends;
    sigemptyset(&ends);
    for (const int number : {SIGTERM, SIGINT}) sigaddset(&ends, number);
    ::pthread_sigmask(SIG_BLOCK, &ends, nullptr);
    set_.clear();  // which lets them kill again
    earned = exit_code_;
    for (const int number : {SIGTERM, SIGINT}) std::signal(number, [](int) { ::_exit(earned); });
    ::pthread_sigmask(SIG_UNBLOCK, &ends, nullptr);
  }

 private:
  inline static volatile std::sig_atomic_t earned = 0;

  void wait() {
    set_.async_wait([this](boost::system::error_code error, int number) {
      if (error) return;
      handle(number);
      wait();
    });
  }

  void handle(int number) {
    switch (number) {
      case SIGHUP:
        return reload();
      case SIGUSR1:
        server_.reopen_logs();
        return;
      case SIGUSR2:
        log::warn(
            "SIGUSR2 is ignored: handing over to a new binary is not supported by this version");
        return;
      default:
        if (server_.snapshot()) {
          const config::Server& config = server_.snapshot()->config().server;
          manager_.stopping(config.drain_delay + config.drain_timeout + to_end);
        }
        server_.shut_down([this](int code) {
          exit_code_ = code;
          main_.stop();
        });
    }
  }

  // Those that come while one runs are one more.
  void reload() {
    again_ = reloading_;
    if (std::exchange(reloading_, true)) return;
    manager_.reloading(Clock::now());
    const auto done = [this](const server::Server::Problems& problems) {
      server::log_reload(server_, problems);
      const std::string status =
          problems.empty() ? "serving" : "serving; reload refused: " + problems.front().to_string();
      // A reload does not make ready what waits for names.
      server_.is_ready() ? manager_.ready(status) : manager_.status(status);
      reloading_ = false;
      if (std::exchange(again_, false)) reload();
    };
    server_.reload(done, "SIGHUP");
  }

  asio::io_context& main_;
  server::Server& server_;
  const ServiceManager& manager_;
  int& exit_code_;
  bool reloading_ = false;
  bool again_ = false;
  asio::signal_set set_;
};

// Diagnostics are written by a thread of their own from the first configuration on, and in place
// again after serving.
class LogThread {
 public:
  LogThread() = default;
  ~LogThread() { log::stop(); }
  LogThread(const LogThread&) = delete;
  LogThread& operator=(const LogThread&) = delete;

  server::Server::Source started_by(server::Server::Source source) {
    // Asked by any thread, but by none before the first answer.
    return [source = std::move(source), started = std::make_shared<std::atomic<bool>>(false)] {
      auto loaded = source();
      if (loaded && !started->exchange(true)) {
        log::start(loaded->config.log.level, loaded->config.log.format);
      }
      return loaded;
    };
  }
};

}  // namespace

int run(const std::string& config) {
  const char* set = std::getenv("WEIR_TAKE_OVER");
  const std::string_view take_over = set == nullptr ? "" : set;
  if (take_over != "" && take_over != "0" && take_over != "1") {
    return complain("weir: WEIR_TAKE_OVER must be 1 or 0", exit_usage);
  }
  // What the first reading saw, for excerpts at a terminal; what later ones find goes to the log.
  const auto texts = std::make_shared<config::SourceTexts>();
  return serve(configuration_source(config, is_terminal(STDERR_FILENO) ? texts : nullptr), {},
               take_over == "1", texts);
}

int serve(server::Server::Source source,
          const std::function<std::shared_ptr<void>(server::Server&, server::Admin&)>& started,
          bool take_over, const std::shared_ptr<config::SourceTexts>& texts) {
  std::signal(SIGPIPE, SIG_IGN);
  int exit_code = 1;
  // Before there are other threads, which may look at the environment.
  const ServiceManager manager = ServiceManager::from_environment();
  auto passed = net::PassedSockets::from_environment();
  if (!passed) {
    std::fprintf(stderr, "weir: %s\n", passed.error().c_str());
    return 1;
  }
  LogThread log_thread;
  try {
    asio::io_context main;
    server::Server server(main, log_thread.started_by(std::move(source)), std::move(*passed),
                          take_over);
    Signals signals(main, server, manager, exit_code);
    Watchdog watchdog(main, server, manager);
    const auto begun = server.start();
    if (!begun) {
      print_problems(stderr, begun.error(), texts ? *texts : config::SourceTexts());
      return 1;
    }
    if (texts) texts->clear();
    auto admin = server::make_admin(main, server);
    if (!admin) {
      std::fprintf(stderr, "%s\n", admin.error().c_str());
      return 1;
    }
    server.when_leaving([&admin] { (*admin)->stop(); });
    std::shared_ptr<void> beside = started ? started(server, **admin) : nullptr;
    server.when_serving([&] {
      // What it waits for, the log has.
      const Duration longest = server.longest_unready();
      if (longest > Duration::zero()) manager.starting(longest + to_end);
    });
    server.when_ready([&] {
      log::info("ready");
      manager.ready("serving");
      watchdog.start();
    });
    main.run();
    beside.reset();
    signals.ended();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "weir: %s\n", error.what());
    return 1;
  }
  return exit_code;
}

}  // namespace weir::app
