#include "weir/net/proxy_protocol.hpp"

#include <gtest/gtest.h>

#include <string>

namespace weir::net {
namespace {

using namespace std::string_literals;

const std::string signature = "\r\n\r\n\0\r\nQUIT\n"s;
const std::string v4_block = "\x0A\0\0\1\x0A\0\0\2\x30\x39\0\x50"s;
const std::string v6_block = "\x20\1\x0D\xB8"s + std::string(11, '\0') + "\1"s + "\x20\1\x0D\xB8"s +
                             std::string(11, '\0') + "\2"s + "\x30\x39\0\x50"s;

// A version 2 header whose length field says `length`, or tells the truth.
std::string v2(char command, char family, const std::string& content, int length = -1) {
  const std::size_t size = length < 0 ? content.size() : static_cast<std::size_t>(length);
  return signature + command + family + static_cast<char>(size >> 8) +
         static_cast<char>(size & 255) + content;
}

std::string outcome(std::string_view bytes) {
  const auto header = parse_proxy_header(bytes);
  if (!header) return "bad";
  if (header->size == 0) return "more";
  std::string out = std::to_string(header->size);
  if (header->source) out += " " + header->source->to_string();
  if (header->destination) out += " " + header->destination->to_string();
  return out;
}

TEST(ProxyProtocol, Version1) {
  const struct {
    std::string name;
    std::string bytes;
    std::string outcome;
  } rows[] = {
      {"nothing yet", "", "more"},
      {"first letters", "PRO", "more"},
      {"no line end yet", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2", "more"},
      {"CR only yet", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r", "more"},
      {"TCP4", "PROXY TCP4 1.2.3.4 5.6.7.8 12345 80\r\nGET", "37 1.2.3.4:12345 5.6.7.8:80"},
      {"TCP6", "PROXY TCP6 2001:db8::1 ::2 1 2\r\n", "32 [2001:db8::1]:1 [::2]:2"},
      {"UNKNOWN alone", "PROXY UNKNOWN\r\n", "15"},
      {"UNKNOWN with anything", "PROXY UNKNOWN ffff::1 what ever\r\n", "33"},
      {"port zero", "PROXY TCP4 1.2.3.4 5.6.7.8 0 0\r\n", "32 1.2.3.4:0 5.6.7.8:0"},
      {"other protocol", "GET / HTTP/1.1\r\n", "bad"},
      {"lower case", "proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n", "bad"},
      {"bare LF", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n", "bad"},
      {"bare CR", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\rG", "bad"},
      {"no family", "PROXY \r\n", "bad"},
      {"family alone", "PROXY TCP4\r\n", "bad"},
      {"unknown family", "PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n", "bad"},
      {"IPv6 under TCP4", "PROXY TCP4 ::1 ::2 1 2\r\n", "bad"},
      {"IPv4 under TCP6", "PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n", "bad"},
      {"two spaces", "PROXY TCP4 1.2.3.4  5.6.7.8 1 2\r\n", "bad"},
      {"trailing space", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n", "bad"},
      {"port missing", "PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n", "bad"},
      {"port too large", "PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n", "bad"},
      {"port with leading zero", "PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n", "bad"},
      {"port with sign", "PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n", "bad"},
      {"107 bytes", "PROXY UNKNOWN " + std::string(91, 'x') + "\r\n", "107"},
      {"108 bytes", "PROXY UNKNOWN " + std::string(92, 'x') + "\r\n", "bad"},
      {"no end in sight", "PROXY UNKNOWN " + std::string(93, 'x'), "bad"},
  };
  for (const auto& row : rows) EXPECT_EQ(outcome(row.bytes), row.outcome) << row.name;
}

TEST(ProxyProtocol, Version2) {
  const std::string tlv = "\x04\0\3abc"s;
  const struct {
    std::string name;
    std::string bytes;
    std::string outcome;
  } rows[] = {
      {"signature cut", signature.substr(0, 7), "more"},
      {"signature only", signature, "more"},
      {"no length yet", v2('\x21', '\x11', "").substr(0, 15), "more"},
      {"addresses cut", v2('\x21', '\x11', v4_block).substr(0, 27), "more"},
      {"TCP4", v2('\x21', '\x11', v4_block) + "GET", "28 10.0.0.1:12345 10.0.0.2:80"},
      {"TCP6", v2('\x21', '\x21', v6_block), "52 [2001:db8::1]:12345 [2001:db8::2]:80"},
      {"unix", v2('\x21', '\x31', std::string(216, 'x')), "232"},
      {"unspecified", v2('\x21', '\0', "whatever"), "24"},
      {"with a record", v2('\x21', '\x11', v4_block + tlv), "34 10.0.0.1:12345 10.0.0.2:80"},
      {"local", v2('\x20', '\0', ""), "16"},
      {"local ignores the rest", v2('\x20', '\x7F', "\4\xFF\xFFx"), "20"},
      {"broken signature", "\r\n\r\n\0\r\nQUIX"s, "bad"},
      {"version 1 in binary", v2('\x11', '\x11', v4_block), "bad"},
      {"unknown command", v2('\x22', '\x11', v4_block), "bad"},
      {"datagram", v2('\x21', '\x12', v4_block), "bad"},
      {"unknown family", v2('\x21', '\x41', v4_block), "bad"},
      {"too short for TCP4", v2('\x21', '\x11', "", 11), "bad"},
      {"too short for TCP6", v2('\x21', '\x21', "", 35), "bad"},
      {"too short for unix", v2('\x21', '\x31', "", 215), "bad"},
      {"record head cut", v2('\x21', '\x11', v4_block + "\4\0"s), "bad"},
      {"record value cut", v2('\x21', '\x11', v4_block + "\4\0\4abc"s), "bad"},
      {"longest", v2('\x20', '\0', std::string(4096, 'x')), "4112"},
      {"too long, told by the length", v2('\x20', '\0', "", 4097), "bad"},
  };
  for (const auto& row : rows) EXPECT_EQ(outcome(row.bytes), row.outcome) << row.name;
}

TEST(ProxyProtocol, NeedsMoreUntilTheLastByte) {
  for (const std::string& bytes :
       {"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n"s, v2('\x21', '\x11', v4_block + "\4\0\1x"s)}) {
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_EQ(outcome(std::string_view(bytes).substr(0, size)), "more") << size;
    }
    EXPECT_NE(outcome(bytes), "more");
  }
}

}  // namespace
}  // namespace weir::net
