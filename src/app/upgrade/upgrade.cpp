#include "app/upgrade/upgrade.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>
#include <utility>

#include "app/upgrade/spawn.hpp"
#include "weir/base/text.hpp"
#include "weir/config/duration.hpp"
#include "weir/telemetry/log.hpp"

namespace weir::app {
namespace {

namespace log = telemetry::log;

constexpr std::size_t most_upgrade_lines = 100;

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty() && out.size() < most_upgrade_lines) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (end != 0) out.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::string end_of(int status) {
  if (WIFSIGNALED(status)) return fmt::format("by signal {}", WTERMSIG(status));
  return fmt::format("with exit code {}", WEXITSTATUS(status));
}

// What a version may look like; it comes from another program.
std::string plain_version(std::string_view text) {
  constexpr std::size_t longest = 64;
  std::string out;
  for (const char c : text.substr(0, longest)) {
    if (is_alpha(c) || is_digit(c) || c == '.' || c == '-' || c == '+' || c == '~') out += c;
  }
  return out;
}

}  // namespace

Upgrade::Upgrade(asio::io_context& main, server::Server& server, ServiceManager& manager,
                 UpgradeSettings settings, Callbacks callbacks)
    : main_(main),
      server_(server),
      manager_(manager),
      settings_(std::move(settings)),
      callbacks_(std::move(callbacks)),
      children_(main, SIGCHLD),
      limit_(main) {
  wait_for_children();
}

// Who asked is gone by now.
Upgrade::~Upgrade() {
  if (is_under_way()) end_successor();
  if (channel_) channel_->close();
}

std::string Upgrade::why_not(bool& busy) const {
  busy = true;
  if (handed_over_) return fmt::format("this process has handed over to process {}", main_pid_);
  if (pid_ != 0) return fmt::format("process {} gets ready already", pid_);
  if (!server_.can_hand_over()) return "this process does not serve";
  busy = false;
  if (::getpid() == 1) {
    return "this process is PID 1 of a container, which ends with it; start a container of the new "
           "image instead";
  }
  return settings_.command ? "" : settings_.command.error();
}

void Upgrade::begin(server::UpgradeDone done) {
  bool busy = false;
  if (const std::string why = why_not(busy); !why.empty()) return refuse(done, {why}, !busy);
  if (const auto started = start(); !started) return refuse(done, {started.error()}, true);
  done_ = std::move(done);
}

std::expected<void, std::string> Upgrade::start() {
  auto sockets = server_.listening();
  if (!sockets) return std::unexpected(std::move(sockets.error()));
  if (admin_ != nullptr) {
    auto admin = admin_->listening();
    if (!admin) return std::unexpected(std::move(admin.error()));
    if (*admin) sockets->push_back(std::move(**admin));
  }
  auto ends = make_channel();
  if (!ends) return std::unexpected(std::move(ends.error()));
  server::UpgradeStatus& status = server_.upgrades();
  const UpgradeNote note{
      .from = ::getpid(), .succeeded = status.succeeded, .failed = status.failed, .addresses = {}};
  const auto pid = spawn_successor(*settings_.command, note, ends->second, *sockets);
  if (!pid) return std::unexpected(pid.error());
  pid_ = *pid;
  status.successor = *pid;
  waits_.clear();
  problems_.clear();
  generation_ = server_.source_generation();
  log::info("upgrade: a new process gets ready",
            {{"pid", *pid}, {"program", settings_.command->path}});
  manager_.status(fmt::format("serving; process {} gets ready to take over", *pid));
  channel_ = std::make_shared<UpgradeChannel>(main_, std::move(ends->first));
  // Its end is seen by its exit: a program that knows nothing of this may close the channel early.
  channel_->listen([this](std::string_view word, std::string_view rest) { heard(word, rest); }, {});
  limit_.expires_after(settings_.patience);
  limit_.async_wait([this, meant = *pid](boost::system::error_code error) {
    if (error || handed_over_ || pid_ != meant) return;
    std::string line = fmt::format("process {} was not ready within {}{}{}", pid_,
                                   config::format_duration(settings_.patience),
                                   waits_.empty() ? "" : ": ", waits_);
    end_successor();
    fail({std::move(line)});
  });
  return {};
}

