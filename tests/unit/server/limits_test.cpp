#include "server/limits.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <functional>
#include <utility>

namespace weir::server {
namespace {

// Puts the limit of open files back when a test has lowered it.
class OpenFiles {
 public:
  OpenFiles() { ::getrlimit(RLIMIT_NOFILE, &before_); }
  ~OpenFiles() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  OpenFiles(const OpenFiles&) = delete;
  OpenFiles& operator=(const OpenFiles&) = delete;

  std::uint64_t at_most() const { return before_.rlim_max; }
  void allow(std::uint64_t now) const {
    const rlimit wanted{now, before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &wanted), 0);
  }
  static std::uint64_t allowed() {
    rlimit now{};
    ::getrlimit(RLIMIT_NOFILE, &now);
    return now.rlim_cur;
  }

 private:
  rlimit before_{};
};

TEST(WorkerCount, IsTheConfiguredOneOrWhatTheMachineAllows) {
  EXPECT_EQ(worker_count(1, 0), 1u);
  EXPECT_EQ(worker_count(64, 0.5), 64u);
  cpu_set_t mask;
  CPU_ZERO(&mask);
  ASSERT_EQ(::sched_getaffinity(0, sizeof mask, &mask), 0);
  EXPECT_GE(worker_count(0, 0), 1u);
  EXPECT_LE(worker_count(0, 0), static_cast<unsigned>(CPU_COUNT(&mask)));
}

TEST(WorkerCount, AQuotaIsRoundedUp) {
  for (const double quota : {0.1, 0.5, 1.0}) EXPECT_EQ(worker_count(0, quota), 1u) << quota;
  const unsigned cpus = worker_count(0, 0);
  for (const auto& [quota, workers] : {std::pair{1.01, 2u}, {1.5, 2u}, {2.0, 2u}, {4.0, 4u}}) {
    EXPECT_EQ(worker_count(0, quota), std::min(cpus, workers)) << quota;
  }
}

TEST(FitConnections, RaisesTheLimitAsFarAsItGoes) {
  const OpenFiles files;
  files.allow(256);
  EXPECT_EQ(fit_connections(100), 100u);
  EXPECT_EQ(OpenFiles::allowed(), files.at_most());
}

TEST(FitConnections, TwoFilesAConnectionBesideThoseReserved) {
  const OpenFiles files;
  const std::uint64_t fits = (files.at_most() - 128) / 2;
  EXPECT_EQ(fit_connections(fits), fits);
  EXPECT_EQ(fit_connections(fits + 1), fits);
  EXPECT_EQ(fit_connections(fits * 2), fits);
}

TEST(SameListener, OnlyItsPlaceMayDiffer) {
  struct Row {
    const char* name;
    std::function<void(config::Listener&)> change;
    bool same;
  };
  const Row rows[] = {
      {"nothing", [](config::Listener&) {}, true},
      {"its place", [](config::Listener& one) { one.place = {"other.yaml", 7, 1}; }, true},
      {"its name", [](config::Listener& one) { one.name = "other"; }, false},
      {"its address",
       [](config::Listener& one) {
         one.bind = SocketAddress(IpAddress::parse("127.0.0.2").value(), 8080);
       },
       false},
      {"its port",
       [](config::Listener& one) {
         one.bind = SocketAddress(IpAddress::parse("127.0.0.1").value(), 8081);
       },
       false},
      {"the PROXY header",
       [](config::Listener& one) { one.proxy_protocol = config::ProxyProtocol::required; }, false},
      {"a limit", [](config::Listener& one) { one.limits.header_count = 99; }, false},
      {"a policy",
       [](config::Listener& one) { one.limits.underscores = config::Underscores::keep; }, false},
  };
  config::Listener now;
  now.name = "public";
  now.bind = SocketAddress(IpAddress::parse("127.0.0.1").value(), 8080);
  for (const Row& row : rows) {
    config::Listener next = now;
    row.change(next);
    EXPECT_EQ(same_listener(next, now), row.same) << row.name;
  }
}

}  // namespace
}  // namespace weir::server
