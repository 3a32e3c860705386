// The gateway as a process: listeners, workers, reload, drain. All of it is driven from the main
// thread's io_context; the workers are told through their mailboxes.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/asio.hpp"
#include "weir/config/loader.hpp"
#include "weir/config/model.hpp"
#include "weir/net/handed_sockets.hpp"
#include "weir/net/passed_sockets.hpp"
#include "weir/provider/document.hpp"
#include "weir/server/process.hpp"
#include "weir/server/snapshot.hpp"
#include "weir/server/status.hpp"
#include "weir/server/upgrade.hpp"
#include "weir/upstream/endpoint_files.hpp"
#include "weir/upstream/name_info.hpp"

namespace weir::provider {
struct ProviderView;
}  // namespace weir::provider

namespace weir::server {

class AdminPlace;
class History;
class LogLevel;
class Worker;

class Server {
 public:
  // Where the configuration comes from: at the start on the main thread, for a reload on a thread
  // of its own, and for loader() wherever that is called. May be called by several threads at
  // once.
  using Source = std::function<std::expected<config::Loaded, std::vector<config::Problem>>()>;
  using Problems = std::vector<config::Problem>;

  // `passed`: sockets that a service manager bound for the listeners, or that the process before
  // hands over: then nothing is accepted before release(). `take_over`: another gateway of this
  // user may still listen on the same addresses; it is stopped next.
  Server(asio::io_context& main, Source source, net::PassedSockets passed = {},
         bool take_over = false);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Binds, compiles and starts the workers; or why it could not. What is wrong with the machine (an
  // address that is taken) has no place in a file.
  std::expected<void, Problems> start();

  // Calls `told` once the workers accept; at once when they do.
  void when_serving(std::function<void()> told);
  // Calls `told` once the gateway may first say that it is ready, which is when the workers accept
  // and every upstream that has only names was resolved once, or after server.ready_wait; at once
  // when it was. REQUIRES: start() succeeded.
  void when_ready(std::function<void()> told);
  // Calls `answered` when every worker has taken a letter: none of them is stuck, and what they had
  // done before is told. With a limit, then at the latest; without workers, at once.
  void ask_workers(std::function<void()> answered, std::optional<Duration> at_most = {});

  // All or nothing. `done` gets the problems, empty when every worker has the new configuration. It
  // is read and compiled on a thread of its own; then names that are new are looked up, for a
  // bounded time. One reload runs at a time; all who ask meanwhile share the next. In a shutdown
  // every `done` that is due is called.
  // `by`: who asks, for the history ("SIGHUP").
  void reload(std::function<void(Problems)> done, std::string by = "reload");
  // Makes the configuration of a generation the one in use again, as a reload does. It holds
  // against reloads as long as the source says what it says now. `done` as of reload(). REQUIRES:
  // why_no_roll_back() says nothing.
  void roll_back(std::uint64_t generation, std::function<void(Problems)> done);
  // "" when there is a configuration to go back to; otherwise a sentence.
  std::string why_no_roll_back(std::uint64_t generation) const;
  // Ends a rollback: what the source says is in use again. Without one nothing happens.
  void release_roll_back(std::function<void(Problems)> done);
  // Whoever serves the admin address, which a reload may change; null: nobody. Outlives its use.
  void set_admin_place(AdminPlace* place) noexcept { admin_place_ = place; }
  // Readiness 503 and answers that close their connections, and back. Goes on serving.
  void drain();
  void undrain();
  // Calls `told` when the listeners begin to close for good: what else the process listens on may
  // be given up; `handed_over`: to a process that has these sockets, too.
  void when_leaving(std::function<void(bool handed_over)> told) { leaving_told_ = std::move(told); }
  // Drains and stops; `done` gets the exit code: 0 clean, 2 something was cut. A second call cuts
  // at once.
  void shut_down(std::function<void(int)> done);
  // Opens log files anew.
  void reopen_logs();

  // --- one process hands over to another (server/hand_over.cpp)
  // The listeners' sockets with descriptors of their own; or which could not be copied.
  std::expected<std::vector<net::HandedSockets>, std::string> listening() const;
  // Another process accepts from the listeners' sockets from now on: leaves them as they are,
  // drains for server.handover_timeout, and stops. `done` as of shut_down(), which may follow:
  // then server.drain_timeout is left, and after one more call nothing. REQUIRES: can_hand_over().
  void hand_over(std::function<void(int)> done);
  // What is left of the drain after hand_over() becomes server.drain_timeout, unless it did before.
  void hurry();
  bool can_hand_over() const noexcept { return started_ && !stopped_; }
  // Whether sockets of the process before are here that it still accepts from.
  bool is_held() const noexcept { return held_; }
  // Calls `told` when this process could take over: it is all that when_ready() waits for, but for
  // the workers, which release() starts. At once when it is so. REQUIRES: is_held().
  void when_able(std::function<void()> told);
  // The process before has ended without a word, so nobody serves: what this one waits for has no
  // more time than at any start. REQUIRES: is_held(), start() succeeded.
  void predecessor_lost();
  // The process before has let go of the sockets: accepts. REQUIRES: is_held(), when_able() told.
  void release();
  // Calls `told` in release(); at once when nothing is held.
  void when_released(std::function<void()> told);
  // The admin socket of the process before, if it was bound as `asked`.
  std::optional<net::ListenSockets> take_admin_socket(std::string_view asked);
  // What is shown of upgrades; kept by who makes them.
  UpgradeStatus& upgrades() noexcept { return upgrades_; }
  const UpgradeStatus& upgrades() const noexcept { return upgrades_; }
  // Who starts a new binary; without one upgrade() tells that nobody can.
  void when_upgrade_is_asked(UpgradeAsk asked) { upgrade_asked_ = std::move(asked); }
  void upgrade(UpgradeDone done);

  // --- for the admin address
  // Why the process should get no new connections yet or any more, a line; "" when it is ready.
  std::string why_not_ready() const;
  // Whether it has become ready once; a drain changes nothing of it.
  bool is_ready() const;
  // How the names of its endpoints are looked up, and what is known of them.
  std::vector<upstream::NameInfo> names_of(const upstream::Cluster& cluster) const;
  // Nothing without `endpoints_from`.
  std::optional<upstream::EndpointsFileInfo> endpoints_file_of(
      const upstream::Cluster& cluster) const;
  // Calls `told` when what the newest generations have changed is known.
  void with_history(std::function<void(const History&)> told);
  // The generation that was rolled back to; nothing when the source's word is in use.
  std::optional<std::uint64_t> rolled_back_to() const;
  // What the last reload did to the listeners: "listeners +1 -1 ~2", "" for nothing.
  const std::string& last_listener_changes() const noexcept { return listener_changes_; }
  // For /readyz?verbose: lines that say more.
  std::string readiness_details() const;
  // How it is. REQUIRES: start() succeeded.
  Status status() const;
  // How long names may keep it from being ready; zero before it serves.
  Duration longest_unready() const;
  bool takes_over() const noexcept { return take_over_; }
  const std::shared_ptr<const Snapshot>& snapshot() const noexcept { return snapshot_; }
  // The last generation that came of the source, or of a rollback, and not of documents alone.
  std::uint64_t source_generation() const noexcept { return source_generation_; }
  Process& process() noexcept { return *process_; }
  LogLevel& log_level() noexcept { return *log_level_; }
  // Name and real address of each listener, in the configuration's order; a pair for each address
  // of one.
  std::vector<std::pair<std::string, SocketAddress>> listeners() const;
  // Makes a function for any thread that tells what would run if the source were read now: with the
  // documents that are in force. For /config/diff.
  std::function<std::expected<config::Loaded, Problems>()> loader() const;
  // Where documents come from, and how they were taken; empty without providers.
  std::vector<provider::ProviderView> providers() const;
  // Endpoints that are other than in snapshot(), by upstream.
  std::map<std::string, std::vector<config::EndpointSpec>, std::less<>> endpoint_updates() const;

 private:
  class Parts;
  struct Prepared;
  struct RollBack;
  struct WatchedFiles;

  void make_parts();
  // Logs what the configuration in use is warned of, and keeps it for status().
  // `is_known`: nobody asked for it, so that only those are logged that are new.
  void warn(const Problems& warnings, bool is_known = false);
  void serve();
  void start_workers();
  void tell_serving();
  // Able or ready, whichever is next.
  void tell_reached();
  // A reload's steps; the second runs on the compiler's thread.
  void begin_reload();
  void prepare_reload(const config::Config& now, std::uint64_t generation, Prepared& out);
  void load_reload(const config::Config& now, std::uint64_t generation, Prepared& out);
  // What the source says, or what is rolled back to; without documents.
  std::expected<config::Loaded, Problems> load_wanted(Prepared& out);
  void compile_reload(const config::Config& now, config::Loaded loaded, std::uint64_t generation,
                      Prepared& out);
  // The first configuration, with what documents there are.
  std::expected<std::shared_ptr<const Snapshot>, Problems> compile_first(config::Loaded loaded);
  // Documents are others: a reload that does not read the file.
  void rebuild();
  bool take_endpoints(const provider::EndpointUpdate& update);
  // Files and keys that list endpoints.
  void watch_lists(std::span<const std::shared_ptr<upstream::Cluster>> clusters);
  void took_documents(const Prepared& prepared);
  void look_at_readiness();
  // For lists.
  Duration longest_wait() const;
  std::string waits_for_lists() const;
  void find_names(const std::shared_ptr<Prepared>& prepared);
  void show_endpoint_files() const;
  void commit_reload(const std::shared_ptr<Prepared>& shared,
                     const upstream::AddressesByUpstream& found);
  // New sockets of listeners and of the admin address; what could not be bound, a line each.
  Problems bind_new(Prepared& prepared);
  // Of a reload that fails behind bind_new().
  void give_up(Prepared& prepared) noexcept;
  // Every worker has the new configuration.
  void finish_reload(const std::shared_ptr<Prepared>& shared);
  // --- server/roll_back.cpp
  // The start's configuration; watches its files if it says so.
  void begin_history(std::shared_ptr<const config::Origin> origin, WatchedFiles files);
  void remember_reload(Prepared& prepared);
  void watch_files(const config::Config& config, std::optional<WatchedFiles> files);
  void tell_failed_connect(std::string_view upstream, std::string_view address);
  void take_back(const Snapshot& before) noexcept;
  void end_reload(Problems problems);
  void publish(std::shared_ptr<const Snapshot> snapshot, std::function<void()> done);
  void stop_accepting();
  // Cuts what is left after `time`; `limit` is the key's name.
  void cut_after(Duration time, std::string_view limit);
  // `done` when all workers have called theirs.
  void tell_workers(void (Worker::*what)(std::function<void()>), std::function<void()> done);
  void cut();
  void finished();

  asio::io_context& main_;
  Source source_;
  net::PassedSockets passed_;
  std::unique_ptr<Process> process_;
  std::shared_ptr<const Snapshot> snapshot_;
  // With providers what the file alone says, so that a change of theirs does not read it again.
  std::shared_ptr<const config::Loaded> file_;
  std::unique_ptr<Parts> parts_;
  std::unique_ptr<LogLevel> log_level_;
  std::function<void()> serving_told_;
  std::function<void()> ready_told_;
  std::function<void(bool)> leaving_told_;
  std::function<void()> able_told_;
  std::vector<std::function<void()>> released_told_;
  UpgradeStatus upgrades_;
  UpgradeAsk upgrade_asked_;
  std::function<void(int)> stopped_;
  const WallClock::time_point started_at_ = WallClock::now();
  const TimePoint since_ = Clock::now();
  std::optional<ReloadStatus> last_reload_;
  std::unique_ptr<History> history_;
  std::unique_ptr<RollBack> roll_back_;  // null: the source's word is in use
  std::string listener_changes_;         // by the last reload
  AdminPlace* admin_place_ = nullptr;
  std::vector<std::string> warnings_;  // of the configuration in use
  std::uint64_t generation_ = 0;
  std::uint64_t source_generation_ = 1;
  unsigned busy_workers_ = 0;
  unsigned cut_requests_ = 0;
  bool is_of_file_ = false;  // the reload that runs reads the source, or goes back to a generation
  const bool take_over_;
  std::atomic<bool> stopping_ = false;  // stopped_ is set; for the compiler's thread
  bool started_ = false;
  bool draining_ = false;
  bool accepting_ = true;
  bool cut_ = false;  // what was left at the end
  bool held_ = false;
  bool alone_ = false;  // the process before has ended without a word
  bool handed_over_ = false;
  bool hurried_ = false;  // the drain after hand_over() by shut_down()
};

// Says in the log what became of a reload.
void log_reload(const Server& server, const Server::Problems& problems);

}  // namespace weir::server
