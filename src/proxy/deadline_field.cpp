#include "proxy/deadline_field.hpp"

#include <algorithm>
#include <chrono>
#include <string_view>

#include "weir/http/grpc.hpp"

namespace weir::proxy {
namespace {

constexpr std::string_view grpc_name = "grpc-timeout";

}  // namespace

DeadlineField DeadlineField::asked(RequestHead& head, const config::Deadlines& settings) {
  DeadlineField out;
  const bool always = settings.send == config::TellDeadline::always;
  if (settings.send == config::TellDeadline::off || head.upgrade_websocket) return out;
  HeaderMap& headers = head.headers;
  const auto told = settings.request_timeout ? request_timeout_of(headers) : std::nullopt;
  if (weir::is_grpc(head)) {
    const auto field = headers.get(grpc_name);
    // One that does not count is not ours to change.
    if (field && !settings.grpc_timeout) return out;
    if (told || always || (field && parse_grpc_timeout(*field))) out.form_ = Form::grpc;
    if (told) headers.remove(FieldId::x_request_timeout);
  } else if (told) {
    out.form_ = told->bare ? Form::bare : Form::with_unit;
  } else if (always &&
             (settings.request_timeout || !headers.contains(FieldId::x_request_timeout))) {
    out.form_ = Form::with_unit;
  }
  return out;
}

void DeadlineField::write(RequestHead& head, TimePoint now, const HeadTime& time,
                          const TransferClock& clock) {
  if (form_ == Form::none) return;
  const Deadline end = form_ == Form::grpc ? clock.hard_deadline : time.until(now, clock);
  if (end == no_deadline) {
    form_ = Form::none;
    return;
  }
  // A turn's requests have the turn's time, yet some has gone.
  constexpr Duration least = std::chrono::microseconds(1);
  const Duration left = end - now - least;
  HeaderMap& headers = head.headers;
  if (form_ == Form::grpc) {
    headers.set(grpc_name, grpc_timeout(left));
    written_ = headers.get(grpc_name).value_or("").data();
  } else {
    headers.set("X-Request-Timeout", request_timeout(left, form_ == Form::bare));
    written_ = headers.get(FieldId::x_request_timeout).value_or("").data();
  }
}

void DeadlineField::yield_to(const HeaderMap& headers) noexcept {
  if (form_ == Form::none) return;
  const auto now =
      form_ == Form::grpc ? headers.get(grpc_name) : headers.get(FieldId::x_request_timeout);
  if (!now || now->data() != written_) form_ = Form::none;
}

}  // namespace weir::proxy
