// Any bytes as an access log: every line is counted once, and what is told of a request has words.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <string>
#include <utility>

#include "app/log_tally.hpp"
#include "weir/config/loader.hpp"

namespace {

using namespace weir;

void require(bool holds) {
  if (!holds) std::abort();
}

constexpr const char* before = R"(
trusted_proxies: [10.0.0.0/8]
listeners: [{name: http, bind: "127.0.0.1:8080"}]
routes:
  - {name: beta, match: {path_prefix: /b, headers: {x-beta: "1"}}, upstream: b}
  - {name: query, match: {path: /q, query: {token: "1"}}, redirect: {to: "/x{query}"}}
  - name: pages
    match: {path_prefix: /p}
    middleware: [{cors: {origins: ["*"]}}, {body_limit: {size: 10B}}]
    upstream: a
  - {name: all, match: {path: "/{one}/{two}"}, rewrite: {path: "/{two}"}, upstream: a}
upstreams: {a: {endpoints: [{address: "127.0.0.1:1"}]}, b: {endpoints: [{address: "127.0.0.1:2"}]}}
access_log: {query: redact}
)";
constexpr const char* after = R"(
listeners: [{name: http, bind: "127.0.0.1:8080"}]
routes:
  - {name: beta, match: {path_prefix: /b, headers: {x-beta: {regex: "[12]"}}}, upstream: a}
  - name: all
    match: {path_prefix: /}
    middleware: [{ip_filter: {deny: [192.0.2.0/24]}}]
    split: [{upstream: a}, {upstream: b}]
upstreams: {a: {endpoints: [{address: "127.0.0.1:1"}]}, b: {endpoints: [{address: "127.0.0.1:2"}]}}
)";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const config::Config old = std::move(config::load_text(before).value().config);
  static const config::Config now = std::move(config::load_text(after).value().config);
  static const std::unique_ptr<server::Replay> replay =
      std::move(server::Replay::make(old, now).value());
  const std::string text(reinterpret_cast<const char*>(data), size);
  std::istringstream log(text);
  app::LogTally tally(*replay, 2);
  tally.read(log);
  std::uint64_t lines = 0;
  for (const char c : text) lines += c == '\n' ? 1 : 0;
  if (!text.empty() && text.back() != '\n') ++lines;
  require(tally.requests() + tally.others() == lines);
  require(tally.same() + tally.different() + tally.cannot_tell() == tally.requests());
  std::uint64_t told = 0;
  for (const auto& [group, count] : tally.differences()) {
    require(!group.what.empty() && !group.after.empty());
    require(count.requests > 0 && !count.examples.empty() && count.examples.size() <= 2);
    told += count.requests;
  }
  for (const auto& [group, count] : tally.unknowns()) {
    require(!group.what.empty());
    told += count.requests;
  }
  require(told == tally.different() + tally.cannot_tell());
  return 0;
}
