// The commands that read a configuration, or nothing, and print: each returns its exit code. Output
// goes to stdout, complaints a line each to stderr. Main thread.
#pragma once

#include <string>
#include <vector>

#include "app/live/admin_target.hpp"
#include "weir/server/explain.hpp"

namespace weir::app {

// Wrong usage: one line on stderr.
inline constexpr int exit_usage = 2;
int complain(const std::string& line, int exit_code);

// `config` is a file or a folder. 0 valid (warnings are printed), 1 not. With `json` a document on
// stdout and nothing else.
int check(const std::string& config, bool json);

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
