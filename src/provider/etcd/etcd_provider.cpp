#include "provider/etcd/etcd_provider.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "weir/base/utf8.hpp"

namespace weir::provider::etcd {

namespace {

bool is_printable(std::string_view name) {
  const bool has_controls = std::ranges::any_of(
      name, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
  return !has_controls && valid_utf8(name) == name.size();
}

}  // namespace

void EtcdProvider::start(std::function<void()> changed) {
  client_ = std::make_unique<Client>(settings_.access);
  watched_ = client_->watch(settings_.prefix, std::move(changed));
}

void EtcdProvider::stop() { client_ = nullptr; }

std::shared_ptr<const Documents> EtcdProvider::documents() const {
  const auto keys = watched_ ? watched_->keys() : nullptr;
  if (!keys) return nullptr;
  auto out = std::make_shared<Documents>();
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::shared_ptr<const Document>, std::less<>> made;
  for (const auto& key : *keys) {
    std::string name = key->key.substr(settings_.prefix.size());
    // A key that is the prefix itself, as some tools make for folders, and what no log could show.
    if (name.empty() || !is_printable(name)) continue;
    if (out->size() == most_documents) break;
    std::string version = std::to_string(key->mod_revision);
    const auto before = made_.find(name);
    const bool is_same = before != made_.end() && before->second->version == version &&
                         before->second->text == key->value;
    auto document =
        is_same ? before->second
                : std::make_shared<const Document>(Document{name, std::move(version), key->value});
    out->push_back(document);
    made.emplace(std::move(name), std::move(document));
  }
  made_ = std::move(made);
  return out;
}

ProviderState EtcdProvider::state() const {
  if (!watched_) return {};
  ProviderState out = watched_->state();
  const auto keys = watched_->keys();
  if (out.up && keys && keys->size() > most_documents) {
    out.error = "there are more than 10000 keys below the prefix; the others are not read";
  }
  return out;
}

}  // namespace weir::provider::etcd
