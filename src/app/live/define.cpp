#include "app/live/define.hpp"

#include <string>
#include <utility>
#include <vector>

#include "app/commands.hpp"
#include "app/live/help_texts.hpp"
#include "weir/base/debug_log.hpp"

namespace weir::app {

void add_admin_options(CLI::App& command, AdminOptions& options, TokenOption token) {
  command
      .add_option("-c,--config", options.config,
                  "the configuration that says where to ask [/etc/weir/weir.yaml]")
      ->type_name("FILE|FOLDER");
  command
      .add_option("--admin", options.admin, "the admin address [admin.bind, else 127.0.0.1:9901]")
      ->type_name("ADDRESS");
  if (token == TokenOption::none) return;
  command
      .add_option("--token-file", options.token_file,
                  "a file with its token [WEIR_ADMIN_TOKEN, else admin.token_file]")
      ->type_name("FILE");
}

CLI::App& LiveCommandLine::define(const Add& add, const char* name, const char* what,
                                  const char* more, bool json, std::function<int()> chosen) {
  CLI::App& command = add(name, what, more, std::move(chosen));
  command.group("Commands for a running gateway");
  add_admin_options(command, options_.admin, TokenOption::with_token);
  if (json) command.add_flag("--json", options_.json, "print the gateway's answer as it is");
  return command;
}

void LiveCommandLine::define(const Add& add) {
  define(add, "status", "Show how the gateway is: version, listeners, rates, warnings",
         help::status, true, [&] { return live_status(options_); });
  define(add, "upstreams", "Show where requests go: endpoints, breakers, and why one is out",
         help::upstreams, true, [&] { return live_upstreams(options_, name_); })
      .add_option("NAME", name_, "show this upstream only")
      ->option_text(" ");
  define_tail(add);
  define(add, "reload", "Make it read its configuration again", help::reload, true,
         [&] { return live_reload(options_); });
  define(add, "upgrade", "Make it start its binary anew and hand over to it", help::upgrade, true,
         [&] { return live_upgrade(options_); });
  define(add, "drain", "Turn readiness off; requests are still served", help::drain, false,
         [&] { return live_drain(options_.admin); });
  define(add, "undrain", "Turn readiness on again, after a drain", help::undrain, false,
         [&] { return live_undrain(options_.admin); });
  define_split(add);
  define_endpoint(add);
  define_breaker(add);
  define_log_level(add);
}

void LiveCommandLine::define_tail(const Add& add) {
  CLI::App& command =
      define(add, "tail", "Print requests as they end, a line each", help::tail, true, [&] {
        tail_.json = options_.json;
        return live_tail(options_.admin, tail_);
      });
  TailFilterText& filter = tail_.filter;
  const auto add_filter = [&](const char* name, std::vector<std::string>& wanted, const char* what,
                              const char* type) {
    command.add_option(name, wanted, what)->allow_extra_args(false)->take_all()->type_name(type);
  };
  add_filter("--status", filter.status, "answered with this status: 404, or a class: 5xx",
             "STATUS");
  add_filter("--route", filter.route, "of this route; -: of none", "NAME");
  add_filter("--reason", filter.reason, "refused for this reason; any: for any reason", "REASON");
  add_filter("--path", filter.path, "with a path that begins with this", "PREFIX");
  add_filter("--method", filter.method, "with this method", "METHOD");
  command.add_option("--slow", filter.slow, "that took at least this long: 500ms")
      ->type_name("TIME");
  command.add_option("-n,--count", tail_.count, "stop after so many requests [goes on]")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
}

void LiveCommandLine::define_split(const Add& add) {
  CLI::App& command =
      define(add, "split", "Set the weights of a route's split", help::split, false, [&] {
        if (weights_.empty() && !reset_) {
          return complain("weir: split: give UPSTREAM=WEIGHT for each, or --reset", exit_usage);
        }
        return live_split(options_.admin, name_, weights_);
      });
  command.add_option("ROUTE", name_, "its name")->required()->option_text(" ");
  CLI::Option* weights =
      command
          .add_option("WEIGHTS", weights_,
                      "UPSTREAM=WEIGHT each, such as v1=50; one that is left out gets 0")
          ->option_text(" ");
  command.add_flag("--reset", reset_, "use the file's weights again")
      ->excludes(weights)
      ->option_text(" ");
}

void LiveCommandLine::define_endpoint(const Add& add) {
  CLI::App& command = define(
      add, "endpoint", "Take an endpoint of an upstream out, or change its weight", help::endpoint,
      false, [&] {
        if (state_.empty() && !weight_ && !reset_) {
          return complain("weir: endpoint: give a STATE, --weight or --reset", exit_usage);
        }
        return live_endpoint(options_.admin, name_, address_, {.state = state_, .weight = weight_});
      });
  command.add_option("UPSTREAM", name_, "its name")->required()->option_text(" ");
  command.add_option("ADDRESS", address_, "of the endpoint, as weir upstreams shows it")
      ->required()
      ->option_text(" ");
  CLI::Option* state = command.add_option("STATE", state_, "ready, drain or down")
                           ->check(CLI::IsMember({"ready", "drain", "down"}))
                           ->option_text(" ");
  CLI::Option* weight = command
                            .add_option_function<std::uint32_t>(
                                "--weight", [&](std::uint32_t weight_of) { weight_ = weight_of; },
                                "its weight, 0 to 1000")
                            ->check(CLI::Range(0, 1000))
                            ->option_text("N");
  command.add_flag("--reset", reset_, "ready, with the file's weight")
      ->excludes(state)
      ->excludes(weight)
      ->option_text(" ");
}

void LiveCommandLine::define_breaker(const Add& add) {
  CLI::App& command = define(add, "breaker", "Hold a circuit breaker open or closed", help::breaker,
                             false, [&] { return live_breaker(options_.admin, name_, state_); });
  command.add_option("UPSTREAM", name_, "its name")->required()->option_text(" ");
  command.add_option("STATE", state_, "open, closed, or off: it decides by itself again")
      ->required()
      ->check(CLI::IsMember({"open", "closed", "off"}))
      ->option_text(" ");
}

void LiveCommandLine::define_log_level(const Add& add) {
  CLI::App& command =
      define(add, "log-level", "Change the level of the diagnostics", help::log_level, false,
             [&] { return live_log_level(options_.admin, level_, component_, time_); });
  command.add_option("LEVEL", level_, "trace, debug, info, warn or error")
      ->required()
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error"}))
      ->option_text(" ");
  command
      .add_option("--component", component_,
                  "only its steps: " + debug_log::component_list() + " [all]")
      ->check(CLI::IsMember(std::vector<std::string>(debug_log::component_names.begin(),
                                                     debug_log::component_names.end())))
      ->option_text("NAME");
  command.add_option("--for", time_, "then the level before is back; at most 24h [until a reload]")
      ->type_name("TIME");
}

}  // namespace weir::app
