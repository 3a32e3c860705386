#include "app/demo/demo.hpp"

#include <errno.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string_view>
#include <utility>

#include "app/commands.hpp"
#include "app/demo/backends.hpp"
#include "app/demo/config.hpp"
#include "app/demo/console.hpp"
#include "app/demo/hints.hpp"
#include "app/run.hpp"
#include "app/terminal.hpp"

namespace weir::app {
namespace {

// As the shell knows it, if that is short enough for a line to try.
std::string program_name() {
  constexpr std::size_t longest = 24;
  const std::string_view called = program_invocation_name;
  return called.empty() || called.size() > longest ? "weir" : std::string(called);
}

}  // namespace

int demo(const DemoOptions& options) {
  const auto wrong = [](const char* option, const std::string& text) {
    return complain(fmt::format("weir: {}: '{}' is not IP:port or unix:PATH", option, text),
                    exit_usage);
  };
  const auto address = SocketAddress::parse(options.bind);
  if (!address) return wrong("--bind", options.bind);
  if (options.admin != "off" && !SocketAddress::parse(options.admin)) {
    return wrong("--admin", options.admin);
  }

  DemoView view;
  view.shows = is_terminal(STDOUT_FILENO);
  // A terminal of another session would say nothing of the foreground.
  view.listens = view.shows && ::tcgetpgrp(STDIN_FILENO) >= 0;
  view.traffic = options.traffic.value_or(view.shows);

  const DemoFolder folder;
  const auto backends = DemoBackends::start({"v1", "v2"});
  if (!backends) return complain("weir: " + backends.error(), 1);
  const std::vector<std::string> addresses = (*backends)->addresses();
  const DemoPlaces places{.folder = folder.path(),
                          .bind = *address,
                          .admin = options.admin == "off" ? "" : options.admin,
                          .backends = {addresses[0], addresses[1]},
                          .for_people = view.shows};
  return serve([places] { return demo_config(places); },
               [&](server::Server& server, server::Admin& admin_server) -> std::shared_ptr<void> {
                 const SocketAddress gateway = server.listeners().front().second;
                 std::string text = demo_hints({.gateway = gateway.to_string(),
                                                .admin = admin_server.address(),
                                                .backends = places.backends,
                                                .token_file = folder.token_file(),
                                                .program = program_name()});
                 text += "\n" + (view.listens ? demo_keys() : "") + "End with Ctrl-C.\n\n";
                 server::Process& process = server.process();
                 if (!view.shows) {
                   fmt::print("{}", text);
                   std::fflush(stdout);
                   if (!view.traffic) return nullptr;
                 }
                 return std::make_shared<DemoConsole>(
                     view, DemoControls(process, (*backends)->handler(1)), std::move(text), gateway,
                     folder.token(), view.shows ? process.access_tap.watch() : nullptr);
               });
}

}  // namespace weir::app
