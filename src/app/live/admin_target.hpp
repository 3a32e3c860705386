// Which admin address a command asks, and with which token: from its options, else from the
// configuration. Main thread; reads files.
#pragma once

#include <expected>
#include <string>

namespace weir::app {

inline constexpr const char* default_config = "/etc/weir/weir.yaml";

// What the command line says; "" where it says nothing.
struct AdminOptions {
  std::string admin;       // --admin: IP:port, NAME:port or unix:PATH
  std::string config;      // -c: a file or a folder
  std::string token_file;  // --token-file
};

// A line for stderr, without "weir: ", and the exit code that goes with it.
struct Failure {
  std::string line;
  int exit_code = 1;
};

struct AdminTarget {
  std::string address;     // IP:port, NAME:port or unix:PATH; none that stands for all, no port 0
  std::string from;        // where that was found: "--admin", "the default", "/etc/weir/weir.yaml"
  std::string token;       // "" for none
  std::string token_from;  // where that was found, or why there is none

  // "127.0.0.1:9901 (the default)"
  std::string to_string() const { return address + " (" + from + ")"; }
};

// The address of --admin; else admin.bind of the configuration, with loopback for an address that
// stands for all; else 127.0.0.1:9901, also where /etc/weir/weir.yaml cannot be read. The token of
// --token-file; else WEIR_ADMIN_TOKEN; else the configuration's admin.token_file, if it can be
// read. With --admin alone no configuration is looked at, so that its token goes to nobody else.
// Fails with 2 for an address that is none, with 1 for files, and where the configuration says that
// there is no admin address, or one that nobody can know (port 0).
std::expected<AdminTarget, Failure> find_admin(const AdminOptions& options);

}  // namespace weir::app
