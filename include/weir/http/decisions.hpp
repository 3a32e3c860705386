// What was decided about a request: written by the chain of its route and the handler behind it,
// read by the layers within, the codec and whoever logs. Worker thread only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weir {

// What a verified token says of its holder. Lives as long as the exchange it was given to.
class Claims {
 public:
  // The text of a string, the digits of a number, "true" or "false"; empty when there is no such
  // claim or it is none of these.
  virtual std::string_view claim(std::string_view name) const noexcept = 0;

 protected:
  ~Claims() = default;
};

// What the layers of one middleware type tell each other of a request. Only that type knows what.
class LayerNotes {
 protected:
  ~LayerNotes() = default;
};

struct Decisions {
  std::string_view user;              // who basic_auth, api_key or jwt found; as long as the head
  const Claims* claims = nullptr;     // set by jwt, held by the exchange
  LayerNotes* rate_limits = nullptr;  // what the route's limits decided, while its chain runs
  std::string limit_key;              // whom a limit refused, as the log shows it
  // Bytes; 0: unlimited. The listener's, which the codec sets, until body_limit says another.
  // Checked by the codec as the body arrives.
  std::uint64_t body_limit = 0;
  bool close_after = false;  // the answer says Connection: close: it came before the request's end
};

}  // namespace weir
