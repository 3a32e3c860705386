#include "app/demo/handler.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "app/demo/bodies.hpp"
#include "weir/base/text.hpp"
#include "weir/http/answer.hpp"
#include "weir/net/loop_of.hpp"
#include "weir/net/sleep.hpp"

namespace weir::app {
namespace {

constexpr Duration longest_delay = std::chrono::seconds(10);
constexpr std::uint64_t most_bytes = 1'000'000'000;
constexpr std::uint64_t most_lines = 100;
constexpr std::size_t most_echoed = 64 * 1024;

// What follows `prefix` as a number of at most `most`.
std::optional<std::uint64_t> number_after(std::string_view path, std::string_view prefix,
                                          std::uint64_t most) noexcept {
  if (!path.starts_with(prefix)) return std::nullopt;
  const auto number = parse_decimal(path.substr(prefix.size()));
  return number && *number <= most ? number : std::nullopt;
}

template <class Body>
Response streamed(Exchange& exchange, std::unique_ptr<Body> body) {
  Response response = simple_answer(200, {});
  response.body = &exchange.own(std::move(body));
  return response;
}

}  // namespace

std::optional<Duration> parse_delay(std::string_view text) noexcept {
  Duration unit = std::chrono::seconds(1);
  if (text.ends_with("ms")) {
    unit = std::chrono::milliseconds(1);
    text.remove_suffix(2);
  } else if (text.ends_with('s')) {
    text.remove_suffix(1);
  } else {
    return std::nullopt;
  }
  const auto number = parse_decimal(text);
  if (!number || *number > static_cast<std::uint64_t>(longest_delay / unit)) return std::nullopt;
  return unit * static_cast<Duration::rep>(*number);
}

Task<Response> DemoHandler::handle(Request& request, Exchange& exchange) {
  Response response = co_await answer(request, exchange);
  response.head.headers.add("x-backend", name_);
  co_return response;
}

Response DemoHandler::refuse(const Error& error, Exchange& exchange) {
  return problem(error, exchange.context.request_id());
}

Task<Response> DemoHandler::answer(Request& request, Exchange& exchange) {
  const std::string_view path = request.head.path;
  if (path == "/fail/on" || path == "/fail/off") {
    failing_ = path == "/fail/on";
    co_return simple_answer(
        200, fmt::format("{} {}\n", name_, failing_ ? "fails from now on" : "answers again"));
  }
  if (failing_) co_return simple_answer(503, fmt::format("{} fails\n", name_));
  if (path == "/") co_return simple_answer(200, fmt::format("hello from {}\n", name_));
  if (path == "/echo" || path.starts_with("/echo/")) co_return co_await echo(request, exchange);
  if (path.starts_with("/delay/")) {
    if (const auto delay = parse_delay(path.substr(7))) {
      net::Loop& loop = net::loop_of(exchange);
      co_await net::sleep_until(loop, loop.now() + *delay, &exchange.scope);
      co_return simple_answer(200, fmt::format("{} waited {}\n", name_, path.substr(7)));
    }
  }
  if (const auto status = number_after(path, "/status/", 599); status && *status >= 200) {
    const bool no_content = *status == 204 || *status == 304;
    co_return simple_answer(static_cast<int>(*status),
                            no_content ? "" : fmt::format("{} says {}\n", name_, *status));
  }
  if (const auto bytes = number_after(path, "/bytes/", most_bytes)) {
    co_return streamed(exchange, std::make_unique<DemoBytes>(*bytes));
  }
  if (const auto lines = number_after(path, "/stream/", most_lines)) {
    co_return streamed(exchange,
                       std::make_unique<DemoLines>(exchange, static_cast<unsigned>(*lines)));
  }
  co_return simple_answer(
      404, fmt::format("{} has / /echo /delay/250ms /status/503 /bytes/1000 /stream/5 /fail/on\n",
                       name_));
}

Task<Response> DemoHandler::echo(Request& request, Exchange& exchange) const {
  const RequestHead& head = request.head;
  std::string out = fmt::format("{} got {} {}\n", name_, head.method_text, head.target);
  for (const HeaderMap::Field& field : head.headers) {
    out += fmt::format("{}: {}\n", field.name, field.value);
  }
  out += '\n';
  std::size_t room = most_echoed;
  while (request.body != nullptr) {
    const auto piece = co_await request.body->read();
    if (!piece) co_return problem(piece.error(), exchange.context.request_id());
    if (piece->empty()) break;
    const std::string_view kept = as_text(*piece).substr(0, room);
    out += kept;
    room -= kept.size();
  }
  co_return simple_answer(200, std::move(out));
}

}  // namespace weir::app
