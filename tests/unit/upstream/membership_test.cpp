#include "weir/upstream/membership.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace weir::upstream {
namespace {

SocketAddress at(unsigned host, std::uint16_t port = 80) {
  return {*IpAddress::parse("10.0.0." + std::to_string(host)), port};
}

std::vector<std::string> texts(const Membership& members) {
  std::vector<std::string> out;
  for (const auto& one : members.list()) {
    out.push_back(one.text + "*" + std::to_string(one.weight));
  }
  return out;
}

using Texts = std::vector<std::string>;

TEST(Membership, JoinsByAddressInTheConfigurationsOrder) {
  Membership members;
  members.configure({{"10.0.0.2:80", 3}, {"a.test:80", 2}}, {});
  EXPECT_EQ(texts(members), Texts{"10.0.0.2:80*3"});
  EXPECT_EQ(members.unresolved(), Texts{"a.test:80"});
  EXPECT_TRUE(members.set("z", {{at(9), 7}}));
  EXPECT_TRUE(members.set("b", {{at(2), 5}, {at(8)}}));
  EXPECT_TRUE(members.set("a.test:80", {{at(1)}, {at(2)}}));
  EXPECT_EQ(texts(members),
            (Texts{"10.0.0.2:80*10", "10.0.0.1:80*2", "10.0.0.8:80*1", "10.0.0.9:80*7"}));
  EXPECT_EQ(members.unresolved(), Texts{});
  EXPECT_TRUE(members.set("b", {}));
  EXPECT_EQ(texts(members), (Texts{"10.0.0.2:80*5", "10.0.0.1:80*2", "10.0.0.9:80*7"}));
}

TEST(Membership, TwoSpellingsOfAnAddressAreOne) {
  Membership members;
  members.configure({{"[0:0::1]:80", 3}, {"[::1]:80", 2}, {"unix:/run/a", 1}}, {});
  EXPECT_EQ(texts(members), (Texts{"[0:0::1]:80*5", "unix:/run/a*1"}));
}

TEST(Membership, WeightsDoNotOverflow) {
  Membership members;
  members.configure({}, {});
  EXPECT_TRUE(members.set("a", {{at(1), 0xffff'ffff}, {at(1), 5}}));
  EXPECT_EQ(texts(members), Texts{"10.0.0.1:80*4294967295"});
}

TEST(Membership, AnAddressHasTheLowestOfItsPriorities) {
  Membership members;
  members.configure({{"10.0.0.1:80", 1, 3}, {"a.test:80", 1, 2}}, {});
  EXPECT_TRUE(members.set("a.test:80", {{at(1)}, {at(2)}}));
  EXPECT_TRUE(members.set("b", {{at(3), 1, 5}, {at(2), 1, 4}}));
  std::vector<std::uint32_t> got;
  for (const auto& one : members.list()) got.push_back(one.priority);
  EXPECT_EQ(got, (std::vector<std::uint32_t>{2, 2, 5})) << "a name's addresses have the name's";
  EXPECT_TRUE(members.set("b", {{at(3), 1, 1}, {at(2), 1, 4}})) << "a change";
}

TEST(Membership, AnAddressIsInTheFirstZoneThatIsNamed) {
  Membership members;
  members.configure({{.address = "10.0.0.1:80"},
                     {.address = "a.test:80", .zone = "north"},
                     {.address = "b.test:80", .zone = "south"}},
                    {});
  EXPECT_TRUE(members.set("a.test:80", {{at(1)}, {at(2)}, {.address = at(3), .zone = "east"}}));
  EXPECT_TRUE(members.set("b.test:80", {{at(2)}}));
  EXPECT_TRUE(members.set("file", {{.address = at(4), .zone = "west"}, {at(5)}}));
  Texts zones;
  for (const auto& one : members.list()) zones.push_back(one.zone);
  EXPECT_EQ(zones, (Texts{"north", "north", "east", "west", ""}));
  EXPECT_TRUE(members.set("file", {{.address = at(4), .zone = "east"}, {at(5)}})) << "a change";
}

TEST(Membership, TellsWhatIsNoChange) {
  Membership members;
  members.configure({{"a.test:80", 1}}, {});
  EXPECT_FALSE(members.set("gone.test:80", {{at(1)}}));
  EXPECT_FALSE(members.set("a.test:80", {}));
  EXPECT_TRUE(members.set("a.test:80", {{at(1)}, {at(2)}}));
  EXPECT_FALSE(members.set("a.test:80", {{at(2)}, {at(1)}}));
  EXPECT_TRUE(members.set("b", {{at(1), 1}}));
  EXPECT_TRUE(members.set("b", {{at(1), 2}}));
  EXPECT_FALSE(members.set("c", {}));
}

TEST(Membership, ACertificateIsForWhatWasConfigured) {
  Membership members;
  members.configure({{"10.0.0.1:80", 1}, {"a.test:80", 1}, {"unix:/run/a", 1}},
                    {{"a.test:80", {{at(1)}, {at(2)}}}});
  members.set("b", {{at(3)}});
  Texts hosts;
  for (const auto& one : members.list()) hosts.push_back(one.host);
  EXPECT_EQ(hosts, (Texts{"10.0.0.1", "a.test", "", "10.0.0.3"}));
}

TEST(Membership, ServicesHaveWeightsAndPrioritiesOfTheirOwn) {
  Membership members;
  const std::string name = "_http._tcp.a.test";
  members.configure({{.address = name, .weight = 3, .kind = config::EndpointKind::srv}}, {});
  EXPECT_EQ(members.unresolved(), Texts{name});
  EXPECT_TRUE(members.set(name, {{at(1), 5, 1}, {at(2, 81), 2, 0}}));
  EXPECT_EQ(texts(members), (Texts{"10.0.0.1:80*15", "10.0.0.2:81*6"}));
  EXPECT_EQ(members.list()[0].priority, 1u);
  EXPECT_EQ(members.list()[0].host, "a.test") << "the certificate is for what was configured";
  EXPECT_EQ(members.list()[0].sources, Texts{name});
}

TEST(Membership, FamiliesOfANameAreToldApart) {
  const SocketAddress v6(*IpAddress::parse("2001:db8::1"), 80);
  Membership members;
  const auto seconds = [&] {
    Texts out;
    for (const auto& one : members.list()) {
      if (one.is_second) out.push_back(one.text);
    }
    return out;
  };
  members.configure({{"a.test:80", 1}}, {});
  members.set("a.test:80", {{at(1)}, {v6}});
  EXPECT_EQ(seconds(), Texts{"10.0.0.1:80"});
  members.set("a.test:80", {{at(1)}});
  EXPECT_EQ(seconds(), Texts{});
  members.set("a.test:80", {{at(1)}, {v6}});
  members.set("other", {{at(1)}});
  EXPECT_EQ(seconds(), Texts{}) << "somebody lists it for itself";
  // Of services, hosts are looked at apart from each other.
  const std::string services = "_http._tcp.a.test";
  members.configure({{.address = services, .kind = config::EndpointKind::srv}}, {});
  members.set(services, {{at(1), 1, 0, "h1"}, {at(2), 1, 0, "h2"}, {v6, 1, 0, "h2"}});
  members.set("other", {});
  EXPECT_EQ(seconds(), Texts{"10.0.0.2:80"});
  // The same name by family is another source.
  members.configure({{.address = "a.test:80", .family = config::NameFamily::ipv4},
                     {.address = "a.test:80", .family = config::NameFamily::ipv6}},
                    {});
  EXPECT_EQ(members.unresolved(), (Texts{"a.test:80 ipv4", "a.test:80 ipv6"}));
}

// What each address weighs, by a model that recomputes everything: lists by source.
config::EndpointsFrom file_with(std::vector<config::EndpointSpec> listed, int second = 1) {
  return {.file = "t.yaml",
          .listed = std::make_shared<const Membership::Specs>(std::move(listed)),
          .read_at = TimePoint() + std::chrono::seconds(second)};
}

TimePoint at_second(int number) { return TimePoint() + std::chrono::seconds(number); }

TEST(Membership, AFileListsEndpointsBesidesTheConfiguration) {
  Membership members;
  config::EndpointsFrom file = file_with({{"10.0.0.2:80", 2}, {"a.test:80", 3}});
  members.configure({{"10.0.0.1:80", 1}, {"10.0.0.2:80", 5}}, {}, &file);
  EXPECT_EQ(texts(members), (Texts{"10.0.0.1:80*1", "10.0.0.2:80*7"}));
  EXPECT_EQ(members.unresolved(), Texts{"a.test:80"});
  ASSERT_EQ(members.names({}).size(), 1u);
  EXPECT_EQ(members.names({}).front().text, "a.test:80");
  EXPECT_TRUE(members.set("a.test:80", {{at(9)}}));
  EXPECT_EQ(texts(members), (Texts{"10.0.0.1:80*1", "10.0.0.2:80*7", "10.0.0.9:80*3"}));
  const auto list = members.list();
  EXPECT_EQ(list[1].sources, (Texts{"", "endpoints_from t.yaml"}));
  EXPECT_FALSE(list[1].is_found);
  EXPECT_EQ(list[2].sources, Texts{"a.test:80"});
  EXPECT_TRUE(list[2].is_found);
  // The file has others; a name that it has no longer is forgotten.
  EXPECT_TRUE(members.set_listed({{"10.0.0.3:80", 4}}, at_second(2)));
  EXPECT_EQ(texts(members), (Texts{"10.0.0.1:80*1", "10.0.0.2:80*5", "10.0.0.3:80*4"}));
  EXPECT_FALSE(members.set_listed({{"10.0.0.3:80", 4}}, at_second(3)));
  EXPECT_FALSE(members.set("a.test:80", {{at(9)}}));
  EXPECT_TRUE(members.set_listed({}, at_second(4)));
  EXPECT_EQ(texts(members), (Texts{"10.0.0.1:80*1", "10.0.0.2:80*5"}));
  members.configure({{"10.0.0.1:80", 1}}, {});
  EXPECT_EQ(texts(members), Texts{"10.0.0.1:80*1"});
  EXPECT_FALSE(members.set_listed({{"10.0.0.3:80", 4}}, at_second(5))) << "it has no file any more";
}

TEST(Membership, TheNewestReadingOfAFileCounts) {
  Membership members;
  config::EndpointsFrom file = file_with({{"10.0.0.1:80", 1}}, 1);
  members.configure({}, {}, &file);
  EXPECT_TRUE(members.set_listed({{"10.0.0.2:80", 1}}, at_second(5)));
  // A reload that read the file before that was.
  file = file_with({{"10.0.0.1:80", 1}}, 4);
  members.configure({}, {}, &file);
  EXPECT_EQ(texts(members), Texts{"10.0.0.2:80*1"});
  EXPECT_FALSE(members.set_listed({{"10.0.0.3:80", 1}}, at_second(4)));
  file = file_with({{"10.0.0.4:80", 1}}, 6);
  members.configure({}, {}, &file);
  EXPECT_EQ(texts(members), Texts{"10.0.0.4:80*1"});
  // An empty one takes nobody's place until somebody says so.
  file = file_with({}, 7);
  members.configure({}, {}, &file);
  EXPECT_EQ(texts(members), Texts{"10.0.0.4:80*1"});
  EXPECT_TRUE(members.set_listed({}, at_second(7)));
  EXPECT_EQ(texts(members), Texts{});
  // Another file is not older than this one.
  file = file_with({{"10.0.0.5:80", 1}}, 2);
  file.file = "other.yaml";
  members.configure({}, {}, &file);
  EXPECT_EQ(texts(members), Texts{"10.0.0.5:80*1"});
}

TEST(Membership, WhatAFileReplacesByANameServesUntilThatIsFound) {
  Membership members;
  config::EndpointsFrom file = file_with({{"10.0.0.1:80", 1}});
  members.configure({}, {}, &file);
  EXPECT_TRUE(members.set_listed({{"a.test:80", 2}}, at_second(2)));
  EXPECT_EQ(texts(members), Texts{"10.0.0.1:80*2"});
  EXPECT_TRUE(members.set("a.test:80", {{at(7)}}));
  EXPECT_EQ(texts(members), Texts{"10.0.0.7:80*2"});
}

TEST(Membership, RandomChangesComeToWhatAModelSays) {
  const Texts fixed{"10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"};
  const Texts names{"a.test:80", "b.test:80"};
  const Texts others{"k1", "k2"};
  std::mt19937 random(7);
  const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  Membership members;
  std::map<std::string, std::uint32_t> configured;  // weights
  std::map<std::string, std::map<std::string, std::uint64_t>> lists;
  for (int step = 0; step < 5'000; ++step) {
    if (below(4) == 0) {
      Membership::Specs specs;
      configured.clear();
      for (const Texts* from : {&fixed, &names}) {
        for (const std::string& text : *from) {
          // Names that are new begin with an address, so that nothing stands in for them.
          if (below(3) == 0) continue;
          specs.push_back({text, 1 + below(5)});
          configured[text] = specs.back().weight;
        }
      }
      Addresses found;
      for (const std::string& name : names) {
        if (!configured.contains(name)) {
          lists.erase(name);
        } else if (!lists.contains(name)) {
          found[name] = {{at(4)}};
          lists[name] = {{"10.0.0.4:80", 1}};
        }
      }
      members.configure(specs, found);
    } else {
      const Texts& from = below(2) == 0 ? names : others;
      const std::string& source = from[below(2)];
      const bool is_name = &from == &names;
      std::vector<Member> list;
      std::map<std::string, std::uint64_t> sums;
      const unsigned count = below(4) + (is_name ? 1 : 0);
      for (unsigned n = 0; n < count; ++n) {
        const Member one{at(1 + below(6)), is_name ? 1u : 1u + below(9)};
        list.push_back(one);
        sums[one.address.to_string()] += one.weight;
      }
      const bool taken = !is_name || configured.contains(source);
      if (taken && sums.empty()) lists.erase(source);
      if (taken && !sums.empty()) lists[source] = sums;
      members.set(source, list);
    }
    std::map<std::string, std::uint64_t> wanted;
    for (const std::string& text : fixed) {
      if (configured.contains(text)) wanted[text] += configured[text];
    }
    for (const auto& [source, sums] : lists) {
      for (const auto& [address, sum] : sums) {
        wanted[address] += sum * (configured.contains(source) ? configured[source] : 1);
      }
    }
    std::map<std::string, std::uint64_t> got;
    for (const auto& one : members.list()) {
      EXPECT_TRUE(got.emplace(one.address.to_string(), one.weight).second);
    }
    ASSERT_EQ(got, wanted) << "after step " << step;
  }
}

}  // namespace
}  // namespace weir::upstream
