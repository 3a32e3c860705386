// How the answer to GET /metrics is written, as the request's fields and query ask for it. Pure.
#pragma once

#include <string_view>

#include "weir/telemetry/scrape.hpp"

namespace weir::server {

struct ScrapeTerms {
  telemetry::ScrapeRequest asked;
  std::string_view content_type;  // a literal
  bool gzip = false;
};

// Accept and Accept-Encoding as RFC 9110 has them (12.5.1, 12.5.3): the format of the highest
// weight, OpenMetrics where it is named and weighs the same. What accepts neither gets Prometheus's
// text, as from other exporters. `name[]` of the query, percent-encoded or not, may come several
// times.
ScrapeTerms scrape_terms(std::string_view accept, std::string_view accept_encoding,
                         std::string_view query);

}  // namespace weir::server
