#include "app/command_line.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "app/commands.hpp"
#include "app/demo/demo.hpp"
#include "app/documents.hpp"
#include "app/help_texts.hpp"
#include "app/live/define.hpp"
#include "app/live/help_texts.hpp"
#include "app/run.hpp"
#include "app/terminate.hpp"
#include "weir/base/release.hpp"
#include "weir/base/text.hpp"

namespace weir::app {
namespace {

struct Options {
  std::vector<std::string> arguments;  // of this process, with its name
  std::string config = default_config;
  std::string file;     // check's, without -c
  std::string command;  // whose help is asked for
  server::ExplainRequest asked;
  std::vector<std::string> header_lines;
  bool json = false;
  bool no_tests = false;  // check leaves them out
  std::string junit_file;
  DiffOptions compared;
  DemoOptions demo;
  AdminOptions asked_admin;  // health's
  bool live = false;         // routes of the running gateway
  LiveOptions live_routes;
};

class CommandLine {
 public:
  CommandLine() {
    app_.require_subcommand(1, 1);
    app_.set_version_flag("-V,--version", "weir " + std::string(release()),
                          "Print the version and exit");
    app_.footer(help::all);
    app_.get_formatter()->column_width(34);
    app_.get_formatter()->label("SUBCOMMAND", "COMMAND");
  }

  int run(int argc, const char* const* argv) {
    options_.arguments.assign(argv, argv + argc);
    define();
    if (argc <= 1) {
      fmt::print("{}", app_.help());
      return exit_usage;  // a script that lost its command should notice
    }
    try {
      app_.parse(argc, argv);
    } catch (const CLI::Success& success) {
      return app_.exit(success);  // --help, --version
    } catch (const CLI::ParseError& error) {
      return complain(what_is_wrong(argc > 1 ? argv[1] : "", error), exit_usage);
    }
    return chosen_();
  }

 private:
  // One line. `first` is the first argument, "" without one.
  std::string what_is_wrong(const std::string& first, const CLI::ParseError& error) const {
    if (first.empty() || first.starts_with('-')) {
      return "weir: a command is required, not '" + first + "' (see weir help)";
    }
    if (!knows(first)) return unknown_command(first);
    std::string line = error.what();
    std::ranges::replace(line, '\n', ' ');
    return "weir: " + line + " (see weir " + first + " --help)";
  }

  bool knows(const std::string& command) const {
    return std::ranges::any_of(app_.get_subcommands({}),
                               [&](const CLI::App* sub) { return sub->get_name() == command; });
  }

  std::string unknown_command(const std::string& command) const {
    std::vector<std::string> names;
    for (const CLI::App* sub : app_.get_subcommands({})) names.push_back(sub->get_name());
    const std::string_view near =
        nearest(command, std::vector<std::string_view>(names.begin(), names.end()));
    const std::string hint = near.empty() ? "" : " (did you mean '" + std::string(near) + "'?)";
    return "weir: unknown command '" + command + "'" + hint + " (see weir help)";
  }

  // The same as COMMAND --help, or --help.
  int print_help(const std::string& command) {
    app_.clear();  // or it would print the help of `help`
    if (command.empty()) {
      fmt::print("{}", app_.help());
    } else if (knows(command)) {
      fmt::print("{}", app_.get_subcommand(command)->help(app_.get_name()));
    } else {
      return complain(unknown_command(command), exit_usage);
    }
    return 0;
  }

  CLI::App* add(const char* name, const char* what, const char* more,
                std::function<int()> command) {
    CLI::App* sub = app_.add_subcommand(name, what);
    sub->group("Commands");
    sub->footer(more);
    sub->callback([this, command = std::move(command)] { chosen_ = command; });
    return sub;
  }

  // A command that reads a configuration.
  CLI::App* add_reader(const char* name, const char* what, const char* more,
                       std::function<int()> command) {
    CLI::App* sub = add(name, what, more, std::move(command));
    sub->add_option("-c,--config", options_.config,
                    "the configuration, - for stdin [/etc/weir/weir.yaml]")
        ->type_name("FILE|FOLDER");
    return sub;
  }

  void define() {
    Options& options = options_;
    add_reader("run", "Serve until SIGTERM or SIGINT", help::run,
               [&] { return app::run(options.config, options.arguments); });
    define_check();
    define_test();
    define_diff();
    define_explain();
    define_routes();

    CLI::App* demo_command =
        add("demo", "Serve an embedded configuration with two sample backends inside", help::demo,
            [&] { return demo(options.demo); });
    demo_command
        ->add_option("--bind", options.demo.bind,
                     "where the gateway listens; port 0: a free one [127.0.0.1:8080]")
        ->type_name("IP:PORT|unix:PATH");
    demo_command
        ->add_option("--admin", options.demo.admin,
                     "where the admin address listens, or off [127.0.0.1:9901]")
        ->type_name("IP:PORT|unix:PATH");
    // As flags of variables they would be off where nobody asked.
    demo_command->add_flag_function(
        "--traffic", [&](std::int64_t) { options.demo.traffic = true; },
        "send itself a few requests a second [where stdout is a terminal]");
    demo_command->add_flag_function(
        "--no-traffic", [&](std::int64_t) { options.demo.traffic = false; },
        "send itself none, even on a terminal");

    CLI::App* health_command = add("health", "Ask a running gateway whether it is ready",
                                   help::health, [&] { return health(options.asked_admin); });
    health_command->group("Commands for a running gateway");
    add_admin_options(*health_command, options.asked_admin, TokenOption::none);
    live_.define([this](const char* name, const char* what, const char* more,
                        std::function<int()> chosen) -> CLI::App& {
      return *add(name, what, more, std::move(chosen));
    });

    documents_.define([this](const char* name, const char* what, const char* more,
                             std::function<int()> chosen) -> CLI::App& {
      return *add(name, what, more, std::move(chosen));
    });

    add("schema", "Print the JSON Schema of the configuration, for editors", help::schema, schema);
    add("help", "Print the help of a command, or of weir", help::help,
        [&] { return print_help(options.command); })
        ->add_option("COMMAND", options.command, "the command")
        ->option_text(" ");
    add("version", "Print the version, the compiler, I/O backends and library versions",
        help::version, version);
  }

