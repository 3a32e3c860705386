// A server with its workers, and all that can befall it in every order: clients, reloads that are
// taken and refused, drains, another server that takes over, the end, once or twice. Whatever the
// order: each call is told once, no answer is half a one, the server ends, and no connection, pin,
// gauge, descriptor or thread is left.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <ostream>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "net/sockets.hpp"
#include "support/place.hpp"
#include "support/temp_folder.hpp"
#include "weir/server/server.hpp"
#include "weir/telemetry/log.hpp"
#include "weir/telemetry/metrics.hpp"

namespace weir::server {
namespace server_orders {
namespace {

using namespace std::chrono_literals;

std::size_t entries(const char* folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder),
                                                std::filesystem::directory_iterator()));
}

// Lets `main` run until `condition()`; false after ten seconds.
template <class Condition>
bool run_until(asio::io_context& main, Condition condition) {
  const TimePoint end = Clock::now() + 10s;
  while (!condition() && Clock::now() < end) {
    main.restart();
    main.run_one_for(2ms);
  }
  return condition();
}

// What the file says.
struct File {
  enum class Kind { good, broken, other_listeners, other_workers };
  Kind kind = Kind::good;
  unsigned mark = 0;  // found again in the snapshot
};

struct Settings {
  std::string bind = "127.0.0.1:0";
  std::string upstream;  // an address that takes connections and does not answer
  std::string socket;    // a path for one more listener, "" for none
  bool by_name = false;  // an upstream's name has to be looked up first
};

std::expected<config::Loaded, std::vector<config::Problem>> load(const Settings& settings,
                                                                 const File& file) {
  const std::string more = file.kind == File::Kind::other_listeners
                               ? "  - {name: more, bind: \"127.0.0.1:0\"}\n"
                               : std::string();
  const std::string unix_listener =
      settings.socket.empty() ? std::string()
                              : "  - {name: local, bind: \"unix:" + settings.socket + "\"}\n";
  return config::load_text(
      "version: 1\n"
      "server: {workers: " +
      std::string(file.kind == File::Kind::other_workers ? "3" : "2") +
      ", drain_delay: 0s, drain_timeout: 30s}\n"
      "log: {level: error}\n"
      "access_log: {path: \"off\"}\n"
      "admin: \"off\"\n"
      "listeners:\n"
      "  - {name: http, bind: \"" +
      settings.bind + "\"}\n" + unix_listener + more +
      "middleware:\n"
      "  few: {concurrency_limit: {limit: " +
      std::to_string(100 + file.mark) +
      "}}\n"
      "routes:\n"
      "  - {name: quick, match: {path_prefix: /quick}, respond: {status: 204}, middleware: [few]}\n"
      "  - {name: slow, match: {path_prefix: /}, upstream: " +
      (file.kind == File::Kind::broken ? "nobody" : "a") +
      "}\n"
      "upstreams:\n"
      "  a: {endpoints: [{address: \"" +
      (settings.by_name ? "nobody.invalid:80" : settings.upstream) + "\"}]}\n");
}

std::string text_of(const Server::Problems& problems) {
  return problems.empty() ? std::string() : problems.front().to_string();
}

std::string why_not(const std::expected<void, Server::Problems>& begun) {
  return begun ? std::string() : text_of(begun.error());
}

// A client's connection: what it asked and what came.
struct Client {
  net::Socket socket;
  unsigned asked = 0;
  std::string got;
  bool ended = false;

  // Without waiting.
  void hear() {
    while (socket && !ended) {
      char bytes[4096];
      const ssize_t size = ::recv(socket.fd(), bytes, sizeof bytes, MSG_DONTWAIT);
      if (size > 0) {
        got.append(bytes, static_cast<std::size_t>(size));
        continue;
      }
      ended = size == 0 || errno != EAGAIN;
      return;
    }
  }
};

// How many whole answers `got` is; -1: half a one is at its end.
int answers(std::string_view got) {
  int out = 0;
  while (!got.empty()) {
    const std::size_t head = got.find("\r\n\r\n");
    if (!got.starts_with("HTTP/1.1 ") || head == got.npos) return -1;
    std::size_t content = 0;
    std::string fields(got.substr(0, head));
    std::ranges::transform(fields, fields.begin(), [](unsigned char c) { return std::tolower(c); });
    constexpr std::string_view length = "content-length: ";
    const std::size_t at = fields.find(length);
    if (at != fields.npos) content = std::stoul(std::string(got.substr(at + length.size(), 8)));
    if (got.size() < head + 4 + content) return -1;
    got.remove_prefix(head + 4 + content);
    ++out;
  }
  return out;
}

