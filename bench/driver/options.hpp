// What the driver is asked to do, out of its command line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "driver/schedule.hpp"
#include "weir/base/ip.hpp"
#include "weir/base/time.hpp"
#include "weir/http/head.hpp"
#include "weir/net/tls_client.hpp"

namespace weir::bench {

// Whom requests go to.
struct Target {
  std::string url;  // as given
  SocketAddress address;
  std::string host;                     // of the URL, for the certificate
  std::string authority;                // Host, :authority
  std::shared_ptr<net::TlsClient> tls;  // null: in plain text
  bool http2 = false;
};

// Requests that are alike, with a rate of their own.
struct Stream {
  std::string name;
  double rate = 0;  // a second; with rates by step: its weight among the streams
  RequestHead head;
  std::string content;
};

// So long the streams have these rates.
struct Step {
  double rate = 0;            // of all streams, requests a second
  std::vector<double> rates;  // of each stream
  Duration length{};
  bool counted = true;  // otherwise it only warms up
};

struct Options {
  Target target;
  std::vector<Stream> streams;
  std::vector<Step> steps;
  Arrivals arrivals = Arrivals::even;
  std::uint64_t seed = 1;
  Duration timeout{};                   // of a request, from when it was due
  std::optional<Duration> good_within;  // an answer that took no longer is good
  std::size_t connections = 0;          // at most
  std::size_t places = 1;               // requests at a time on a connection
  std::size_t waiting = 0;              // requests that wait for a connection, at most
  std::optional<unsigned> cpu;          // the only one the driver runs on
};

// Reads the command line, and finds the target's address. Nothing: `exit_code` says how to end, and
// what there was to say has been said.
std::optional<Options> read_options(int argc, char** argv, int& exit_code);

}  // namespace weir::bench
