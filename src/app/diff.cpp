// weir diff: what one configuration has otherwise than another, and what that means for the
// requests of an access log.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/commands.hpp"
#include "app/configuration.hpp"
#include "app/live/answer.hpp"
#include "app/live/asker.hpp"
#include "app/log_tally.hpp"
#include "app/looked.hpp"
#include "app/report.hpp"
#include "app/terminal.hpp"
#include "weir/config/changes.hpp"

namespace weir::app {
namespace {

constexpr int exit_same = 0;
constexpr int exit_different = 1;
constexpr int exit_unreadable = 2;
constexpr std::size_t most_groups_shown = 20;

// A configuration that is compared, and what of it was set by hand.
struct Compared {
  std::string name;
  config::Config config;
  std::vector<std::pair<std::string, std::string>> overrides;  // path and value, as JSON
};

std::optional<Compared> compared_file(const std::string& file) {
  Looked looked = look_at(file);
  if (looked.compiled == nullptr) {
    print_problems(stderr, looked.problems, looked.texts);
    return std::nullopt;
  }
  return Compared{shown_name(file), std::move(looked.compiled->loaded.config), {}};
}

// What the running gateway says of its configuration.
std::optional<Compared> ask_gateway(const AdminOptions& options) {
  const auto asker = Asker::open("diff", options);
  if (!asker) return std::nullopt;
  const auto body = asker->ask({.path = "/config", .body = {}});
  if (!body) return std::nullopt;
  auto answer = parse_answer(*body);
  if (!answer || !answer->is_object()) {
    asker->fail("the answer is no configuration; is it an admin address of weir?");
    return std::nullopt;
  }
  Compared out;
  out.name = asker->client().target().address;
  json::object& config = answer->get_object();
  for (const auto& [path, value] : object_at(config, "overrides")) {
    out.overrides.emplace_back(std::string_view(path), json::serialize(value));
  }
  config.erase("overrides");
  config.erase("provided");
  auto loaded = config::load_printed(json::serialize(config), out.name);
  if (!loaded) {
    print_problems(stderr, loaded.error(), {});
    return std::nullopt;
  }
  out.config = std::move(*loaded);
  return out;
}

std::string change_line(const config::Change& change, const Paint& paint) {
  const bool is_section = change.name.empty();
  const std::string name = printable(is_section ? change.of : change.of + " " + change.name);
  if (change.kind == config::Change::Kind::added) return paint(Style::green, "+ " + name) + "\n";
  if (change.kind == config::Change::Kind::removed) return paint(Style::red, "- " + name) + "\n";
  std::string out = paint(Style::yellow, "~ " + name) + "\n";
  for (const config::Change::Key& key : change.keys) {
    out += fmt::format("    {}{}{} -> {}\n", printable(key.key), key.key.empty() ? "" : ": ",
                       key.before.empty() ? "(none)" : printable(key.before),
                       key.after.empty() ? "(none)" : printable(key.after));
  }
  return out;
}

// The largest first.
std::vector<const LogTally::Groups::value_type*> ordered(const LogTally::Groups& groups) {
  std::vector<const LogTally::Groups::value_type*> out;
  for (const auto& each : groups) out.push_back(&each);
  std::ranges::stable_sort(out, std::ranges::greater{},
                           [](const auto* each) { return each->second.requests; });
  return out;
}

void print_groups(const LogTally::Groups& groups, const Paint& paint) {
  std::size_t shown = 0;
  for (const auto* each : ordered(groups)) {
    if (shown++ == most_groups_shown) {
      fmt::print("  and {} kinds more (--json has all)\n", groups.size() - most_groups_shown);
      return;
    }
    const auto& [group, count] = *each;
    std::string text = printable(group.what);
    if (!group.before.empty() || !group.after.empty()) {
      text += fmt::format(": {} -> {}", printable(group.before), printable(group.after));
    }
    fmt::print("  {:>9}  {}\n", count_text(static_cast<double>(count.requests)),
               paint(Style::bold, text));
    for (const std::string& example : count.examples) {
      fmt::print("             {}\n", printable(example));
    }
  }
}

void print_tally(const LogTally& tally, const Paint& paint) {
  const auto number = [](std::uint64_t value) { return count_text(static_cast<double>(value)); };
  const auto requests = [&](std::uint64_t value) {
    return number(value) + (value == 1 ? " request" : " requests");
  };
  fmt::print("{}: {} the same, {} different, {} cannot tell\n", requests(tally.requests()),
             number(tally.same()), number(tally.different()), number(tally.cannot_tell()));
  if (tally.different() != 0) {
    fmt::print("different\n");
    print_groups(tally.differences(), paint);
  }
  if (tally.cannot_tell() != 0) {
    fmt::print("cannot tell without\n");
    print_groups(tally.unknowns(), paint);
  }
  if (tally.others() != 0) fmt::print("lines that are no requests: {}\n", number(tally.others()));
  if (tally.disagreeing() != 0) {
    fmt::print(
        "{} took a route that the old configuration does not choose for them: was the log "
        "written by another one?\n",
        requests(tally.disagreeing()));
  }
}

json::array groups_json(const LogTally::Groups& groups, bool with_sides) {
  json::array out;
  for (const auto* each : ordered(groups)) {
    const auto& [group, count] = *each;
    json::object row{{"what", group.what}};
    if (with_sides) {
      row["before"] = group.before;
      row["after"] = group.after;
    }
    row["requests"] = count.requests;
    json::array examples;
    for (const std::string& one : count.examples) examples.emplace_back(one);
    row["examples"] = std::move(examples);
    out.emplace_back(std::move(row));
  }
  return out;
}

json::object changes_json(const std::vector<config::Change>& changes) {
  json::array rows;
  for (const config::Change& change : changes) {
    const char* const kind = change.kind == config::Change::Kind::added     ? "added"
                             : change.kind == config::Change::Kind::removed ? "removed"
                                                                            : "changed";
    json::array keys;
    for (const config::Change::Key& key : change.keys) {
      keys.emplace_back(
          json::object{{"key", key.key}, {"before", key.before}, {"after", key.after}});
    }
    rows.emplace_back(json::object{
        {"change", kind}, {"of", change.of}, {"name", change.name}, {"keys", std::move(keys)}});
  }
  return {{"changes", std::move(rows)}};
}

json::object tally_json(const LogTally& tally) {
  return {{"read", tally.requests()},
          {"same", tally.same()},
          {"different", tally.different()},
          {"cannot_tell", tally.cannot_tell()},
          {"other_lines", tally.others()},
          {"disagreeing", tally.disagreeing()},
          {"differences", groups_json(tally.differences(), true)},
          {"unknown", groups_json(tally.unknowns(), false)}};
}

// Whether all of them could be read; otherwise the line was printed.
bool read_logs(const std::vector<std::string>& files, LogTally& tally) {
  for (const std::string& file : files) {
    const std::uint64_t before = tally.requests();
    const std::uint64_t others = tally.others();
    if (file == "-") {
      tally.read(std::cin);
    } else {
      errno = 0;
      std::ifstream log(file, std::ios::binary);
      if (log) tally.read(log);
      if (!log.is_open() || log.bad()) {
        const char* const why = errno == 0 ? "cannot be read" : std::strerror(errno);
        complain(fmt::format("weir: diff: --log: {}: {}", file, why), exit_unreadable);
        return false;
      }
    }
    if (tally.requests() != before || tally.others() == others) continue;
    complain(fmt::format("weir: diff: --log: {}: no line is one of an access log in JSON "
                         "(access_log.format: json)",
                         file),
             exit_unreadable);
    return false;
  }
  return true;
}

}  // namespace

int diff(const DiffOptions& options) {
  const bool is_live = !options.admin.admin.empty();
  if (options.configurations.size() != (is_live ? 1 : 2)) {
    return complain(is_live ? "weir: diff: give one configuration with --admin, the new one"
                            : "weir: diff: give two configurations, OLD and NEW, or --admin "
                              "ADDRESS and NEW",
                    exit_usage);
  }
  const auto is_stdin = [](const std::string& name) { return name == "-"; };
  if (std::ranges::count_if(options.configurations, is_stdin) +
          std::ranges::count_if(options.logs, is_stdin) >
      1) {
    return complain("weir: diff: standard input can be read once", exit_usage);
  }
  const auto before =
      is_live ? ask_gateway(options.admin) : compared_file(options.configurations.front());
  const auto after = compared_file(options.configurations.back());
  if (!before || !after) return exit_unreadable;

  const std::vector<config::Change> changes = config::changes(before->config, after->config);
  std::unique_ptr<server::Replay> replay;
  std::optional<LogTally> tally;
  if (!options.logs.empty()) {
    auto made = server::Replay::make(before->config, after->config);
    if (!made) {
      print_problems(stderr, made.error(), {});
      return exit_unreadable;
    }
    replay = std::move(*made);
    tally.emplace(*replay, options.examples);
    if (!read_logs(options.logs, *tally)) return exit_unreadable;
  }
  if (options.json) {
    json::object out = changes_json(changes);
    json::object overrides;
    for (const auto& [path, value] : before->overrides) overrides[path] = value;
    if (is_live) out["overrides"] = std::move(overrides);
    if (tally) out["requests"] = tally_json(*tally);
    fmt::print("{}\n", json::serialize(out));
  } else {
    const Paint paint = Paint::for_fd(STDOUT_FILENO);
    for (const config::Change& change : changes) fmt::print("{}", change_line(change, paint));
    if (changes.empty()) fmt::print("the configurations are the same\n");
    for (const auto& [path, value] : before->overrides) {
      fmt::print("set by hand: {}: {}\n", printable(path), printable(value));
    }
    if (tally) print_tally(*tally, paint);
  }
  const bool is_same = changes.empty() && (!tally || tally->different() == 0);
  return is_same ? exit_same : exit_different;
}

}  // namespace weir::app
