// What an upstream may send on an HTTP/2 connection: two requests are made, its bytes come in, and
// whatever they are, both requests end.
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "weir/codec/h2/client_connection.hpp"
#include "weir/http/exchange.hpp"
#include "weir/net/loop.hpp"
#include "weir/net/task_group.hpp"

namespace weir {
namespace {

constexpr std::size_t most_input = 64 * 1024;
constexpr std::size_t header_size = 4096;

class Ends final : public codec::ClientExchange::Owner {
 public:
  void answer_ended(bool) noexcept override {
    if (ended_) std::abort();
    ended_ = true;
  }

 private:
  bool ended_ = false;
};

Task<> read_answer(net::Loop& loop, codec::ClientExchange& client) {
  ResponseHead head;
  while (true) {
    const Result<bool> taken = client.take_head(head);
    if (!taken) co_return;
    if (*taken && head.status >= 200) break;
    if (*taken) continue;
    const net::Io more = co_await client.wait_more(loop.now() + std::chrono::seconds(20));
    if (more == net::Io::timeout) std::abort();
  }
  while (true) {
    const auto piece = co_await client.read();
    if (!piece || piece->empty()) co_return;
  }
}

Task<> talk(net::Loop& loop, Bytes input) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    std::abort();
  }
  const auto connection = codec::h2::make_client_connection(
      std::make_unique<net::Stream>(loop, ends[0]), {.header_size = header_size});
  RequestHead head;
  head.method_text = "GET";
  head.path = "/";
  head.authority = "a";
  TransferClock clock;
  const CancelScope scope;
  Ends first_end;
  Ends second_end;
  const auto first = connection->begin(clock, scope, first_end, Method::get, header_size);
  const auto second = connection->begin(clock, scope, second_end, Method::head, header_size);
  std::ignore = first->send_head(head, {}, true);
  std::ignore = second->send_head(head, {}, true);
  if (::send(ends[1], input.data(), input.size(), MSG_NOSIGNAL) < 0 && !input.empty()) std::abort();
  ::shutdown(ends[1], SHUT_WR);
  co_await read_answer(loop, *first);
  co_await read_answer(loop, *second);
  ::close(ends[1]);
}

Task<> talk_and_stop(net::Loop& loop, Bytes input) {
  co_await talk(loop, input);
  loop.stop();
}

}  // namespace
}  // namespace weir

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const weir::Bytes input{reinterpret_cast<const std::byte*>(data),
                          std::min(size, weir::most_input)};
  weir::net::Loop loop;
  weir::net::TaskGroup group(loop);
  group.spawn(weir::talk_and_stop(loop, input));
  loop.run();
  return 0;
}
