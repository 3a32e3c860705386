#include "codec/h1/field_lines.hpp"

#include <algorithm>
#include <cstring>

#include "codec/h1/scan.hpp"
#include "weir/base/text.hpp"

namespace weir::codec::h1 {
namespace {

constexpr std::size_t field_overhead = 32;

[[gnu::cold]] std::unexpected<Refusal> refuse_name(Reason reason, std::string_view line,
                                                   std::size_t bad) {
  const char c = line[bad];
  if (bad == 0 && (c == ' ' || c == '\t')) {
    return refuse(reason, "a line starts with white space: folded fields are not accepted");
  }
  if (c == '\n') return refuse(reason, "a line of the head ends with a bare LF");
  if (c == '\r') return refuse(reason, "a field line has no colon");
  if (c == ':') return refuse(reason, "a field has no name");
  if (c == ' ' || c == '\t') {
    return refuse(reason, "white space in or after the field name " + quoted(line.substr(0, bad)));
  }
  return refuse(reason, "not a field name: " + quoted(line.substr(0, bad + 1)));
}

[[gnu::cold]] std::unexpected<Refusal> refuse_value(Reason reason, std::string_view name, char c) {
  const std::string field = "the value of field " + quoted(name);
  if (c == '\n') return refuse(reason, field + " ends with a bare LF");
  return refuse(reason, field + " holds the control character " + quoted({&c, 1}));
}

bool is_white(char c) noexcept { return c == ' ' || c == '\t'; }

// trim(), for the usual one space in front.
std::string_view without_white_space(std::string_view raw) noexcept {
  if (!raw.empty() && raw.front() == ' ') raw.remove_prefix(1);
  if (!raw.empty() && (is_white(raw.front()) || is_white(raw.back()))) return trim(raw);
  return raw;
}

bool are(const char* two, char first, char second) noexcept {
  return two[0] == first && two[1] == second;
}

// Where the lines are copied to from `from` on, before they are copied.
struct Copy {
  const char* from;
  const char* to;
  std::string_view of(std::string_view text) const noexcept {
    return {to + (text.data() - from), text.size()};
  }
};

// Takes the lines that are all usual: a name of letters and '-', one space, a value without white
// space around it, CR LF, all of it there and within the limits. Stops before any other, as if
// nothing of that had been looked at.
void read_usual_lines(std::string_view bytes, const FieldRules& rules, HeadProgress& at,
                      const Copy& copy, HeaderMap& out) {
  const char* const end = bytes.data() + bytes.size();
  const char* line = bytes.data() + at.line;
  std::size_t room = rules.header_size - std::min(at.size, rules.header_size);
  std::size_t fields = rules.header_count - std::min(at.count, rules.header_count);
  for (; fields != 0; --fields) {
    const char* const colon = skip_letters(line, end);
    if (end - colon < 4 || colon == line || !are(colon, ':', ' ')) break;
    const char* const value = colon + 2;
    const char* const cr = skip_value(value, end, bytes.data());
    if (end - cr < 2 || !are(cr, '\r', '\n')) break;
    if (cr != value && (is_white(*value) || is_white(cr[-1]))) break;
    const auto length = static_cast<std::size_t>(cr - line);
    if (length > rules.line_size || length + field_overhead > room) break;
    const std::string_view name(line, static_cast<std::size_t>(colon - line));
    const FieldId id = field_id_of_wide_token(name);
    if (id == FieldId::transfer_encoding) break;
    out.add_line(id, copy.of(name), copy.of({value, static_cast<std::size_t>(cr - value)}));
    room -= length + field_overhead;
    at.size += length + field_overhead;
    ++at.count;
    line = cr + 2;
  }
  at.line = at.scanned = static_cast<std::size_t>(line - bytes.data());
}

std::expected<bool, Refusal> read_lines(std::string_view bytes, const FieldRules& rules,
                                        HeadProgress& at, const Copy& copy, HeaderMap& out) {
  const char* const begin = bytes.data();
  const char* const end = begin + bytes.size();
  const auto offset = [begin](const char* p) { return static_cast<std::size_t>(p - begin); };
  while (at.line != bytes.size()) {
    if (at.scanned == at.line) read_usual_lines(bytes, rules, at, copy, out);
    if (at.line == bytes.size()) break;
    const char* const line = begin + at.line;
    if (*line == '\n' && rules.bare_lf) {
      at.scanned = ++at.line;
      return at.bare_lf = true;
    }
    if (*line == '\r') {
      if (line + 1 == end) return false;
      if (line[1] != '\n') return refuse(rules.malformed, "a bare CR in the head");
      at.line += 2;
      at.scanned = at.line;
      return true;
    }
    if (at.count >= rules.header_count) return refuse(rules.too_large, "too many headers");
    if (rules.header_size < at.size + field_overhead) {
      return refuse(rules.too_large, "the headers are too large");
    }
    // The CR may stand at the cap, nothing else.
    const std::size_t room =
        std::min(rules.header_size - at.size - field_overhead, rules.line_size);
    const char* const cap = static_cast<std::size_t>(end - line) > room ? line + room : end;

    const char* p = begin + std::max(at.scanned, at.line);
    if (at.colon == 0) {
      p = skip_name(p, cap, at.name_classes_seen);
      at.scanned = offset(p);
      if (p == end) return false;
      if (p == cap) return refuse(rules.too_large, "the headers are too large");
      if (*p != ':' || p == line) {
        return refuse_name(rules.malformed, bytes.substr(at.line), offset(p) - at.line);
      }
      if ((at.name_classes_seen & underscore_char) != 0 &&
          rules.underscores == Underscores::reject) {
        return refuse(rules.malformed,
                      underscore_detail({line, static_cast<std::size_t>(p - line)}));
      }
      at.colon = offset(p);
      ++p;
    }

    p = skip_value(p, cap);
    at.scanned = offset(p);
    if (p == end) return false;
    const std::string_view name(line, at.colon - at.line);
    const bool bare_lf = *p == '\n' && rules.bare_lf;
    if (*p != '\r' && !bare_lf) {
      if (p == cap) {
        return refuse(rules.too_large, "the headers are too large, from " + quoted(name) + " on");
      }
      return refuse_value(rules.malformed, name, *p);
    }
    if (!bare_lf && p + 1 == end) return false;
    if (!bare_lf && p[1] != '\n') {
      return refuse(rules.malformed, "a bare CR in the value of field " + quoted(name));
    }
    at.bare_lf = at.bare_lf || bare_lf;

    const std::string_view raw(begin + at.colon + 1,
                               static_cast<std::size_t>(p - begin) - at.colon - 1);
    const FieldId id = field_id_of_token(name);
    // White space, strictly, but the one place where a tab only ever stood to deceive.
    if (id == FieldId::transfer_encoding && raw.find('\t') != std::string_view::npos) {
      return refuse(rules.malformed, "a tab in Transfer-Encoding");
    }
    if ((at.name_classes_seen & underscore_char) == 0 || rules.underscores != Underscores::drop) {
      out.add_view(id, copy.of(name), copy.of(without_white_space(raw)));
    }
    at.size += static_cast<std::size_t>(p - line) + field_overhead;
    ++at.count;
    at.line = offset(p) + (bare_lf ? 1 : 2);
    at.scanned = at.line;
    at.colon = 0;
    at.name_classes_seen = 0;
  }
  return false;
}

}  // namespace

std::expected<bool, Refusal> read_field_lines(std::string_view bytes, const FieldRules& rules,
                                              HeadProgress& at, HeaderMap& out) {
  // A head and what may stand behind it: more is not made room for at once.
  constexpr std::size_t most_prepared = 2048;
  const char* const from = bytes.data() + at.line;
  const std::size_t there = bytes.size() - at.line;
  const std::size_t first = out.size();
  const bool prepared = there <= most_prepared;
  const Copy copy{from, prepared ? out.arena().prepare(there) : from};
  auto result = read_lines(bytes, rules, at, copy, out);
  if (out.size() != first) {
    const auto used = static_cast<std::size_t>(bytes.data() + at.line - from);
    const std::string_view own = out.arena().copy({from, used});
    if (!prepared) out.relocate(first, from, own.data());
  }
  return result;
}

std::string quoted(std::string_view text) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  constexpr std::size_t longest = 64;
  std::string out = "'";
  for (const char c : text.substr(0, longest)) {
    if (c >= 0x20 && c < 0x7F && c != '\'' && c != '\\') {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += "\\x";
      out += hex[byte >> 4];
      out += hex[byte & 15];
    }
  }
  out += text.size() > longest ? "...'" : "'";
  return out;
}

std::string underscore_detail(std::string_view name) {
  constexpr std::size_t longest = 64;
  std::string out = "field name has an underscore: ";
  out += name.substr(0, longest);
  out += name.size() > longest ? "... (limits.underscores)" : " (limits.underscores)";
  return out;
}

[[gnu::cold]] std::unexpected<Refusal> refuse(Reason reason, std::string detail) {
  return std::unexpected<Refusal>(Refusal{reason, std::move(detail)});
}

}  // namespace weir::codec::h1
