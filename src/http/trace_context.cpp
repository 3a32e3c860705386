#include "weir/http/trace_context.hpp"

#include <algorithm>

#include "weir/base/chance.hpp"
#include "weir/base/text.hpp"
#include "weir/http/forwarded.hpp"

namespace weir {
namespace {

constexpr std::string_view b3_single = "b3";
constexpr std::string_view b3_prefix = "x-b3-";
constexpr std::size_t most_state_members = 32;
constexpr std::size_t longest_state_key = 256;

// Lower case alone, as all these formats have it.
std::optional<std::uint64_t> parse_half(std::string_view text) noexcept {
  std::uint64_t out = 0;
  for (const char c : text) {
    if (!is_digit(c) && !(c >= 'a' && c <= 'f')) return std::nullopt;
    out = out << 4 | static_cast<std::uint64_t>(is_digit(c) ? c - '0' : c - 'a' + 10);
  }
  return out;
}

std::optional<SpanId> parse_span_id(std::string_view text) noexcept {
  if (text.size() != 16) return std::nullopt;
  const auto id = parse_half(text);
  return id && *id != 0 ? id : std::nullopt;
}

std::optional<TraceId> parse_trace_id(std::string_view text) noexcept {
  if (text.size() != 32 && text.size() != 16) return std::nullopt;
  const auto high = parse_half(text.substr(0, text.size() - 16));
  const auto low = parse_half(text.substr(text.size() - 16));
  if (!high || !low) return std::nullopt;
  const TraceId id{*high, *low};
  return id ? std::optional(id) : std::nullopt;
}

// A debug flag asks for the spans, too.
std::optional<bool> parse_decision(std::string_view text) noexcept {
  if (text == "1" || text == "d" || text == "true") return true;
  if (text == "0" || text == "false") return false;
  return std::nullopt;
}

void put_hex(std::uint64_t value, char* out) noexcept {
  constexpr std::string_view digits = "0123456789abcdef";
  for (int i = 15; i >= 0; --i, value >>= 4) out[i] = digits[value & 15];
}

// The text up to the next '-', which goes from `rest`, too.
std::string_view next_part(std::string_view& rest) noexcept {
  const std::size_t dash = rest.find('-');
  const std::string_view part = rest.substr(0, dash);
  rest = dash == std::string_view::npos ? std::string_view() : rest.substr(dash + 1);
  return part;
}

bool is_b3_name(std::string_view name) noexcept {
  return iequals(name, b3_single) || istarts_with(name, b3_prefix);
}

// What the fields of B3 say, one value each.
struct B3Values {
  std::string_view single, trace, span, sampled, flags;
  bool any_multi = false;
  bool twice = false;

  void take(std::string_view name, std::string_view value) noexcept {
    if (iequals(name, b3_single)) return put(single, value);
    const std::string_view rest = name.substr(b3_prefix.size());
    if (iequals(rest, "traceid")) return put_multi(trace, value);
    if (iequals(rest, "spanid")) return put_multi(span, value);
    if (iequals(rest, "sampled")) return put_multi(sampled, value);
    if (iequals(rest, "flags")) return put_multi(flags, value);
  }

