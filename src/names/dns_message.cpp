#include "weir/names/dns_message.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <unordered_map>
#include <utility>

#include "weir/base/text.hpp"

namespace weir::names {
namespace {

using Bytes = std::span<const std::uint8_t>;
using Fault = std::unexpected<std::string>;

constexpr std::size_t header_size = 12;
constexpr std::size_t longest_name = 255;  // in a message
constexpr int most_aliases = 16;           // CNAMEs one behind the other
constexpr std::uint16_t class_in = 1;

// Reads from a place of the message on; past its end everything is 0, and `bad` is set.
class Cursor {
 public:
  explicit Cursor(Bytes message, std::size_t at = 0) : message_(message), at_(at) {}

  bool bad() const noexcept { return bad_; }
  std::size_t at() const noexcept { return at_; }
  std::size_t left() const noexcept { return message_.size() - at_; }

  std::uint16_t u16() noexcept {
    if (left() < 2) return fail();
    const auto value = static_cast<std::uint16_t>(message_[at_] << 8 | message_[at_ + 1]);
    at_ += 2;
    return value;
  }
  std::uint32_t u32() noexcept {
    const std::uint32_t high = u16();
    return high << 16 | u16();
  }
  void skip(std::size_t count) noexcept {
    if (left() < count) {
      fail();
    } else {
      at_ += count;
    }
  }
  std::string name();

 private:
  std::uint16_t fail() noexcept {
    bad_ = true;
    at_ = message_.size();
    return 0;
  }

