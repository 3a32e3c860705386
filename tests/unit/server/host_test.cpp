#include "server/host.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "server/limits.hpp"

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
  EXPECT_TRUE(shortages(nowhere, 1'000'000, true, 32 << 20).empty());
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

TEST_F(HostTest, WhatAProcessMayTakeIsTheLimitOrTheMachines) {
  const std::string meminfo = "MemTotal:       24576000 kB\nMemFree:        1 kB";
  const std::map<std::string, std::string> limited{{"/proc/self/cgroup", "0::/a"},
                                                   {"/sys/fs/cgroup/a/memory.max", "268435456"},
                                                   {"/proc/meminfo", meminfo}};
  EXPECT_EQ(host(limited).memory(), 268435456u);
  EXPECT_EQ(host({{"/proc/meminfo", meminfo}}).memory(), 24576000ULL * 1024);
  EXPECT_EQ(host({{"/proc/meminfo", "rubbish"}}).memory(), 0u);
  EXPECT_EQ(host({}).memory(), 0u);
}

TEST_F(HostTest, HowMuchOfTheMemoryIsUsed) {
  struct Row {
    const char* name;
    std::map<std::string, std::string> files;
    double used;
  };
  const std::string v2 = "/sys/fs/cgroup";
  const std::string v1 = "/sys/fs/cgroup/memory";
  const std::string eight_pages = std::to_string(::sysconf(_SC_PAGESIZE) * 8 / 1024);
  const Row rows[] = {
      {"v2, without what can be given up",
       {{"/proc/self/cgroup", "0::/a"},
        {v2 + "/a/memory.max", "1000000"},
        {v2 + "/a/memory.current", "600000"},
        {v2 + "/a/memory.stat", "anon 1\ninactive_file 100000\nactive_file 7"}},
       0.5},
      {"the fullest on the way up",
       {{"/proc/self/cgroup", "0::/a/b"},
        {v2 + "/a/b/memory.max", "1000"},
        {v2 + "/a/b/memory.current", "100"},
        {v2 + "/a/memory.max", "4000"},
        {v2 + "/a/memory.current", "3000"}},
       0.75},
      {"v1",
       {{"/proc/self/cgroup", "4:memory:/a"},
        {v1 + "/a/memory.limit_in_bytes", "1000000"},
        {v1 + "/a/memory.usage_in_bytes", "500000"},
        {v1 + "/a/memory.stat", "cache 3\ninactive_file 1\ntotal_inactive_file 250000"}},
       0.25},
      {"a limit that the machine has not",
       {{"/proc/self/cgroup", "0::/a"},
        {"/proc/meminfo", "MemTotal:  1000 kB"},
        {v2 + "/a/memory.max", "4000000000"},
        {v2 + "/a/memory.current", "512000"}},
       0.5},
      {"without a limit what is resident",
       {{"/proc/self/cgroup", "0::/a"},
        {v2 + "/a/memory.max", "max"},
        {v2 + "/a/memory.current", "1000000000"},
        {"/proc/meminfo", "MemTotal:  " + eight_pages + " kB"},
        {"/proc/self/statm", "100 2 1 1 0 1 0"}},
       0.25},
      {"more than all",
       {{"/proc/self/cgroup", "0::/a"},
        {v2 + "/a/memory.max", "1000"},
        {v2 + "/a/memory.current", "5000"}},
       1},
      {"nothing known", {}, 0},
  };
  for (const Row& row : rows) EXPECT_DOUBLE_EQ(host(row.files).memory_used(), row.used) << row.name;
}

TEST_F(HostTest, HeadsTakeAnEighthOfItOrWhatIsConfigured) {
  struct Row {
    const char* name;
    std::uint64_t configured;
    std::string limit;
    std::uint64_t bytes;
  };
  const Row rows[] = {{"an eighth", 0, "1073741824", 134217728},
                      {"at least 32 MiB", 0, "134217728", 33554432},
                      {"what is configured", 5'000'000, "1073741824", 5'000'000}};
  for (const Row& row : rows) {
    const Host one =
        host({{"/proc/self/cgroup", "0::/"}, {"/sys/fs/cgroup/memory.max", row.limit}});
    EXPECT_EQ(head_memory(row.configured, one), row.bytes) << row.name;
  }
}

TEST_F(HostTest, ShortagesNameTheLimitAndTheRemedy) {
  struct Row {
    const char* name;
    std::string somaxconn;
    std::string memory;
    std::uint64_t connections;
    bool sealed;
    std::uint64_t heads;
    std::vector<std::string> limits;
  };
  constexpr std::uint64_t small = 32 << 20;
  const Row rows[] = {
      {"enough", "4096", "1073741824", 50'000, false, small, {}},
      {"a short queue", "128", "max", 50'000, false, small, {"net.core.somaxconn"}},
      {"few connections need no long queue", "128", "max", 100, false, small, {}},
      {"little memory", "4096", "268435456", 50'000, false, small, {"memory of the cgroup"}},
      {"fewer connections fit", "4096", "268435456", 20'000, false, small, {}},
      {"not with so much for heads",
       "4096",
       "268435456",
       20'000,
       false,
       128 << 20,
       {"memory of the cgroup"}},
      {"TLS and HTTP/2 take more",
       "4096",
       "268435456",
       20'000,
       true,
       small,
       {"memory of the cgroup"}},
      {"both",
       "128",
       "268435456",
       50'000,
       true,
       small,
       {"net.core.somaxconn", "memory of the cgroup"}},
  };
  for (const Row& row : rows) {
    const Host one = host({{"/proc/self/cgroup", "0::/"},
                           {"/proc/sys/net/core/somaxconn", row.somaxconn},
                           {"/sys/fs/cgroup/memory.max", row.memory}});
    std::vector<std::string> limits;
    for (const Shortage& shortage : shortages(one, row.connections, row.sealed, row.heads)) {
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
