// What may be written to a terminal: colours where they are wanted, and no byte that it would obey.
// Pure but for asking the system what a descriptor is; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir::app {

bool is_terminal(int fd) noexcept;
// Whether what is written to `fd` should be coloured: it is a terminal, TERM is not "dumb", and
// NO_COLOR is unset or empty (https://no-color.org).
bool wants_colour(int fd) noexcept;

// Columns of the terminal that `fd` is; 0 when it is none or nobody knows.
std::size_t columns_of(int fd) noexcept;

enum class Style : std::uint8_t { plain, bold, dim, red, green, yellow, blue, cyan };

// Puts styles around texts, or leaves them as they are.
class Paint {
 public:
  explicit Paint(bool coloured) noexcept : coloured_(coloured) {}
  // For what is written to `fd`.
  static Paint for_fd(int fd) noexcept { return Paint(wants_colour(fd)); }

  bool coloured() const noexcept { return coloured_; }
  std::string operator()(Style style, std::string_view text) const;

 private:
  bool coloured_;
};

// `text` with '?' for every control character (C0, DEL, C1) and every byte that is not UTF-8: what
// came from elsewhere cannot move the cursor or change colours.
std::string printable(std::string_view text);
// Columns that a printable text takes, one for each character.
std::size_t width_of(std::string_view text) noexcept;

}  // namespace weir::app
