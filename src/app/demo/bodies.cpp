#include "app/demo/bodies.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "weir/net/loop.hpp"

namespace weir::app {
namespace {

constexpr Duration between_lines = std::chrono::milliseconds(200);

// Lines of 64 letters.
constexpr auto pattern = [] {
  std::array<char, 16384> out{};
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = i % 64 == 63 ? '\n' : static_cast<char>('a' + i % 64 % 26);
  }
  return out;
}();

}  // namespace

DemoPause::DemoPause(Exchange& exchange)
    : exchange_(exchange),
      waiter_(*exchange.connection.loop),
      before_(exchange.set_cancellable(this)) {
  if (exchange.cancelled()) waiter_.cancel();
}

DemoPause::~DemoPause() { exchange_.set_cancellable(before_); }

Task<bool> DemoPause::wait(Duration time) {
  co_await waiter_.wait(exchange_.connection.loop->now() + time);
  co_return waiter_.result() != net::Wake::cancelled;
}

void DemoPause::cancel(Reason) noexcept { waiter_.cancel(); }

Bytes DemoBytes::read_ready() noexcept {
  const std::size_t size = std::min<std::uint64_t>(left_, pattern.size());
  left_ -= size;
  return as_bytes({pattern.data(), size});
}

Task<Result<Bytes>> DemoLines::read() {
  if (complete()) co_return Bytes();
  if (told_ != 0) {
    const bool waited = co_await pause_.wait(between_lines);
    if (!waited) co_return fail(Reason::client_closed, Side::downstream, "the reader left");
  }
  ++told_;
  line_ = fmt::format("line {} of {}\n", told_, count_);
  co_return as_bytes(line_);
}

}  // namespace weir::app