 private:
  void put(std::string_view& at, std::string_view value) noexcept {
    twice = twice || !at.empty();
    at = value;
  }
  void put_multi(std::string_view& at, std::string_view value) noexcept {
    any_multi = true;
    put(at, value);
  }
};

std::optional<TraceParent> parse_multi(const B3Values& values) noexcept {
  TraceParent out{.trace = {}, .span = 0, .sampled = parse_decision(values.sampled)};
  if (values.flags == "1") out.sampled = true;
  if (values.trace.empty() && values.span.empty()) {
    return out.sampled ? std::optional(out) : std::nullopt;
  }
  const auto trace = parse_trace_id(values.trace);
  const auto span = parse_span_id(values.span);
  if (!trace || !span) return std::nullopt;
  out.trace = *trace;
  out.span = *span;
  return out;
}

void read_b3(const HeaderMap& headers, ToldTrace& out) noexcept {
  if (!headers.may_have(field_set(FieldId::other))) return;
  B3Values values;
  for (const HeaderMap::Field& field : headers) {
    if (field.id == FieldId::other && is_b3_name(field.name)) values.take(field.name, field.value);
  }
  if (values.single.empty() && !values.any_multi) return;
  out.b3 = values.single.empty() ? B3Form::multi : B3Form::single;
  if (values.twice || out.is_w3c) return;
  const auto told = out.b3 == B3Form::single ? parse_b3(values.single) : parse_multi(values);
  if (told) out.parent = *told;
}

// KEY is lower case, and may have one '@' (of a tenant); VALUE is printable but ',' and '=', and
// does not end with a space.
bool is_state_member(std::string_view member) noexcept {
  const std::size_t equals = member.find('=');
  if (equals == std::string_view::npos || equals == 0 || equals > longest_state_key) return false;
  const std::string_view key = member.substr(0, equals);
  const std::string_view value = member.substr(equals + 1);
  const auto fits_key = [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || std::string_view("_-*/@").contains(c);
  };
  const bool begins = is_digit(key.front()) || (key.front() >= 'a' && key.front() <= 'z');
  const auto fits_value = [](char c) { return c >= ' ' && c <= '~' && c != ',' && c != '='; };
  return begins && std::ranges::all_of(key, fits_key) && std::ranges::count(key, '@') <= 1 &&
         !value.empty() && value.size() <= 256 && value.back() != ' ' &&
         std::ranges::all_of(value, fits_value);
}

// How many members there are; nothing for a list that cannot go on.
std::optional<std::size_t> count_state_members(std::string_view value) noexcept {
  std::size_t members = 0;
  while (true) {
    const std::size_t comma = value.find(',');
    const std::string_view member = trim(value.substr(0, comma));
    if (!member.empty()) {  // an empty one is allowed, and says nothing
      if (!is_state_member(member)) return std::nullopt;
      ++members;
    }
    if (comma == std::string_view::npos) return members;
    value = value.substr(comma + 1);
  }
}

bool has_valid_state(const HeaderMap& headers) noexcept {
  std::size_t members = 0;
  for (const HeaderMap::Field& field : headers) {
    if (field.id != FieldId::tracestate) continue;
    const auto more = count_state_members(field.value);
    if (!more) return false;
    members += *more;
  }
  return members != 0 && members <= most_state_members;
}

}  // namespace

TraceId new_trace_id() noexcept {
  while (true) {
    const TraceId id{chance(), chance()};
    if (id) return id;
  }
}

SpanId new_span_id() noexcept {
  while (true) {
    if (const SpanId id = chance(); id != 0) return id;
  }
}

std::optional<TraceParent> parse_traceparent(std::string_view value) noexcept {
  if (!is_valid_traceparent(value)) return std::nullopt;
  const bool sampled = (hex_value(value[54]) & 1) != 0;
  return TraceParent{.trace = *parse_trace_id(value.substr(3, 32)),
                     .span = *parse_span_id(value.substr(36, 16)),
                     .sampled = sampled};
}

std::optional<TraceParent> parse_b3(std::string_view value) noexcept {
  TraceParent out;
  if (value.size() == 1) {
    out.sampled = parse_decision(value);
    return out.sampled ? std::optional(out) : std::nullopt;
  }
  const auto trace = parse_trace_id(next_part(value));
  const auto span = parse_span_id(next_part(value));
  if (!trace || !span) return std::nullopt;
  out.trace = *trace;
  out.span = *span;
  if (value.empty()) return out;
  const std::string_view decision = next_part(value);
  out.sampled = decision.size() == 1 ? parse_decision(decision) : std::nullopt;
  // Behind the decision the sender's own parent may stand.
  if (!out.sampled || (!value.empty() && !parse_span_id(value))) return std::nullopt;
  return out;
}

bool is_valid_tracestate(std::string_view value) noexcept {
  const auto members = count_state_members(value);
  return members && *members != 0 && *members <= most_state_members;
}

ToldTrace read_trace(const HeaderMap& headers, TraceFormats formats) noexcept {
  ToldTrace out;
  if (formats.w3c && headers.count(FieldId::traceparent) == 1) {
    if (const auto told = parse_traceparent(*headers.get(FieldId::traceparent))) {
      out.parent = *told;
      out.is_w3c = true;
    }
  }
  if (formats.b3) read_b3(headers, out);
  return out;
}

void remove_trace(HeaderMap& headers, bool b3, bool keep_state) {
  const bool keeps =
      keep_state && headers.may_have(field_set(FieldId::tracestate)) && has_valid_state(headers);
  headers.remove_all(field_set(FieldId::traceparent) |
                     (keeps ? FieldSet{0} : field_set(FieldId::tracestate)));
  if (!b3 || !headers.may_have(field_set(FieldId::other))) return;
  headers.remove_if([](const HeaderMap::Field& field) {
    return field.id == FieldId::other && is_b3_name(field.name);
  });
}

TraceTexts::TraceTexts(TraceId trace, SpanId span, bool sampled) noexcept {
  parent_[0] = parent_[1] = '0';
  put_hex(trace.high, &parent_[3]);
  put_hex(trace.low, &parent_[19]);
  parent_[2] = parent_[35] = parent_[52] = '-';
  parent_[53] = '0';
  parent_[54] = sampled ? '1' : '0';
  std::copy_n(&parent_[3], 32, b3_.begin());
  b3_[32] = b3_[49] = '-';
  b3_[50] = parent_[54];
  set_span(span);
}

void TraceTexts::set_span(SpanId span) noexcept {
  put_hex(span, &parent_[36]);
  std::copy_n(&parent_[36], 16, &b3_[33]);
}

void TraceTexts::add_to(HeaderMap& headers, B3Form form) const {
  headers.add_view(FieldId::traceparent, "traceparent", traceparent());
  if (form == B3Form::single) {
    headers.add_view(FieldId::other, "b3", b3());
  } else if (form == B3Form::multi) {
    headers.add_view(FieldId::other, "X-B3-TraceId", b3().substr(0, 32));
    headers.add_view(FieldId::other, "X-B3-SpanId", b3().substr(33, 16));
    headers.add_view(FieldId::other, "X-B3-Sampled", b3().substr(50));
  }
}

void TraceTexts::copy_to(HeaderMap& headers, B3Form form) const {
  headers.add(FieldId::traceparent, "traceparent", traceparent());
  if (form == B3Form::single) {
    headers.add(FieldId::other, "b3", b3());
  } else if (form == B3Form::multi) {
    headers.add(FieldId::other, "X-B3-TraceId", b3().substr(0, 32));
    headers.add(FieldId::other, "X-B3-SpanId", b3().substr(33, 16));
    headers.add(FieldId::other, "X-B3-Sampled", b3().substr(50));
  }
}

}  // namespace weir
