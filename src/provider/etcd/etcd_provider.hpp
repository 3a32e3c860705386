// Documents in the keys below a prefix of etcd. See Provider.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "provider/etcd/client.hpp"
#include "weir/config/providers.hpp"
#include "weir/provider/provider.hpp"

namespace weir::provider::etcd {

inline constexpr std::size_t most_documents = 10'000;

class EtcdProvider final : public Provider {
 public:
  explicit EtcdProvider(config::EtcdProvider settings) : settings_(std::move(settings)) {}
  ~EtcdProvider() override { stop(); }

  const std::string& name() const noexcept override { return name_; }
  void start(std::function<void()> changed) override;
  std::shared_ptr<const Documents> documents() const override;
  ProviderState state() const override;
  void stop() override;

 private:
  const std::string name_ = "etcd";
  const config::EtcdProvider settings_;
  std::unique_ptr<Client> client_;
  std::shared_ptr<const WatchedPrefix> watched_;
  mutable std::mutex mutex_;
  // What documents() made last, by name: the same version is the same object. Guarded by mutex_.
  mutable std::map<std::string, std::shared_ptr<const Document>, std::less<>> made_;
};

}  // namespace weir::provider::etcd
