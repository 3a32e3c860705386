// The first half of a change of listeners: what is bound already is kept, and what is new is bound.
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "server/bind_listener.hpp"
#include "server/listening_plan.hpp"

namespace weir::server {
namespace {

// Each keeps the configuration that its connections began with.
constexpr std::size_t most_retired = 64;

bool may_overlap(const SocketAddress& one, const SocketAddress& other) {
  return !one.is_unix() && !other.is_unix() && one.port() != 0 && one.port() == other.port();
}

}  // namespace

void remove_file(const BoundAddress& address) {
  const SocketAddress& at = address.sockets.address();
  if (at.is_unix() && !address.sockets.is_passed()) ::unlink(at.path().c_str());
}

// An address that is bound already and that nobody else of the plan has.
std::shared_ptr<BoundAddress> Listening::claim(Plan& plan, const config::Listener& listener,
                                               const config::BindAddress& written) const {
  const bool any_port = !written.address.is_unix() && written.address.port() == 0;
  const auto fits = [&](const std::shared_ptr<BoundAddress>& each) {
    const bool same = each->written == written || (!any_port && !written.both_families &&
                                                   each->sockets.address() == written.address);
    return same && !plan.has(*each);
  };
  for (const BoundListener& one : listeners_) {
    // Which port 0 has become is the listener's own.
    if (any_port && one.edition->config.name != listener.name) continue;
    const auto found = std::ranges::find_if(one.addresses, fits);
    if (found != one.addresses.end()) return *found;
  }
  const auto found = std::ranges::find_if(spare_, fits);
  return found == spare_.end() ? nullptr : *found;
}

// SO_REUSEPORT lets a socket of this process stand beside one that it is about to close, such as
// that of 0.0.0.0:80 beside 127.0.0.1:80.
net::Sharing Listening::sharing_of(const config::BindAddress& address) const {
  const auto overlaps = [&](const std::shared_ptr<BoundAddress>& each) {
    return may_overlap(each->sockets.address(), address.address);
  };
  const bool ours = std::ranges::any_of(closing_, overlaps) ||
                    std::ranges::any_of(listeners_, [&](const BoundListener& each) {
                      return std::ranges::any_of(each.addresses, overlaps);
                    });
  return take_over_ || ours ? net::Sharing::beside : net::Sharing::alone;
}

void Listening::bind_first(Plan& plan, const config::Listener& listener, BoundListener& to,
                           Lines& problems) {
  const auto& addresses = listener.bind.addresses();
  const bool named = passed_.has_named(listener.name);
  auto sockets =
      bind_listener(listener, worker_count_, passed_, sharing_of(addresses.front()), problems);
  const bool each_its_own = !named && sockets.size() == addresses.size();
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    const config::BindAddress written =
        each_its_own ? addresses[i] : config::BindAddress{sockets[i].address(), false};
    to.addresses.push_back(std::make_shared<BoundAddress>(
        BoundAddress{.id = next_address_++,
                     .written = written,
                     .sockets = std::move(sockets[i]),
                     .passed_as = named ? listener.name : std::string()}));
    // A file of the process before stays if this one does not come to serve.
    if (!to.addresses.back()->sockets.is_handed()) plan.opened.push_back(to.addresses.back());
  }
}

void Listening::bind(Plan& plan, const config::Listener& listener, BoundListener& to,
                     Lines& problems) {
  // Those that were passed under its name count, whatever is written.
  std::ranges::copy_if(spare_, std::back_inserter(to.addresses), [&](const auto& each) {
    return each->passed_as == listener.name && !plan.has(*each);
  });
  if (!to.addresses.empty()) return;
  for (const config::BindAddress& written : listener.bind.addresses()) {
    if (auto kept = claim(plan, listener, written)) {
      to.addresses.push_back(std::move(kept));
      continue;
    }
    auto sockets = net::ListenSockets::open(written.address, worker_count_, written.both_families,
                                            sharing_of(written));
    if (sockets) {
      to.addresses.push_back(
          std::make_shared<BoundAddress>(BoundAddress{.id = next_address_++,
                                                      .written = written,
                                                      .sockets = std::move(*sockets),
                                                      .passed_as = {}}));
      plan.opened.push_back(to.addresses.back());
    } else {
      problems.push_back("listener " + listener.name + ": " + written.to_string() + ": " +
                         sockets.error());
    }
  }
}

std::expected<std::unique_ptr<Listening::Plan>, Listening::Lines> Listening::prepare(
    const std::vector<config::Listener>& next) {
  auto plan = std::make_unique<Plan>();
  plan->next = next;
  plan->bound.resize(next.size());
  const auto running = [this](const std::string& name) {
    return std::ranges::find(listeners_, name,
                             [](const BoundListener& each) { return each.edition->config.name; });
  };
  // Whoever stays where it is keeps its sockets, also those that came under its name.
  for (std::size_t i = 0; i < next.size(); ++i) {
    const auto now = running(next[i].name);
    if (now == listeners_.end()) {
      plan->changes.added.push_back(next[i].name);
      continue;
    }
    if (config::differing_keys(next[i], now->edition->config).empty()) {
      plan->bound[i].edition = now->edition;
    } else {
      plan->changes.changed.push_back(next[i].name);
    }
    const bool passed = std::ranges::all_of(
        now->addresses, [&](const auto& each) { return each->passed_as == next[i].name; });
    if (passed || next[i].bind == now->edition->config.bind) {
      plan->bound[i].addresses = now->addresses;
    }
  }
  for (const BoundListener& each : listeners_) {
    if (find_listener(next, each.edition->config.name) == nullptr) {
      plan->changes.removed.push_back(each.edition->config.name);
    }
  }
  Lines problems;
  if (retired_.size() + leaving_.size() + plan->changes.removed.size() > most_retired) {
    problems.push_back(
        "too many listeners that are gone still have connections; the next can go when these have "
        "ended, at the latest after server.drain_timeout");
    return std::unexpected(std::move(problems));
  }
  for (std::size_t i = 0; i < next.size(); ++i) {
    BoundListener& to = plan->bound[i];
    if (!to.addresses.empty()) continue;
    listeners_.empty() ? bind_first(*plan, next[i], to, problems)
                       : bind(*plan, next[i], to, problems);
  }
  if (!problems.empty()) return std::unexpected(std::move(problems));
  return plan;
}

}  // namespace weir::server
