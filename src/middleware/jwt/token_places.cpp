#include "middleware/jwt/token_places.hpp"

#include <optional>
#include <string>

#include "weir/base/text.hpp"
#include "weir/http/url_path.hpp"

namespace weir {
namespace {

using config::TokenPlace;

// What follows "Bearer", nothing if the text does not begin so.
std::optional<std::string_view> after_bearer(std::string_view value) noexcept {
  constexpr std::string_view scheme = "bearer";
  if (!istarts_with(value, scheme)) return std::nullopt;
  value.remove_prefix(scheme.size());
  if (!value.empty() && value.front() != ' ' && value.front() != '\t') return std::nullopt;
  return trim(value);
}

bool is_authorization(const TokenPlace& place) noexcept {
  return iequals(place.name, "authorization");
}

// The token in one field, nothing if there is none.
std::optional<std::string_view> in_field(const TokenPlace& place,
                                         const HeaderMap::Field& field) noexcept {
  if (!iequals(field.name, place.name)) return std::nullopt;
  const auto token = after_bearer(field.value);
  return token || is_authorization(place) ? token : trim(field.value);
}

// Calls `fn(piece, name, value)` for each `name=value` between `separator`s; the piece is the
// whole.
template <class Fn>
void for_each_pair(std::string_view text, char separator, Fn&& fn) {
  while (!text.empty()) {
    const std::size_t end = text.find(separator);
    const std::string_view piece = trim(text.substr(0, end));
    const std::size_t equals = piece.find('=');
    fn(piece, piece.substr(0, equals),
       equals == piece.npos ? std::string_view() : piece.substr(equals + 1));
    if (end == text.npos) return;
    text.remove_prefix(end + 1);
  }
}

// Calls `fn(place index, token as it stands)` for each.
template <class Fn>
void for_each_token(const RequestHead& head, std::span<const TokenPlace> places, Fn&& fn) {
  for (std::size_t i = 0; i < places.size(); ++i) {
    const TokenPlace& place = places[i];
    const auto by_name = [&](std::string_view, std::string_view name, std::string_view value) {
      if (name == place.name) fn(i, value);
    };
    const auto by_decoded_name = [&](std::string_view, std::string_view name,
                                     std::string_view value) {
      if (percent_decode(name) == place.name) fn(i, value);
    };
    switch (place.kind) {
      case TokenPlace::Kind::header:
        for (const HeaderMap::Field& field : head.headers) {
          if (const auto token = in_field(place, field)) fn(i, *token);
        }
        break;
      case TokenPlace::Kind::cookie:
        for (const HeaderMap::Field& field : head.headers) {
          if (field.id == FieldId::cookie) for_each_pair(field.value, ';', by_name);
        }
        break;
      case TokenPlace::Kind::query:
        for_each_pair(head.query, '&', by_decoded_name);
        break;
    }
  }
}

std::string_view decoded(HeaderMap& headers, std::string_view value) {
  if (value.find('%') == value.npos) return value;
  char* const out = headers.arena().allocate(value.size());
  return {out, percent_decode(value, out)};
}

void remove_cookie(HeaderMap& headers, std::string_view name) {
  std::string left;
  for (const HeaderMap::Field& field : headers) {
    if (field.id != FieldId::cookie) continue;
    for_each_pair(field.value, ';',
                  [&](std::string_view piece, std::string_view cookie, std::string_view) {
                    if (cookie == name || piece.empty()) return;
                    if (!left.empty()) left += "; ";
                    left += piece;
                  });
  }
  if (left.empty()) {
    headers.remove(FieldId::cookie);
  } else {
    headers.set("cookie", left);
  }
}

void remove_parameter(RequestHead& head, std::string_view name) {
  std::string left;
  for_each_pair(head.query, '&',
                [&](std::string_view piece, std::string_view parameter, std::string_view) {
                  if (percent_decode(parameter) == name) return;
                  if (!left.empty()) left += '&';
                  left += piece;
                });
  head.query = head.headers.arena().copy(left);
  head.has_query = !left.empty();
}

}  // namespace

OfferedToken find_token(RequestHead& head, std::span<const TokenPlace> places) {
  OfferedToken out;
  for_each_token(head, places, [&](std::size_t place, std::string_view token) {
    if (out.count++ != 0) return;
    out.token = token;
    out.place = place;
  });
  if (out.count != 0 && places[out.place].kind == TokenPlace::Kind::query) {
    out.token = decoded(head.headers, out.token);
  }
  return out;
}

std::size_t count_tokens(const RequestHead& head, std::span<const TokenPlace> places) {
  std::size_t count = 0;
  for_each_token(head, places, [&](std::size_t, std::string_view) { ++count; });
  return count;
}

void remove_token(RequestHead& head, const TokenPlace& place) {
  switch (place.kind) {
    case TokenPlace::Kind::header:
      head.headers.remove_if(
          [&](const HeaderMap::Field& field) { return in_field(place, field).has_value(); });
      break;
    case TokenPlace::Kind::cookie:
      remove_cookie(head.headers, place.name);
      break;
    case TokenPlace::Kind::query:
      remove_parameter(head, place.name);
      break;
  }
}

}  // namespace weir
