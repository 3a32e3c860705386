// The field that tells an upstream how long its answer is still waited for
// (`server.deadline.send`): grpc-timeout of a gRPC call, X-Request-Timeout of others. A value;
// worker thread only.
#pragma once

#include <cstdint>

#include "proxy/fetch/plan.hpp"
#include "weir/base/time.hpp"
#include "weir/config/deadlines.hpp"
#include "weir/http/deadline_fields.hpp"
#include "weir/http/head.hpp"
#include "weir/http/transfer_clock.hpp"

namespace weir::proxy {

class DeadlineField {
 public:
  // Tells nothing.
  DeadlineField() = default;
  // What `head` and the settings ask for; nothing is written yet. X-Request-Timeout of a gRPC call,
  // which grpc-timeout takes the place of, is removed.
  static DeadlineField of(RequestHead& head, const config::Deadlines& settings) {
    const bool asks = settings.send == config::TellDeadline::always || may_tell_timeout(head);
    return asks ? asked(head, settings) : DeadlineField();
  }

  bool tells() const noexcept { return form_ != Form::none; }
  // What is left at `now`, at least the shortest time that can be told. grpc-timeout counts what
  // ends the whole answer alone, X-Request-Timeout the wait for its head, too. Where there is no
  // end, nothing is told, now and later.
  void write(RequestHead& head, TimePoint now, const HeadTime& time, const TransferClock& clock);
  // Others may have changed the field: then it is theirs, and nothing is written any more.
  void yield_to(const HeaderMap& headers) noexcept;

 private:
  enum class Form : std::uint8_t { none, grpc, bare, with_unit };
  static DeadlineField asked(RequestHead& head, const config::Deadlines& settings);

  Form form_ = Form::none;
  const char* written_ = nullptr;  // the value
};

}  // namespace weir::proxy
