// One export at a time over HTTP: a POST to the collector by libcurl, which has what a client that
// waits in a thread of its own needs (TLS from files, names, connections that are kept). No
// redirects, no proxies of the environment; the answer is bounded. One thread, but for wake().
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "weir/base/time.hpp"
#include "weir/config/tracing.hpp"

namespace weir::tracing {

struct CallEnd {
  std::string error;  // "" when an answer came; otherwise why not
  long status = 0;
  std::string body;
  std::optional<Duration> retry_after;
};

class OtlpCall {
 public:
  explicit OtlpCall(const config::Otlp& to);
  ~OtlpCall();
  OtlpCall(const OtlpCall&) = delete;
  OtlpCall& operator=(const OtlpCall&) = delete;

  // Begins to send `body`, in gzip's coding if `is_gzip`. REQUIRES: no call is under way.
  void begin(std::string body, bool is_gzip, Duration at_most);
  bool under_way() const noexcept;
  // Moves it on and waits until something comes, wake() or `at_most`; tells its end, once.
  std::optional<CallEnd> turn(Duration at_most);
  // Gives it up.
  void drop() noexcept;
  // Ends a turn(). Any thread.
  void wake() noexcept;

 private:
  class Transfer;
  std::unique_ptr<Transfer> transfer_;
};

}  // namespace weir::tracing
