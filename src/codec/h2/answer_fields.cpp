#include "codec/h2/answer_fields.hpp"

#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>
#include <variant>

#include "weir/http/body.hpp"
#include "weir/http/date.hpp"
#include "weir/http/grpc.hpp"

namespace weir::codec::h2 {

bool has_content(const RequestHead& request, int status) noexcept {
  return request.method != Method::head && status != 204 && status != 304;
}

void add_answer(const Response& response, const RequestHead& request, bool tunnel,
                FieldBlock& fields) {
  const HeaderMap& headers = response.head.headers;
  const int status = response.head.status;
  fields.add(":status", static_cast<std::uint64_t>(status));
  fields.add(headers);
  if (!headers.contains(FieldId::date)) fields.add("date", http_date(std::time(nullptr)));
  if (const auto* stream = std::get_if<BodyStream*>(&response.body);
      stream != nullptr && has_content(request, status)) {
    if (const auto length = (*stream)->length()) fields.add("content-length", *length);
  } else if (const auto said = headers.get(FieldId::content_length);
             said && status != 204 && (request.method == Method::head || status == 304)) {
    fields.add("content-length", *said);
  } else if (const auto* text = std::get_if<std::string>(&response.body);
             text != nullptr && status != 204 && status != 304) {
    fields.add("content-length", text->size());
  } else if (status != 204 && status != 304 && request.method != Method::head && !tunnel &&
             !is_grpc(request)) {
    fields.add("content-length", std::uint64_t{0});
  }
}

}  // namespace weir::codec::h2
