// The commands that read a configuration, or nothing, and print: each returns its exit code. Output
// goes to stdout, complaints a line each to stderr. Main thread.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "app/live/admin_target.hpp"
#include "weir/server/explain.hpp"

namespace weir::app {

// Wrong usage: one line on stderr.
inline constexpr int exit_usage = 2;
int complain(const std::string& line, int exit_code);

// `config` is a file or a folder. 0 valid (warnings are printed), 1 not. With `json` a document on
// stdout and nothing else. `with_tests`: its tests are run, too.
int check(const std::string& config, bool json, bool with_tests);

// Runs the tests of the configuration, a line each on stdout. 0 all passed (also when there are
// none), 1 some failed, it is not valid or `junit_file` cannot be written. That gets JUnit's XML;
// "" for none.
int test(const std::string& config, const std::string& junit_file);

struct DiffOptions {
  std::vector<std::string> configurations;  // OLD and NEW, or NEW alone with `admin`
  AdminOptions admin;                       // whose configuration is the old one
  std::vector<std::string> logs;            // files of an access log, - for standard input
  std::size_t examples = 3;                 // requests that are shown of each kind
  bool json = false;
};
// What the new configuration has otherwise than the old one, and which requests of the logs it
// would treat otherwise. 0 the same, 1 different, 2 one cannot be read, or wrong usage.
int diff(const DiffOptions& options);

// 0 routed, 3 no route or refused, 1 invalid configuration, 2 a question that makes no sense.
int explain(const std::string& config, server::ExplainRequest request,
            const std::vector<std::string>& header_lines, bool json);

// The route table in match order.
int routes(const std::string& config);

// Asks /readyz of the admin address, without a token: 0 ready, 1 not, within two seconds.
int health(const AdminOptions& options);

int schema();
int version();

}  // namespace weir::app
