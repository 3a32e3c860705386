// What peers say of traces: traceparent, tracestate and B3, and the fields that are made of it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "weir/base/text.hpp"
#include "weir/http/forwarded.hpp"
#include "weir/http/trace_context.hpp"

namespace {

using namespace weir;

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

// Lines NAME:VALUE are the fields of a request.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  HeaderMap headers;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) continue;
    headers.add(line.substr(0, colon), trim(line.substr(colon + 1)));
  }
  for (const HeaderMap::Field& field : headers) {
    if (const auto told = parse_traceparent(field.value)) {
      require(static_cast<bool>(told->trace) && told->span != 0 && told->sampled.has_value());
    }
    if (const auto told = parse_b3(field.value)) {
      require(static_cast<bool>(told->trace) == (told->span != 0));
    }
    is_valid_tracestate(field.value);
  }
  const ToldTrace told = read_trace(headers, {});
  const bool has_trace = static_cast<bool>(told.parent.trace);
  require(has_trace == (told.parent.span != 0));
  const TraceTexts texts(has_trace ? told.parent.trace : new_trace_id(), new_span_id(), true);
  remove_trace(headers, told.b3 != B3Form::none, told.is_w3c);
  texts.add_to(headers, told.b3);
  // One valid field, and a trace that is read back as it was.
  require(headers.count(FieldId::traceparent) == 1);
  require(is_valid_traceparent(*headers.get(FieldId::traceparent)));
  const ToldTrace again = read_trace(headers, {});
  require(!has_trace || again.parent.trace == told.parent.trace);
  require(again.b3 == told.b3);
  return 0;
}
