// A server's HTTP/2 connection: whatever a client sends behind the preface, every request is
// completed once and the connection ends when the client leaves.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "weir/codec/h2/server_connection.hpp"
#include "weir/http/answer.hpp"
#include "weir/net/loop.hpp"
#include "weir/net/task_group.hpp"

namespace {

using namespace weir;

constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// Echoes what there is of the content.
class Echo final : public ServerHandler {
 public:
  Task<Response> handle(Request& request, Exchange&) override {
    ++open;
    std::string content;
    while (request.body != nullptr) {
      const auto piece = co_await request.body->read();
      if (!piece || piece->empty()) break;
      content += as_text(*piece);
    }
    co_return simple_answer(200, std::move(content));
  }
  Response refuse(const Error& error, Exchange&) override {
    ++open;
    return problem(error, "");
  }
  // refuse() may follow a handle() of the same exchange.
  void completed(const Request&, Exchange&, const Outcome&) noexcept override { ++completions; }

  int open = 0;
  int completions = 0;
};

Task<> talk(net::Loop& loop, int fd, Echo& handler) {
  ConnectionInfo info;
  info.loop = &loop;
  const config::Limits limits;
  const auto connection = codec::h2::make_server_connection(std::make_unique<net::Stream>(loop, fd),
                                                            info, limits, handler);
  co_await connection->run();
  loop.stop();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) return 0;
  // What the kernel does not take of it does not matter.
  [[maybe_unused]] ssize_t sent = ::write(ends[1], preface.data(), preface.size());
  sent = ::write(ends[1], data, size);
  ::shutdown(ends[1], SHUT_WR);
  Echo handler;
  {
    net::Loop loop;
    net::TaskGroup group(loop);
    group.spawn(talk(loop, ends[0], handler));
    loop.run();
    if (group.size() != 0) std::abort();
  }
  ::close(ends[1]);
  if (handler.completions > handler.open) std::abort();
  return 0;
}
