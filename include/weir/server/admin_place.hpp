// The admin address as a reload sees it: another one is bound before anything changes. Main thread.
#pragma once

#include <string>

namespace weir::server {

class AdminPlace {
 public:
  // Binds `bind` ("" for off) beside the present address; tells what is wrong, "" for nothing.
  // Then commit() or abandon() follows.
  virtual std::string prepare(const std::string& bind) = 0;
  // It is there from now on. The one before is given up; its connections are served on.
  virtual void commit() = 0;
  virtual void abandon() noexcept = 0;

 protected:
  ~AdminPlace() = default;
};

}  // namespace weir::server
