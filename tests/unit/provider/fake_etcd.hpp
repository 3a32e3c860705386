// An etcd as far as a prefix is concerned: its JSON gateway on loopback, with the keys that a test
// puts. Ranges are answered at once, watches stream what is put later. A thread for each
// connection.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "provider/etcd/base64.hpp"

namespace weir::provider {

class FakeEtcd {
 public:
  FakeEtcd() {
    listening_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* const to = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(listening_, to, length), 0);
    EXPECT_EQ(::listen(listening_, 16), 0);
    EXPECT_EQ(::getsockname(listening_, to, &length), 0);
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    accepting_ = std::thread([this] { accept_all(); });
  }
  ~FakeEtcd() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
      for (const int each : open_) ::shutdown(each, SHUT_RDWR);
    }
    news_.notify_all();
    ::shutdown(listening_, SHUT_RDWR);
    accepting_.join();
    for (std::thread& each : serving_) each.join();
    ::close(listening_);
  }
  FakeEtcd(const FakeEtcd&) = delete;
  FakeEtcd& operator=(const FakeEtcd&) = delete;

  const std::string& url() const noexcept { return url_; }

  void put(const std::string& key, const std::string& value) {
    const std::lock_guard lock(mutex_);
    ++revision_;
    keys_[key] = {value, revision_};
    events_.push_back({key, R"({"kv":)" + kv(key, keys_[key]) + "}"});
    news_.notify_all();
  }
  void remove(const std::string& key) {
    const std::lock_guard lock(mutex_);
    ++revision_;
    keys_.erase(key);
    events_.push_back({key, R"({"type":"DELETE","kv":{"key":")" + etcd::base64_encode(key) +
                                R"(","mod_revision":")" + std::to_string(revision_) + "\"}}"});
    news_.notify_all();
  }
  // As one of whom nothing works: each question is answered so from now on; "" ends that.
  void complain(std::string complaint) {
    const std::lock_guard lock(mutex_);
    complaint_ = std::move(complaint);
    // Watches that are under way end.
    for (const int each : open_) ::shutdown(each, SHUT_RDWR);
    news_.notify_all();
  }
  std::size_t lists() const {
    const std::lock_guard lock(mutex_);
    return lists_;
  }

 private:
  struct Value {
    std::string value;
    std::int64_t revision = 0;
  };
  struct Event {
    std::string key;
    std::string json;
  };

  static std::string kv(const std::string& key, const Value& value) {
    return R"({"key":")" + etcd::base64_encode(key) + R"(","mod_revision":")" +
           std::to_string(value.revision) + R"(","value":")" + etcd::base64_encode(value.value) +
           "\"}";
  }
  std::string header() const {
    return R"("header":{"revision":")" + std::to_string(revision_) + "\"}";
  }

  // The prefix that a question is about.
  static std::string prefix_in(const std::string& question) {
    constexpr std::string_view member = R"("key":")";
    const std::size_t at = question.find(member);
    if (at == std::string::npos) return "";
    const std::size_t from = at + member.size();
    return etcd::base64_decode(question.substr(from, question.find('"', from) - from)).value_or("");
  }

  void accept_all() {
    while (true) {
      const int peer = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
      if (peer < 0) return;
      const std::lock_guard lock(mutex_);
      if (ended_) {
        ::close(peer);
        return;
      }
      open_.push_back(peer);
      serving_.emplace_back([this, peer] { serve(peer); });
    }
  }

  void serve(int peer) {
    std::string in;
    while (serve_one(peer, in)) {
    }
    const std::lock_guard lock(mutex_);
    std::erase(open_, peer);
    ::close(peer);
  }

  static bool read_more(int peer, std::string& in) {
    char block[4096];
    const ssize_t n = ::read(peer, block, sizeof block);
    if (n <= 0) return false;
    in.append(block, static_cast<std::size_t>(n));
    return true;
  }
  static bool send_all(int peer, std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = ::send(peer, text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  static bool answer(int peer, std::string_view status, const std::string& body) {
    return send_all(peer, "HTTP/1.1 " + std::string(status) + "\r\nContent-Length: " +
                              std::to_string(body.size()) + "\r\n\r\n" + body);
  }

  bool serve_one(int peer, std::string& in) {
    std::size_t end = 0;
    while ((end = in.find("\r\n\r\n")) == std::string::npos) {
      if (!read_more(peer, in)) return false;
    }
    const std::string head = in.substr(0, end);
    constexpr std::string_view field = "Content-Length: ";
    const std::size_t at = head.find(field);
    const std::size_t length =
        at == std::string::npos ? 0 : std::stoul(head.substr(at + field.size()));
    in.erase(0, end + 4);
    while (in.size() < length) {
      if (!read_more(peer, in)) return false;
    }
    const std::string question = in.substr(0, length);
    in.erase(0, length);
    std::unique_lock lock(mutex_);
    if (!complaint_.empty()) {
      const std::string body = R"({"error":")" + complaint_ + R"(","code":14})";
      lock.unlock();
      return answer(peer, "503 Service Unavailable", body);
    }
    if (head.starts_with("POST /v3/watch ")) return watch(peer, prefix_in(question), lock);
    const bool newest = question.contains("limit");
    if (!newest) ++lists_;
    const std::string body = range(prefix_in(question), newest);
    lock.unlock();
    return answer(peer, "200 OK", body);
  }

  std::string range(const std::string& prefix, bool newest) const {
    std::string list;
    std::size_t count = 0;
    const Value* last = nullptr;
    for (const auto& [key, value] : keys_) {
      if (!key.starts_with(prefix)) continue;
      ++count;
      if (newest && last != nullptr && last->revision > value.revision) continue;
      if (newest) list.clear();
      last = &value;
      list += (list.empty() ? "" : ",") + kv(key, value);
    }
    return "{" + header() + R"(,"kvs":[)" + list + R"(],"count":")" + std::to_string(count) + "\"}";
  }

  // All that was ever put, so that nothing between a list and its watch is missing: older revisions
  // than the list's change nothing.
  bool watch(int peer, const std::string& prefix, std::unique_lock<std::mutex>& lock) {
    std::size_t next = 0;
    std::string text = "HTTP/1.1 200 OK\r\n\r\n{\"result\":{" + header() + ",\"created\":true}}\n";
    while (!ended_ && complaint_.empty()) {
      for (; next < events_.size(); ++next) {
        if (!events_[next].key.starts_with(prefix)) continue;
        text += "{\"result\":{" + header() + ",\"events\":[" + events_[next].json + "]}}\n";
      }
      lock.unlock();
      const bool sent = send_all(peer, std::exchange(text, {}));
      lock.lock();
      if (!sent) return false;
      news_.wait(lock, [&] { return ended_ || !complaint_.empty() || next < events_.size(); });
    }
    return false;
  }

  int listening_ = -1;
  std::string url_;
  mutable std::mutex mutex_;
  std::condition_variable news_;
  std::map<std::string, Value> keys_;
  std::vector<Event> events_;
  std::int64_t revision_ = 1;
  std::string complaint_;
  std::size_t lists_ = 0;
  std::vector<int> open_;
  std::vector<std::thread> serving_;
  bool ended_ = false;
  std::thread accepting_;
};

}  // namespace weir::provider
