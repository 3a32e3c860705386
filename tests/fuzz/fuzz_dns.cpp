// An answer of a name server, whatever it is: reading it ends, and what it says is what was asked.
#include <string>
#include <string_view>

#include "incremental.hpp"
#include "weir/names/dns_message.hpp"

namespace {

using namespace weir;
using namespace weir::names;
using weir::fuzz::require;

void check(std::span<const std::uint8_t> bytes, std::string_view name, RecordType type) {
  const auto answer = parse_answer(bytes, name, type);
  if (!answer) {
    require(!answer.error().empty(), "a refusal says why");
    return;
  }
  require(answer->addresses.size() <= most_records && answer->services.size() <= most_records,
          "what is taken is bounded");
  require(answer->addresses.size() * 4 + answer->services.size() * 7 <= bytes.size(),
          "nothing comes from nowhere");
  require(answer->addresses.empty() || answer->services.empty(), "of one type alone");
  for (const IpAddress& ip : answer->addresses) {
    require(ip.is_v6() ? type == RecordType::aaaa : type != RecordType::srv, "of the family asked");
  }
  for (const SrvRecord& service : answer->services) {
    require(type == RecordType::srv && service.port != 0, "a service has a port");
    require(!service.target.empty() && service.target.size() <= 4 * 255, "and a host");
  }
  require(answer->ttl >= Duration::zero() && answer->ttl <= std::chrono::seconds(0x7FFF'FFFF),
          "times are bounded");
  require(answer->has_records() || answer->ttl == Duration::zero(), "nothing has no time");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 65535) return 0;
  // A buffer of its own: nothing may be read behind it.
  const std::vector<std::uint8_t> bytes(data, data + size);
  for (const RecordType type : {RecordType::a, RecordType::aaaa, RecordType::srv}) {
    check(bytes, "a.test", type);
    check(bytes, "_http._tcp.a.test", type);
  }
  return 0;
}
