// The tables of `providers`, of `certificates` beside the listeners, and of what else asks etcd.
#pragma once

#include <vector>

#include "config/fields.hpp"
#include "weir/config/providers.hpp"

namespace weir::config {

Fields fields(Providers& providers);
Fields fields(EtcdEndpoints& endpoints);

// A certificate of the list, and where its listeners' names stand.
struct CertificateDraft {
  Certificate certificate;
  std::string at;  // "certificates[0]"
  std::vector<Written> listeners;
};
Value certificates_value(std::vector<CertificateDraft>& target);

}  // namespace weir::config
