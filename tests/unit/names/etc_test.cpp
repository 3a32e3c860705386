// The files of /etc: what they say, and that it is noticed when they say something else.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "names/etc_files.hpp"
#include "support/temp_folder.hpp"

namespace weir::names {
namespace {

using namespace std::chrono_literals;
using testing_support::TempFolder;
using Texts = std::vector<std::string>;

Texts found(const HostsFile& hosts, std::string_view name) {
  Texts out;
  for (const IpAddress& ip : hosts.find(name)) out.push_back(ip.to_string());
  return out;
}

TEST(HostsFile, HasNamesOfLinesThatSaySomething) {
  const HostsFile hosts(
      "# a comment\n"
      "127.0.0.1\tlocalhost  loghost\r\n"
      "::1 localhost # v6\n"
      "10.0.0.1 A.test a a.test\n"
      "10.0.0.2 a.test.\n"
      "10.0.0.300 bad.test\n"
      "fe80::1%eth0 zone.test\n"
      "10.0.0.3\n"
      "\n"
      "#10.0.0.4 off.test\n"
      "10.0.0.5 last.test");
  EXPECT_EQ(found(hosts, "localhost"), (Texts{"127.0.0.1", "::1"}));
  EXPECT_EQ(found(hosts, "loghost"), Texts{"127.0.0.1"});
  EXPECT_EQ(found(hosts, "a.TEST."), (Texts{"10.0.0.1", "10.0.0.2"}));
  EXPECT_EQ(found(hosts, "last.test"), Texts{"10.0.0.5"});
  for (const char* name : {"bad.test", "zone.test", "off.test", "v6", "", "10.0.0.3"}) {
    EXPECT_EQ(found(hosts, name), Texts{}) << name;
  }
}

TEST(ResolvConf, SaysWhoIsAskedAndHow) {
  const ResolvConf conf = parse_resolv_conf(
      "; made by hand\n"
      "nameserver 10.0.0.53\n"
      "nameserver ::1 # the other\n"
      "nameserver nonsense\n"
      "domain old.test\n"
      "search ns.svc.Cluster.local. svc.cluster.local\n"
      "options ndots:5 timeout:2 attempts:9 rotate edns0 use-vc\n",
      "host.corp.test");
  EXPECT_EQ(conf.servers, (Texts{"10.0.0.53:53", "[::1]:53"}));
  EXPECT_EQ(conf.search, (Texts{"ns.svc.cluster.local", "svc.cluster.local"}));
  EXPECT_EQ(conf.ndots, 5u);
  EXPECT_EQ(conf.timeout, 2s);
  EXPECT_EQ(conf.attempts, 5u);
  EXPECT_TRUE(conf.rotate);
  EXPECT_TRUE(conf.tcp);
  EXPECT_FALSE(conf.no_aaaa);
  const ResolvConf empty = parse_resolv_conf("", "host.corp.test");
  EXPECT_EQ(empty.servers, Texts{"127.0.0.1:53"});
  EXPECT_EQ(empty.search, Texts{"corp.test"});
  EXPECT_EQ(empty.timeout, 1s);
  EXPECT_EQ(parse_resolv_conf("search .\n", "host.corp.test").search, Texts{});
  EXPECT_EQ(parse_resolv_conf("options ndots:99 timeout:0\n", "h").ndots, 15u);
}

TEST(ResolvConf, NamesAreAskedInTheOrderOfDots) {
  ResolvConf conf;
  conf.search = {"x.test", "test"};
  conf.ndots = 2;
  EXPECT_EQ(candidates("a", conf), (Texts{"a.x.test", "a.test", "a"}));
  EXPECT_EQ(candidates("A.b.c", conf), (Texts{"a.b.c", "a.b.c.x.test", "a.b.c.test"}));
  EXPECT_EQ(candidates("a.", conf), Texts{"a"});
  EXPECT_EQ(candidates(std::string(250, 'a'), conf), Texts{std::string(250, 'a')})
      << "with a domain it would be too long";
}

TEST(EtcFiles, ChangesAreNoticed) {
  const TempFolder folder;
  const std::filesystem::path hosts = folder.file("hosts");
  EtcFiles files({.hosts = hosts, .resolv_conf = folder.file("resolv.conf")});
  const auto write = [&](const char* text) { std::ofstream(hosts) << text; };
  files.look();
  EXPECT_FALSE(files.look());
  write("10.0.0.1 a.test\n");
  EXPECT_TRUE(files.look());
  EXPECT_EQ(found(files.hosts(), "a.test"), Texts{"10.0.0.1"});
  EXPECT_FALSE(files.look());
  write("10.0.0.1 a.test # the same\n");
  EXPECT_FALSE(files.look()) << "it says the same";
  std::ofstream(folder.file("resolv.conf")) << "nameserver 10.0.0.53\n";
  EXPECT_TRUE(files.look());
  EXPECT_EQ(files.conf().servers, Texts{"10.0.0.53:53"});
  std::filesystem::remove(hosts);
  EXPECT_TRUE(files.look());
  EXPECT_EQ(found(files.hosts(), "a.test"), Texts{});
}

TEST(WatchedFile, NoticesEveryWayToChangeIt) {
  const TempFolder folder;
  WatchedFile file(folder.file("data/targets"));
  EXPECT_TRUE(file.changed()) << "the first look";
  EXPECT_FALSE(file.exists());
  EXPECT_FALSE(file.changed());
  // As a ConfigMap has it: data is a link to a folder that is made anew.
  for (const char* version : {"v1", "v2"}) {
    std::filesystem::create_directory(folder.file(version));
    folder.write(std::string(version) + "/targets", version);
    std::filesystem::create_directory_symlink(version, folder.file("data.new"));
    std::filesystem::rename(folder.file("data.new"), folder.file("data"));
    EXPECT_TRUE(file.changed()) << version;
    EXPECT_TRUE(file.exists());
    EXPECT_FALSE(file.changed()) << version;
  }
  folder.write("v2/targets", "longer");
  EXPECT_TRUE(file.changed());
  std::filesystem::rename(folder.write("v2/targets.new", "longer"), folder.file("v2/targets"));
  EXPECT_TRUE(file.changed()) << "another inode";
  std::filesystem::remove(folder.file("v2/targets"));
  EXPECT_TRUE(file.changed());
  EXPECT_FALSE(file.exists());
}

}  // namespace
}  // namespace weir::names
