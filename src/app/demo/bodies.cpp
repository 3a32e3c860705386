#include "app/demo/bodies.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "weir/net/sleep.hpp"

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

Bytes DemoBytes::read_ready() noexcept {
  const std::size_t size = std::min<std::uint64_t>(left_, pattern.size());
  left_ -= size;
  return as_bytes({pattern.data(), size});
}

Task<Result<Bytes>> DemoLines::read() {
  if (complete()) co_return Bytes();
  if (told_ != 0) {
    const bool waited = co_await net::sleep_until(loop_, loop_.now() + between_lines, &scope_);
    if (!waited) co_return fail(Reason::client_closed, Side::downstream, "the reader left");
  }
  ++told_;
  line_ = fmt::format("line {} of {}\n", told_, count_);
  co_return as_bytes(line_);
}

}  // namespace weir::app
