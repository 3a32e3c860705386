// What etcd sends, whatever it is: reading it ends, and gives keys that are some, or one line that
// says what is wrong.
#include <string>
#include <string_view>

#include "incremental.hpp"
#include "provider/etcd/base64.hpp"
#include "provider/etcd/key_table.hpp"
#include "provider/etcd/messages.hpp"

using namespace weir::provider::etcd;
using weir::fuzz::require;
using weir::fuzz::require_one_line;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  KeyTable table;
  if (auto range = parse_range(text)) {
    require(range->revision > 0, "a list has a revision");
    for (const KeyValue& each : range->keys) require(!each.key.empty(), "a key is some");
    table.list(std::move(*range));
    require(table.is_listed(), "it is known then");
  } else {
    require_one_line(range.error());
  }
  if (const auto message = parse_watch(text)) {
    const auto before = table.revision();
    table.apply(*message);
    require(table.revision() >= before, "events do not lead back");
  } else {
    require_one_line(message.error());
  }
  if (const auto put = parse_put(text)) require(put->revision >= 0, "no revision is below 0");
  if (const auto token = parse_token(text)) {
    require(token->find_first_of("\r\n") == std::string::npos, "a token is one field");
  }
  require_one_line(complaint_in(text));
  if (const auto bytes = base64_decode(text)) {
    require(base64_encode(*bytes) == text, "a value has one text");
  }
  return 0;
}
