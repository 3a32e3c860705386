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

// trim(), for the usual one space in front.
std::string_view without_white_space(std::string_view raw) noexcept {
  const auto is_white = [](char c) { return c == ' ' || c == '\t'; };
  if (!raw.empty() && raw.front() == ' ') raw.remove_prefix(1);
  if (!raw.empty() && (is_white(raw.front()) || is_white(raw.back()))) return trim(raw);
  return raw;
}

std::expected<bool, Refusal> read_lines(std::string_view bytes, const FieldRules& rules,
                                        HeadProgress& at, HeaderMap& out) {
  const char* const begin = bytes.data();
  const char* const end = begin + bytes.size();
  const auto offset = [begin](const char* p) { return static_cast<std::size_t>(p - begin); };
  while (at.line != bytes.size()) {
    const char* const line = begin + at.line;
    if (*line == '\r') {
      if (line + 1 == end) return false;
      if (line[1] != '\n') return refuse(rules.malformed, "a bare CR in the head");
      at.line += 2;
      at.scanned = at.line;
      return true;
    }
    if (at.count >= rules.header_count) return refuse(rules.too_large, "too many fields");
    if (rules.header_size < at.size + field_overhead) {
      return refuse(rules.too_large, "the fields are too large");
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
      if (p == cap) return refuse(rules.too_large, "the fields are too large");
      if (*p != ':' || p == line) {
        return refuse_name(rules.malformed, bytes.substr(at.line), offset(p) - at.line);
      }
      if ((at.name_classes_seen & underscore_char) != 0 &&
          rules.underscores == Underscores::reject) {
        return refuse(rules.malformed, "field name with an underscore: " +
                                           quoted({line, static_cast<std::size_t>(p - line)}));
      }
      at.colon = offset(p);
      ++p;
    }

    p = skip_value(p, cap);
    at.scanned = offset(p);
    if (p == end) return false;
    const std::string_view name(line, at.colon - at.line);
    if (*p != '\r') {
      if (p == cap) {
        return refuse(rules.too_large, "the fields are too large, from " + quoted(name) + " on");
      }
      return refuse_value(rules.malformed, name, *p);
    }
    if (p + 1 == end) return false;
    if (p[1] != '\n') {
      return refuse(rules.malformed, "a bare CR in the value of field " + quoted(name));
    }

    const std::string_view raw(begin + at.colon + 1,
                               static_cast<std::size_t>(p - begin) - at.colon - 1);
    const FieldId id = field_id(name);
    // White space, strictly, but the one place where a tab only ever stood to deceive.
    if (id == FieldId::transfer_encoding && raw.find('\t') != std::string_view::npos) {
      return refuse(rules.malformed, "a tab in Transfer-Encoding");
    }
    if ((at.name_classes_seen & underscore_char) == 0 || rules.underscores != Underscores::drop) {
      out.add_view(id, name, without_white_space(raw));
    }
    at.size += static_cast<std::size_t>(p - line) + field_overhead;
    ++at.count;
    at.line = offset(p) + 2;
    at.scanned = at.line;
    at.colon = 0;
    at.name_classes_seen = 0;
  }
  return false;
}

}  // namespace

std::expected<bool, Refusal> read_field_lines(std::string_view bytes, const FieldRules& rules,
                                              HeadProgress& at, HeaderMap& out) {
  const std::size_t from = at.line;
  const std::size_t first = out.size();
  auto result = read_lines(bytes, rules, at, out);
  if (out.size() != first) {
    const std::string_view own = out.arena().copy(bytes.substr(from, at.line - from));
    out.relocate(first, bytes.data() + from, own.data());
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

[[gnu::cold]] std::unexpected<Refusal> refuse(Reason reason, std::string detail) {
  return std::unexpected<Refusal>(Refusal{reason, std::move(detail)});
}

}  // namespace weir::codec::h1
