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
#include <vector>

#include "app/commands.hpp"
#include "app/configuration.hpp"
#include "app/report.hpp"
#include "app/service_manager.hpp"
#include "app/terminal.hpp"
#include "app/upgrade/predecessor.hpp"
#include "app/upgrade/upgrade.hpp"
#include "weir/config/duration.hpp"
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
  Signals(server::Server& server, const ServiceManager& manager, Upgrade& upgrade,
          std::function<void(int)> ended, asio::io_context& main)
      : server_(server),
        manager_(manager),
        upgrade_(upgrade),
        ended_(std::move(ended)),
        set_(main) {
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2}) set_.add(number);
    // A process before this one has started it with these blocked.
    sigset_t later;
    sigemptyset(&later);
    for (const int number : {SIGHUP, SIGUSR1, SIGUSR2}) sigaddset(&later, number);
    ::pthread_sigmask(SIG_UNBLOCK, &later, nullptr);
    wait();
  }

  // What is left is to free memory: another signal ends the process at once, with the code that it
  // has earned. No other thread takes signals.
  void ended(int exit_code) {
    sigset_t ends;
    sigemptyset(&ends);
    for (const int number : {SIGTERM, SIGINT}) sigaddset(&ends, number);
    ::pthread_sigmask(SIG_BLOCK, &ends, nullptr);
    set_.clear();  // which lets them kill again
    earned = exit_code;
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
        return upgrade_.begin([](const server::UpgradeOutcome&) {});
      default:
        upgrade_.give_up();
        if (server_.snapshot()) {
          const config::Server& config = server_.snapshot()->config().server;
          manager_.stopping(config.drain_delay + config.drain_timeout + to_end);
        }
        server_.shut_down(ended_);
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

  server::Server& server_;
  const ServiceManager& manager_;
  Upgrade& upgrade_;
  const std::function<void(int)> ended_;  // as of Server::shut_down()
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

// What the process before this one is told when this one cannot start.
std::string problem_text(const server::Server::Problems& problems) {
  std::string out;
  for (const config::Problem& problem : problems) out += problem.to_string() + "\n";
  return out;
}

// Takes over when the process before lets this one. `ended` as of Signals.
void wait_for_turn(Predecessor& before, asio::io_context& main, server::Server& server,
                   const std::function<void(int)>& ended) {
  server.upgrades().succeeded = before.note().succeeded;
  server.upgrades().failed = before.note().failed;
  before.listen(main, {.why_not_able = [&server] { return server.why_not_ready(); },
                       .go =
                           [&server, &before](bool alone) {
                             const pid_t from = before.note().from;
                             server::UpgradeStatus& status = server.upgrades();
                             ++status.succeeded;
                             status.predecessor = from;
                             status.predecessor_drains = !alone;
                             if (alone) {
                               log::warn("the process before has ended, this one takes its place",
                                         {{"pid", from}});
                             } else {
                               log::info("taken over", {{"from", from}});
                             }
                             server.release();
                           },
                       .give_up =
                           [ended] {
                             log::error("the process before serves on, this one ends");
                             ended(1);
                           },
                       .lost = [&server] { server.predecessor_lost(); },
                       .ended =
                           [&server, &before] {
                             server.upgrades().predecessor_drains = false;
                             log::info("the process before has ended",
                                       {{"pid", before.note().from}});
                           }});
  server.when_able([&before] { before.able(); });
}

// The longest and the shortest time that WEIR_UPGRADE_TIMEOUT may say.
constexpr Duration longest_patience = std::chrono::hours(1);
constexpr Duration shortest_patience = std::chrono::milliseconds(1);

}  // namespace

