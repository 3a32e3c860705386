// What a stranger's first bytes and a damaged file can do: the SNI of a ClientHello, names, and the
// reader of certificates and keys. The first byte says which.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "net/tls/certificate.hpp"
#include "net/tls/server_names.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir::net::tls;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 3) {
    case 0: {
      const auto name = parse_server_name({data + 1, size - 1});
      if (!name) break;
      if (name->empty() || name->size() > 255) std::abort();
      ServerNames names;
      names.set_default(7);
      names.add("*.example", 1);
      names.add(*name, 2);
      names.find(*name);
      break;
    }
    case 1: {
      const auto chain = parse_chain(text);
      if (!chain) break;
      if (chain->empty()) std::abort();
      names_of(*chain->front());
      client_identity(*chain->front());
      ends_at(*chain->front());
      parse_staple(text, *chain->front());
      break;
    }
    default:
      parse_key(text);
  }
  return 0;
}
