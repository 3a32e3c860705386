// What tests of documents have in common: a file that names a provider, and documents of it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "provider/known_document.hpp"
#include "weir/config/loader.hpp"
#include "weir/provider/joining.hpp"

namespace weir::provider {

using Known = std::shared_ptr<const KnownDocument>;

inline constexpr const char* own_file_text = R"(
listeners: [{name: http, bind: "127.0.0.1:0"}]
routes: [{name: own, match: {path: /own}, upstream: main}]
upstreams: {main: {endpoints: [{address: "127.0.0.1:1"}]}}
providers: {etcd: {endpoints: ["http://127.0.0.1:2379"]}}
)";

inline config::Loaded own_file(const std::string& text = own_file_text) {
  auto loaded = config::load_text(text);
  EXPECT_TRUE(loaded) << (loaded ? "" : loaded.error().front().to_string());
  return loaded ? std::move(*loaded) : config::Loaded();
}

inline std::shared_ptr<const Document> document_of(const std::string& name, const std::string& text,
                                                   const std::string& version = "1") {
  return std::make_shared<const Document>(Document{name, version, text});
}

inline Known known(const std::string& name, const std::string& text,
                   const std::string& version = "1") {
  return std::make_shared<const KnownDocument>("etcd", document_of(name, text, version));
}

// A document with one route of that name and path, to one upstream.
inline std::string route_text(const std::string& name, const std::string& upstream = "main") {
  return "routes: [{name: " + name + ", match: {path: /" + name + "}, upstream: " + upstream + "}]";
}

inline std::string upstream_text(const std::string& name, const std::string& address) {
  return "upstreams: {" + name + ": {endpoints: [{address: '" + address + "'}]}}";
}

inline std::vector<std::string> route_names(const config::Config& config) {
  std::vector<std::string> out;
  for (const config::Route& each : config.routes) out.push_back(each.name);
  return out;
}

}  // namespace weir::provider
