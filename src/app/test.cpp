// weir test: the tests that stand in a configuration.
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>

#include "app/commands.hpp"
#include "app/configuration.hpp"
#include "app/junit.hpp"
#include "app/looked.hpp"
#include "app/report.hpp"
#include "app/terminal.hpp"
#include "weir/server/route_tests.hpp"

namespace weir::app {
namespace {

void print_result(const server::TestResult& result, const Paint& paint) {
  const config::RouteTest& test = *result.test;
  if (result.passed()) {
    fmt::print("{}    {}\n", paint(Style::green, "ok"), printable(test.name));
    return;
  }
  fmt::print("{}  {} ({})\n", paint(Style::red, "FAIL"), printable(test.name),
             printable(config::to_string(test.place)));
  for (const server::TestMismatch& each : result.mismatches) {
    fmt::print("      {}\n", printable(each.what));
    fmt::print("        {}\n", paint(Style::green, "- " + printable(each.expected)));
    fmt::print("        {}\n", paint(Style::red, "+ " + printable(each.got)));
  }
}

// What could not be written, "" when all is there.
std::string write_file(const std::string& path, const std::string& text) {
  errno = 0;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (file) return "";
  return errno == 0 ? "cannot be written" : std::strerror(errno);
}

}  // namespace

int test(const std::string& config, const std::string& junit_file) {
  const std::string name = shown_name(config);
  const auto write_junit = [&](const std::string& xml) {
    if (junit_file.empty()) return true;
    const std::string fault = write_file(junit_file, xml);
    if (fault.empty()) return true;
    complain(fmt::format("weir: test: --junit: {}: {}", junit_file, fault), 1);
    return false;
  };
  const Looked looked = look_at(config);
  if (looked.compiled == nullptr) {
    print_problems(stderr, looked.problems, looked.texts);
    write_junit(junit_xml(name, looked.problems));
    return 1;
  }
  const auto results = server::run_tests(looked.compiled->loaded.config, *looked.compiled->table);
  const Paint paint = Paint::for_fd(STDOUT_FILENO);
  std::size_t failed = 0;
  for (const server::TestResult& result : results) {
    print_result(result, paint);
    if (!result.passed()) ++failed;
  }
  if (results.empty()) {
    fmt::print("{}: there are no tests; write some below `tests` (docs/tests-in-the-file.md)\n",
               printable(name));
  } else {
    fmt::print("{}: {} {}, {} failed\n", printable(name), results.size(),
               results.size() == 1 ? "test" : "tests", failed);
  }
  std::fflush(stdout);
  const bool is_written = write_junit(junit_xml(name, results));
  return failed == 0 && is_written ? 0 : 1;
}

}  // namespace weir::app
