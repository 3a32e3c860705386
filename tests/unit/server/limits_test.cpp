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

}  // namespace
}  // namespace weir::server
