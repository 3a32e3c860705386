#include "weir/provider/endpoint_lists.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <unordered_set>

#include "provider/etcd/client.hpp"

namespace weir::provider {

using control::EmptyList;

EndpointLists::EndpointLists(asio::io_context& main, Take take, Report report,
                             std::function<void()> changed, Duration gather)
    : main_(main),
      take_(std::move(take)),
      report_(std::move(report)),
      changed_(std::move(changed)),
      gather_(gather),
      timer_(main) {}

EndpointLists::~EndpointLists() { stop(); }

void EndpointLists::stop() {
  if (std::exchange(stopped_, true)) return;
  alive_.reset();
  timer_.cancel();
  lists_.clear();  // and with them the clients and their threads
}

std::shared_ptr<etcd::Client> EndpointLists::client_for(const config::EtcdAccess& access) {
  std::erase_if(clients_, [](const auto& each) { return each.expired(); });
  for (const auto& each : clients_) {
    auto client = each.lock();
    if (client && client->access() == access) return client;
  }
  auto client = std::make_shared<etcd::Client>(access);
  clients_.push_back(client);
  return client;
}

// For the thread of a client.
std::function<void()> EndpointLists::posted() {
  return [this, main = &main_, told = told_, weak = std::weak_ptr(alive_)] {
    if (told->exchange(true)) return;
    asio::post(*main, [this, told, weak] {
      told->store(false);
      if (!weak.expired()) arm(Clock::now() + gather_);
    });
  };
}

void EndpointLists::watch(const std::vector<WantedList>& wanted) {
  if (stopped_) return;
  std::map<std::string, List, std::less<>> next;
  for (const WantedList& each : wanted) {
    const auto known = lists_.find(each.upstream);
    if (known != lists_.end() && known->second.wanted.etcd == each.etcd) {
      next.emplace(each.upstream, std::move(known->second)).first->second.wanted = each;
      continue;
    }
    List list;
    list.wanted = each;
    list.client = client_for(each.etcd.access);
    list.watched = list.client->watch(each.etcd.prefix, posted());
    next.emplace(each.upstream, std::move(list));
  }
  lists_ = std::move(next);
  if (!lists_.empty()) arm(Clock::now() + gather_);
}

void EndpointLists::arm(TimePoint at) {
  if (stopped_ || at >= timer_at_) return;
  timer_at_ = at;
  timer_.expires_at(at);
  timer_.async_wait([this, weak = std::weak_ptr(alive_)](boost::system::error_code error) {
    if (error || weak.expired()) return;
    timer_at_ = TimePoint::max();
    look();
  });
}

void EndpointLists::look() {
  const TimePoint now = Clock::now();
  bool changed = false;
  TimePoint next = TimePoint::max();
  for (auto& [upstream, list] : lists_) {
    changed = read(list, now) || changed;
    if (const auto due = list.empty.due()) next = std::min(next, std::max(*due, now + gather_));
  }
  arm(next);
  if (changed) changed_();
}

bool EndpointLists::read(List& list, TimePoint now) {
  const auto state = list.watched->state();
  const auto keys = list.watched->keys();
  const std::string before = list.error;
  const std::size_t count = list.listed.size();
  const bool waited = list.empty.due().has_value();
  bool is_other = false;
  if (keys) {
    read_entries(list, *keys);
    is_other = !std::exchange(list.is_listed, true);
  }
  if (!state.up && !state.error.empty()) list.error = state.error;
  if (keys) {
    const bool weighs =
        list.listed.empty() ||
        std::ranges::any_of(list.listed, [](const auto& each) { return each.weight != 0; });
    if (!weighs) {
      list.empty.failed();
      list.error = "one weight at least must be above 0";
    } else if (list.empty.read(now, list.listed.empty(), list.wanted.empty_after) ==
               EmptyList::Then::take) {
      list.read_at = now;
      is_other = take_(list.wanted.upstream, list.listed, now) || is_other;
    }
  }
  const bool is_news =
      list.error != before || list.listed.size() != count || waited != list.empty.due().has_value();
  if (is_news && report_) report_(list.wanted.upstream, info_of(list, now));
  return is_other;
}

void EndpointLists::read_entries(List& list, const std::vector<Value>& keys) {
  std::map<std::string, Entry, std::less<>> next;
  std::unordered_set<std::string> seen;
  list.listed.clear();
  list.error.clear();
  std::size_t wrong = 0;
  for (const Value& value : keys) {
    const std::string& key = value->key;
    if (key == list.wanted.etcd.prefix) continue;  // as some tools make for folders
    if (next.size() == config::most_listed_endpoints) {
      list.error = fmt::format("more than {} keys; the others are not read", next.size());
      break;
    }
    Entry entry;
    if (const auto known = list.entries.find(key); known != list.entries.end()) {
      entry = std::move(known->second);
    }
    if (entry.value != value) {
      entry.value = value;
      auto read = config::parse_endpoint(value->value, "etcd:" + key);
      entry.error = read ? "" : std::move(read.error());
      if (read) entry.good = std::move(*read);
    }
    if (!entry.error.empty() && wrong++ == 0 && list.error.empty()) list.error = entry.error;
    if (entry.good && seen.insert(config::source_of(*entry.good)).second) {
      list.listed.push_back(*entry.good);
    }
    next.emplace(key, std::move(entry));
  }
  if (wrong > 1) list.error += fmt::format(" (and {} more)", wrong - 1);
  list.entries = std::move(next);
}

ListInfo EndpointLists::info_of(const List& list, TimePoint now) {
  ListInfo out;
  out.from = "etcd:" + list.wanted.etcd.prefix;
  out.endpoints = list.listed.size();
  out.error = list.error;
  if (list.is_listed) out.read_ago = std::max(now - list.read_at, Duration::zero());
  if (const auto due = list.empty.due()) out.empty_in = std::max(*due - now, Duration::zero());
  return out;
}

std::optional<ListInfo> EndpointLists::describe(std::string_view upstream) const {
  const auto at = lists_.find(upstream);
  if (at == lists_.end()) return std::nullopt;
  return info_of(at->second, Clock::now());
}

std::string EndpointLists::waits_for() const {
  for (const auto& [upstream, list] : lists_) {
    if (!list.is_listed) return "the endpoints of upstream " + upstream + " (etcd)";
  }
  return {};
}

}  // namespace weir::provider
