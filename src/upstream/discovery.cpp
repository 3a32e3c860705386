#include "weir/upstream/discovery.hpp"

#include <algorithm>
#include <utility>

namespace weir::upstream {

using control::LookUpEnd;
using control::NameSchedule;

Discovery::Discovery(asio::io_context& main, std::unique_ptr<names::Resolver> resolver,
                     Report report, DiscoveryTimes times)
    : resolver_(std::move(resolver)),
      report_(std::move(report)),
      times_(times),
      timer_(main),
      preparing_timer_(main) {
  resolver_->on_change([this] { changed(); });
}

Discovery::~Discovery() { stop(); }

// What upstreams must share for one look-up to serve both.
std::string Discovery::key_of(const NamedEndpoint& endpoint) {
  const config::Dns& dns = endpoint.dns;
  std::string out = endpoint.text;
  for (const Duration each : {dns.min_ttl, dns.max_ttl, dns.keep_on_nxdomain}) {
    out += '\n' + std::to_string(each.count());
  }
  for (const std::string& server : dns.servers) out += '\n' + server;
  return out;
}

control::NameRules Discovery::rules_of(const NamedEndpoint& endpoint) {
  return {.min_ttl = endpoint.dns.min_ttl,
          .max_ttl = endpoint.dns.max_ttl,
          .keep_on_nxdomain = endpoint.dns.keep_on_nxdomain};
}

std::vector<Member> Discovery::members_of(const Name& name) {
  std::vector<Member> out;
  for (const names::Found& one : name.found) {
    out.push_back(
        {.address = one.address, .weight = one.weight, .priority = one.priority, .host = one.host});
  }
  return out;
}

Discovery::Name& Discovery::name_of(const NamedEndpoint& endpoint) {
  std::string key = key_of(endpoint);
  const auto [at, is_new] = names_.try_emplace(key);
  if (is_new) {
    at->second.endpoint = endpoint;
    at->second.key = std::move(key);
  }
  return at->second;
}

// --- preparing

void Discovery::prepare(std::span<const config::Upstream> upstreams,
                        std::move_only_function<void(AddressesByUpstream)> then) {
  if (stopped_) return;
  Preparing next;
  const TimePoint now = Clock::now();
  for (const config::Upstream& upstream : upstreams) {
    for (const NamedEndpoint& endpoint : named_endpoints(upstream)) {
      Name& name = name_of(endpoint);
      next.names.emplace_back(upstream.name, name.key);
      if (!name.found.empty()) continue;
      // One in use already waits for its answer elsewhere.
      const bool is_new = !name.answered && name.users.empty();
      (is_new ? next.first : next.again).insert(name.key);
      name.schedule.ask_at_once(now);
      ask(name);
    }
  }
  next.then = std::move(then);
  next.until = deadline_after(now, times_.wait_for_new);
  preparing_ = std::move(next);
  if (!preparing_->again.empty()) {
    limit_preparing(std::min(preparing_->until, deadline_after(now, times_.wait_again)));
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
  AddressesByUpstream out;
  for (const auto& [upstream, key] : done.names) {
    const auto found = names_.find(key);
    if (found == names_.end() || found->second.found.empty()) continue;
    out[upstream].try_emplace(found->second.endpoint.text, members_of(found->second));
  }
  done.then(std::move(out));
}

// --- watching

void Discovery::watch(std::span<const std::shared_ptr<Cluster>> clusters) {
  if (stopped_) return;
  for (auto& [key, name] : names_) name.users.clear();
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
    const auto is_it = [&](const auto& each) { return each.second == at->first; };
    const bool wanted =
        !at->second.users.empty() || (preparing_ && std::ranges::any_of(preparing_->names, is_it));
    if (!wanted) due_.erase({at->second.due, &at->second});
    at = wanted ? std::next(at) : names_.erase(at);
  }
  for (auto& [key, name] : names_) {
    if (!name.found.empty()) give(name);
    report(name);
  }
  schedule();
}

void Discovery::ask(Name& name) {
  // A slow name server is not given the same name twice.
  if (std::exchange(name.asked, true)) return;
  due_.erase({name.due, &name});
  name.schedule.asked(Clock::now());
  names::Question question;
  question.host = name.endpoint.host;
  question.port = name.endpoint.port;
  question.services = name.endpoint.services;
  question.servers = name.endpoint.dns.servers;
  question.last_name = name.found_as;
  switch (name.endpoint.family) {
    case config::NameFamily::any:
      question.family = names::Family::any;
      break;
    case config::NameFamily::ipv4:
      question.family = names::Family::ipv4;
      break;
    case config::NameFamily::ipv6:
      question.family = names::Family::ipv6;
      break;
  }
  resolver_->resolve(std::move(question),
                     [this, alive = std::weak_ptr(alive_), key = name.key](names::Answer answer) {
                       if (!alive.expired()) answered(key, std::move(answer));
                     });
}

// The name may be gone meanwhile, or have come back and be asked again.
void Discovery::answered(const std::string& key, names::Answer answer) {
  const auto at = names_.find(key);
  if (at == names_.end()) return;
  Name& name = at->second;
  due_.erase({name.due, &name});
  const TimePoint now = Clock::now();
  name.asked = false;
  name.answered = true;
  name.error = answer.end == LookUpEnd::found ? std::string() : std::move(answer.error);
  switch (name.schedule.answered(now, answer.end, answer.ttl, rules_of(name.endpoint))) {
    case NameSchedule::Then::take:
      take(name, answer);
      give(name);
      break;
    case NameSchedule::Then::keep:
      break;
    case NameSchedule::Then::drop:
      name.found.clear();
      name.found_as.clear();
      name.source = names::Source::none;
      give(name);
      break;
  }
  if (std::exchange(name.once_more, false)) name.schedule.ask_at_once(now);
  plan(name);
  name.untold = answer.end;
  report(name);
  if (preparing_) {
    preparing_->first.erase(key);
    preparing_->again.erase(key);
    look_at_preparing();
  }
}

// What was found by questions that have no answer this time stays.
void Discovery::take(Name& name, names::Answer& answer) {
  std::vector<names::Found> next = std::move(answer.found);
  for (names::Found& before : name.found) {
    if (std::ranges::find(answer.lost, before.part) == answer.lost.end()) continue;
    if (std::ranges::find(next, before.address, &names::Found::address) != next.end()) continue;
    next.push_back(std::move(before));
  }
  name.found = std::move(next);
  name.source = answer.source;
  name.found_as = std::move(answer.name);
  name.timeless = !answer.ttl;
}

void Discovery::give(const Name& name) const {
  for (const auto& user : name.users) {
    if (const auto cluster = user.lock()) {
      cluster->set_members(name.endpoint.text, members_of(name));
    }
  }
}

// What was found out for a configuration that is not in use yet is told when it is.
void Discovery::report(Name& name) const {
  if (!name.untold || name.users.empty()) return;
  const LookUpEnd end = *std::exchange(name.untold, std::nullopt);
  if (!report_) return;
  for (const auto& user : name.users) {
    const std::shared_ptr<Cluster> cluster = user.lock();
    if (!cluster) continue;
    report_(cluster->name(), name.endpoint.text,
            {.end = end, .error = name.error, .addresses = name.found.size()});
  }
}

void Discovery::connect_failed(const Cluster& cluster, std::string_view address) {
  if (stopped_) return;
  for (const NamedEndpoint& endpoint : cluster.named_endpoints()) {
    const auto at = names_.find(key_of(endpoint));
    if (at == names_.end() || at->second.asked) continue;
    Name& name = at->second;
    const auto is_it = [&](const names::Found& one) { return one.address.to_string() == address; };
    if (std::ranges::none_of(name.found, is_it)) continue;
    due_.erase({name.due, &name});
    name.schedule.connect_failed(Clock::now());
    plan(name);
  }
}

// A file in /etc: whatever was found may be something else now.
void Discovery::changed() {
  const TimePoint now = Clock::now();
  for (auto& [key, name] : names_) {
    if (name.asked) {
      name.once_more = true;
      continue;
    }
    due_.erase({name.due, &name});
    name.schedule.ask_at_once(now);
    plan(name);
  }
}

// --- when

// REQUIRES: it is not in due_.
void Discovery::plan(Name& name) {
  name.due = name.schedule.due();
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

std::vector<NameInfo> Discovery::describe(const Cluster& cluster) const {
  std::vector<NameInfo> out;
  const TimePoint now = Clock::now();
  const auto left = [&](TimePoint at) { return std::max(Duration::zero(), at - now); };
  for (const NamedEndpoint& endpoint : cluster.named_endpoints()) {
    NameInfo info;
    info.text = endpoint.text;
    if (const auto at = names_.find(key_of(endpoint)); at != names_.end()) {
      const Name& name = at->second;
      info.source = names::name(name.source);
      info.found_as = name.found_as;
      info.error = name.error;
      info.addresses = name.found.size();
      if (info.addresses != 0 && !name.timeless) info.holds_for = left(name.schedule.holds_until());
      if (!name.asked) info.asked_in = left(name.due);
    }
    out.push_back(std::move(info));
  }
  return out;
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
