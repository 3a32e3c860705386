#include "server/host.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

namespace weir::server {
namespace {

namespace fs = std::filesystem;

// A root of /proc and /sys with these files; gone with the test.
class HostTest : public testing::Test {
 protected:
  HostTest()
      : root_(fs::path(testing::TempDir()) /
              ("weir_host_" + std::to_string(::getpid()) + "_" +
               testing::UnitTest::GetInstance()->current_test_info()->name())) {}
  ~HostTest() override { fs::remove_all(root_); }

  Host host(const std::map<std::string, std::string>& files) {
    fs::remove_all(root_);
    for (const auto& [path, text] : files) {
      const fs::path file = root_.string() + path;
      fs::create_directories(file.parent_path());
      std::ofstream(file) << text << '\n';
    }
    return Host(root_.string());
  }

  const fs::path root_;
};

TEST_F(HostTest, NothingKnownIsNoLimit) {
  const Host nowhere = host({});
  EXPECT_EQ(nowhere.cpu_quota(), 0);
  EXPECT_EQ(nowhere.memory_limit(), 0u);
  EXPECT_EQ(nowhere.somaxconn(), 0u);
  EXPECT_TRUE(shortages(nowhere, 1'000'000, true).empty());
}

TEST_F(HostTest, TheLeastQuotaOnTheWayUp) {
  struct Row {
    const char* name;
    std::map<std::string, std::string> files;
    double quota;
  };
  const std::string v2 = "/sys/fs/cgroup";
  const std::string v1 = "/sys/fs/cgroup/cpu";
  const Row rows[] = {
      {"none set", {{"/proc/self/cgroup", "0::/a"}, {v2 + "/a/cpu.max", "max 100000"}}, 0},
      {"half a CPU", {{"/proc/self/cgroup", "0::/a"}, {v2 + "/a/cpu.max", "50000 100000"}}, 0.5},
      {"the parent's is less",
       {{"/proc/self/cgroup", "0::/a/b"},
        {v2 + "/a/b/cpu.max", "400000 100000"},
        {v2 + "/a/cpu.max", "150000 100000"}},
       1.5},
      {"a namespace's root",
       {{"/proc/self/cgroup", "0::/"}, {v2 + "/cpu.max", "200000 100000"}},
       2},
      {"v1",
       {{"/proc/self/cgroup", "5:memory:/m\n4:cpu,cpuacct:/a\n0::/"},
        {v1 + "/a/cpu.cfs_quota_us", "150000"},
        {v1 + "/a/cpu.cfs_period_us", "100000"}},
       1.5},
      {"v1 without",
       {{"/proc/self/cgroup", "4:cpu,cpuacct:/a"},
        {v1 + "/a/cpu.cfs_quota_us", "-1"},
        {v1 + "/a/cpu.cfs_period_us", "100000"}},
       0},
      {"v1, where only the container's own group is mounted",
       {{"/proc/self/cgroup", "4:cpu:/docker/0123"},
        {v1 + "/cpu.cfs_quota_us", "300000"},
        {v1 + "/cpu.cfs_period_us", "100000"}},
       3},
      {"rubbish", {{"/proc/self/cgroup", "0::/a\nx\n:::\n"}, {v2 + "/a/cpu.max", "lots of"}}, 0},
      {"a period of nothing", {{"/proc/self/cgroup", "0::/"}, {v2 + "/cpu.max", "100 0"}}, 0},
      {"cut short", {{"/proc/self/cgroup", "0::/"}, {v2 + "/cpu.max", "100"}}, 0},
  };
  for (const Row& row : rows) EXPECT_DOUBLE_EQ(host(row.files).cpu_quota(), row.quota) << row.name;
}

TEST_F(HostTest, TheMemoryLimit) {
  struct Row {
    const char* name;
    std::map<std::string, std::string> files;
    std::uint64_t bytes;
  };
  const Row rows[] = {
      {"none", {{"/proc/self/cgroup", "0::/a"}, {"/sys/fs/cgroup/a/memory.max", "max"}}, 0},
      {"v2",
       {{"/proc/self/cgroup", "0::/a"}, {"/sys/fs/cgroup/a/memory.max", "268435456"}},
       268435456},
      {"v1",
       {{"/proc/self/cgroup", "4:memory:/a"},
        {"/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "134217728"}},
       134217728},
      {"v1 without",
       {{"/proc/self/cgroup", "4:memory:/a"},
        {"/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "9223372036854771712"}},
       0},
  };
  for (const Row& row : rows) EXPECT_EQ(host(row.files).memory_limit(), row.bytes) << row.name;
}

TEST_F(HostTest, ShortagesNameTheLimitAndTheRemedy) {
  struct Row {
    const char* name;
    std::string somaxconn;
    std::string memory;
    std::uint64_t connections;
    bool sealed;
    std::vector<std::string> limits;
  };
  const Row rows[] = {
      {"enough", "4096", "1073741824", 50'000, false, {}},
      {"a short queue", "128", "max", 50'000, false, {"net.core.somaxconn"}},
      {"few connections need no long queue", "128", "max", 100, false, {}},
      {"little memory", "4096", "268435456", 50'000, false, {"memory of the cgroup"}},
      {"fewer connections fit", "4096", "268435456", 20'000, false, {}},
      {"TLS and HTTP/2 take more", "4096", "268435456", 20'000, true, {"memory of the cgroup"}},
      {"both", "128", "268435456", 50'000, true, {"net.core.somaxconn", "memory of the cgroup"}},
  };
  for (const Row& row : rows) {
    const Host one = host({{"/proc/self/cgroup", "0::/"},
                           {"/proc/sys/net/core/somaxconn", row.somaxconn},
                           {"/sys/fs/cgroup/memory.max", row.memory}});
    std::vector<std::string> limits;
    for (const Shortage& shortage : shortages(one, row.connections, row.sealed)) {
      limits.emplace_back(shortage.limit);
      EXPECT_LT(shortage.is, shortage.needed) << row.name;
      EXPECT_FALSE(shortage.why.empty()) << row.name;
      EXPECT_FALSE(shortage.remedy.empty()) << row.name;
    }
    EXPECT_EQ(limits, row.limits) << row.name;
  }
}

}  // namespace
}  // namespace weir::server
