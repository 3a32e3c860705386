#include "weir/upstream/discovery.hpp"

#include <algorithm>
#include <utility>

namespace weir::upstream {

Discovery::Discovery(asio::io_context& main, std::unique_ptr<Resolver> resolver, Report report,
                     Duration interval)
    : resolver_(std::move(resolver)),
      report_(std::move(report)),
      interval_(interval),
      timer_(main) {}

Discovery::~Discovery() { stop(); }

void Discovery::watch(std::shared_ptr<Cluster> cluster) {
  if (stopped_) return;
  auto watch =
      std::ranges::find_if(watches_, [&](const Watch& at) { return at.cluster.lock() == cluster; });
  if (watch == watches_.end()) {
    watches_.push_back({cluster, {}});
    watch = watches_.end() - 1;
  }
  look_up(*watch, false);
  schedule();
}

void Discovery::look_up(Watch& watch, bool all) {
  const std::shared_ptr<Cluster> cluster = watch.cluster.lock();
  if (!cluster) return;
  const std::vector<NamedEndpoint> names = cluster->named_endpoints();
  // A name that left and comes back is a new one.
  std::erase_if(watch.names, [&](const Name& known) {
    return std::ranges::none_of(names,
                                [&](const NamedEndpoint& name) { return name.text == known.text; });
  });
  for (const NamedEndpoint& name : names) {
    auto known =
        std::ranges::find_if(watch.names, [&](const Name& at) { return at.text == name.text; });
    const bool is_new = known == watch.names.end();
    if (is_new) {
      watch.names.push_back({.text = name.text});
      known = watch.names.end() - 1;
    }
    // A slow resolver is not given the same name twice.
    if ((is_new || all) && !known->asked) {
      known->asked = true;
      ask(cluster, name, is_new);
    }
  }
}

void Discovery::ask(const std::shared_ptr<Cluster>& cluster, const NamedEndpoint& name,
                    bool first) {
  if (first) ++first_answers_due_;
  resolver_->resolve(name.host, name.port,
                     [this, weak = std::weak_ptr(cluster), text = name.text, first](
                         const std::string& error, std::vector<SocketAddress> addresses) {
                       if (first) --first_answers_due_;
                       answered(weak.lock(), text, error, std::move(addresses));
                       settle();
                     });
}

void Discovery::answered(const std::shared_ptr<Cluster>& cluster, const std::string& text,
                         const std::string& error, std::vector<SocketAddress> addresses) {
  if (!cluster) return;
  for (Watch& watch : watches_) {
    if (watch.cluster.lock() != cluster) continue;
    for (Name& name : watch.names) {
      if (name.text == text) name.asked = false;
    }
  }
  if (report_) report_(cluster->name(), text, error, addresses.size());
  if (error.empty() && !addresses.empty()) cluster->resolved(text, std::move(addresses));
}

void Discovery::schedule() {
  if (scheduled_ || stopped_) return;
  scheduled_ = true;
  timer_.expires_after(interval_);
  timer_.async_wait([this, alive = std::weak_ptr(alive_)](boost::system::error_code failure) {
    if (failure || alive.expired()) return;
    scheduled_ = false;
    std::erase_if(watches_, [](const Watch& watch) {
      const std::shared_ptr<Cluster> cluster = watch.cluster.lock();
      return !cluster || cluster->retired();
    });
    for (Watch& watch : watches_) look_up(watch, true);
    if (!watches_.empty()) schedule();
  });
}

void Discovery::when_settled(std::move_only_function<void()> then) {
  settled_.push_back(std::move(then));
  settle();
}

void Discovery::settle() {
  if (first_answers_due_ != 0) return;
  for (auto& then : std::exchange(settled_, {})) then();
}

void Discovery::stop() {
  if (std::exchange(stopped_, true)) return;
  alive_.reset();
  timer_.cancel();
  resolver_->stop();
  settled_.clear();
}

}  // namespace weir::upstream
