#include "proxy/websocket.hpp"

#include <openssl/evp.h>

#include <array>

#include "weir/base/text.hpp"

namespace weir::proxy {

std::string websocket_accept(std::string_view key) {
  std::string text(key);
  text += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr);
  std::string out(4 * ((size + 2) / 3) + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), digest.data(),
                                     static_cast<int>(size));
  out.resize(static_cast<std::size_t>(length));
  return out;
}

bool accepts_websocket(const RequestHead& request, const ResponseHead& response) {
  const auto key = request.headers.get(FieldId::sec_websocket_key);
  const auto accept = response.headers.get(FieldId::sec_websocket_accept);
  const auto upgrade = response.headers.get(FieldId::upgrade);
  return response.status == 101 && key && accept && upgrade &&
         iequals(trim(*upgrade), "websocket") && trim(*accept) == websocket_accept(trim(*key));
}

}  // namespace weir::proxy
