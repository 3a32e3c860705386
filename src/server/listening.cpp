#include "server/listening.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <set>
#include <utility>

#include "server/listening_plan.hpp"
#include "weir/telemetry/log.hpp"

namespace weir::server {

namespace log = telemetry::log;

struct Listening::Retired {
  Retired(asio::io_context& main, EditionPtr of) : edition(std::move(of)), timer(main) {}

  EditionPtr edition;
  asio::steady_timer timer;  // until what is left is cut
  unsigned requests_cut = 0;
};

Listening::Listening(asio::io_context& main, const std::vector<std::unique_ptr<Worker>>& workers)
    : main_(main), workers_(workers) {}

Listening::~Listening() = default;

void Listening::begin(net::PassedSockets passed, bool take_over, unsigned workers) {
  passed_ = std::move(passed);
  take_over_ = take_over;
  worker_count_ = workers;
}

void Listening::drop_passed() {
  for (const std::string& socket : passed_.left()) {
    log::warn("a passed socket belongs to no listener, by name or by address",
              {{"socket", socket}});
  }
  passed_ = {};
}

const ListenerChanges& Listening::changes(const Plan& plan) noexcept { return plan.changes; }

// --- putting it in force

// The least that nobody has, in force, on its way out, or in the plan.
unsigned Listening::free_number(const Plan& plan) const {
  std::set<unsigned> taken;
  for (const BoundListener& each : listeners_) taken.insert(each.edition->number);
  for (const EditionPtr& each : leaving_) taken.insert(each->number);
  for (const Retired& each : retired_) taken.insert(each.edition->number);
  for (const BoundListener& each : plan.bound) {
    if (each.edition) taken.insert(each.edition->number);
  }
  unsigned out = 0;
  while (taken.contains(out)) ++out;
  return out;
}

EditionPtr Listening::make_edition(const Plan& plan, std::size_t index, const TlsServers& tls,
                                   telemetry::Metrics& metrics) const {
  const config::Listener& config = plan.next[index];
  const auto before = std::ranges::find(
      listeners_, config.name, [](const BoundListener& each) { return each.edition->config.name; });
  const auto out = std::make_shared<ListenerEdition>();
  out->number = before != listeners_.end() ? before->edition->number : free_number(plan);
  out->config = config;
  if (config.tls && config.tls->hsts) out->hsts = config.tls->hsts->field_value();
  out->metrics = metrics.listener(config.name);
  if (!config.tls) return out;
  const auto opened = tls.find(config.name);
  if (opened != tls.end()) {
    out->tls = opened->second;
  } else if (before != listeners_.end()) {
    out->tls = before->edition->tls;
  }
  return out;
}

void Listening::put_in_force(std::unique_ptr<Plan> plan, const TlsServers& tls,
                             telemetry::Metrics& metrics) {
  for (std::size_t i = 0; i < plan->bound.size(); ++i) {
    EditionPtr& edition = plan->bound[i].edition;
    if (!edition) edition = make_edition(*plan, i, tls, metrics);
  }
  for (const BoundListener& listener : plan->bound) {
    const std::string& name = listener.edition->config.name;
    for (const auto& address : listener.addresses) {
      const bool had = std::ranges::any_of(listeners_, [&](const BoundListener& each) {
        return each.edition->config.name == name && contains(each.addresses, *address);
      });
      if (had) continue;
      log::info("listening", {{"name", name}, {"address", address->sockets.address().to_string()}});
    }
  }
  plan->opened.clear();
  listeners_ = std::move(plan->bound);
}

NewSocket Listening::socket_for(BoundAddress& address, const EditionPtr& edition,
                                std::size_t index) const {
  net::ListenSockets& sockets = address.sockets;
  return {.id = address.id,
          .socket = sockets.take(index),
          .address = sockets.address().to_string(),
          .passed = sockets.is_passed(),
          .deal_out = sockets.size() < worker_count_,
          .edition = edition};
}

std::vector<NewSocket> Listening::sockets_of(unsigned worker) {
  std::vector<NewSocket> out;
  for (const BoundListener& listener : listeners_) {
    for (const auto& address : listener.addresses) {
      for (std::size_t i = worker; i < address->sockets.size(); i += worker_count_) {
        out.push_back(socket_for(*address, listener.edition, i));
      }
    }
  }
  return out;
}

void Listening::tell_workers(
    const std::function<void(Worker&, unsigned, std::function<void()>)>& what,
    std::function<void()> done) {
  const auto left = std::make_shared<std::size_t>(workers_.size());
  const auto all = std::make_shared<std::function<void()>>(std::move(done));
  for (unsigned i = 0; i < workers_.size(); ++i) {
    what(*workers_[i], i, [this, left, all] {
      asio::post(main_, [left, all] {
        if (--*left == 0) std::exchange(*all, nullptr)();
      });
    });
  }
}

void Listening::commit(std::unique_ptr<Plan> plan, const TlsServers& tls,
                       telemetry::Metrics& metrics, Duration drain_timeout,
                       std::function<void()> done) {
  if (plan->changes.empty()) {
    // Their order may be another; routes find them by name.
    put_in_force(std::move(plan), tls, metrics);
    return done();
  }
  const std::vector<BoundListener> before = listeners_;
  put_in_force(std::move(plan), tls, metrics);

  std::vector<ListenerUpdate> updates(workers_.size());
  const auto edition_before = [&](const BoundAddress& address) -> EditionPtr {
    for (const BoundListener& each : before) {
      if (contains(each.addresses, address)) return each.edition;
    }
    return nullptr;
  };
  for (const BoundListener& listener : listeners_) {
    for (const auto& address : listener.addresses) {
      const EditionPtr was = edition_before(*address);
      if (was == listener.edition) continue;
      // Also of a worker that has none of its sockets: others deal connections out to it.
      for (ListenerUpdate& update : updates) {
        update.moved.emplace_back(address->id, listener.edition);
      }
      if (was != nullptr) continue;
      for (std::size_t i = 0; i < address->sockets.size(); ++i) {
        updates[i % updates.size()].opened.push_back(socket_for(*address, listener.edition, i));
      }
    }
  }
  BoundAddresses gone;
  std::vector<EditionPtr> retired;
  for (const BoundListener& each : before) {
    for (const auto& address : each.addresses) {
      const bool stays = std::ranges::any_of(
          listeners_, [&](const BoundListener& one) { return contains(one.addresses, *address); });
      if (!stays) gone.push_back(address);
    }
    const bool there = std::ranges::any_of(listeners_, [&](const BoundListener& one) {
      return one.edition->number == each.edition->number;
    });
    if (!there) retired.push_back(each.edition);
  }
  for (const auto& listener : listeners_) {
    for (const auto& address : listener.addresses) {
      std::erase_if(spare_, [&](const auto& each) { return each == address; });
    }
  }
  // The file first: who finds none may make it, while the socket still answers who came by it.
  for (const auto& address : gone) remove_file(*address);
  closing_.insert(closing_.end(), gone.begin(), gone.end());
  leaving_.insert(leaving_.end(), retired.begin(), retired.end());

  tell_workers(
      [this, &updates](Worker& worker, unsigned index, std::function<void()> told) {
        worker.change_listeners(std::move(updates[index]),
                                [this, told = std::move(told)](Worker::Faults faults) {
                                  asio::post(main_, [faults = std::move(faults)] {
                                    for (const std::string& fault : faults) {
                                      log::error("a listener does not accept", {{"why", fault}});
                                    }
                                  });
                                  told();
                                });
      },
      [this, gone = std::move(gone), retired = std::move(retired), drain_timeout,
       done = std::move(done)]() mutable {
        close(std::move(gone), std::move(retired), drain_timeout);
        done();
      });
}

// --- what is gone

void Listening::close(BoundAddresses addresses, std::vector<EditionPtr> retired,
                      Duration drain_timeout) {
  std::vector<unsigned> ids;
  for (const auto& address : addresses) ids.push_back(address->id);
  tell_workers(
      [&ids](Worker& worker, unsigned, std::function<void()> told) {
        worker.close_sockets(ids, std::move(told));
      },
      [this, addresses = std::move(addresses), retired = std::move(retired), drain_timeout] {
        for (const auto& address : addresses) {
          std::erase(closing_, address);
          if (address->sockets.is_passed()) spare_.push_back(address);
        }
        for (const EditionPtr& edition : retired) {
          std::erase(leaving_, edition);
          if (!stopped_) retire(edition, drain_timeout);
        }
      });
}

void Listening::retire(const EditionPtr& edition, Duration drain_timeout) {
  retired_.emplace_back(main_, edition);
  const auto one = std::prev(retired_.end());
  one->timer.expires_after(drain_timeout);
  one->timer.async_wait([this, edition](boost::system::error_code error) {
    const auto found = std::ranges::find(retired_, edition, &Retired::edition);
    if (!error && found != retired_.end()) cut(*found);
  });
  tell_workers(
      [&edition](Worker& worker, unsigned, std::function<void()> told) {
        worker.retire(edition->number, std::move(told));
      },
      [this, edition] {
        const auto found = std::ranges::find(retired_, edition, &Retired::edition);
        if (found == retired_.end()) return;
        log::info("listener drained",
                  {{"name", edition->config.name}, {"requests_cut", found->requests_cut}});
        retired_.erase(found);
      });
}

void Listening::cut(Retired& retired) {
  log::warn("drain_timeout of a listener is over", {{"name", retired.edition->config.name}});
  for (const auto& worker : workers_) {
    worker->cut(retired.edition->number, [this, edition = retired.edition](unsigned cut) {
      asio::post(main_, [this, edition, cut] {
        const auto found = std::ranges::find(retired_, edition, &Retired::edition);
        if (found != retired_.end()) found->requests_cut += cut;
      });
    });
  }
}

std::vector<EditionPtr> Listening::sealed() const {
  std::vector<EditionPtr> out;
  for (const BoundListener& each : listeners_) {
    if (each.edition->tls) out.push_back(each.edition);
  }
  return out;
}

std::vector<DrainingListener> Listening::draining() const {
  std::vector<DrainingListener> out;
  const auto add = [&](const ListenerEdition& edition) {
    DrainingListener& one = out.emplace_back();
    one.name = edition.config.name;
    edition.metrics->for_each([&](const telemetry::ListenerShard& shard) {
      for (const telemetry::Gauge& gauge : shard.active) one.connections += gauge.value();
    });
  };
  for (const EditionPtr& each : leaving_) add(*each);
  for (const Retired& each : retired_) add(*each.edition);
  return out;
}

void Listening::unlink_all(bool held) const {
  for (const BoundListener& listener : listeners_) {
    for (const auto& address : listener.addresses) {
      if (!held || !address->sockets.is_handed()) remove_file(*address);
    }
  }
}

void Listening::stop() {
  stopped_ = true;
  for (Retired& each : retired_) each.timer.cancel();
}

}  // namespace weir::server
