// A worker's loop as the rooms below `net` know it: they hold it for others and call nothing.
// net::Loop is the only one; net::loop_of() gives it back.
#pragma once

namespace weir {

class EventLoop {
 protected:
  EventLoop() = default;
  ~EventLoop() = default;
};

}  // namespace weir