int run(const std::string& config, std::vector<std::string> arguments) {
  UpgradeSettings upgrade;
  upgrade.command =
      config == "-"
          ? std::unexpected("the configuration came from stdin, which cannot be read again")
          : StartCommand::of_this_process(std::move(arguments));
  if (const char* const patience = std::getenv("WEIR_UPGRADE_TIMEOUT"); patience != nullptr) {
    const auto parsed = config::parse_duration(patience);
    if (!parsed || *parsed < shortest_patience || *parsed > longest_patience) {
      return complain("weir: WEIR_UPGRADE_TIMEOUT must be a duration up to 1h", exit_usage);
    }
    upgrade.patience = *parsed;
  }
  const char* set = std::getenv("WEIR_TAKE_OVER");
  const std::string_view take_over = set == nullptr ? "" : set;
  if (take_over != "" && take_over != "0" && take_over != "1") {
    return complain("weir: WEIR_TAKE_OVER must be 1 or 0", exit_usage);
  }
  // What the first reading saw, for excerpts at a terminal; what later ones find goes to the log.
  const auto texts = std::make_shared<config::SourceTexts>();
  return serve(configuration_source(config, is_terminal(STDERR_FILENO) ? texts : nullptr), {},
               take_over == "1", texts, std::move(upgrade));
}

int serve(server::Server::Source source,
          const std::function<std::shared_ptr<void>(server::Server&, server::Admin&)>& started,
          bool take_over, const std::shared_ptr<config::SourceTexts>& texts,
          UpgradeSettings settings) {
  std::signal(SIGPIPE, SIG_IGN);
  int exit_code = 1;
  // Before there are other threads, which may look at the environment.
  ServiceManager manager = ServiceManager::from_environment();
  auto started_by = Predecessor::from_environment();
  if (!started_by) return complain("weir: " + started_by.error(), 1);
  auto passed =
      *started_by ? (*started_by)->take_sockets() : net::PassedSockets::from_environment();
  if (!passed) {
    if (*started_by) (*started_by)->failed(passed.error());
    return complain("weir: " + passed.error(), 1);
  }
  if (*started_by) manager.be_silent();
  LogThread log_thread;
  try {
    asio::io_context main;
    const std::unique_ptr<Predecessor> before = std::move(*started_by);
    server::Server server(main, log_thread.started_by(std::move(source)), std::move(*passed),
                          take_over);
    bool lost = false;
    const auto ended = [&main, &exit_code, &lost](int code) {
      exit_code = lost ? 1 : code;
      main.stop();
    };
    Upgrade upgrade(main, server, manager, std::move(settings),
                    {.handed_over =
                         [&before] {
                           if (before) before->gone();
                         },
                     .drained = ended,
                     .lost =
                         [&] {
                           lost = true;
                           manager.take_place_back();
                           server.hurry();
                         }});
    Signals signals(server, manager, upgrade, ended, main);
    Watchdog watchdog(main, server, manager);
    const auto begun = server.start();
    if (!begun) {
      print_problems(stderr, begun.error(), texts ? *texts : config::SourceTexts());
      if (before) before->failed(problem_text(begun.error()));
      return 1;
    }
    if (texts) texts->clear();
    auto admin = server::make_admin(main, server);
    if (!admin) {
      std::fprintf(stderr, "%s\n", admin.error().c_str());
      if (before) before->failed(admin.error());
      return 1;
    }
    server.when_leaving([&admin](bool handed_over) { (*admin)->stop(handed_over); });
    upgrade.serve(**admin);
    server.when_upgrade_is_asked(
        [&upgrade](server::UpgradeDone done) { upgrade.begin(std::move(done)); });
    std::shared_ptr<void> beside = started ? started(server, **admin) : nullptr;
    server.when_serving([&] {
      // What it waits for, the log has.
      const Duration longest = server.longest_unready();
      if (longest > Duration::zero()) manager.starting(longest + to_end);
    });
    server.when_ready([&] {
      log::info("ready");
      before ? manager.take_over("serving") : manager.ready("serving");
      watchdog.start();
    });
    if (before) wait_for_turn(*before, main, server, ended);
    main.run();
    beside.reset();
    signals.ended(exit_code);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "weir: %s\n", error.what());
    return 1;
  }
  return exit_code;
}

}  // namespace weir::app
