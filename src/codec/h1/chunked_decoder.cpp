#include "codec/h1/chunked_decoder.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include "codec/h1/field_lines.hpp"
#include "codec/h1/scan.hpp"
#include "codec/h1/trailer_rules.hpp"
#include "weir/base/text.hpp"

namespace weir::codec::h1 {
namespace {

constexpr std::size_t most_digits = 16;
constexpr std::size_t most_padding = 64;
// Beyond it others count in signed numbers.
constexpr std::uint64_t largest_chunk = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t longest_extension = 256;
constexpr std::size_t most_extension_bytes = 16 * 1024;
constexpr FieldRules trailer_fields{.header_size = 8 * 1024, .header_count = 32, .line_size = 4096};

std::string_view without_white(std::string_view text) noexcept {
  return text.substr(std::min(text.find_first_not_of(" \t"), text.size()));
}

// What is behind the token that `text` begins with; nothing when it begins with none.
std::optional<std::string_view> behind_token(std::string_view text) noexcept {
  std::size_t size = 0;
  while (size < text.size() && is_token_char(text[size])) ++size;
  if (size == 0) return std::nullopt;
  return text.substr(size);
}

// As above, of a quoted string.
std::optional<std::string_view> behind_quotes(std::string_view text) noexcept {
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') return text.substr(i + 1);
    if (text[i] == '\\') ++i;
  }
  return std::nullopt;
}

// chunk-ext of RFC 9112 section 7.1.1: what begins a name or a quoted string ends it, too.
bool are_extensions(std::string_view text) noexcept {
  while (!text.empty()) {
    if (text.front() != ';') return false;
    auto rest = behind_token(without_white(text.substr(1)));
    if (!rest) return false;
    text = without_white(*rest);
    if (!text.starts_with('=')) continue;
    const std::string_view value = without_white(text.substr(1));
    rest = value.starts_with('"') ? behind_quotes(value) : behind_token(value);
    if (!rest) return false;
    text = without_white(*rest);
  }
  return true;
}

}  // namespace

std::expected<ChunkedDecoder::Step, std::string> ChunkedDecoder::next(std::string_view bytes) {
  Step step;
  while (state_ != State::done) {
    const std::string_view rest = bytes.substr(step.consumed);
    switch (state_) {
      case State::data: {
        if (rest.empty() || !step.data.empty()) return step;
        const auto size =
            static_cast<std::size_t>(std::min<std::uint64_t>(rest.size(), remaining_));
        step.data = rest.substr(0, size);
        step.consumed += size;
        remaining_ -= size;
        if (remaining_ != 0) return step;
        state_ = State::data_end;
        break;
      }
      case State::size:
      case State::data_end: {
        auto line = state_ == State::size ? read_size(rest) : read_data_end(rest);
        if (!line) {
          // The data comes first; the fault stays where it is and is found again.
          if (!step.data.empty()) return step;
          return std::unexpected(std::move(line.error()));
        }
        if (*line == 0) return step;
        step.consumed += *line;
        break;
      }
      case State::trailer: {
        // The empty line goes with the last data; fields wait for the next call.
        const bool at_end =
            rest.starts_with("\r\n") || (lenient_.bare_lf && rest.starts_with('\n'));
        if (!step.data.empty() && !at_end) return step;
        auto line = read_trailers(rest);
        if (!line) return std::unexpected(std::move(line.error()));
        step.consumed += *line;
        if (state_ != State::done) return step;
        break;
      }
      case State::done:
        break;
    }
  }
  return step;
}

std::expected<std::size_t, std::string> ChunkedDecoder::read_size(std::string_view bytes) {
  std::uint64_t size = 0;
  std::size_t i = 0;
  for (; i < bytes.size(); ++i) {
    const int digit = hex_value(bytes[i]);
    if (digit < 0) break;
    if (i == most_digits) return std::unexpected("a chunk size of more than 16 digits");
    size = size << 4 | static_cast<unsigned>(digit);
  }
  if (i == bytes.size()) return 0;
  if (i == 0) return std::unexpected("a chunk without a size");
  if (size > largest_chunk) return std::unexpected("a chunk size of 2^63 or more");

  if (bytes[i] == ' ' && lenient_.padded_chunk_size) {
    const std::size_t behind = bytes.find_first_not_of(' ', i);
    if (std::min(behind, bytes.size()) - i > most_padding) {
      return std::unexpected("too many spaces behind a chunk size");
    }
    if (behind == std::string_view::npos) return 0;
    i = behind;
    forgiven_.padded_chunk_size = true;
  }
  std::size_t extension = 0;
  if (bytes[i] == ';') {
    const std::size_t room = std::min(longest_extension, most_extension_bytes - extension_bytes_);
    const char* const from = bytes.data() + i;
    const char* const stop = skip_value(from, from + std::min(bytes.size() - i, room + 1));
    extension = static_cast<std::size_t>(stop - from);
    if (extension > room) return std::unexpected("chunk extensions too long");
    i += extension;
    if (i == bytes.size()) return 0;
  }
  const std::optional<std::size_t> end = line_end(bytes.substr(i));
  if (!end) {
    return std::unexpected(bytes[i] == '\n' ? "a chunk size line ends with a bare LF"
                           : bytes[i] == '\r'
                               ? "a bare CR in a chunk size line"
                               : "a byte after a chunk size that does not belong there");
  }
  if (*end == 0) return 0;
  if (extension != 0 && !are_extensions(bytes.substr(i - extension, extension))) {
    return std::unexpected("a malformed chunk extension");
  }
  extension_bytes_ += extension;
  remaining_ = size;
  state_ = size == 0 ? State::trailer : State::data;
  return i + *end;
}

std::optional<std::size_t> ChunkedDecoder::line_end(std::string_view bytes) noexcept {
  if (bytes.starts_with("\r\n")) return 2;
  if (bytes.empty() || bytes == "\r") return 0;
  if (!lenient_.bare_lf || !bytes.starts_with('\n')) return std::nullopt;
  forgiven_.bare_lf = true;
  return 1;
}

std::expected<std::size_t, std::string> ChunkedDecoder::read_data_end(std::string_view bytes) {
  const std::optional<std::size_t> end = line_end(bytes);
  if (!end) return std::unexpected("a chunk is longer than its size says");
  if (*end != 0) state_ = State::size;
  return *end;
}

std::expected<std::size_t, std::string> ChunkedDecoder::read_trailers(std::string_view bytes) {
  FieldRules rules = trailer_fields;
  rules.underscores = underscores_;
  rules.bare_lf = lenient_.bare_lf;
  auto end = read_field_lines(bytes, rules, trailer_at_, trailers_);
  if (!end) return std::unexpected("trailers: " + end.error().detail);
  const std::size_t consumed = trailer_at_.line;
  forgiven_.bare_lf = forgiven_.bare_lf || trailer_at_.bare_lf;
  if (*end) {
    trailers_.remove_if([](const HeaderMap::Field& field) { return !may_be_trailer(field); });
    state_ = State::done;
    return consumed;
  }
  // The next call starts behind what is consumed now.
  trailer_at_.line = 0;
  trailer_at_.scanned -= std::min(trailer_at_.scanned, consumed);
  trailer_at_.colon -= std::min(trailer_at_.colon, consumed);
  return consumed;
}

}  // namespace weir::codec::h1
