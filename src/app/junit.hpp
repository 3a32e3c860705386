// The results of the tests in a configuration, as JUnit's XML, which build servers read. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "weir/config/problem.hpp"
#include "weir/server/route_tests.hpp"

namespace weir::app {

// `suite`: what the suite is called, the configuration's name.
std::string junit_xml(std::string_view suite, std::span<const server::TestResult> results);
// Of a configuration that is not valid: one test, which could not be run.
std::string junit_xml(std::string_view suite, std::span<const config::Problem> problems);

// Text for an element or a quoted attribute. What XML cannot have becomes '?'.
std::string xml_escaped(std::string_view text);

}  // namespace weir::app
