#include "app/command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <string>
#include <vector>

#include "app/commands.hpp"
#include "app/demo.hpp"
#include "app/run.hpp"

namespace weir::app {
namespace {

constexpr const char* default_config = "/etc/weir/weir.yaml";
constexpr const char* default_admin = "127.0.0.1:9901";

struct Options {
  std::string config = default_config;
  server::ExplainRequest asked;
  std::vector<std::string> header_lines;
  bool json = false;
  std::string bind = "127.0.0.1:8080";
  std::string admin = default_admin;
};

class CommandLine {
 public:
  CommandLine() {
    app_.require_subcommand(1, 1);
    app_.footer("weir COMMAND --help tells more about each.");
  }

  int run(int argc, const char* const* argv) {
    define();
    try {
      app_.parse(argc, argv);
    } catch (const CLI::Success& success) {
      return app_.exit(success);  // --help
    } catch (const CLI::ParseError& error) {
      std::string line = error.what();
      std::ranges::replace(line, '\n', ' ');
      return complain("weir: " + line + " (see weir --help)", exit_usage);
    }
    return chosen_();
  }

 private:
  CLI::App* add(const char* name, const char* what, std::function<int()> command) {
    CLI::App* sub = app_.add_subcommand(name, what);
    sub->callback([this, command = std::move(command)] { chosen_ = command; });
    return sub;
  }

  // A command that reads a configuration.
  CLI::App* add_reader(const char* name, const char* what, std::function<int()> command) {
    CLI::App* sub = add(name, what, std::move(command));
    sub->add_option("-c,--config", options_.config,
                    "the configuration: a file, or a folder whose *.yaml are joined")
        ->type_name("FILE|FOLDER")
        ->capture_default_str();
    return sub;
  }

  void define() {
    Options& options = options_;
    add_reader("run", "Serve until SIGTERM or SIGINT", [&] { return app::run(options.config); })
        ->footer(
            "SIGTERM and SIGINT drain and stop, a second one ends at once; SIGHUP reloads the\n"
            "configuration, SIGUSR1 opens log files anew.\n"
            "Exit: 0 drained clean, 2 something was cut at the end of the drain, 1 could not "
            "start.");
    add_reader("check", "Validate a configuration and start nothing", [&] {
      return check(options.config);
    })->footer("Exit: 0 valid (there may be warnings), 1 not.");
    define_explain();
    add_reader("routes", "Print the route table in match order", [&] {
      return routes(options.config);
    })->footer("Exit: 0, or 1 when the configuration is not valid.");

    CLI::App* demo_command =
        add("demo", "Serve an embedded configuration with two sample backends inside",
            [&] { return demo(options.bind, options.admin); });
    demo_command->add_option("--bind", options.bind, "where the gateway listens; port 0 is any")
        ->type_name("IP:PORT|unix:PATH")
        ->capture_default_str();
    demo_command->add_option("--admin", options.admin, "where the admin address listens, or off")
        ->type_name("IP:PORT|unix:PATH")
        ->capture_default_str();
    demo_command->footer("Prints URLs to try. Signals and exit are those of run.");

    CLI::App* health_command = add("health", "Ask a running gateway whether it is ready",
                                   [&] { return health(options.admin); });
    health_command->add_option("--admin", options.admin, "its admin address")
        ->type_name("IP:PORT|unix:PATH")
        ->capture_default_str();
    health_command->footer("For container health checks; at most 2 s. Exit: 0 ready, 1 not.");

    add("schema", "Print the JSON Schema of the configuration, for editors", schema);
    add("version", "Print the version, the compiler, I/O backends and library versions", version);
  }

  void define_explain() {
    Options& options = options_;
    CLI::App* sub =
        add_reader("explain", "Tell how a request would be treated, without sending it", [&] {
          return app::explain(options.config, options.asked, options.header_lines, options.json);
        });
    sub->add_option("METHOD", options.asked.method, "GET, POST, ...")->required()->type_name("");
    sub->add_option("URL", options.asked.url, "absolute, or a path")->required()->type_name("");
    // One value each, or a -H before METHOD would take METHOD and URL for more fields.
    sub->add_option("-H,--header", options.header_lines, "a field of the request, repeatable")
        ->type_name("'NAME: VALUE'")
        ->allow_extra_args(false)
        ->take_all();
    sub->add_option("--from", options.asked.from, "the client's address [127.0.0.1]")
        ->type_name("IP");
    sub->add_option("--listener", options.asked.listener,
                    "the listener on which it comes [the first]")
        ->type_name("NAME");
    sub->add_flag("--json", options.json, "print JSON");
    sub->footer("Exit: 0 routed, 3 no route or refused, 1 the configuration is not valid.");
  }

  CLI::App app_{"Weir, an HTTP gateway", "weir"};
  Options options_;
  std::function<int()> chosen_;
};

}  // namespace

int run_command_line(int argc, const char* const* argv) {
  try {
    return CommandLine().run(argc, argv);
  } catch (const std::exception& error) {
    return complain(std::string("weir: ") + error.what(), 1);
  }
}

}  // namespace weir::app
