#include "weir/names/dns_message.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "names/message_writer.hpp"

namespace weir::names {
namespace {

using namespace std::chrono_literals;
using W = MessageWriter;

constexpr unsigned a = 1;
constexpr unsigned cname = 5;
constexpr unsigned soa = 6;
constexpr unsigned aaaa = 28;
constexpr unsigned srv = 33;

std::string described(const std::expected<DnsAnswer, std::string>& answer) {
  if (!answer) return "! " + answer.error();
  std::string out = answer->name + " " + std::to_string(answer->code) + " " +
                    std::to_string(std::chrono::round<std::chrono::seconds>(answer->ttl).count());
  for (const IpAddress& ip : answer->addresses) out += " " + ip.to_string();
  for (const SrvRecord& each : answer->services) {
    out += " " + std::to_string(each.priority) + "/" + std::to_string(each.weight) + "/" +
           each.target + ":" + std::to_string(each.port);
  }
  if (answer->negative_ttl) {
    out += " none for " +
           std::to_string(std::chrono::round<std::chrono::seconds>(*answer->negative_ttl).count());
  }
  return answer->truncated ? out + " cut" : out;
}

std::string read(const W& message, RecordType type = RecordType::a,
                 std::string_view name = "a.test") {
  return described(parse_answer(message.bytes, name, type));
}

TEST(DnsMessage, SaysWhatIsInIt) {
  EXPECT_EQ(read(W("A.tEst", a, 3).a(60, 0x0A000001).a(30, 0x0A000002).a(90, 0x0A000001)),
            "a.test 0 30 10.0.0.1 10.0.0.2");
  W v6("a.test", aaaa, 1);
  v6.record(aaaa, 5, 16).u32(0x20010DB8).u32(0).u32(0).u32(1);
  EXPECT_EQ(read(v6, RecordType::aaaa), "a.test 0 5 2001:db8::1");
  W services("_http._tcp.a.test", srv, 3);
  services.record(srv, 9, 6 + 8).u16(1).u16(2).u16(8080).name("b.test");
  services.record(srv, 9, 6 + 4).u16(0).u16(0).u16(80).u8(1).u8('c').pointer(23);
  services.record(srv, 9, 6 + 1).u16(0).u16(0).u16(80).name("");
  EXPECT_EQ(read(services, RecordType::srv, "_http._tcp.a.test."),
            "_http._tcp.a.test 0 9 1/2/b.test:8080 0/0/c.a.test:80");
  EXPECT_EQ(read(W("a.test", a, 1, 0, 0x8380).a(60, 0x0A000001)), "a.test 0 60 10.0.0.1 cut");
}

TEST(DnsMessage, FollowsAliasesToTheAddresses) {
  W message("a.test", a, 4);
  message.name("c.test").u16(a).u16(1).u32(60).u16(4).u32(0x0A000003);
  message.name("b.test").u16(cname).u16(1).u32(7).u16(8).name("C.test");
  message.record(cname, 100, 8).name("b.test");
  message.a(1, 0x0A000009);  // of the name that is an alias: nobody's
  EXPECT_EQ(read(message), "c.test 0 7 10.0.0.3");
  W dangling("a.test", a, 1);
  dangling.record(cname, 100, 8).name("b.test");
  EXPECT_EQ(read(dangling), "b.test 0 0");
}

TEST(DnsMessage, SaysHowLongThereIsNothing) {
  const auto negative = [](unsigned flags, std::uint32_t ttl, std::uint32_t minimum) {
    W out("a.test", a, 0, 1, flags);
    out.name("test").u16(soa).u16(1).u32(ttl).u16(2 + 1 + 20).pointer(14).name("");
    out.u32(1).u32(2).u32(3).u32(4).u32(minimum);
    return out;
  };
  EXPECT_EQ(read(negative(0x8183, 300, 20)), "a.test 3 0 none for 20");
  EXPECT_EQ(read(negative(0x8180, 10, 20)), "a.test 0 0 none for 10");
  EXPECT_EQ(read(W("a.test", a, 0, 0, 0x8183)), "a.test 3 0");
  EXPECT_EQ(read(W("a.test", a, 0, 0, 0x8182)), "a.test 2 0");
  // More than 2^31 s is none (RFC 2181).
  EXPECT_EQ(read(W("a.test", a, 1).a(0xFFFF'FFFF, 0x0A000001)), "a.test 0 0 10.0.0.1");
}

TEST(DnsMessage, RecordsOfOthersAreNotTaken) {
  W message("a.test", a, 3);
  message.name("evil.test").u16(a).u16(1).u32(60).u16(4).u32(0x0A000003);
  message.pointer(12).u16(a).u16(3).u32(60).u16(4).u32(0x0A000004);  // class CHAOS
  message.record(16, 60, 3).u8(2).u8('h').u8('i');                   // TXT
  EXPECT_EQ(read(message), "a.test 0 0");
  // A dot inside a label, and bytes that no name has.
  W label("a.test", a, 2);
  label.u8(6);
  for (const char c : std::string_view("a.test")) label.u8(static_cast<unsigned char>(c));
  label.u8(0).u16(a).u16(1).u32(60).u16(4).u32(0x0A000003);
  label.record(cname, 1, 4).u8(2).u8(0xFF).u8('.').u8(0);
  EXPECT_EQ(read(label), "\\255\\046 0 0");
}

TEST(DnsMessage, WhatIsWrongIsSaid) {
  const auto with = [](auto&& change) {
    W out("a.test", a, 1);
    change(out);
    return read(out);
  };
  EXPECT_EQ(described(parse_answer({}, "a.test", RecordType::a)), "! shorter than a header");
  EXPECT_EQ(read(W("a.test", a, 0, 0, 0x0180)), "! a question instead of an answer");
  EXPECT_EQ(read(W("a.test", a, 0, 0, 0x9180)), "! an answer to something other than a query");
  EXPECT_EQ(read(W("b.test", a, 0)), "! an answer to another question");
  EXPECT_EQ(read(W("a.test", aaaa, 0)), "! an answer to another question");
  EXPECT_EQ(with([](W& out) { out.bytes[5] = 0; }), "! an answer to no question, or to several");
  EXPECT_EQ(with([](W&) {}), "! cut in its answers");
  EXPECT_EQ(with([](W& out) { out.record(a, 60, 4).u16(1); }), "! cut in its answers");
  EXPECT_EQ(with([](W& out) { out.record(a, 60, 3).u8(1).u16(1); }),
            "! a record that is none of its type");
  EXPECT_EQ(with([](W& out) { out.bytes.resize(16); }), "! cut in its question");
  const auto answer_named = [&](auto&& name) {
    return with([&](W& out) {
      name(out);
      out.u16(a).u16(1).u32(60).u16(4).u32(1);
    });
  };
  EXPECT_EQ(answer_named([](W& out) { out.pointer(24); }), "! cut in its answers") << "itself";
  EXPECT_EQ(answer_named([](W& out) { out.pointer(26); }), "! cut in its answers") << "forward";
  EXPECT_EQ(answer_named([](W& out) { out.u8(1).u8('x').pointer(24); }), "! cut in its answers")
      << "round";
  EXPECT_EQ(answer_named([](W& out) { out.pointer(3); }), "! cut in its answers") << "the header";
  EXPECT_EQ(answer_named([](W& out) { out.u8(0x80); }), "! cut in its answers");
  EXPECT_EQ(answer_named([](W& out) {
              std::string name(255, 'x');  // four labels of 63
              for (const std::size_t dot : {63, 127, 191}) name[dot] = '.';
              out.name(name);
            }),
            "! cut in its answers");
  // Round in aliases, and an alias with something behind it.
  EXPECT_EQ(with([](W& out) { out.record(cname, 1, 2).pointer(12); }),
            "! an alias that cannot be followed");
  EXPECT_EQ(with([](W& out) { out.record(cname, 1, 3).pointer(14).u8(0); }),
            "! an alias that cannot be followed");
  W short_soa("a.test", a, 0, 1);
  short_soa.record(soa, 60, 2).u8(0).u8(0);
  EXPECT_EQ(read(short_soa), "! an SOA record that is none");
}

TEST(DnsMessage, WhateverComesEnds) {
  W whole("a.test", a, 3, 1);
  whole.record(cname, 100, 8).name("b.test");
  whole.name("b.test").u16(a).u16(1).u32(60).u16(4).u32(0x0A000003);
  whole.a(1, 2);
  whole.record(soa, 60, 4 + 20).pointer(12).pointer(14).u32(1).u32(2).u32(3).u32(4).u32(5);
  ASSERT_TRUE(parse_answer(whole.bytes, "a.test", RecordType::a));
  std::mt19937 random(11);
  for (int round = 0; round < 50'000; ++round) {
    auto bytes = whole.bytes;
    for (unsigned n = random() % 4; n != 0; --n) {
      bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
    }
    bytes.resize(bytes.size() - random() % 8);
    const auto answer = parse_answer(bytes, "a.test", RecordType::a);
    if (answer) {
      EXPECT_LE(answer->addresses.size(), 3u);
    }
  }
}

}  // namespace
}  // namespace weir::names
