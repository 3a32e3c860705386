#include "server/scrape_terms.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "weir/base/text.hpp"
#include "weir/http/url_path.hpp"

namespace weir::server {
namespace {

constexpr std::string_view prometheus_type = "text/plain; version=0.0.4; charset=utf-8";
constexpr std::string_view openmetrics_type =
    "application/openmetrics-text; version=1.0.0; charset=utf-8";
// An earlier draft, which asks for nothing else of what is written here.
constexpr std::string_view openmetrics_draft_type =
    "application/openmetrics-text; version=0.0.1; charset=utf-8";

// Thousandths: 0 to 1000. RFC 9110, 12.4.2: at most three digits behind the dot.
std::optional<unsigned> preference_weight(std::string_view text) {
  if (text.empty() || (text[0] != '0' && text[0] != '1')) return std::nullopt;
  unsigned out = text[0] == '1' ? 1000 : 0;
  if (text.size() == 1) return out;
  if (text[1] != '.' || text.size() > 5) return std::nullopt;
  unsigned place = 100;
  for (const char c : text.substr(2)) {
    if (c < '0' || c > '9') return std::nullopt;
    out += static_cast<unsigned>(c - '0') * place;
    place /= 10;
  }
  if (out > 1000) return std::nullopt;
  return out;
}

// An element of Accept or Accept-Encoding.
struct Preference {
  std::string_view name;     // without parameters
  std::string_view version;  // the parameter of that name
  unsigned weight = 1000;    // thousandths; of one that cannot be read 0
};

Preference preference_of(std::string_view element) {
  Preference out;
  out.name = trim(element.substr(0, element.find(';')));
  element.remove_prefix(std::min(element.find(';'), element.size()));
  while (!element.empty()) {
    element.remove_prefix(1);
    const std::string_view one = trim(element.substr(0, element.find(';')));
    element.remove_prefix(std::min(element.find(';'), element.size()));
    const std::size_t equals = one.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = trim(one.substr(0, equals));
    std::string_view value = trim(one.substr(equals + 1));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    if (iequals(name, "q")) out.weight = preference_weight(value).value_or(0);
    if (iequals(name, "version")) out.version = value;
  }
  return out;
}

// What a list says of one thing: the weight of the most specific element that means it.
struct Weighed {
  std::optional<unsigned> named;     // by its own name
  std::optional<unsigned> any_kind;  // text/*
  std::optional<unsigned> anything;  // */* or *
  unsigned weight() const noexcept {
    return named.value_or(any_kind.value_or(anything.value_or(0)));
  }
};

void take_best(std::optional<unsigned>& best, unsigned weight) {
  best = std::max(best.value_or(0), weight);
}

struct Formats {
  Weighed prometheus;
  Weighed openmetrics;
  std::optional<unsigned> openmetrics_draft;
};

Formats formats_of(std::string_view accept) {
  Formats out;
  for_each_element(accept, [&](std::string_view element) {
    const Preference one = preference_of(element);
    if (one.name == "*/*") {
      take_best(out.prometheus.anything, one.weight);
      take_best(out.openmetrics.anything, one.weight);
    } else if (iequals(one.name, "text/*")) {
      take_best(out.prometheus.any_kind, one.weight);
    } else if (iequals(one.name, "application/*")) {
      take_best(out.openmetrics.any_kind, one.weight);
    } else if (iequals(one.name, "text/plain")) {
      if (one.version.empty() || one.version == "0.0.4") {
        take_best(out.prometheus.named, one.weight);
      }
    } else if (iequals(one.name, "application/openmetrics-text")) {
      if (one.version.empty() || one.version == "1.0.0") {
        take_best(out.openmetrics.named, one.weight);
      } else if (one.version == "0.0.1") {
        take_best(out.openmetrics_draft, one.weight);
      }
    }
    return true;
  });
  return out;
}

bool accepts_gzip(std::string_view accept_encoding) {
  Weighed gzip;
  for_each_element(accept_encoding, [&](std::string_view element) {
    const Preference one = preference_of(element);
    if (iequals(one.name, "gzip") || iequals(one.name, "x-gzip")) {
      take_best(gzip.named, one.weight);
    } else if (one.name == "*") {
      take_best(gzip.anything, one.weight);
    }
    return true;
  });
  return gzip.weight() > 0;
}

std::vector<std::string> names_of(std::string_view query) {
  std::vector<std::string> out;
  while (!query.empty()) {
    const std::string_view one = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(one.size() + 1, query.size()));
    const std::size_t equals = std::min(one.find('='), one.size());
    if (percent_decode(one.substr(0, equals)) != "name[]") continue;
    out.push_back(percent_decode(one.substr(std::min(equals + 1, one.size()))));
  }
  return out;
}

}  // namespace

ScrapeTerms scrape_terms(std::string_view accept, std::string_view accept_encoding,
                         std::string_view query) {
  ScrapeTerms out{.asked = {.format = telemetry::TextFormat::prometheus, .names = names_of(query)},
                  .content_type = prometheus_type,
                  .gzip = accepts_gzip(accept_encoding)};
  const Formats formats = formats_of(accept);
  const unsigned text = formats.prometheus.weight();
  const unsigned whole = formats.openmetrics.weight();
  const unsigned draft = formats.openmetrics_draft.value_or(0);
  const unsigned best = std::max(whole, draft);
  // Who asks for anything (curl) gets the text that has always been there.
  const bool is_named = formats.openmetrics.named || formats.openmetrics_draft;
  if (best == 0 || best < text || (best == text && !is_named)) return out;
  out.asked.format = telemetry::TextFormat::openmetrics;
  out.content_type = whole >= draft ? openmetrics_type : openmetrics_draft_type;
  return out;
}

}  // namespace weir::server
