#include "weir/codec/preface.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "weir/http/body.hpp"

namespace weir::codec {
namespace {

constexpr std::string_view h2_preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr Duration drain_idle = std::chrono::seconds(1);

}  // namespace

Task<Preface> recognise(net::Stream& stream, Duration patience, const bool& draining) {
  const TimePoint since = stream.loop().now();
  std::array<std::byte, h2_preface.size()> bytes;
  while (true) {
    const Deadline until =
        deadline_after(since, draining ? std::min(patience, drain_idle) : patience);
    const net::Io ready = co_await stream.wait_readable(until);
    if (ready != net::Io::ok) co_return Preface::nothing;
    if (!stream.readable()) {
      if (stream.loop().now() >= until) co_return Preface::nothing;
      continue;
    }
    const net::IoResult seen = stream.try_peek(bytes);
    if (seen.status == net::Io::would_block) continue;
    if (seen.status != net::Io::ok) co_return Preface::nothing;
    const std::string_view text = as_text(std::span(bytes).first(seen.bytes));
    if (text != h2_preface.substr(0, text.size())) co_return Preface::http1;
    if (text.size() == h2_preface.size()) co_return Preface::h2;
    // The HTTP/1 parser says what is wrong with half a preface.
    if (stream.peer_closed()) co_return Preface::http1;
    stream.await_more();
  }
}

}  // namespace weir::codec
