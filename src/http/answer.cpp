#include "weir/http/answer.hpp"

#include <algorithm>
#include <charconv>

#include "weir/base/text.hpp"

namespace weir {
namespace {

std::string seconds_up(Duration wait) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
  return std::to_string(std::max<long long>(1, seconds));
}

}  // namespace

Response problem(Reason reason, std::string_view detail, std::string_view request_id,
                 Duration retry_after, std::string_view proxy_error) {
  const ReasonInfo& row = info(reason);
  const std::string_view title = status_phrase(row.status);
  if (detail.empty()) detail = row.sentence;
  std::string body;
  body.reserve(160 + detail.size());
  body += R"({"type":"about:blank","title":")";
  body += title;
  body += R"(","status":)";
  body += std::to_string(row.status);
  body += R"(,"reason":")";
  body += row.name;
  if (!detail.empty()) {
    body += R"(","detail":")";
    append_json_escaped(body, detail.substr(0, 256));
  }
  body += R"(","request_id":")";
  append_json_escaped(body, request_id);
  body += "\"}\n";

  Response response = simple_answer(row.status, std::move(body), "application/problem+json");
  response.reason = reason;
  response.detail = detail;
  std::string proxy_status = "weir; error=";
  proxy_status += proxy_error.empty() ? row.proxy_error : proxy_error;
  proxy_status += "; details=\"";
  proxy_status += row.name;
  proxy_status += '"';
  response.head.headers.add(FieldId::proxy_status, "proxy-status", proxy_status);
  if (row.retry_after) {
    response.head.headers.add(FieldId::retry_after, "retry-after", seconds_up(retry_after));
  }
  return response;
}

Response problem(const Error& error, std::string_view request_id) {
  // What an upstream did wrong is told in words of our own: those of a system or of a peer may name
  // what is behind us.
  const bool clients = status_of(error.reason) < 500 || error.side == Side::downstream ||
                       error.reason == Reason::internal;
  const std::string_view detail = clients ? std::string_view(error.detail) : error.sentence;
  return problem(error.reason, detail, request_id, Duration::zero(), error.proxy_error);
}

Response simple_answer(int status, std::string body, std::string_view content_type) {
  Response response;
  response.head.status = status;
  HeaderMap& headers = response.head.headers;
  headers.add(FieldId::server, "server", "weir");
  if (!content_type.empty()) headers.add(FieldId::content_type, "content-type", content_type);
  response.head.framing = Framing::length;
  response.head.content_length = body.size();
  response.body = std::move(body);
  return response;
}

}  // namespace weir
