// The service manager that started this process, where there is one (sd_notify(3)): it is told when
// the gateway is ready, reloads and stops, and that it is alive. Main thread.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "weir/base/time.hpp"

namespace weir::app {

class ServiceManager {
 public:
  // `socket`: where to tell, a path or '@' and an abstract name; "" tells nobody. `watchdog`: how
  // often it wants to hear alive(), zero for not at all.
  ServiceManager(std::string socket, Duration watchdog);
  ~ServiceManager();
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;
  // Of NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. What is wrong with them counts as none.
  static ServiceManager from_environment();

  // Serves, after the start or after a reload; `status` is a line for people.
  void ready(std::string_view status) const;
  void reloading(TimePoint now) const;
  // Serves, but will not be ready before `at_most` has passed; so long it is to be left alone.
  void starting(Duration at_most) const;
  // A line for people, and nothing else.
  void status(std::string_view text) const;
  // Ends within `at_most`, so long it is to be left alone.
  void stopping(Duration at_most) const;
  void alive() const;
  Duration watchdog() const noexcept { return watchdog_; }

  // Another process is the service from now on, and this one says no more.
  void give_place_to(pid_t process);
  // This one is it again.
  void take_place_back();
  // Says nothing until take_over(), since another process is the service.
  void be_silent() noexcept { silent_ = true; }
  // As ready(), and this process is the service from now on.
  void take_over(std::string_view status);

 private:
  void tell(std::string_view message) const;

  const std::string socket_;
  const Duration watchdog_;
  int fd_ = -1;
  bool silent_ = false;
};

}  // namespace weir::app
