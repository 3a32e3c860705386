#include "server/plain_http.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <string>
#include <string_view>

#include "weir/codec/linger.hpp"
#include "weir/http/body.hpp"
#include "weir/http/date.hpp"

namespace weir::server {
namespace {

// Longer than the methods that have a name; what is longer is none.
constexpr std::size_t longest_method = 20;
constexpr std::string_view text =
    "This port speaks HTTPS, but the request is plain HTTP. Use https:// instead.\n";

bool is_upper(char c) noexcept { return c >= 'A' && c <= 'Z'; }

}  // namespace

Task<bool> speaks_plain_http(net::Stream& stream, Deadline until) {
  std::array<std::byte, longest_method + 1> bytes;
  while (co_await stream.wait_readable(until) == net::Io::ok) {
    const net::IoResult seen = stream.try_peek(bytes);
    if (seen.status == net::Io::would_block) continue;
    if (seen.status != net::Io::ok) co_return false;
    const std::string_view begins = as_text(std::span(bytes).first(seen.bytes));
    // No TLS record begins with a letter.
    const auto end = std::ranges::find_if_not(
        begins, [](char c) { return is_upper(c) || c == '-' || c == '_'; });
    if (!is_upper(begins.front())) co_return false;
    const std::string_view method(begins.begin(), end);
    // PRI begins the preface of HTTP/2, whose clients would not understand the answer.
    if (end != begins.end()) co_return *end == ' ' && method != "PRI";
    if (begins.size() == bytes.size() || stream.peer_closed()) co_return false;
    stream.await_more();
  }
  co_return false;
}

Task<> refuse_plain_http(net::Stream& stream) {
  std::array<std::byte, 5> bytes;
  const net::IoResult seen = stream.try_peek(bytes);
  const bool head = as_text(std::span(bytes).first(seen.bytes)) == "HEAD ";
  std::string answer = "HTTP/1.1 400 Bad Request\r\nDate: ";
  answer += http_date(std::time(nullptr));
  answer += "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ";
  answer += std::to_string(text.size());
  answer += "\r\nConnection: close\r\n\r\n";
  if (!head) answer += text;
  const iovec piece{answer.data(), answer.size()};
  // A fresh socket takes it whole.
  if (stream.try_write({&piece, 1}).status != net::Io::ok) co_return;
  co_await codec::linger(stream);
}

}  // namespace weir::server
