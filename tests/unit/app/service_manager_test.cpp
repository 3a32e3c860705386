#include "app/service_manager.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

namespace weir::app {
namespace {

using namespace std::chrono_literals;

// What a service manager hears at an address of its own, a path or an abstract name.
class Heard {
 public:
  explicit Heard(std::string address) : address_(std::move(address)) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::memcpy(name.sun_path, address_.data(), address_.size());
    if (address_[0] == '@') name.sun_path[0] = '\0';
    const std::size_t length = offsetof(sockaddr_un, sun_path) + address_.size();
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&name), static_cast<socklen_t>(length)), 0);
  }
  ~Heard() {
    ::close(fd_);
    if (address_[0] != '@') ::unlink(address_.c_str());
  }
  Heard(const Heard&) = delete;
  Heard& operator=(const Heard&) = delete;

  const std::string& address() const { return address_; }
  std::string next() const {
    pollfd at{fd_, POLLIN, 0};
    if (::poll(&at, 1, 10'000) != 1) return "(nothing)";
    char bytes[512];
    const ssize_t got = ::recv(fd_, bytes, sizeof bytes, 0);
    return got < 0 ? "(error)" : std::string(bytes, static_cast<std::size_t>(got));
  }

 private:
  std::string address_;
  int fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
};

std::string unique(const std::string& prefix) {
  return prefix + "weir_notify_" + std::to_string(::getpid());
}

TEST(ServiceManager, IsToldAtAPathAndAtAnAbstractName) {
  for (const std::string& address : {unique("/tmp/"), unique("@")}) {
    const Heard heard(address);
    const ServiceManager manager(address, 0s);
    manager.ready("serving");
    EXPECT_EQ(heard.next(), "READY=1\nSTATUS=serving") << address;
    manager.reloading(TimePoint(1500us));
    EXPECT_EQ(heard.next(), "RELOADING=1\nMONOTONIC_USEC=1500\nSTATUS=reloading") << address;
    manager.stopping(40s);
    EXPECT_EQ(heard.next(), "STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=40000000") << address;
    manager.alive();
    EXPECT_EQ(heard.next(), "WATCHDOG=1") << address;
  }
}

TEST(ServiceManager, OneProcessSpeaksAtATime) {
  const Heard heard(unique("@over"));
  const std::string self = std::to_string(::getpid());
  ServiceManager old(heard.address(), 0s);
  ServiceManager next(heard.address(), 0s);
  next.be_silent();
  next.status("nobody hears this");
  old.give_place_to(4711);
  EXPECT_EQ(heard.next(), "MAINPID=4711");
  old.stopping(1s);  // nor this: it would end the service
  old.alive();
  next.take_over("serving");
  EXPECT_EQ(heard.next(), "READY=1\nMAINPID=" + self + "\nSTATUS=serving");
  next.alive();
  EXPECT_EQ(heard.next(), "WATCHDOG=1");
  old.take_place_back();
  EXPECT_EQ(heard.next(), "MAINPID=" + self);
  old.alive();
  EXPECT_EQ(heard.next(), "WATCHDOG=1");
}

TEST(ServiceManager, NobodyListensAndNothingHappens) {
  for (const std::string& address : {std::string(), unique("/tmp/none"), std::string(200, 'x')}) {
    ServiceManager(address, 0s).ready("serving");
  }
}

TEST(ServiceManager, TheWatchdogMayBeMeantForAnother) {
  struct Row {
    const char* name;
    const char* microseconds;
    std::string process;
    Duration watchdog;
  };
  const std::string self = std::to_string(::getpid());
  const Row rows[] = {
      {"none", "", "", 0s},           {"this process", "2000000", self, 2s},
      {"whoever", "2000000", "", 2s}, {"another process", "2000000", "1", 0s},
      {"no number", "2s", self, 0s},  {"out of all reason", "18446744073709551615", self, 24h},
  };
  for (const Row& row : rows) {
    ::setenv("WATCHDOG_USEC", row.microseconds, 1);
    ::setenv("WATCHDOG_PID", row.process.c_str(), 1);
    EXPECT_EQ(ServiceManager::from_environment().watchdog(), row.watchdog) << row.name;
  }
  ::unsetenv("WATCHDOG_USEC");
  ::unsetenv("WATCHDOG_PID");
}

}  // namespace
}  // namespace weir::app
