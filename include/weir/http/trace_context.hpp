// The trace that a request belongs to: what a peer said of it (W3C Trace Context, B3), and the
// fields that say it to the upstream. Pure, on the path of every request of a gateway that traces:
// no allocation but of a field's place. Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "weir/http/header_map.hpp"

namespace weir {

// 16 bytes, big endian; all zero: none.
struct TraceId {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  explicit operator bool() const noexcept { return (high | low) != 0; }
  friend bool operator==(const TraceId&, const TraceId&) = default;
};
using SpanId = std::uint64_t;  // 8 bytes, big endian; 0: none

// By our own chance; never none.
TraceId new_trace_id() noexcept;
SpanId new_span_id() noexcept;

// What a request says of its trace.
struct TraceParent {
  TraceId trace;                // none: only the decision was told (B3)
  SpanId span = 0;              // of who sent it; 0 where there is no trace
  std::optional<bool> sampled;  // nothing: it leaves the decision to us (B3)
  friend bool operator==(const TraceParent&, const TraceParent&) = default;
};

// A traceparent; nothing for what is_valid_traceparent() refuses.
std::optional<TraceParent> parse_traceparent(std::string_view value) noexcept;
// The single field of B3: "TRACE-SPAN", "TRACE-SPAN-1", "TRACE-SPAN-1-PARENT", or a decision alone:
// 0, 1 or d. A trace id of 16 digits is the lower half.
std::optional<TraceParent> parse_b3(std::string_view value) noexcept;
// Whether a tracestate can go on (W3C Trace Context, section 3.3): at most 32 members KEY=VALUE.
bool is_valid_tracestate(std::string_view value) noexcept;

// Which fields are looked at.
struct TraceFormats {
  bool w3c = true;
  bool b3 = true;
  friend bool operator==(const TraceFormats&, const TraceFormats&) = default;
};
// How B3 came, and so how it goes on.
enum class B3Form : std::uint8_t { none, single, multi };

struct ToldTrace {
  TraceParent parent;
  B3Form b3 = B3Form::none;
  bool is_w3c = false;  // `parent` is of a traceparent, and so tracestate belongs to it
};
// A traceparent counts first, then `b3`, then X-B3-*. A field that came twice, or says nothing that
// can be understood, is as if it had not come.
ToldTrace read_trace(const HeaderMap& headers, TraceFormats formats) noexcept;
// Removes traceparent, fields of B3 if they are looked at, and tracestate unless `keep_state` and
// what came is valid.
void remove_trace(HeaderMap& headers, bool b3, bool keep_state);

// The texts of the fields. Their span can be changed while a HeaderMap shows them.
class TraceTexts {
 public:
  TraceTexts(TraceId trace, SpanId span, bool sampled) noexcept;

  void set_span(SpanId span) noexcept;
  std::string_view trace_id() const noexcept { return {parent_.data() + 3, 32}; }
  std::string_view traceparent() const noexcept { return {parent_.data(), parent_.size()}; }
  std::string_view b3() const noexcept { return {b3_.data(), b3_.size()}; }

  // Adds views of them: this must outlive `headers`. REQUIRES: remove_trace() was called.
  void add_to(HeaderMap& headers, B3Form form) const;
  // The same with copies.
  void copy_to(HeaderMap& headers, B3Form form) const;

 private:
  std::array<char, 55> parent_;  // "00-TRACE-SPAN-01"
  std::array<char, 51> b3_;      // "TRACE-SPAN-1"
};

}  // namespace weir
