// Hands over to a new binary: starts it with the listeners' sockets and the admin address's, waits
// until it could take over, lets it, and drains; or ends it and serves on. Main thread.
#pragma once

#include <sys/types.h>

#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/service_manager.hpp"
#include "app/upgrade/channel.hpp"
#include "app/upgrade/start_command.hpp"
#include "weir/base/asio.hpp"
#include "weir/base/time.hpp"
#include "weir/server/admin.hpp"
#include "weir/server/server.hpp"

namespace weir::app {

class Upgrade {
 public:
  struct Callbacks {
    std::function<void()> handed_over;  // the new process may accept; the server is told next
    std::function<void(int)> drained;   // as of Server::shut_down()
    std::function<void()> lost;         // the new process has failed after it took over
  };

  // What is given outlives it, and `manager` is told.
  Upgrade(asio::io_context& main, server::Server& server, ServiceManager& manager,
          UpgradeSettings settings, Callbacks callbacks);
  ~Upgrade();
  Upgrade(const Upgrade&) = delete;
  Upgrade& operator=(const Upgrade&) = delete;

  // Whose socket is handed over, too. Outlives it.
  void serve(const server::Admin& admin) { admin_ = &admin; }
  // One at a time: another one is refused meanwhile. The outcome is logged, and `done` called once.
  void begin(server::UpgradeDone done);
  // The process ends: the new one does, too, unless it has taken over.
  void give_up();
  bool has_handed_over() const noexcept { return handed_over_; }

 private:
  // Why none can begin, "" when one can; `busy`: because of what goes on, which is no failure.
  std::string why_not(bool& busy) const;
  std::expected<void, std::string> start();
  void refuse(const server::UpgradeDone& done, const std::vector<std::string>& lines, bool counts);
  void heard(std::string_view word, std::string_view rest);
  void hand_over(std::string_view pid_and_version);
  void fail(const std::vector<std::string>& lines);
  void end_successor();
  void wait_for_children();
  void reap();
  void successor_ended(int status);
  void successor_lost(int status);
  bool is_under_way() const noexcept { return pid_ != 0 && !handed_over_; }

  asio::io_context& main_;
  server::Server& server_;
  ServiceManager& manager_;
  const UpgradeSettings settings_;
  const Callbacks callbacks_;
  const server::Admin* admin_ = nullptr;
  asio::signal_set children_;
  asio::steady_timer limit_;
  std::shared_ptr<UpgradeChannel> channel_;
  server::UpgradeDone done_;
  pid_t pid_ = 0;              // of the process that was started, until it ends
  pid_t main_pid_ = 0;         // that took over; another one's where a script started it
  std::vector<pid_t> killed_;  // not reaped yet
  std::string waits_;          // what it said last
  std::vector<std::string> problems_;
  std::uint64_t generation_ = 0;  // of the configuration when it was started
  bool handed_over_ = false;
  bool has_gone_on_ = false;  // it has handed over in its turn
};

}  // namespace weir::app
