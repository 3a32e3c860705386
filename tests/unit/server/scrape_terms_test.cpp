#include "server/scrape_terms.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weir::server {
namespace {

using telemetry::TextFormat;

TEST(ScrapeTerms, TheFormatIsTheOneOfTheHighestWeight) {
  struct Row {
    const char* accept;
    bool openmetrics;
    const char* version = "1.0.0";
  };
  const Row rows[] = {
      {"", false},
      {"*/*", false},
      {"text/html, */*;q=0.1", false},
      {"text/plain", false},
      {"application/openmetrics-text", true},
      {"application/openmetrics-text; version=1.0.0; charset=utf-8", true},
      {"Application/OpenMetrics-Text;Version=\"1.0.0\"", true},
      {"application/openmetrics-text;version=0.0.1", true, "0.0.1"},
      {"application/openmetrics-text;version=0.0.1,application/openmetrics-text;q=0.5", true,
       "0.0.1"},
      {"application/openmetrics-text;version=2.0.0", false},
      {"application/openmetrics-text;version=2.0.0, text/plain;q=0.1", false},
      // Prometheus 2.42 and 3.
      {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
       "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
       true},
      {"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
       "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4,"
       "text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
       true},
      {"text/plain;q=0.5, application/openmetrics-text;q=0.4", false},
      {"text/plain;q=0.4, application/openmetrics-text;q=0.5", true},
      {"text/plain, application/openmetrics-text", true},  // both alike: the one with more to tell
      {"application/openmetrics-text;q=0", false},
      {"application/openmetrics-text;q=0, */*", false},
      {"application/openmetrics-text;q=2, text/plain;q=0.1", false},  // none can read it
      {"application/openmetrics-text;q=0.5, */*", false},
      {"application/openmetrics-text;q=0.5, */*;q=0.5", true},
      {"application/*", true},
      {"application/*, text/*;q=0.1", true},
      {"image/png", false},
      {",,;q=1,application/openmetrics-text ; q=0.001", true},
  };
  for (const Row& row : rows) {
    const ScrapeTerms terms = scrape_terms(row.accept, "", "");
    const bool is = terms.asked.format == TextFormat::openmetrics;
    EXPECT_EQ(is, row.openmetrics) << row.accept;
    const std::string type =
        is ? std::string("application/openmetrics-text; version=") + row.version
           : "text/plain; version=0.0.4";
    EXPECT_EQ(terms.content_type, type + "; charset=utf-8") << row.accept;
  }
}

TEST(ScrapeTerms, GzipOnlyForWhoTakesIt) {
  struct Row {
    const char* encodings;
    bool gzip;
  };
  const Row rows[] = {
      {"", false},
      {"gzip", true},
      {"deflate, GZIP;q=0.5", true},
      {"identity", false},
      {"gzip;q=0", false},
      {"gzip;q=0.0, *", false},
      {"*", true},
      {"*;q=0", false},
      {"x-gzip", true},
      {"br", false},
      {"gzip;q=nonsense", false},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(scrape_terms("", row.encodings, "").gzip, row.gzip) << row.encodings;
  }
}

TEST(ScrapeTerms, NamesComeFromTheQuery) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(scrape_terms("", "", "").asked.names, Names{});
  EXPECT_EQ(scrape_terms("", "", "name[]=a&name%5B%5D=b%5fc&x=1&name=d").asked.names,
            (Names{"a", "b_c"}));
  EXPECT_EQ(scrape_terms("", "", "&&name[]").asked.names, Names{""});
}

}  // namespace
}  // namespace weir::server
