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
  std::string body;
  body.reserve(160 + detail.size());
  body += R"({"type":"about:blank","title":")";
  body += title;
  body += R"(","status":)";
  body += std::to_string(row.status);
  body += R"(,"reason":")";
  body += row.name;
  body += R"(","detail":")";
  if (row.status < 500) append_json_escaped(body, detail.substr(0, 256));
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
  return problem(error.reason, error.detail, request_id, Duration::zero(), error.proxy_error);
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
