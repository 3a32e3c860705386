// The command line: which command with which options, and what wrong usage is answered. Main
// thread.
#pragma once

namespace weir::app {

// Runs one command and returns the exit code. Wrong usage is 2, with one line on stderr.
int run_command_line(int argc, const char* const* argv);

}  // namespace weir::app
