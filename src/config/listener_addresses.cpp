#include "config/listener_addresses.hpp"

#include <fmt/format.h>

#include <string>
#include <unordered_set>

namespace weir::config {
namespace {

SocketAddress every_ipv4(const BindAddress& one) { return {IpAddress::v4({}), one.address.port()}; }

class Taken {
 public:
  // False when somebody has it. A port 0 is another one each time.
  bool take(const BindAddress& one) {
    if (!one.address.is_unix() && one.address.port() == 0) return true;
    if (!taken_.insert(one.address.to_string()).second) return false;
    return !one.both_families || taken_.insert(every_ipv4(one).to_string()).second;
  }
  // Who writes [::] and has nobody on 0.0.0.0 often means both families.
  bool is_ipv6_alone(const BindAddress& one) const {
    const IpAddress& ip = one.address.ip();
    return !one.both_families && ip.is_v6() && ip.is_unspecified() &&
           !taken_.contains(every_ipv4(one).to_string());
  }

 private:
  std::unordered_set<std::string> taken_;
};

}  // namespace

void check_addresses(const std::vector<ListenerDraft>& listeners, const Admin& admin,
                     Problems& problems) {
  Taken taken;
  if (const auto bind = BindAddress::parse(admin.bind)) taken.take(*bind);
  const auto place = [](const ListenerDraft& draft) {
    return draft.places.of("bind", draft.listener.place);
  };
  for (const ListenerDraft& draft : listeners) {
    for (const BindAddress& bind : draft.listener.bind.addresses()) {
      if (taken.take(bind)) continue;
      problems.error(place(draft), draft.at + ".bind",
                     fmt::format("the address {} is already taken", bind.to_string()));
    }
  }
  for (const ListenerDraft& draft : listeners) {
    for (const BindAddress& bind : draft.listener.bind.addresses()) {
      if (!taken.is_ipv6_alone(bind)) continue;
      problems.warning(WarningName::ipv6_only, place(draft), draft.at + ".bind",
                       fmt::format("[::]:{0} takes IPv6 alone; write \"*:{0}\" for IPv4 and IPv6",
                                   bind.address.port()));
    }
  }
}

}  // namespace weir::config
