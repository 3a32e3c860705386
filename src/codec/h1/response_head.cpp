#include <algorithm>

#include "codec/h1/field_lines.hpp"
#include "codec/h1/head_parser.hpp"
#include "codec/h1/message_rules.hpp"
#include "codec/h1/scan.hpp"
#include "weir/base/text.hpp"

namespace weir::codec::h1 {
namespace {

constexpr std::size_t default_count = 1000;
// 'd' stands for a digit, 'v' for 0 or 1.
constexpr std::string_view status_line = "HTTP/1.v ddd";
constexpr std::size_t status_at = 9;

bool fits(char c, char pattern) noexcept {
  if (pattern == 'd') return is_digit(c);
  if (pattern == 'v') return c == '0' || c == '1';
  return c == pattern;
}

std::unexpected<Refusal> refuse_answer(std::string detail) {
  return refuse(Reason::upstream_bad_response, std::move(detail));
}

std::expected<void, Refusal> decide_response(ResponseHead& head, Method method) {
  FramingFields framing;
  ConnectionOptions connection;
  for (const HeaderMap::Field& field : head.headers) {
    switch (field.id) {
      case FieldId::content_length:
        framing.content_length = field.value;
        ++framing.content_lengths;
        break;
      case FieldId::transfer_encoding:
        framing.transfer_encoding = field.value;
        ++framing.transfer_encodings;
        break;
      case FieldId::connection:
        if (!add_connection_options(field.value, connection)) {
          return refuse_answer("malformed Connection, or too many names in it");
        }
        break;
      default:
        break;
    }
  }
  auto content = decide_content(framing, head.version);
  if (!content) return refuse_answer(std::move(content.error().detail));
  head.keep_alive = connection.persistent(head.version);
  head.framing = Framing::none;
  head.content_length = 0;

  // RFC 9112 section 6.3: rules 1 to 4 come before the fields.
  const bool never_content = head.status < 200 || head.status == 204;
  if (never_content && framing.transfer_encodings != 0) {
    return refuse_answer("Transfer-Encoding in an answer that cannot have content");
  }
  if (never_content || head.status == 304 || method == Method::head) return {};
  head.framing = content->framing;
  head.content_length = content->length;
  if (head.framing == Framing::none) {
    head.framing = Framing::until_close;
    head.keep_alive = false;
  }
  return {};
}

}  // namespace

Consumed ResponseHeadParser::parse(std::string_view bytes, ResponseHead& head) {
  if (!at_.start_line_done) {
    auto line = read_status_line(bytes, head);
    if (!line) return std::unexpected(std::move(line.error()));
    if (!*line) return 0;
  }
  const FieldRules rules{
      .header_size = limits_.header_size,
      .header_count = limits_.header_count != 0 ? limits_.header_count : default_count,
      .bare_lf = limits_.bare_lf,
      .malformed = Reason::upstream_bad_response,
      .too_large = Reason::upstream_headers_too_large};
  auto fields = read_field_lines(bytes, rules, at_, head.headers);
  if (!fields) return std::unexpected(std::move(fields.error()));
  if (!*fields) return 0;
  if (auto decided = decide_response(head, method_); !decided) {
    return std::unexpected(std::move(decided.error()));
  }
  return at_.line;
}

std::expected<bool, Refusal> ResponseHeadParser::read_status_line(std::string_view bytes,
                                                                  ResponseHead& head) {
  constexpr std::string_view usual = "HTTP/1.1 200 OK\r\n";
  if (at_.scanned == 0 && usual.size() - 2 + line_overhead <= limits_.header_size &&
      bytes.starts_with(usual)) {
    head.headers.clear();
    head.status = 200;
    head.version = Version::http11;
    head.phrase = "OK";
    at_.size = usual.size() - 2 + line_overhead;
    at_.line = at_.scanned = usual.size();
    at_.start_line_done = true;
    return true;
  }
  const char* const line = bytes.data();
  const char* const end = line + bytes.size();
  for (std::size_t i = 0; i < std::min(bytes.size(), status_line.size()); ++i) {
    if (!fits(line[i], status_line[i])) {
      return refuse_answer("malformed status line: " + quoted(bytes.substr(0, i + 1)));
    }
  }
  if (bytes.size() <= status_line.size()) return false;

  const char* phrase = line + status_line.size();
  if (*phrase == ' ') {
    ++phrase;
  } else if (*phrase != '\r' && (*phrase != '\n' || !limits_.bare_lf)) {
    return refuse_answer("malformed status line: " +
                         quoted(bytes.substr(0, status_line.size() + 1)));
  }
  const std::size_t room =
      limits_.header_size > line_overhead ? limits_.header_size - line_overhead : 0;
  const char* const cap = bytes.size() > room ? line + room : end;
  const char* const from = std::max(phrase, line + at_.scanned);
  const char* const stop = from < cap ? skip_value(from, cap) : from;
  at_.scanned = static_cast<std::size_t>(stop - line);
  if (stop == end) return false;
  const bool bare_lf = *stop == '\n' && limits_.bare_lf;
  if (*stop != '\r' && !bare_lf) {
    if (stop >= cap)
      return refuse(Reason::upstream_headers_too_large, "the status line is too long");
    return refuse_answer("a control character in the status line");
  }
  if (!bare_lf && stop + 1 == end) return false;
  if (!bare_lf && stop[1] != '\n') return refuse_answer("a bare CR in the status line");
  at_.bare_lf = bare_lf;

  const int status = (line[status_at] - '0') * 100 + (line[status_at + 1] - '0') * 10 +
                     (line[status_at + 2] - '0');
  if (status < 100 || status > 599) {
    return refuse_answer("status " + quoted(bytes.substr(status_at, 3)));
  }
  const auto size = static_cast<std::size_t>(stop - line);
  head.headers.clear();
  head.status = status;
  head.version = line[7] == '1' ? Version::http11 : Version::http10;
  head.phrase = head.headers.arena().copy({phrase, static_cast<std::size_t>(stop - phrase)});
  at_.size = size + line_overhead;
  at_.line = size + (bare_lf ? 1 : 2);
  at_.scanned = at_.line;
  at_.start_line_done = true;
  return true;
}

}  // namespace weir::codec::h1