class Scene {
 public:
  explicit Scene(bool by_name) {
    settings_.upstream = origin_.text();
    settings_.socket = folder_.file("weir.sock");
    settings_.by_name = by_name;
    const auto begun = server_.start();
    EXPECT_TRUE(begun) << why_not(begun);
    if (by_name) return;
    bool serving = false;
    server_.when_serving([&] { serving = true; });
    EXPECT_TRUE(serving) << "no name has to be looked up";
  }

  // --- events
  void connect() { connect_to(server_.listeners().front().second); }
  void connect_locally() { connect_to(server_.listeners().back().second); }
  void ask() { say("GET /quick HTTP/1.1\r\nHost: a\r\n\r\n"); }
  void ask_slowly() {
    asked_slowly_ = true;
    say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  }
  void leave() {
    if (!clients_.empty()) clients_.back().socket.close();
  }
  void cut() {
    if (!clients_.empty()) clients_.back().socket.reset();
  }
  void answer() {
    while (origin_.has_guest()) upstreams_.push_back(origin_.accept());
    for (const net::Socket& upstream : upstreams_) {
      static_cast<void>(upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone"));
    }
  }
  void reload() { reload_as(File::Kind::good); }
  void reload_broken() { reload_as(File::Kind::broken); }
  void reload_listeners() { reload_as(File::Kind::other_listeners); }
  void reload_workers() { reload_as(File::Kind::other_workers); }
  void drain() {
    server_.drain();
    draining_ = true;
    has_drained_ = true;
  }
  void undrain() {
    server_.undrain();
    draining_ = false;
  }
  void ask_workers() {
    const auto answered = std::make_shared<bool>(false);
    // Those asked behind the end may be gone.
    if (!has_ended_) workers_asked_.push_back(answered);
    server_.ask_workers([answered] { *answered = true; });
  }
  void shut_down() {
    shut_down(server_, codes_);
    is_cut_ = std::exchange(has_ended_, true);
    has_drained_ = true;
  }
  // Another server on the same address. It has no `unix:`, whose file is one's alone.
  void take_over() {
    if (successor_) return;
    Settings settings = settings_;
    settings.bind = server_.listeners().front().second.to_string();
    settings.socket.clear();
    settings.by_name = false;
    successor_.emplace(
        main_, [settings] { return load(settings, {}); }, net::PassedSockets(), true);
    const auto begun = successor_->start();
    if (!begun) {
      // Its address has gone to nobody, or to somebody else.
      EXPECT_TRUE(has_ended_) << why_not(begun);
      successor_.reset();
    }
  }

  // --- between events
  // All that was begun is done, as far as nobody waits for a client or an upstream.
  void turn() {
    const auto answered = std::make_shared<bool>(false);
    if (codes_.empty()) server_.ask_workers([answered] { *answered = true; });
    EXPECT_TRUE(run_until(main_, [&] { return *answered || !codes_.empty(); }))
        << "a worker is stuck";
    look();
  }
  void look() {
    if (has_ended_ || draining_) {
      EXPECT_EQ(server_.why_not_ready(), "draining");
    } else if (!settings_.by_name) {
      EXPECT_EQ(server_.why_not_ready(), "");
    }
    for (Client& client : clients_) client.hear();
  }
  // A client that was not sent away has its answer.
  void expect_answers() {
    if (has_drained_ || asked_slowly_) return;
    for (Client& client : clients_) {
      if (!client.socket) continue;
      const bool came = run_until(main_, [&] {
        client.hear();
        return client.ended || answers(client.got) == static_cast<int>(client.asked);
      });
      EXPECT_TRUE(came && !client.ended) << "it has " << client.got;
    }
  }

  // Whatever came before, now all leave.
  void end() {
    for (Client& client : clients_) {
      const auto is_whole = [&] {
        client.hear();
        return client.ended || answers(client.got) >= 0;
      };
      EXPECT_TRUE(run_until(main_, is_whole));
      EXPECT_TRUE(is_cut_ || answers(client.got) >= 0) << "half an answer: " << client.got;
      EXPECT_LE(answers(client.got), static_cast<int>(client.asked));
      client.socket.close();
    }
    while (origin_.has_guest()) upstreams_.push_back(origin_.accept());
    for (net::Socket& upstream : upstreams_) upstream.close();
    origin_.close();
    if (!has_ended_) {
      // Reloads end by themselves, too.
      EXPECT_TRUE(settings_.by_name || run_until(main_, [&] {
                    return std::ranges::all_of(
                        reloads_, [](const auto& one) { return one->told.has_value(); });
                  }));
      shut_down();
    }
    EXPECT_TRUE(run_until(main_, [&] { return !codes_.empty(); })) << "it does not end";
    if (successor_) {
      std::vector<int> codes;
      shut_down(*successor_, codes);
      EXPECT_TRUE(run_until(main_, [&] { return !codes.empty(); })) << "the other does not end";
      EXPECT_EQ(codes, std::vector<int>{0});
    }
    expect_told();
    expect_nothing_left();
  }

 private:
  struct Reload {
    File file;
    std::optional<std::string> told;
    int times = 0;
  };

  void connect_to(const SocketAddress& address) {
    sockaddr_storage storage;
    const socklen_t size = address.to_sockaddr(storage);
    Client client;
    client.socket =
        net::Socket(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    bool is_in = ::connect(client.socket.fd(), reinterpret_cast<sockaddr*>(&storage), size) == 0;
    if (!is_in && errno == EINPROGRESS) {
      // Who comes while the listeners close is not heard at all.
      pollfd at{client.socket.fd(), POLLOUT, 0};
      is_in = ::poll(&at, 1, has_ended_ ? 0 : 5000) == 1 && (at.revents & POLLERR) == 0;
    }
    if (!is_in) {
      EXPECT_TRUE(has_ended_) << "refused while it serves";
      return;
    }
    clients_.push_back(std::move(client));
  }
  void say(std::string_view request) {
    if (clients_.empty() || !clients_.back().socket) return;
    ++clients_.back().asked;
    // It fails where the connection has ended.
    static_cast<void>(clients_.back().socket.send(request));
  }
  void reload_as(File::Kind kind) {
    {
      const std::lock_guard lock(mutex_);
      file_ = {kind, file_.mark + 1};
    }
    auto reload = std::make_shared<Reload>(Reload{.file = file_, .told = {}});
    reloads_.push_back(reload);
    server_.reload([reload](const Server::Problems& problems) {
      reload->told = text_of(problems);
      ++reload->times;
    });
  }
  static void shut_down(Server& server, std::vector<int>& codes) {
    server.shut_down([&codes](int code) { codes.push_back(code); });
  }

  void expect_told() {
    EXPECT_EQ(codes_.size(), 1u);
    if (codes_.front() != 0) {
      EXPECT_TRUE(codes_.front() == 2 && is_cut_ && asked_slowly_) << codes_.front();
    }
    for (const auto& answered : workers_asked_) EXPECT_TRUE(*answered);
    for (const auto& reload : reloads_) {
      EXPECT_EQ(reload->times, 1) << "a reload was told so often";
    }
    EXPECT_LE(server_.snapshot()->generation(), 1 + reloads_.size());
    if (reloads_.empty()) return;
    // The last one, which has read the last file.
    const Reload& last = *reloads_.back();
    const std::string told = last.told.value_or("nothing");
    if (told == "shutting down") return;
    switch (last.file.kind) {
      case File::Kind::good:
      case File::Kind::other_listeners:
        EXPECT_EQ(told, "");
        EXPECT_EQ(mark_of(*server_.snapshot()), last.file.mark);
        break;
      case File::Kind::broken:
        EXPECT_TRUE(told.contains("nobody")) << told;
        break;
      case File::Kind::other_workers:
        EXPECT_TRUE(told.contains("restart")) << told;
        break;
    }
  }
  static unsigned mark_of(const Snapshot& snapshot) {
    const auto& spec = snapshot.config().middleware.front().spec;
    return static_cast<unsigned>(std::get<config::ConcurrencyLimit>(spec).limit - 100);
  }

  void expect_nothing_left() {
    Process& process = server_.process();
    EXPECT_EQ(process.connections, 0u);
    // The one in force, and one that came too late.
    const bool is_late =
        std::ranges::any_of(reloads_, [](const auto& one) { return one->told == "shutting down"; });
    EXPECT_TRUE(run_until(main_, [&] { return process.snapshots.living() <= (is_late ? 2u : 1u); }))
        << "pinned for ever";
    for (const auto& cluster : server_.snapshot()->clusters()) {
      const upstream::ClusterInfo info = cluster->describe();
      EXPECT_EQ(info.pending, 0u);
      for (const auto& endpoint : info.endpoints) EXPECT_EQ(endpoint.in_flight, 0u);
    }
    for (std::size_t route = 0; route < 2; ++route) {
      for (unsigned worker = 0; worker < 2; ++worker) {
        EXPECT_EQ(server_.snapshot()->route(route).metrics->shard(worker).in_flight.value(), 0);
      }
    }
  }

  net::Origin origin_;
  const testing_support::TempFolder folder_;
  Settings settings_;
  std::mutex mutex_;
  File file_;  // guarded by mutex_ where another thread reads it
  asio::io_context main_;
  Server server_{main_, [this] {
                   const std::lock_guard lock(mutex_);
                   return load(settings_, file_);
                 }};
  std::optional<Server> successor_;
  std::vector<Client> clients_;
  std::vector<net::Socket> upstreams_;
  std::vector<std::shared_ptr<Reload>> reloads_;
  std::vector<int> codes_;
  std::vector<std::shared_ptr<bool>> workers_asked_;
  bool draining_ = false;
  bool has_drained_ = false;
  bool has_ended_ = false;
  bool is_cut_ = false;
  bool asked_slowly_ = false;
};

struct Event {
  const char* name;
  void (Scene::*happen)();
};

constexpr Event connects{"connects", &Scene::connect};
constexpr Event connects_locally{"connects_locally", &Scene::connect_locally};
constexpr Event asks{"asks", &Scene::ask};
constexpr Event asks_slowly{"asks_slowly", &Scene::ask_slowly};
constexpr Event leaves{"leaves", &Scene::leave};
constexpr Event is_reset{"RST", &Scene::cut};
constexpr Event answers_come{"answer", &Scene::answer};
constexpr Event reloaded{"reload", &Scene::reload};
constexpr Event reloaded_broken{"broken_reload", &Scene::reload_broken};
constexpr Event listener_added{"listener_added", &Scene::reload_listeners};
constexpr Event workers_changed{"workers_changed", &Scene::reload_workers};
constexpr Event drained{"drain", &Scene::drain};
constexpr Event undrained{"undrain", &Scene::undrain};
constexpr Event workers_asked{"ask_workers", &Scene::ask_workers};
constexpr Event stopped{"shut_down", &Scene::shut_down};
constexpr Event taken_over{"take_over", &Scene::take_over};

struct Row {
  std::string name;
  std::vector<Event> events;
  bool by_name = false;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

// One server to which it all happens, and what the process has behind it that it had not before.
void happen(const std::vector<Event>& events, bool by_name, bool in_turns) {
  std::string told = in_turns ? "in turns:" : "at once:";
  for (const Event& event : events) told += std::string(" ") + event.name;
  const test::Place place(__FILE__, __LINE__, told);
  const std::size_t descriptors = entries("/proc/self/fd");
  const std::size_t threads = entries("/proc/self/task");
  {
    Scene scene(by_name);
    for (const Event& event : events) {
      (scene.*event.happen)();
      if (!in_turns) continue;
      scene.turn();
      scene.expect_answers();
    }
    scene.look();
    scene.end();
  }
  EXPECT_EQ(entries("/proc/self/fd"), descriptors);
  EXPECT_EQ(entries("/proc/self/task"), threads);
}

class ServerOrders : public testing::TestWithParam<Row> {
 protected:
  // What the process makes once is there from here on.
  static void SetUpTestSuite() { Scene(false).end(); }
  static void TearDownTestSuite() { telemetry::log::set_level(telemetry::log::Level::info); }
};

TEST_P(ServerOrders, EndWithNothingLeft) {
  const Row& row = GetParam();
  for (const bool in_turns : {false, true}) {
    std::vector<std::size_t> order(row.events.size());
    std::iota(order.begin(), order.end(), 0);
    do {
      std::vector<Event> events;
      for (const std::size_t i : order) events.push_back(row.events[i]);
      happen(events, row.by_name, in_turns);
      if (HasFailure()) return;
    } while (std::ranges::next_permutation(order).found);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, ServerOrders,
    testing::Values(Row{"answered", {connects, asks, asks, leaves}},
                    Row{"reload", {connects, asks, reloaded, reloaded_broken}},
                    Row{"listener_added", {connects, asks, listener_added, reloaded}},
                    Row{"workers_changed", {connects, asks, workers_changed, reloaded}},
                    Row{"drain", {connects, asks, drained, undrained}},
                    Row{"drain_slow", {connects, asks_slowly, drained, answers_come}},
                    Row{"stop", {connects, asks, stopped, leaves}},
                    Row{"stop_slow", {connects, asks_slowly, stopped, answers_come}},
                    Row{"stop_twice", {connects, asks_slowly, stopped, stopped}},
                    Row{"stop_and_cut", {connects, asks_slowly, stopped, is_reset}},
                    Row{"stop_reload", {connects, reloaded, stopped, reloaded_broken}},
                    Row{"stop_drained", {drained, undrained, stopped, workers_asked}},
                    Row{"local", {connects_locally, asks, reloaded, stopped}},
                    Row{"take_over", {connects, asks, taken_over, stopped}},
                    Row{"take_over_slow", {connects, asks_slowly, taken_over, stopped}},
                    Row{"take_over_reload", {taken_over, reloaded, drained, stopped}},
                    Row{"starting", {reloaded, drained, stopped, workers_asked}, true}),
    [](const auto& of) { return of.param.name; });

class ServerSequences : public testing::TestWithParam<unsigned> {
 protected:
  static void SetUpTestSuite() { Scene(false).end(); }
  static void TearDownTestSuite() { telemetry::log::set_level(telemetry::log::Level::info); }
};

// Many events of all kinds, as a seed deals them.
TEST_P(ServerSequences, EndWithNothingLeft) {
  static constexpr std::array all{connects,    connects_locally, asks,           asks,
                                  asks_slowly, leaves,           is_reset,       answers_come,
                                  reloaded,    reloaded_broken,  listener_added, workers_changed,
                                  drained,     undrained,        workers_asked,  taken_over};
  constexpr unsigned runs = 15;
  for (unsigned i = 0; i < runs && !HasFailure(); ++i) {
    const unsigned seed = GetParam() * runs + i;
    const test::Place place(__FILE__, __LINE__, "seed " + std::to_string(seed));
    std::mt19937 random(seed);
    std::vector<Event> events;
    for (int n = 0; n < 20; ++n) events.push_back(all[random() % all.size()]);
    // In every other one it ends in the middle, and is hurried now and then.
    if (seed % 2 != 0) events[10 + random() % 8] = stopped;
    if (seed % 8 == 1) events.push_back(stopped);
    happen(events, false, seed % 4 >= 2);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, ServerSequences, testing::Range(0u, 8u));

// A server whose address is taken does not start, and leaves nothing; the next one may have it.
TEST(ServerStart, WhereItsAddressIsTakenNothingIsLeft) {
  Scene(false).end();
  std::optional<net::Origin> other(std::in_place);
  Settings settings;
  settings.bind = settings.upstream = other->text();
  const std::size_t threads = entries("/proc/self/task");
  const std::size_t descriptors = entries("/proc/self/fd");
  for (const bool is_free : {false, true}) {
    if (is_free) other.reset();
    asio::io_context main;
    Server server(main, [&] { return load(settings, {}); });
    const auto begun = server.start();
    EXPECT_EQ(begun.has_value(), is_free);
    if (!is_free) {
      EXPECT_TRUE(why_not(begun).contains(settings.bind)) << why_not(begun);
      continue;
    }
    std::optional<int> code;
    server.shut_down([&](int with) { code = with; });
    EXPECT_TRUE(run_until(main, [&] { return code.has_value(); }));
  }
  EXPECT_EQ(entries("/proc/self/task"), threads);
  EXPECT_EQ(entries("/proc/self/fd"), descriptors - 1);
}

}  // namespace
}  // namespace server_orders
}  // namespace weir::server
