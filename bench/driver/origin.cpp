// weir-origin: an HTTP/1.1 server of known capacity. It has a number of slots, each serves one
// request for a fixed time, and those that find none free wait in the order in which they came,
// however long (as in a server with a pool of threads). Work is done whether or not its client is
// still there. At its end (SIGTERM, SIGINT) it prints one JSON object of what it did.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <queue>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "driver/interrupt.hpp"
#include "driver/ticker.hpp"
#include "weir/base/descriptor.hpp"
#include "weir/config/duration.hpp"
#include "weir/net/acceptor.hpp"
#include "weir/net/loop.hpp"
#include "weir/net/pieces.hpp"
#include "weir/net/stream.hpp"
#include "weir/net/task_group.hpp"
#include "weir/net/waiter.hpp"

namespace weir::bench {
namespace {

struct Capacity {
  std::size_t slots = 0;         // 0: no bound
  Duration time{};               // of a request in its slot
  std::uint64_t stall_each = 0;  // of so many requests one takes longer; 0: none
  Duration stall{};              // so long
  std::string name;              // in X-Origin of each answer; "" for no such field
};

class Origin final : private net::Acceptor::Sink {
 public:
  Origin(net::Loop& loop, Capacity capacity)
      : loop_(loop),
        capacity_(std::move(capacity)),
        ticker_(loop, [this]() noexcept { free_slots(); }),
        connections_(loop) {
    answer_ = "HTTP/1.1 200 OK\r\n";
    if (!capacity_.name.empty()) answer_ += fmt::format("X-Origin: {}\r\n", capacity_.name);
    answer_ += "Content-Length: 2\r\n\r\nok";
  }

  std::uint16_t listen(std::uint16_t port) {
    auto sockets = net::ListenSockets::open({*IpAddress::parse("127.0.0.1"), port}, 1);
    if (!sockets) throw std::runtime_error(sockets.error());
    const std::uint16_t bound = sockets->address().port();
    auto acceptor = net::Acceptor::open(loop_, sockets->take(0), *this);
    if (!acceptor) throw std::runtime_error(acceptor.error());
    acceptor_ = std::move(*acceptor);
    return bound;
  }

  // Drops all connections, and the loop ends.
  void end() noexcept {
    acceptor_.reset();
    for (const auto& [number, stream] : open_) stream->close();
    loop_.stop();
  }

  std::string account() const {
    return fmt::format(
        R"({{"asked": {}, "answered": {}, "unheard": {}, "stalled": {}, "most_waiting": {}, )"
        R"("connections": {}}})",
        asked_, answered_, unheard_, stalled_, most_waiting_, last_connection_);
  }

 private:
  void accepted(Descriptor connection, const SocketAddress&) override {
    connections_.spawn(serve(++last_connection_, std::move(connection)));
  }
  void accept_failed(int) noexcept override {}

  Task<> serve(std::uint64_t number, Descriptor socket) {
    net::Stream stream(loop_, std::move(socket));
    open_.emplace(number, &stream);
    std::string head;
    std::array<std::byte, 4096> block;
    while (stream.is_open()) {
      const net::IoResult got = stream.try_read(block);
      if (got.status == net::Io::would_block) {
        const net::Io ready = co_await stream.wait_readable(no_deadline);
        if (ready != net::Io::ok) break;
        continue;
      }
      if (got.status != net::Io::ok) break;
      head.append(reinterpret_cast<const char*>(block.data()), got.bytes);
      // Requests without content, as the benches send them.
      for (std::size_t end; (end = head.find("\r\n\r\n")) != std::string::npos;) {
        head.erase(0, end + 4);
        asked(number);
      }
      if (head.size() > most_head) break;
    }
    open_.erase(number);
  }

  void asked(std::uint64_t number) {
    ++asked_;
    if (capacity_.slots != 0 && busy_.size() >= capacity_.slots) {
      waiting_.push_back(number);
      most_waiting_ = std::max(most_waiting_, waiting_.size());
    } else {
      begin(number, Clock::now());
    }
    arm();
  }

  void begin(std::uint64_t number, TimePoint now) {
    const bool stalls = capacity_.stall_each != 0 && ++begun_ % capacity_.stall_each == 0;
    stalled_ += stalls ? 1 : 0;
    busy_.push({now + (stalls ? capacity_.stall : capacity_.time), number});
  }

  void free_slots() noexcept {
    const TimePoint now = Clock::now();
    while (!busy_.empty() && busy_.top().until <= now) {
      const Slot slot = busy_.top();
      busy_.pop();
      answer(slot.connection);
      if (waiting_.empty()) continue;
      // From when the slot was free, not from when that was noticed: the capacity is exact.
      begin(waiting_.front(), slot.until);
      waiting_.pop_front();
    }
    arm();
  }

  void arm() noexcept { ticker_.arm(busy_.empty() ? no_deadline : busy_.top().until); }

  void answer(std::uint64_t number) noexcept {
    const auto found = open_.find(number);
    const std::array<iovec, 1> pieces{net::piece(answer_)};
    // An answer of so few bytes is taken whole, or its client reads none at all.
    if (found != open_.end() && found->second->try_write(pieces).status == net::Io::ok) {
      ++answered_;
      return;
    }
    ++unheard_;
    if (found != open_.end()) found->second->close();
  }

  static constexpr std::size_t most_head = 64 * 1024;
  struct Slot {
    TimePoint until;
    std::uint64_t connection;
    bool operator>(const Slot& other) const noexcept { return until > other.until; }
  };

  net::Loop& loop_;
  const Capacity capacity_;
  std::string answer_;
  Ticker ticker_;
  net::TaskGroup connections_;
  std::unique_ptr<net::Acceptor> acceptor_;
  std::unordered_map<std::uint64_t, net::Stream*> open_;
  std::priority_queue<Slot, std::vector<Slot>, std::greater<>> busy_;
  std::deque<std::uint64_t> waiting_;
  std::uint64_t last_connection_ = 0;
  std::uint64_t asked_ = 0;
  std::uint64_t begun_ = 0;
  std::uint64_t answered_ = 0;
  std::uint64_t unheard_ = 0;  // answers whose client had gone
  std::uint64_t stalled_ = 0;
  std::size_t most_waiting_ = 0;
};

Duration duration_of(const std::string& text) {
  const auto out = config::parse_duration(text);
  if (!out) throw std::runtime_error(out.error());
  return *out;
}

int run(int argc, char** argv) {
  CLI::App app{"An HTTP/1.1 server of known capacity, on 127.0.0.1.", "weir-origin"};
  std::uint16_t port = 0;
  std::string time = "0";
  std::string stall = "0";
  Capacity capacity;
  app.add_option("--port", port, "0: one that is free; the first line printed says which");
  app.add_option("--slots", capacity.slots, "Requests served at a time, 0 for any number");
  app.add_option("--time", time, "How long each is served [0]");
  app.add_option("--stall-each", capacity.stall_each,
                 "Of so many requests one is served for --stall");
  app.add_option("--stall", stall, "How long that is");
  app.add_option("--name", capacity.name, "What X-Origin says in each answer");
  CLI11_PARSE(app, argc, argv);
  capacity.time = duration_of(time);
  capacity.stall = duration_of(stall);

  net::Loop loop;
  Origin origin(loop, std::move(capacity));
  const Interrupt interrupt(loop, [&origin]() noexcept { origin.end(); });
  fmt::print("{}\n", origin.listen(port));
  std::fflush(stdout);
  loop.run();
  fmt::print("{}\n", origin.account());
  return 0;
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  try {
    return weir::bench::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "weir-origin: {}\n", error.what());
    return 1;
  }
}
