#include "tracing/export_reply.hpp"

#include <algorithm>

namespace weir::tracing {
namespace {

constexpr std::size_t longest_message = 200;

// Reads the fields of one message, the known wire types of protobuf.
class ProtoReader {
 public:
  explicit ProtoReader(std::string_view text) noexcept : rest_(text) {}

  struct Field {
    std::uint64_t number = 0;
    std::uint64_t value = 0;   // of a varint
    std::string_view bytes{};  // of what has a length
    bool has_length = false;
  };
  // Nothing at the end, and for what is no message from there on.
  std::optional<Field> next() noexcept {
    const auto tag = rest_.empty() ? std::nullopt : varint();
    if (!tag) return std::nullopt;
    Field out{.number = *tag >> 3};
    switch (*tag & 7) {
      case 0: {
        const auto value = varint();
        if (!value) return std::nullopt;
        out.value = *value;
        return out;
      }
      case 1:
        return skip(8) ? std::optional(out) : std::nullopt;
      case 2: {
        const auto size = varint();
        if (!size || *size > rest_.size()) return std::nullopt;
        out.has_length = true;
        out.bytes = rest_.substr(0, *size);
        rest_.remove_prefix(*size);
        return out;
      }
      case 5:
        return skip(4) ? std::optional(out) : std::nullopt;
      default:
        return std::nullopt;
    }
  }

 private:
  std::optional<std::uint64_t> varint() noexcept {
    std::uint64_t out = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      out |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return out;
    }
    return std::nullopt;
  }
  bool skip(std::size_t bytes) noexcept {
    if (rest_.size() < bytes) return false;
    rest_.remove_prefix(bytes);
    return true;
  }

  std::string_view rest_;
};

// As it may stand in a line of the log.
std::string plain(std::string_view text) {
  std::string out(text.substr(0, longest_message));
  std::ranges::replace_if(out, [](char c) { return c < ' ' || c > '~'; }, '?');
  return out;
}

}  // namespace

PartialSuccess parse_export_reply(std::string_view body) {
  PartialSuccess out;
  ProtoReader reply(body);
  while (const auto field = reply.next()) {
    if (field->number != 1 || !field->has_length) continue;
    ProtoReader partial(field->bytes);
    while (const auto inner = partial.next()) {
      if (inner->number == 1 && !inner->has_length) {
        // An int64; one below zero says nothing.
        out.rejected = inner->value > static_cast<std::uint64_t>(INT64_MAX) ? 0 : inner->value;
      } else if (inner->number == 2 && inner->has_length) {
        out.message = plain(inner->bytes);
      }
    }
  }
  return out;
}

Duration export_pause(unsigned attempt, std::uint64_t chance) noexcept {
  constexpr Duration first = std::chrono::seconds(1);
  constexpr Duration most = std::chrono::seconds(30);
  const unsigned doublings = std::min(attempt < 2 ? 0 : attempt - 2, 5U);
  const Duration whole = std::min<Duration>(first * (1U << doublings), most);
  const auto part = static_cast<double>(chance >> 11) / static_cast<double>(1ULL << 53);
  return whole / 2 +
         Duration(static_cast<Duration::rep>(static_cast<double>((whole / 2).count()) * part));
}

}  // namespace weir::tracing
