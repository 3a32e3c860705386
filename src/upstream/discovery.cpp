#include "weir/upstream/discovery.hpp"

#include <algorithm>
#include <utility>

namespace weir::upstream {

std::vector<NamedEndpoint> named_endpoints(std::span<const config::Upstream> upstreams) {
  std::vector<NamedEndpoint> out;
  for (const config::Upstream& upstream : upstreams) {
    for (const config::EndpointSpec& spec : upstream.endpoints) {
      if (auto name = named_endpoint(spec.address)) out.push_back(std::move(*name));
    }
  }
  return out;
}

Discovery::Discovery(asio::io_context& main, std::unique_ptr<Resolver> resolver, Report report,
                     DiscoveryTimes times)
    : resolver_(std::move(resolver)),
      report_(std::move(report)),
      times_(times),
      timer_(main),
      preparing_timer_(main) {}

Discovery::~Discovery() { stop(); }

Discovery::Name& Discovery::name_of(const NamedEndpoint& endpoint) {
  const auto [at, is_new] = names_.try_emplace(endpoint.text);
  if (is_new) at->second.endpoint = endpoint;
  return at->second;
}

// --- preparing

void Discovery::prepare(std::span<const NamedEndpoint> names,
                        std::move_only_function<void(Addresses)> then) {
  if (stopped_) return;
  Preparing next;
  for (const NamedEndpoint& endpoint : names) {
    Name& name = name_of(endpoint);
    next.names.push_back(endpoint.text);
    if (!name.addresses.empty()) continue;
    // One in use already waits for its answer elsewhere.
    const bool is_new = !name.answered && name.users.empty();
    (is_new ? next.first : next.again).insert(endpoint.text);
    name.pause = Duration::zero();
    ask(name);
  }
  next.then = std::move(then);
  next.until = deadline_after(Clock::now(), times_.wait_for_new);
  preparing_ = std::move(next);
  if (!preparing_->again.empty()) {
    limit_preparing(std::min(preparing_->until, deadline_after(Clock::now(), times_.wait_again)));
  } else if (!preparing_->first.empty()) {
    limit_preparing(preparing_->until);
  }
  look_at_preparing();
}

void Discovery::limit_preparing(TimePoint at) {
  preparing_timer_.expires_at(at);
  preparing_timer_.async_wait(
      [this, at, alive = std::weak_ptr(alive_)](boost::system::error_code failure) {
        if (failure || alive.expired() || !preparing_) return;
        preparing_->again.clear();
        if (at >= preparing_->until) {
          preparing_->first.clear();
        } else if (!preparing_->first.empty()) {
          limit_preparing(preparing_->until);
        }
        look_at_preparing();
      });
}

void Discovery::look_at_preparing() {
  if (!preparing_ || !preparing_->first.empty() || !preparing_->again.empty()) return;
  preparing_timer_.cancel();
  Preparing done = std::move(*preparing_);
  preparing_.reset();
  Addresses out;
  for (const std::string& text : done.names) {
    const auto found = names_.find(text);
    if (found != names_.end() && !found->second.addresses.empty()) {
      out.try_emplace(text, found->second.addresses);
    }
  }
  done.then(std::move(out));
}

// --- watching

void Discovery::watch(std::span<const std::shared_ptr<Cluster>> clusters) {
  if (stopped_) return;
  for (auto& [text, name] : names_) name.users.clear();
  for (const auto& cluster : clusters) {
    for (const NamedEndpoint& endpoint : cluster->named_endpoints()) {
      Name& name = name_of(endpoint);
      const bool listed =
          std::ranges::any_of(name.users, [&](const auto& user) { return user.lock() == cluster; });
      if (!listed) name.users.push_back(cluster);
      if (!name.answered) ask(name);
    }
  }
  for (auto at = names_.begin(); at != names_.end();) {
    const bool wanted =
        !at->second.users.empty() ||
        (preparing_ && std::ranges::find(preparing_->names, at->first) != preparing_->names.end());
    if (!wanted) due_.erase({at->second.due, &at->second});
    at = wanted ? std::next(at) : names_.erase(at);
  }
  for (const auto& [text, name] : names_) {
    if (name.answered) give(name, name.addresses.size());
  }
  schedule();
}

void Discovery::ask(Name& name) {
  // A slow resolver is not given the same name twice.
  if (std::exchange(name.asked, true)) return;
  due_.erase({name.due, &name});
  resolver_->resolve(name.endpoint.host, name.endpoint.port,
                     [this, alive = std::weak_ptr(alive_), text = name.endpoint.text](
                         std::string error, std::vector<SocketAddress> addresses) {
                       if (!alive.expired()) answered(text, std::move(error), std::move(addresses));
                     });
}

// A second answer, which came after the time of the first, may find the name gone, or asked again.
void Discovery::answered(const std::string& text, std::string error,
                         std::vector<SocketAddress> addresses) {
  const auto found = names_.find(text);
  if (found == names_.end()) return;
  Name& name = found->second;
  due_.erase({name.due, &name});
  name.asked = false;
  name.answered = true;
  const std::size_t count = error.empty() ? addresses.size() : 0;
  name.error = std::move(error);
  if (count != 0) name.addresses = std::move(addresses);
  plan(name);
  give(name, count);
  if (preparing_) {
    preparing_->first.erase(text);
    preparing_->again.erase(text);
    look_at_preparing();
  }
}

void Discovery::give(const Name& name, std::size_t found) {
  std::vector<Member> members;
  for (const SocketAddress& address : name.addresses) members.push_back({.address = address});
  for (const auto& user : name.users) {
    const std::shared_ptr<Cluster> cluster = user.lock();
    if (!cluster) continue;
    if (found != 0) cluster->set_members(name.endpoint.text, members);
    if (report_) report_(cluster->name(), name.endpoint.text, name.error, found);
  }
}

// When to ask again.
void Discovery::plan(Name& name) {
  if (name.addresses.empty()) {
    name.pause = std::min(name.pause == Duration::zero() ? times_.first_retry : 2 * name.pause,
                          times_.interval);
  } else {
    name.pause = Duration::zero();
  }
  name.due = deadline_after(Clock::now(), name.addresses.empty() ? name.pause : times_.interval);
  due_.emplace(name.due, &name);
  schedule();
}

void Discovery::schedule() {
  const TimePoint next = due_.empty() ? TimePoint::max() : due_.begin()->first;
  if (stopped_ || next == timer_at_) return;
  timer_at_ = next;
  timer_.cancel();
  if (next == TimePoint::max()) return;
  timer_.expires_at(next);
  timer_.async_wait([this, alive = std::weak_ptr(alive_)](boost::system::error_code failure) {
    if (failure || alive.expired()) return;
    timer_at_ = TimePoint::max();
    const TimePoint now = Clock::now();
    std::vector<Name*> asked;
    for (const auto& [due, name] : due_) {
      if (due > now) break;
      asked.push_back(name);
    }
    for (Name* const name : asked) ask(*name);
    schedule();
  });
}

void Discovery::stop() {
  if (std::exchange(stopped_, true)) return;
  alive_.reset();
  timer_.cancel();
  preparing_timer_.cancel();
  resolver_->stop();
  preparing_.reset();
}

}  // namespace weir::upstream
