#include "app/request_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/system/error_code.hpp>
#include <iterator>
#include <utility>
#include <vector>

#include "weir/auth/json_object.hpp"

namespace weir::app {
namespace {

constexpr std::size_t usual_target = 28;  // shorter ones are filled up, so that columns form
constexpr std::size_t least_target = 24;  // of a cut one
constexpr std::string_view cut_mark = "...";

struct Part {
  Style style;
  std::string text;
};

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c >= 0x20 && c < 0x7F) {
      out += c;
    } else {
      out += fmt::format("\\x{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string cut_to(std::string text, std::size_t width) {
  if (text.size() <= width) return text;
  text.resize(width > cut_mark.size() ? width - cut_mark.size() : 0);
  return text += cut_mark.substr(0, std::min(width, cut_mark.size()));
}

Style style_of(int status) noexcept {
  switch (status / 100) {
    case 1:
    case 2:
      return Style::green;
    case 3:
      return Style::cyan;
    case 4:
      return Style::yellow;
    default:
      return Style::red;
  }
}

std::string duration_text(double ms) {
  if (ms < 1000) return fmt::format("{:.1f} ms", ms);
  return fmt::format("{:.2f} s", ms / 1000);
}

// "18:52:03.123" of "2026-11-29T18:52:03.123456Z".
std::string time_of_day(std::string_view time) {
  constexpr std::size_t begin = 11;
  constexpr std::size_t length = 12;
  return time.size() < begin + length ? escaped(time) : escaped(time.substr(begin, length));
}

}  // namespace

LoggedLine parse_logged_line(std::string_view json) {
  LoggedLine out;
  const auto object = auth::parse_object(json);
  if (!object) return out;
  const auto text = [&](std::string_view name) {
    return std::string(auth::text_of(*object, name).value_or(""));
  };
  const auto number = [&]<class T>(std::string_view name, T absent) {
    const auto* value = auth::find(*object, name);
    boost::system::error_code error;
    const T read = value == nullptr ? absent : value->to_number<T>(error);
    return error ? absent : read;
  };
  if (auth::find(*object, "lost") != nullptr) {
    out.lost = number("lost", std::uint64_t{0});
    return out;
  }
  if (auth::find(*object, "time") == nullptr) return out;
  LoggedRequest& request = out.request.emplace();
  request.time = text("time");
  request.method = text("method");
  request.host = text("host");
  request.path = text("path");
  request.query = text("query");
  request.reason = text("reason");
  request.route = text("route");
  request.upstream = text("upstream");
  request.endpoint = text("endpoint");
  request.listener = text("listener");
  request.client_ip = text("client_ip");
  request.peer = text("peer");
  request.user_agent = text("user_agent");
  request.referer = text("referer");
  request.bytes_in = number("bytes_in", std::uint64_t{0});
  request.status = number("status", 0);
  request.duration_ms = number("duration_ms", 0.0);
  return out;
}

std::string request_line(const LoggedRequest& request, const Paint& paint,
                         const RequestLineFormat& format) {
  const Style class_style = style_of(request.status);
  std::vector<Part> before{
      {Style::dim, time_of_day(request.time) + "  "},
      {class_style, request.status == 0 ? "---" : std::to_string(request.status)},
      {Style::plain, fmt::format("  {:>9}  {:<4}  ", duration_text(request.duration_ms),
                                 cut_to(escaped(request.method), 12))}};
  std::vector<Part> behind;
  const auto add = [&](Style style, std::string_view text) {
    if (!text.empty()) behind.push_back({style, "  " + escaped(text)});
  };
  add(class_style, request.reason);
  add(Style::plain, request.route);
  add(Style::dim,
      request.endpoint.empty() ? request.upstream : request.upstream + " " + request.endpoint);

  const auto width_of_all = [](const std::vector<Part>& parts) {
    std::size_t sum = 0;
    for (const Part& part : parts) sum += part.text.size();
    return sum;
  };
  std::string target = escaped((format.with_host ? request.host : "") + request.path);
  if (!request.query.empty()) target += "?" + escaped(request.query);
  if (format.width != 0) {
    const std::size_t taken = width_of_all(before) + width_of_all(behind);
    const std::size_t left = format.width > taken ? format.width - taken : 0;
    target = cut_to(std::move(target), std::max(left, least_target));
    target.append(std::min(left, usual_target) - std::min({left, usual_target, target.size()}),
                  ' ');
  } else {
    target = fmt::format("{:<{}}", target, usual_target);
  }

  std::vector<Part> parts = std::move(before);
  parts.push_back({Style::plain, std::move(target)});
  std::ranges::move(behind, std::back_inserter(parts));
  while (!parts.empty() && parts.back().text.find_last_not_of(' ') == std::string::npos) {
    parts.pop_back();
  }
  if (!parts.empty()) parts.back().text.erase(parts.back().text.find_last_not_of(' ') + 1);
  std::size_t room = format.width == 0 ? std::string::npos : format.width;
  std::string out;
  for (Part& part : parts) {
    const std::string text = std::move(part.text).substr(0, room);
    if (text.empty()) break;
    out += paint(part.style, text);
    room -= text.size();
  }
  return out;
}

}  // namespace weir::app
