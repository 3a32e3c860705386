#include "app/junit.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weir::app {
namespace {

TEST(Junit, TellsEachTest) {
  config::RouteTest good;
  good.name = "a <b> & \"c\"";
  good.place = {"weir.yaml", 4, 2};
  config::RouteTest bad;
  bad.name = "d";
  bad.place = {"weir.yaml", 9, 2};
  const std::vector<server::TestResult> results{{&good, {}}, {&bad, {{"route", "orders", "shop"}}}};
  const std::string xml = junit_xml("weir.yaml", results);
  EXPECT_EQ(xml,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<testsuites tests=\"2\" failures=\"1\" errors=\"0\" time=\"0\">\n"
            "  <testsuite name=\"weir.yaml\" tests=\"2\" failures=\"1\" errors=\"0\" time=\"0\">\n"
            "    <testcase classname=\"weir.yaml\" name=\"a &lt;b&gt; &amp; &quot;c&quot;\" "
            "file=\"weir.yaml\" line=\"5\" time=\"0\"/>\n"
            "    <testcase classname=\"weir.yaml\" name=\"d\" file=\"weir.yaml\" line=\"10\" "
            "time=\"0\">\n"
            "      <failure type=\"expectation\" message=\"not as expected: route\">route\n"
            "- orders\n+ shop\n</failure>\n"
            "    </testcase>\n"
            "  </testsuite>\n</testsuites>\n");
}

TEST(Junit, AConfigurationThatIsNotValidIsAnError) {
  const std::vector<config::Problem> problems{
      {.place = {"weir.yaml", 0, 0}, .path = "routes", .message = "are missing"}};
  const std::string xml = junit_xml("weir.yaml", problems);
  EXPECT_NE(xml.find("errors=\"1\""), std::string::npos);
  EXPECT_NE(xml.find("weir.yaml:1:1: routes: are missing"), std::string::npos);
}

TEST(Junit, WhatXmlCannotHaveIsReplaced) {
  EXPECT_EQ(xml_escaped(std::string("a\0b\x1b'", 5)), "a?b?&apos;");
}

}  // namespace
}  // namespace weir::app
