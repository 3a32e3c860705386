#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "weir/tracing/exporters.hpp"

namespace weir::tracing {
namespace {

using namespace std::chrono_literals;
using telemetry::SpanMetrics;
using telemetry::SpanResult;

// Takes POSTs one after the other and answers what it is told; keeps how they began.
class PlainCollector {
 public:
  explicit PlainCollector(std::vector<std::string> answers) : answers_(std::move(answers)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&at), size) != 0 ||
        ::listen(listener_, 16) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size) != 0) {
      std::abort();
    }
    port_ = ntohs(at.sin_port);
    thread_ = std::jthread([this] { serve(); });
  }
  ~PlainCollector() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }

  config::Tracing settings() const {
    config::Tracing out;
    out.otlp.endpoint = "http://127.0.0.1:" + std::to_string(port_);
    out.otlp.headers = {{"x-tenant", "shop"}};
    return out;
  }
  std::vector<std::string> heads() {
    const std::lock_guard lock(mutex_);
    return heads_;
  }

 private:
  void serve() {
    for (std::size_t i = 0;; ++i) {
      const int peer = ::accept(listener_, nullptr, nullptr);
      if (peer < 0) return;
      std::string got;
      char piece[4096];
      std::size_t need = std::string::npos;
      while (got.size() < need) {
        const ssize_t n = ::recv(peer, piece, sizeof piece, 0);
        if (n <= 0) break;
        got.append(piece, static_cast<std::size_t>(n));
        const std::size_t end = got.find("\r\n\r\n");
        const std::size_t length = got.find("Content-Length: ");
        if (end != std::string::npos && length != std::string::npos) {
          need = end + 4 + std::stoul(got.substr(length + 16));
        }
      }
      {
        const std::lock_guard lock(mutex_);
        heads_.push_back(got.substr(0, got.find("\r\n\r\n")));
      }
      const std::string& answer = answers_[std::min(i, answers_.size() - 1)];
      ::send(peer, answer.data(), answer.size(), MSG_NOSIGNAL);
      ::close(peer);
    }
  }

  const std::vector<std::string> answers_;
  int listener_ = -1;
  int port_ = 0;
  std::mutex mutex_;
  std::vector<std::string> heads_;  // guarded by mutex_
  std::jthread thread_;
};

std::string answer_of(const std::string& status, const std::string& fields = {}) {
  return "HTTP/1.1 " + status + "\r\n" + fields + "Content-Length: 0\r\nConnection: close\r\n\r\n";
}

std::uint64_t result_of(const SpanMetrics& metrics, SpanResult result) {
  return metrics.of(static_cast<std::size_t>(result));
}

bool comes_true(const std::function<bool()>& condition) {
  for (const TimePoint until = Clock::now() + 20s; Clock::now() < until;) {
    if (condition()) return true;
    std::this_thread::sleep_for(5ms);
  }
  return false;
}

TEST(Exporter, SendsWhatWaitsWhenItEnds) {
  PlainCollector collector({answer_of("200 OK")});
  SpanMetrics metrics;
  Exporters exporters(metrics);
  const auto queue = exporters.queue_for(collector.settings());
  EXPECT_TRUE(metrics.used());
  for (int i = 0; i < 3; ++i) queue->push("\x12\x00", 1);
  exporters.stop(10s);
  EXPECT_EQ(result_of(metrics, SpanResult::exported), 3u);
  ASSERT_EQ(collector.heads().size(), 1u);
  const std::string head = collector.heads().front();
  EXPECT_TRUE(head.starts_with("POST /v1/traces HTTP/1.1\r\n")) << head;
  for (const char* field : {"Content-Type: application/x-protobuf", "Content-Encoding: gzip",
                            "x-tenant: shop", "User-Agent: weir/"}) {
    EXPECT_NE(head.find(field), std::string::npos) << head;
  }
}

TEST(Exporter, SendsAgainWhatMayBeTakenLater) {
  PlainCollector collector(
      {answer_of("429 Too Many Requests", "Retry-After: 1\r\n"), answer_of("200 OK")});
  SpanMetrics metrics;
  Exporters exporters(metrics);
  const auto queue = exporters.queue_for(collector.settings());
  queue->push("\x12\x00", 2);
  EXPECT_TRUE(comes_true([&] { return result_of(metrics, SpanResult::exported) == 2; }));
  EXPECT_EQ(collector.heads().size(), 2u);
  EXPECT_EQ(result_of(metrics, SpanResult::failed), 0u);
}

TEST(Exporter, GivesUpWhatWillNeverBeTaken) {
  PlainCollector collector({answer_of("400 Bad Request")});
  SpanMetrics metrics;
  Exporters exporters(metrics);
  const auto queue = exporters.queue_for(collector.settings());
  queue->push("\x12\x00", 2);
  EXPECT_TRUE(comes_true([&] { return result_of(metrics, SpanResult::failed) == 2; }));
  EXPECT_EQ(collector.heads().size(), 1u);
}

TEST(Exporter, EndsInTimeWhereNobodyAnswers) {
  // A socket whose queue takes the connection, and nobody reads from it.
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&at), size), 0);
  ASSERT_EQ(::listen(listener, 1), 0);
  ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&at), &size), 0);
  config::Tracing settings;
  settings.otlp.endpoint = "http://127.0.0.1:" + std::to_string(ntohs(at.sin_port));
  settings.otlp.timeout = 1h;
  SpanMetrics metrics;
  Exporters exporters(metrics);
  const auto queue = exporters.queue_for(settings);
  queue->push("\x12\x00", 5);
  const TimePoint began = Clock::now();
  exporters.stop(300ms);
  EXPECT_GE(Clock::now() - began, 300ms);
  EXPECT_LT(Clock::now() - began, 10s);
  EXPECT_EQ(result_of(metrics, SpanResult::failed), 5u);
  ::close(listener);
}

TEST(Exporters, TheSameSettingsHaveTheSameQueue) {
  PlainCollector collector({answer_of("200 OK")});
  SpanMetrics metrics;
  Exporters exporters(metrics);
  config::Tracing settings = collector.settings();
  const auto one = exporters.queue_for(settings);
  settings.sample = 1;
  settings.keep_errors = true;
  EXPECT_EQ(exporters.queue_for(settings), one);
  settings.service = "another";
  const auto other = exporters.queue_for(settings);
  EXPECT_NE(other, one);
  // What comes by the one that no new snapshot has, as at the end of a tunnel, is exported, too.
  one->push("\x12\x00", 1);
  exporters.stop(10s);
  EXPECT_EQ(result_of(metrics, SpanResult::exported), 1u);
}

}  // namespace
}  // namespace weir::tracing
