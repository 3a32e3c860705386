// The file of an upstream's `endpoints_from`: who may serve it, as something beside the gateway
// writes it. A list, in YAML or JSON, whose items are targets as in Prometheus's file_sd
// (`{targets: ["host:port"], labels: {weight: "2"}}`), addresses ("host:port"), or mappings as in
// `endpoints`. Pure but for reading the file; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "weir/config/model.hpp"
#include "weir/config/problem.hpp"

namespace weir::config {

inline constexpr std::uint64_t most_endpoints_file_bytes = 4 * MiB;
inline constexpr std::size_t most_listed_endpoints = 10'000;
inline constexpr std::size_t most_listed_names =
    1'000;  // among them: each answer is joined with all

using ListedEndpoints = std::vector<EndpointSpec>;

// In the order of the file, each once; none is a list, too. Fails with what is wrong, at most 100
// problems and one more, with their places in the file `name`. A relative unix:PATH starts at
// `folder`.
std::expected<ListedEndpoints, std::vector<Problem>> parse_endpoints(std::string_view text,
                                                                     const std::string& name,
                                                                     const std::string& folder);

// One endpoint, as something elsewhere gives it: "HOST:PORT", or a mapping as in `endpoints`; no
// socket of this machine. Fails with what is wrong, in one line.
std::expected<EndpointSpec, std::string> parse_endpoint(std::string_view text,
                                                        const std::string& name);

// The same list of a file as it is now, which must be a regular one. Blocks.
std::expected<ListedEndpoints, std::vector<Problem>> read_endpoints(const std::string& path);

// What an upstream's health_check and tls do not go with; empty for nothing.
std::vector<Problem> check_listed(const Upstream& upstream, const ListedEndpoints& listed);

}  // namespace weir::config