void Upgrade::refuse(const server::UpgradeDone& done, const std::vector<std::string>& lines,
                     bool counts) {
  std::vector<config::Problem> problems;
  for (const std::string& line : lines) {
    log::error("upgrade refused", {{"problem", line}});
    problems.push_back({.place = {}, .path = {}, .message = line});
  }
  if (counts) {
    server::UpgradeStatus& status = server_.upgrades();
    ++status.failed;
    status.last_failure.emplace(
        server::UpgradeFailure{.at = std::chrono::system_clock::now(), .problem = lines.front()});
    manager_.status("serving; upgrade refused: " + lines.front());
  }
  done(std::unexpected(std::move(problems)));
}

void Upgrade::fail(const std::vector<std::string>& lines) {
  limit_.cancel();
  server_.upgrades().successor.reset();
  refuse(std::exchange(done_, nullptr), lines, true);
}

void Upgrade::heard(std::string_view word, std::string_view rest) {
  if (handed_over_) {
    if (word == "gone") has_gone_on_ = true;
    return;
  }
  if (!is_under_way()) return;
  if (word == "waits") waits_ = rest;
  if (word == "failed") problems_ = lines_of(rest);
  if (word == "ready") hand_over(rest);
}

void Upgrade::hand_over(std::string_view pid_and_version) {
  if (server_.source_generation() != generation_) {
    // What it has read may be older, and so may be the sockets that it got. Documents of providers
    // it follows itself.
    end_successor();
    return fail({"the configuration was reloaded meanwhile; ask again"});
  }
  const std::size_t space = std::min(pid_and_version.find(' '), pid_and_version.size());
  pid_t pid = 0;
  const auto parsed = std::from_chars(pid_and_version.data(), pid_and_version.data() + space, pid);
  main_pid_ = parsed.ec == std::errc{} && pid > 0 ? pid : pid_;
  const server::Upgraded upgraded{
      .pid = main_pid_,
      .version = plain_version(pid_and_version.substr(std::min(space + 1, pid_and_version.size()))),
      .drains = server_.snapshot()->config().server.handover_timeout};
  // By the main process itself, so that it holds with NotifyAccess=main, too; and before the new
  // one says that it is ready.
  manager_.give_place_to(main_pid_);
  if (!channel_->send("go")) {
    manager_.take_place_back();
    end_successor();
    return fail({fmt::format("process {} has ended when it was to take over", main_pid_)});
  }
  handed_over_ = true;
  limit_.cancel();
  server_.upgrades().successor = main_pid_;
  log::info("handed over", {{"pid", upgraded.pid}, {"version", upgraded.version}});
  callbacks_.handed_over();
  server_.hand_over(callbacks_.drained);
  std::exchange(done_, nullptr)(upgraded);
}

void Upgrade::give_up() {
  if (!is_under_way()) return;
  end_successor();
  fail({"this process ends"});
}

void Upgrade::end_successor() {
  // A word and not the channel's end alone, by which a process whose predecessor has crashed takes
  // over.
  channel_->send("end");
  if (const pid_t pid = std::exchange(pid_, 0); pid != 0) {
    ::kill(pid, SIGKILL);
    killed_.push_back(pid);
  }
  channel_->close();
}

void Upgrade::wait_for_children() {
  children_.async_wait([this](boost::system::error_code error, int) {
    if (error) return;
    reap();
    wait_for_children();
  });
}

void Upgrade::reap() {
  std::erase_if(killed_, [](pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) != 0; });
  int status = 0;
  if (pid_ == 0 || ::waitpid(pid_, &status, WNOHANG) != pid_) return;
  if (WIFEXITED(status) || WIFSIGNALED(status)) successor_ended(status);
}

void Upgrade::successor_ended(int status) {
  if (handed_over_) return successor_lost(status);
  const auto channel = channel_;
  const pid_t pid = pid_;
  channel->look();  // its last words
  if (handed_over_) return successor_lost(status);
  if (pid_ == 0) return;
  pid_ = 0;
  channel->close();
  if (!problems_.empty()) return fail(problems_);
  fail({fmt::format("process {} ended {} before it was ready", pid, end_of(status))});
}

void Upgrade::successor_lost(int status) {
  if (channel_) channel_->look();
  const pid_t pid = std::exchange(pid_, 0);
  const bool cleanly = WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 2);
  if (cleanly || has_gone_on_) {
    log::info("the new process has ended", {{"pid", pid}, {"how", end_of(status)}});
    return;
  }
  log::error("the process that took over has failed; this one ends, too, when it has drained",
             {{"pid", pid}, {"how", end_of(status)}});
  callbacks_.lost();
}

}  // namespace weir::app