  void define_check() {
    CLI::App* sub = add_reader("check", "Validate a configuration and start nothing", help::check,
                               [&] { return check(options_.config); });
    const CLI::Option* config = sub->get_option("--config");
    const CLI::Option* file =
        sub->add_option("FILE", options_.file, "the configuration, without -c")->option_text(" ");
    sub->add_flag("--json", options_.json, "print one JSON document, for pipelines");
    sub->add_flag("--no-tests", options_.no_tests, "leave out the tests that stand in it");
    sub->callback([this, config, file] {
      chosen_ = [this, config, file] {
        if (file->empty()) return check(options_.config);
        if (config->empty()) return check(options_.file);
        return complain("weir: check: give the configuration once, as FILE or with -c", exit_usage);
      };
    });
  }

  int check(const std::string& file) const {
    return app::check(file, options_.json, !options_.no_tests);
  }

  void define_test() {
    CLI::App* sub = add_reader("test", "Run the tests that stand in a configuration", help::test,
                               [&] { return test(options_.config, options_.junit_file); });
    sub->add_option("--junit", options_.junit_file, "write the results there, as JUnit XML")
        ->type_name("FILE");
  }

  void define_diff() {
    DiffOptions& compared = options_.compared;
    CLI::App* sub = add("diff", "Show what a new configuration changes, and for which requests",
                        help::diff, [&] { return diff(compared); });
    sub->add_option("CONFIGURATIONS", compared.configurations,
                    "OLD and NEW, files or folders; with --admin NEW alone")
        ->option_text(" ");
    sub->add_option("--admin", compared.admin.admin, "compare with what runs there [OLD instead]")
        ->type_name("ADDRESS");
    sub->add_option("--token-file", compared.admin.token_file,
                    "a file with its token [WEIR_ADMIN_TOKEN]")
        ->type_name("FILE");
    sub->add_option("--log", compared.logs, "an access log in JSON, - for stdin; repeatable")
        ->allow_extra_args(false)
        ->take_all()
        ->type_name("FILE");
    sub->add_option("--examples", compared.examples, "requests to show of each kind [3]")
        ->type_name("N")
        ->check(CLI::Range(0, 1000));
    sub->add_flag("--json", compared.json, "print one JSON document");
  }

  void define_routes() {
    Options& options = options_;
    CLI::App* sub = add("routes", "Print the route table in match order", help::routes, [&] {
      const std::string& named = options.live_routes.admin.config;
      if (options.live) return app::live_routes(options.live_routes);
      return routes(named.empty() ? default_config : named);
    });
    CLI::Option* live = sub->add_flag("--live", options.live,
                                      "the table of the running gateway, with the splits in force");
    add_admin_options(*sub, options.live_routes.admin, TokenOption::with_token);
    sub->get_option("--config")
        ->description("the configuration, - for stdin [/etc/weir/weir.yaml]");
    sub->add_flag("--json", options.live_routes.json, "with --live: the gateway's answer as it is")
        ->needs(live)
        ->option_text(" ");
    sub->get_option("--admin")->needs(live)->option_text("ADDRESS");
    sub->get_option("--token-file")->needs(live)->option_text("FILE");
  }

  void define_explain() {
    Options& options = options_;
    CLI::App* sub = add_reader(
        "explain", "Tell how a request would be treated, without sending it", help::explain, [&] {
          return app::explain(options.config, options.asked, options.header_lines, options.json);
        });
    sub->add_option("METHOD", options.asked.method, "GET, POST, ...")->required()->option_text(" ");
    sub->add_option("URL", options.asked.url, "absolute, or a path")->required()->option_text(" ");
    // One value each, or a -H before METHOD would take METHOD and URL for more fields.
    sub->add_option("-H,--header", options.header_lines, "a field of the request, repeatable")
        ->option_text("'NAME: VALUE'")
        ->allow_extra_args(false)
        ->take_all();
    sub->add_option("--from", options.asked.from, "the client's address [127.0.0.1]")
        ->type_name("IP");
    sub->add_option("--listener", options.asked.listener,
                    "the listener on which it comes [the first for the URL's scheme]")
        ->type_name("NAME");
    sub->add_flag("--json", options.json, "print JSON");
  }

  CLI::App app_{"Weir, an HTTP API gateway", "weir"};
  Options options_;
  LiveCommandLine live_;
  DocumentCommands documents_;
  std::function<int()> chosen_;
};

}  // namespace

int run_command_line(int argc, const char* const* argv) {
  explain_terminate();
  try {
    return CommandLine().run(argc, argv);
  } catch (const std::exception& error) {
    return complain(std::string("weir: ") + error.what(), 1);
  }
}

}  // namespace weir::app
