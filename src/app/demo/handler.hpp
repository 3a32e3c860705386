// What a sample backend answers: by its path, always with its name in x-backend. Thread of its
// loop, but for what is told.
//
//   /echo...       the request, as it arrived
//   /delay/250ms   after that time, at most 10 s
//   /status/503    with that status
//   /bytes/1000    as many bytes, at most 1 GB
//   /stream/5      as many lines, one each 200 ms, at most 100
//   /fail/on       from now on the answer to everything else is 503, until /fail/off
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <string_view>

#include "weir/base/time.hpp"
#include "weir/http/handler.hpp"

namespace weir::app {

// "250ms" or "2s", at most 10 s.
std::optional<Duration> parse_delay(std::string_view text) noexcept;

class DemoHandler final : public ServerHandler {
 public:
  explicit DemoHandler(std::string name) : name_(std::move(name)) {}

  Task<Response> handle(Request& request, Exchange& exchange) override;
  Response refuse(const Error& error, Exchange& exchange) override;
  void completed(const Request&, Exchange&, const Outcome&) noexcept override {}

  // As by /fail/on and /fail/off. Any thread.
  void set_failing(bool failing) noexcept { failing_ = failing; }
  bool is_failing() const noexcept { return failing_; }

 private:
  Task<Response> answer(Request& request, Exchange& exchange);
  Task<Response> echo(Request& request, Exchange& exchange) const;

  std::string name_;
  std::atomic<bool> failing_ = false;
};

}  // namespace weir::app
