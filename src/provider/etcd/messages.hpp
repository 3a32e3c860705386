// What is said to etcd and what it says, in the JSON of its gateway (/v3/...). Integers of 64 bits
// are texts there, keys and values base64; members with a default value are left out. Pure: every
// text from outside is parsed here, and each function ends for any text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::provider::etcd {

// Of an answer, or of one message of a watch.
inline constexpr std::size_t most_message_bytes = std::size_t{64} << 20;

template <class T>
using Parsed = std::expected<T, std::string>;  // or what is wrong, or what etcd complains of

struct KeyValue {
  std::string key;
  std::string value;              // "" of one that was deleted, and where only keys were asked for
  std::int64_t mod_revision = 0;  // of its last change; another one for another value

  friend bool operator==(const KeyValue&, const KeyValue&) = default;
};

// --- questions

// The first key that does not begin with `prefix`. REQUIRES: not empty.
std::string end_of_prefix(std::string_view prefix);
std::string list_question(std::string_view prefix);
// How many keys there are, and the one that was changed last.
std::string newest_question(std::string_view prefix);
std::string key_question(std::string_view key);
// What changes from that revision on.
std::string watch_question(std::string_view prefix, std::int64_t from_revision);
// Puts it if the key's last change was that one (0: there is no such key); nothing: in any case.
std::string put_question(std::string_view key, std::string_view value,
                         std::optional<std::int64_t> if_revision);
std::string token_question(std::string_view user, std::string_view password);

// --- answers

struct Range {
  std::int64_t revision = 0;  // of etcd as a whole, at that moment; above 0
  std::uint64_t count = 0;    // of all keys, also where only some were asked for
  std::vector<KeyValue> keys;
};
Parsed<Range> parse_range(std::string_view text);

struct WatchEvent {
  bool is_deleted = false;
  KeyValue kv;
};
struct WatchMessage {
  bool is_canceled = false;
  std::int64_t compact_revision = 0;  // why it was: what was asked for is not kept any more
  std::string reason;                 // of a cancel, "" where there is none
  std::vector<WatchEvent> events;
};
// One line of a watch's answer.
Parsed<WatchMessage> parse_watch(std::string_view line);

struct Put {
  bool done = false;
  std::int64_t revision = 0;     // done: of this change
  std::int64_t is_revision = 0;  // not done: the key's last change, 0: there is no such key
};
Parsed<Put> parse_put(std::string_view text);

Parsed<std::string> parse_token(std::string_view text);

// What an answer that is an error says, in one line; "" where it says nothing.
std::string complaint_in(std::string_view text);
// Whether it means that a token is wrong or missing.
bool is_about_token(std::string_view complaint) noexcept;

}  // namespace weir::provider::etcd
