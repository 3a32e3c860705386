#include "app/documents.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <expected>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <utility>

#include "app/commands.hpp"
#include "app/configuration.hpp"
#include "app/help_texts.hpp"
#include "app/report.hpp"
#include "weir/base/text.hpp"
#include "weir/provider/etcd_documents.hpp"
#include "weir/server/load_checks.hpp"

namespace weir::app {
namespace {

using provider::StoredDocument;

constexpr std::size_t most_named = 10;

// Where the documents are, and the configuration that they join, if one was read.
struct Place {
  config::EtcdProvider etcd;
  std::optional<config::Loaded> own;
};

std::expected<std::string, std::string> content_of(const std::string& file) {
  if (file == "-") {
    return std::string(std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>());
  }
  std::error_code failed;
  if (std::filesystem::is_directory(file, failed)) {
    return std::unexpected(file + ": it is a folder; a document is one file");
  }
  std::ifstream in(file, std::ios::binary);
  if (!in) return std::unexpected(file + ": cannot be read");
  return std::string(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
}

config::File file_named(const std::string& name) {
  config::File out;
  out.name = name;
  out.path = name;
  return out;
}

// What --etcd and the options beside it say.
std::expected<config::EtcdProvider, Failure> from_options(const EtcdOptions& options) {
  config::EtcdProvider out;
  for (std::string endpoint : options.endpoints) {
    while (endpoint.ends_with('/')) endpoint.pop_back();
    if (!istarts_with(endpoint, "http://") && !istarts_with(endpoint, "https://")) {
      return std::unexpected(Failure{
          "--etcd: '" + endpoint + "' is not https://HOST:PORT or http://HOST:PORT", exit_usage});
    }
    out.access.endpoints.push_back(std::move(endpoint));
  }
  if (options.cert.empty() != options.key.empty()) {
    return std::unexpected(Failure{"--cert and --key need each other", exit_usage});
  }
  if (!options.ca.empty() || !options.cert.empty()) {
    config::EtcdTls& tls = out.access.tls.emplace();
    if (!options.ca.empty()) tls.ca = file_named(options.ca);
    if (!options.cert.empty()) {
      tls.cert = file_named(options.cert);
      tls.key = file_named(options.key);
    }
  }
  if (options.username.empty() != options.password_file.empty()) {
    return std::unexpected(Failure{"--user and --password-file need each other", exit_usage});
  }
  if (!options.username.empty()) {
    auto password = content_of(options.password_file);
    if (!password) return std::unexpected(Failure{std::move(password.error()), 1});
    if (password->ends_with('\n')) password->pop_back();
    out.access.username = options.username;
    out.access.password = std::move(*password);
  }
  return out;
}

// Prints what is wrong with a configuration.
std::expected<Place, Failure> place_of(const EtcdOptions& options) {
  Place out;
  const bool reads = options.endpoints.empty() || !options.config.empty();
  if (reads) {
    const std::string file = options.config.empty() ? default_config : options.config;
    config::SourceTexts texts;
    auto loaded = load_configuration(file, &texts);
    if (!loaded) {
      print_problems(stderr, loaded.error(), texts);
      return std::unexpected(Failure{options.config.empty()
                                         ? "where etcd is is not known: give --etcd or -c"
                                         : "the configuration is not valid",
                                     1});
    }
    if (loaded->config.providers.etcd) {
      out.etcd = *loaded->config.providers.etcd;
      out.own = std::move(*loaded);
    } else if (options.endpoints.empty()) {
      return std::unexpected(Failure{file + " has no providers.etcd; give --etcd", 1});
    }
  }
  if (!options.endpoints.empty()) {
    auto given = from_options(options);
    if (!given) return std::unexpected(given.error());
    out.etcd.access = std::move(given->access);
  }
  if (!options.prefix.empty()) out.etcd.prefix = options.prefix;
  if (!out.etcd.prefix.ends_with('/')) {
    return std::unexpected(Failure{"--prefix must end with '/'", exit_usage});
  }
  return out;
}

std::string names_text(const std::vector<StoredDocument>& stored) {
  if (stored.empty()) return "there are none";
  std::vector<std::string> names;
  for (const StoredDocument& each : stored) {
    if (names.size() == most_named) break;
    names.push_back(each.name);
  }
  const std::size_t more = stored.size() - names.size();
  return fmt::format("there are: {}{}", fmt::join(names, ", "),
                     more == 0 ? "" : fmt::format(" and {} more", more));
}

int fail(const Failure& failure) { return complain("weir: " + failure.line, failure.exit_code); }

int pull(const EtcdOptions& options, const std::string& name) {
  const auto place = place_of(options);
  if (!place) return fail(place.error());
  const auto stored = provider::list_documents(place->etcd);
  if (!stored) return fail({"etcd: " + stored.error(), 1});
  const auto found =
      name.empty() ? stored->begin() : std::ranges::find(*stored, name, &StoredDocument::name);
  if (name.empty() && stored->size() != 1) {
    return fail({fmt::format("give the NAME of a document below {}; {}", place->etcd.prefix,
                             names_text(*stored)),
                 1});
  }
  if (found == stored->end()) {
    return fail({fmt::format("there is no document '{}' below {}; {}", name, place->etcd.prefix,
                             names_text(*stored)),
                 1});
  }
  fmt::print("{}", provider::pulled_text(found->revision, found->text));
  return 0;
}

// Of a document that no gateway would take; prints why. Nothing is known of the rest where there is
// no configuration: then it is looked at alone.
bool is_good(const Place& place, const std::string& name, const std::string& text,
             const std::string& file) {
  const auto alone = config::read_document({file, text, std::nullopt});
  if (!alone) {
    print_problems(stderr, alone.error(), {{file, text}});
    return false;
  }
  if (!place.own) return true;
  const auto stored = provider::list_documents(place.etcd);
  if (!stored) {
    complain("weir: etcd: " + stored.error(), 1);
    return false;
  }
  const provider::Inputs inputs = provider::inputs_with(*stored, name, text);
  provider::Joining joining(*place.own, inputs, server::load_checks());
  while (true) {
    auto whole = joining.join();
    if (!whole) {
      print_problems(stderr, whole.error(), {});
      return false;
    }
    const auto problems = server::check_loaded(*whole);
    if (problems.empty()) break;
    if (!joining.blame(problems)) {
      print_problems(stderr, problems, {});
      return false;
    }
  }
  for (const provider::JoinVerdict& each : joining.joined().verdicts) {
    const provider::Verdict& verdict = each.verdict;
    if (verdict.document != name) continue;
    for (const std::string& problem : verdict.problems) complain(problem, 1);
    return verdict.use == provider::Verdict::Use::in_force;
  }
  return false;
}

int push(const EtcdOptions& options, const PushOptions& what) {
  const auto place = place_of(options);
  if (!place) return fail(place.error());
  const auto content = content_of(what.file);
  if (!content) return fail({content.error(), 1});
  std::string name = what.name;
  if (name.empty() && what.file == "-") return fail({"--name is required with -", exit_usage});
  if (name.empty()) name = std::filesystem::path(what.file).stem().string();
  const auto pulled = provider::parse_pulled(*content);
  if (!pulled && !what.force) {
    return fail({fmt::format("{} does not begin with a line `# weir: revision N`: pull the "
                             "document first (0 for a new one), or put it whatever is there with "
                             "--force",
                             what.file),
                 1});
  }
  const std::string text(pulled ? pulled->text : std::string_view(*content));
  if (!is_good(*place, name, text, what.file)) return 1;
  const std::optional<std::int64_t> revision =
      what.force ? std::nullopt : std::optional(pulled->revision);
  const auto put = provider::put_document(place->etcd, name, text, revision);
  if (!put) return fail({"etcd: " + put.error(), 1});
  if (!put->done) {
    const std::string is = put->revision == 0 ? "is not there any more"
                                              : fmt::format("has revision {}", put->revision);
    return fail({fmt::format("document '{}' {}, and {} names {}: pull it again, or --force", name,
                             is, what.file, *revision),
                 1});
  }
  fmt::print("{}{}: revision {}\n", place->etcd.prefix, name, put->revision);
  return 0;
}

}  // namespace

void DocumentCommands::add_options(CLI::App& command) {
  command
      .add_option("-c,--config", etcd_.config,
                  "the configuration that has providers.etcd [/etc/weir/weir.yaml]")
      ->type_name("FILE|FOLDER");
  command.add_option("--etcd", etcd_.endpoints, "its endpoints, instead")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("URL,...");
  command.add_option("--prefix", etcd_.prefix, "of the documents' keys [that of -c, else /weir/]")
      ->type_name("PREFIX");
  command.add_option("--ca", etcd_.ca, "who may have signed etcd's certificate [the system's]")
      ->type_name("FILE");
  command.add_option("--cert", etcd_.cert, "a certificate of one's own for etcd")
      ->type_name("FILE");
  command.add_option("--key", etcd_.key, "its private key")->type_name("FILE");
  command.add_option("--user", etcd_.username, "the user, if etcd asks for one")->type_name("NAME");
  command.add_option("--password-file", etcd_.password_file, "a file with the user's password")
      ->type_name("FILE");
}

void DocumentCommands::define(const LiveCommandLine::Add& add) {
  CLI::App& pull_command =
      add("pull", "Print a document of etcd", help::pull, [this] { return pull(etcd_, name_); });
  pull_command.group("Commands for documents in etcd");
  add_options(pull_command);
  pull_command
      .add_option("NAME", name_, "the document: its key, behind the prefix [if there is only one]")
      ->option_text(" ");
  CLI::App& push_command = add("push", "Check a file and put it into etcd", help::push,
                               [this] { return push(etcd_, push_); });
  push_command.group("Commands for documents in etcd");
  add_options(push_command);
  push_command.add_option("FILE", push_.file, "the document, - for stdin")
      ->required()
      ->option_text(" ");
  push_command.add_option("--name", push_.name, "the document's name [the file's, without .yaml]")
      ->type_name("NAME");
  push_command.add_flag("--force", push_.force, "put it, whatever revision is there");
}

}  // namespace weir::app