  Bytes message_;
  std::size_t at_;
  bool bad_ = false;
};

void append_label(std::string& out, Bytes label) {
  for (const std::uint8_t byte : label) {
    const char c = to_lower(static_cast<char>(byte));
    if (is_alpha(c) || is_digit(c) || c == '-' || c == '_') {
      out += c;
    } else {
      out += '\\';
      out += static_cast<char>('0' + byte / 100);
      out += static_cast<char>('0' + byte / 10 % 10);
      out += static_cast<char>('0' + byte % 10);
    }
  }
}

// Each pointer has to lead to before the one that led there, so no name goes round.
std::string Cursor::name() {
  std::string out;
  std::size_t at = at_;
  std::size_t below = message_.size();  // where pointers may lead
  std::size_t size = 1;
  bool jumped = false;
  while (true) {
    if (at >= message_.size()) return fail(), std::string();
    const std::uint8_t length = message_[at];
    if ((length & 0xC0) == 0xC0) {
      if (at + 1 >= message_.size()) return fail(), std::string();
      const std::size_t to = static_cast<std::size_t>(length & 0x3F) << 8 | message_[at + 1];
      if (!jumped) at_ = at + 2;
      jumped = true;
      if (to < header_size || to >= std::min(below, at)) return fail(), std::string();
      below = to;
      at = to;
      continue;
    }
    if ((length & 0xC0) != 0) return fail(), std::string();
    ++at;
    if (length == 0) break;
    size += 1U + length;
    if (size > longest_name || message_.size() - at < length) return fail(), std::string();
    if (!out.empty()) out += '.';
    append_label(out, message_.subspan(at, length));
    at += length;
  }
  if (!jumped) at_ = at;
  return out;
}

struct Record {
  std::string owner;
  std::uint16_t type = 0;
  std::uint16_t record_class = 0;
  std::uint32_t ttl = 0;  // seconds
  std::size_t data = 0;   // where it begins in the message
  std::size_t size = 0;
};

Record read_record(Cursor& in) {
  Record out;
  out.owner = in.name();
  out.type = in.u16();
  out.record_class = in.u16();
  out.ttl = in.u32();
  if (out.ttl > 0x7FFF'FFFF) out.ttl = 0;  // RFC 2181 section 8
  out.size = in.u16();
  out.data = in.at();
  in.skip(out.size);
  return out;
}

bool is_type(const Record& record, RecordType type) {
  return record.type == static_cast<std::uint16_t>(type) && record.record_class == class_in;
}

class AnswerReader {
 public:
  AnswerReader(Bytes message, RecordType type) : message_(message), type_(type) {}

  std::expected<DnsAnswer, std::string> read(std::string_view asked) {
    Cursor in(message_);
    in.u16();  // its id was the transport's business
    const std::uint16_t flags = in.u16();
    const std::uint16_t questions = in.u16();
    const std::uint16_t answers = in.u16();
    const std::uint16_t authorities = in.u16();
    in.u16();
    if (in.bad()) return Fault("shorter than a header");
    if ((flags & 0x8000) == 0) return Fault("a question instead of an answer");
    if ((flags & 0x7800) != 0) return Fault("an answer to something other than a query");
    DnsAnswer out;
    out.code = flags & 0x0F;
    out.truncated = (flags & 0x0200) != 0;
    if (questions != 1) return Fault("an answer to no question, or to several");
    out.name = in.name();
    const std::uint16_t type = in.u16();
    const std::uint16_t question_class = in.u16();
    if (in.bad()) return Fault("cut in its question");
    if (asked.ends_with('.')) asked.remove_suffix(1);
    if (out.name != to_lower(asked) || type != static_cast<std::uint16_t>(type_) ||
        question_class != class_in) {
      return Fault("an answer to another question");
    }
    for (unsigned i = 0; i < answers; ++i) {
      Record record = read_record(in);
      if (in.bad()) return Fault("cut in its answers");
      if (i < most_records) answers_.push_back(std::move(record));
    }
    if (!follow_aliases(out)) return Fault("an alias that cannot be followed");
    for (const Record& record : answers_) {
      if (is_type(record, type_) && record.owner == out.name && !take(record, out)) {
        return Fault("a record that is none of its type");
      }
    }
    if (!out.has_records()) out.ttl = {};
    for (unsigned i = 0; i < authorities; ++i) {
      const Record record = read_record(in);
      if (in.bad()) return Fault("cut in its authorities");
      if (is_type(record, RecordType::soa) && !take_soa(record, out)) {
        return Fault("an SOA record that is none");
      }
    }
    return out;
  }

 private:
  static Duration seconds(std::uint32_t count) { return std::chrono::seconds(count); }

  void shorten(DnsAnswer& out, std::uint32_t ttl) {
    out.ttl = std::exchange(some_ttl_, true) ? std::min(out.ttl, seconds(ttl)) : seconds(ttl);
  }

  // From the name that was asked to the one that has the records.
  bool follow_aliases(DnsAnswer& out) {
    std::unordered_map<std::string_view, const Record*> aliases;
    for (const Record& record : answers_) {
      if (is_type(record, RecordType::cname)) aliases.try_emplace(record.owner, &record);
    }
    for (int hops = 0;; ++hops) {
      const auto alias = aliases.find(out.name);
      if (alias == aliases.end()) return true;
      if (hops == most_aliases) return false;
      const Record& record = *alias->second;
      Cursor in(message_, record.data);
      std::string to = in.name();
      if (in.bad() || in.at() != record.data + record.size || to.empty()) return false;
      shorten(out, record.ttl);
      out.name = std::move(to);
    }
  }

  bool take(const Record& record, DnsAnswer& out) {
    const Bytes data = message_.subspan(record.data, record.size);
    switch (type_) {
      case RecordType::a: {
        std::array<std::uint8_t, 4> bytes{};
        if (data.size() != bytes.size()) return false;
        std::ranges::copy(data, bytes.begin());
        add(IpAddress::v4(bytes), out.addresses);
        break;
      }
      case RecordType::aaaa: {
        std::array<std::uint8_t, 16> bytes{};
        if (data.size() != bytes.size()) return false;
        std::ranges::copy(data, bytes.begin());
        add(IpAddress::v6(bytes), out.addresses);
        break;
      }
      case RecordType::srv: {
        Cursor in(message_, record.data);
        SrvRecord service;
        service.priority = in.u16();
        service.weight = in.u16();
        service.port = in.u16();
        service.target = in.name();
        if (in.bad() || in.at() != record.data + record.size) return false;
        // No target, no service (RFC 2782); port 0 reaches nobody.
        if (!service.target.empty() && service.port != 0) add(service, out.services);
        break;
      }
      case RecordType::cname:
      case RecordType::soa:
        return false;
    }
    shorten(out, record.ttl);
    return true;
  }

  // Of thousands of records a few hundred differ: a list is searched faster than it is sorted.
  template <class T>
  static void add(const T& one, std::vector<T>& to) {
    if (to.size() < most_records && std::ranges::find(to, one) == to.end()) to.push_back(one);
  }

  bool take_soa(const Record& record, DnsAnswer& out) {
    Cursor in(message_, record.data);
    in.name();
    in.name();
    in.skip(4 * sizeof(std::uint32_t));
    const std::uint32_t minimum = in.u32();
    if (in.bad() || in.at() != record.data + record.size) return false;
    const Duration holds = seconds(std::min(record.ttl, std::min(minimum, 0x7FFF'FFFFU)));
    out.negative_ttl = out.negative_ttl ? std::min(*out.negative_ttl, holds) : holds;
    return true;
  }

  const Bytes message_;
  const RecordType type_;
  std::vector<Record> answers_;
  bool some_ttl_ = false;
};

}  // namespace

std::expected<DnsAnswer, std::string> parse_answer(std::span<const std::uint8_t> message,
                                                   std::string_view name, RecordType type) {
  return AnswerReader(message, type).read(name);
}

}  // namespace weir::names
