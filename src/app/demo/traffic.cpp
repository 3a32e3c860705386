#include "app/demo/traffic.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <exception>
#include <string_view>
#include <utility>

namespace weir::app {
namespace {

using Protocol = asio::generic::stream_protocol;

constexpr auto between_ticks = std::chrono::milliseconds(250);
constexpr std::size_t ticks_a_request = 2;
constexpr std::size_t most_under_way = 8;
constexpr auto patience = std::chrono::seconds(10);

struct Step {
  std::string_view path;
  std::string_view field;  // {} is the token
};

constexpr std::string_view always_v2 = "x-canary: always";
constexpr std::array<Step, 20> steps{{
    {"/", ""},
    {"/", ""},
    {"/echo/hello", "x-version: 2"},
    {"/", ""},
    {"/account", "Authorization: Bearer {}"},
    {"/", ""},
    {"/delay/120ms", ""},
    {"/", ""},
    {"/old/page", ""},
    {"/", always_v2},
    {"/ping", ""},
    {"/", ""},
    {"/account", ""},  // without a token
    {"/", ""},
    {"/private", "Authorization: Basic ZGVtbzpkZW1v"},
    {"/", ""},
    {"/status/404", ""},
    {"/", always_v2},
    {"/office", ""},
    {"/", ""},
}};

std::string request_text(std::string_view path, std::string_view field) {
  return fmt::format(
      "GET {} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: weir-demo\r\nConnection: "
      "close\r\n{}{}\r\n",
      path, field, field.empty() ? "" : "\r\n");
}

// Where a socket that listens on all addresses is reached.
SocketAddress reachable(const SocketAddress& address) {
  if (address.is_unix() || !address.ip().is_unspecified()) return address;
  return *SocketAddress::parse(
      fmt::format("{}:{}", address.ip().is_v4() ? "127.0.0.1" : "[::1]", address.port()));
}

}  // namespace

DemoTraffic::DemoTraffic(asio::io_context& io, SocketAddress gateway, std::string token)
    : io_(io), gateway_(reachable(gateway)), token_(std::move(token)), timer_(io) {}

void DemoTraffic::tick() {
  const bool asks_v2 = Clock::now() < ask_v2_until_;
  if (on_ && ticks_++ % ticks_a_request == 0) {
    const Step& step = steps[next_++ % steps.size()];
    send(request_text(step.path, fmt::format(fmt::runtime(step.field), token_)));
  }
  if (asks_v2) send(request_text("/", always_v2));
  timer_.expires_after(between_ticks);
  timer_.async_wait([this](boost::system::error_code error) {
    if (!error) tick();
  });
}

void DemoTraffic::send(std::string request) {
  if (under_way_ == most_under_way) return;
  ++under_way_;
  asio::co_spawn(io_, exchange(std::move(request)),
                 [this](const std::exception_ptr&) { --under_way_; });
}

// The answer is read to its end and not looked at: the access log tells of it.
asio::awaitable<void> DemoTraffic::exchange(std::string request) const {
  using namespace asio::experimental::awaitable_operators;
  const auto talk = [](SocketAddress address, std::string text) -> asio::awaitable<void> {
    Protocol::socket socket(co_await asio::this_coro::executor);
    sockaddr_storage storage;
    const socklen_t length = address.to_sockaddr(storage);
    co_await socket.async_connect(Protocol::endpoint(&storage, length), asio::use_awaitable);
    co_await asio::async_write(socket, asio::buffer(text), asio::use_awaitable);
    std::array<char, 4096> scrap;
    boost::system::error_code error;
    while (!error) {
      co_await socket.async_read_some(asio::buffer(scrap),
                                      asio::redirect_error(asio::use_awaitable, error));
    }
  };
  asio::steady_timer deadline(co_await asio::this_coro::executor);
  deadline.expires_after(patience);
  co_await (talk(gateway_, std::move(request)) || deadline.async_wait(asio::use_awaitable));
}

}  // namespace weir::app
