#include "proxy/websocket.hpp"

#include "weir/base/text.hpp"

namespace weir::proxy {

bool accepts_websocket(const RequestHead& request, const ResponseHead& response) {
  const auto key = request.headers.get(FieldId::sec_websocket_key);
  const auto accept = response.headers.get(FieldId::sec_websocket_accept);
  const auto upgrade = response.headers.get(FieldId::upgrade);
  return response.status == 101 && key && accept && upgrade &&
         iequals(trim(*upgrade), "websocket") && trim(*accept) == websocket_accept(trim(*key));
}

}  // namespace weir::proxy
