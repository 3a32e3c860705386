#include <algorithm>
#include <array>
#include <utility>

#include "codec/h1/authority.hpp"
#include "codec/h1/field_lines.hpp"
#include "codec/h1/head_parser.hpp"
#include "codec/h1/message_rules.hpp"
#include "codec/h1/request_target.hpp"
#include "codec/h1/scan.hpp"
#include "weir/base/text.hpp"

namespace weir::codec::h1 {
namespace {

constexpr std::size_t longest_method = 256;
constexpr unsigned most_empty_lines = 2;
// 'd' stands for any digit.
constexpr std::string_view version_line = "HTTP/d.d\r\n";
// Up to this much behind the request line the arena takes the fields into the same block.
constexpr std::size_t largest_reserve = 4096;

[[gnu::cold]] std::unexpected<Refusal> refuse_method(std::string_view line, std::size_t bad,
                                                     bool first_bytes) {
  if (first_bytes && line.starts_with("\x16\x03")) {
    return refuse(Reason::bad_request, "a TLS ClientHello on a port that speaks plain HTTP");
  }
  if (line[bad] == '\n') return refuse(Reason::bad_request, "a bare LF in the request line");
  if (bad == 0 && line[0] == ' ') return refuse(Reason::bad_request, "white space before the head");
  return refuse(Reason::bad_request, "malformed method " + quoted(line.substr(0, bad + 1)));
}

[[gnu::cold]] std::unexpected<Refusal> refuse_target(char c, bool empty) {
  if (c == '#') return refuse(Reason::bad_request, "a fragment in the request target");
  if (c == '\n') return refuse(Reason::bad_request, "a bare LF in the request line");
  if (c == '\r') return refuse(Reason::bad_request, "no version in the request line");
  if (c == ' ' && empty)
    return refuse(Reason::bad_request, "more than one space before the target");
  return refuse(Reason::bad_request,
                "a byte that the request target may not have: " + quoted({&c, 1}));
}

// The fields that decide something, looked at once.
struct RequestFacts {
  FramingFields framing;
  ConnectionOptions connection;
  std::string_view host, upgrade, websocket_key, websocket_version;
  unsigned hosts = 0, upgrades = 0, websocket_keys = 0, websocket_versions = 0;
  unsigned expects = 0;
  bool authorization = false;
};

std::expected<void, Refusal> gather(RequestHead& head, RequestFacts& facts) {
  for (const HeaderMap::Field& field : head.headers) {
    switch (field.id) {
      case FieldId::host:
        facts.host = field.value;
        ++facts.hosts;
        break;
      case FieldId::authorization:
        // Two recipients might believe two of them.
        if (std::exchange(facts.authorization, true)) {
          return refuse(Reason::bad_request, "more than one Authorization");
        }
        break;
      case FieldId::content_length:
        facts.framing.content_length = field.value;
        ++facts.framing.content_lengths;
        break;
      case FieldId::transfer_encoding:
        facts.framing.transfer_encoding = field.value;
        ++facts.framing.transfer_encodings;
        break;
      case FieldId::connection:
        if (!add_connection_options(field.value, facts.connection)) {
          return refuse(Reason::bad_request, "malformed Connection, or too many names in it");
        }
        break;
      case FieldId::expect:
        if (head.version == Version::http10) break;
        if (!iequals(field.value, "100-continue")) {
          return refuse(Reason::expectation_failed, "Expect " + quoted(field.value));
        }
        ++facts.expects;
        break;
      case FieldId::te:
        for_each_element(field.value, [&](std::string_view element) {
          head.te_trailers = head.te_trailers || iequals(element, "trailers");
          return true;
        });
        break;
      case FieldId::upgrade:
        facts.upgrade = field.value;
        ++facts.upgrades;
        break;
      case FieldId::sec_websocket_key:
        facts.websocket_key = field.value;
        ++facts.websocket_keys;
        break;
      case FieldId::sec_websocket_version:
        facts.websocket_version = field.value;
        ++facts.websocket_versions;
        break;
      default:
        break;
    }
  }
  return {};
}

// RFC 6455 section 4.2.1. What is not exactly this never becomes a tunnel.
bool is_websocket_handshake(const RequestHead& head, const RequestFacts& facts) {
  if (facts.upgrades != 1 || !facts.connection.upgrade || !iequals(facts.upgrade, "websocket")) {
    return false;
  }
  if (head.method != Method::get || head.version != Version::http11 ||
      head.framing == Framing::chunked || head.content_length != 0) {
    return false;
  }
  if (facts.websocket_versions != 1 || facts.websocket_version != "13") return false;
  if (facts.websocket_keys != 1 || facts.websocket_key.size() != 24) return false;
  const auto key = base64_decode(facts.websocket_key);
  return key && key->size() == 16;
}

// The authority of an absolute target wins, and Host becomes it (RFC 9112 section 3.2.2).
std::expected<void, Refusal> decide_host(RequestHead& head, const RequestFacts& facts) {
  const std::string_view target = head.authority;
  if (facts.hosts > 1) return refuse(Reason::bad_request, "more than one Host");
  if (facts.hosts == 0) {
    if (head.version != Version::http10) return refuse(Reason::bad_request, "no Host");
    if (target.empty()) return {};
  }
  Arena& arena = head.headers.arena();
  std::optional<Authority> host;
  if (facts.hosts != 0) {
    host = parse_authority(facts.host, arena);
    if (!host) return refuse(Reason::bad_request, "malformed Host " + quoted(facts.host));
  }
  if (target.empty()) {
    head.authority = facts.host;
    head.host = host->host;
    return {};
  }
  const auto wanted = parse_authority(target, arena);
  if (!wanted) return refuse(Reason::bad_request, "malformed host in the target");
  if (host && facts.host != target) head.headers.set("Host", target);
  head.host = wanted->host;
  return {};
}

std::expected<void, Refusal> decide_request(RequestHead& head) {
  RequestFacts facts;
  if (auto gathered = gather(head, facts); !gathered) return gathered;
  auto content = decide_content(facts.framing, head.version);
  if (!content) return std::unexpected(std::move(content.error()));
  head.framing = content->framing;
  head.content_length = content->length;
  if (auto host = decide_host(head, facts); !host) return host;
  head.keep_alive = facts.connection.persistent(head.version);
  head.expect_continue =
      facts.expects != 0 && (head.framing == Framing::chunked || head.content_length != 0);
  if (facts.upgrades != 0) head.upgrade_websocket = is_websocket_handshake(head, facts);
  return {};
}

}  // namespace

Consumed RequestHeadParser::parse(std::string_view bytes, RequestHead& head) {
  if (!at_.start_line_done) {
    auto line = read_request_line(bytes, head);
    if (!line) return std::unexpected(std::move(line.error()));
    if (!*line) return 0;
  }
  const FieldRules rules{.header_size = limits_.header_size,
                         .header_count = limits_.header_count,
                         .underscores = limits_.underscores};
  auto fields = read_field_lines(bytes, rules, at_, head.headers);
  if (!fields) return std::unexpected(std::move(fields.error()));
  if (!*fields) return 0;
  if (auto decided = decide_request(head); !decided)
    return std::unexpected(std::move(decided.error()));
  return at_.line;
}

std::size_t RequestHeadParser::forget_done() noexcept {
  if (!at_.start_line_done) return 0;
  const std::size_t done = std::exchange(at_.line, 0);
  at_.scanned -= done;
  if (at_.colon != 0) at_.colon -= done;
  return done;
}

std::expected<bool, Refusal> RequestHeadParser::read_request_line(std::string_view bytes,
                                                                  RequestHead& head) {
  while (at_.line != bytes.size() && bytes[at_.line] == '\r') {
    if (at_.line + 1 == bytes.size()) return false;
    if (bytes[at_.line + 1] != '\n')
      return refuse(Reason::bad_request, "a bare CR before the head");
    if (++at_.empty_lines > most_empty_lines) {
      return refuse(Reason::bad_request, "more than two empty lines before the head");
    }
    at_.line += 2;
  }
  const std::string_view rest = bytes.substr(at_.line);
  const char* const line = rest.data();
  const char* const end = line + rest.size();

  std::uint8_t seen = 0;
  const char* const method_end =
      skip_name(line, line + std::min(rest.size(), longest_method + 1), seen);
  const auto method_size = static_cast<std::size_t>(method_end - line);
  if (method_size > longest_method) return refuse(Reason::bad_request, "the method is too long");
  if (method_end == end) return false;
  if (*method_end != ' ' || method_end == line) {
    // The second byte tells a ClientHello from other garbage.
    if (at_.line == 0 && *line == 0x16 && rest.size() == 1) return false;
    return refuse_method(rest, method_size, at_.line == 0);
  }

  const std::size_t room =
      limits_.header_size > line_overhead ? limits_.header_size - line_overhead : 0;
  const char* const target = method_end + 1;
  const auto target_at = static_cast<std::size_t>(target - line);
  const std::size_t target_room =
      std::min(limits_.uri_size, room > target_at ? room - target_at : 0);
  const char* const cap =
      static_cast<std::size_t>(end - target) > target_room ? target + target_room : end;
  // The rest of a line of which the method alone is known starts at the target.
  const char* const unseen = bytes.data() + std::max(at_.scanned, at_.line + target_at);
  const char* const target_end =
      limits_.encode_raw_target ? skip_raw_target(unseen, cap) : skip_target(unseen, cap);
  at_.scanned = static_cast<std::size_t>(target_end - bytes.data());
  if (target_end == end) return false;
  const auto target_size = static_cast<std::size_t>(target_end - target);
  if (*target_end != ' ' && target_end == cap) {
    return target_size == limits_.uri_size
               ? refuse(Reason::uri_too_long, "the request target is too long")
               : refuse(Reason::headers_too_large, "the request line is too long");
  }
  if (*target_end != ' ' || target_size == 0) return refuse_target(*target_end, target_size == 0);

  const char* const version = target_end + 1;
  const auto there = static_cast<std::size_t>(end - version);
  const bool usual = there >= version_line.size() &&
                     std::string_view(version, version_line.size()) == "HTTP/1.1\r\n";
  for (std::size_t i = 0; !usual && i < std::min(there, version_line.size()); ++i) {
    const bool as_expected =
        version_line[i] == 'd' ? is_digit(version[i]) : version[i] == version_line[i];
    if (!as_expected) {
      return refuse(Reason::bad_request,
                    version[i] == '\n' ? "a bare LF in the request line" : "malformed version");
    }
  }
  if (there < version_line.size()) return false;

  const std::size_t size = static_cast<std::size_t>(version - line) + version_line.size();
  if (size - 2 > room) return refuse(Reason::headers_too_large, "the request line is too long");
  Arena& arena = head.headers.arena();
  if (rest.size() <= largest_reserve) arena.reserve(rest.size());
  const std::string_view own = arena.copy(rest.substr(0, size));
  head.method_text = own.substr(0, method_size);
  head.method = parse_method(head.method_text);
  head.target = own.substr(target_at, target_size);
  if (limits_.encode_raw_target) {
    if (has_raw_authority(head.target)) {
      return refuse(Reason::bad_request,
                    "a byte that the request target may not have: " + quoted(head.target));
    }
    const auto encoded = encode_raw_bytes(head.target, target_room, arena);
    if (!encoded) return refuse(Reason::uri_too_long, "the request target is too long");
    head.raw_target = encoded->size() != target_size;
    at_.size = encoded->size() - target_size;
    head.target = *encoded;
  }
  if (version[5] != '1' || version[7] > '1') {
    return refuse(Reason::version_not_supported,
                  "version " + quoted({version, version_line.size() - 2}));
  }
  head.version = version[7] == '1' ? Version::http11 : Version::http10;
  if (auto split = split_target(head); !split) return std::unexpected(std::move(split.error()));
  at_.size += size - 2 + line_overhead;
  at_.line += size;
  at_.scanned = at_.line;
  at_.start_line_done = true;
  return true;
}

}  // namespace weir::codec::h1
