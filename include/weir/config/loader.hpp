// Reads a configuration file, or the *.yaml and *.yml of a folder, into a Config: everything that
// `weir check` can find wrong is found here, all of it at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/file_stamp.hpp"
#include "weir/config/model.hpp"
#include "weir/config/problem.hpp"

namespace weir::config {

using KeyPlaces = std::map<std::string, Place, std::less<>>;

// Where a listener's values are written.
struct WrittenListener {
  std::string at;    // "listeners[0]": in its file, of which a folder has several
  KeyPlaces places;  // by "listeners[0].limits.header_size"; only of what is written
};

// A `# weir: allow NAME` comment.
struct Allowance {
  Place place;   // of the comment
  int line = 0;  // for which it is meant, in the same file
  WarningName name = WarningName::none;
  bool used = false;
};

// A file as it was right before it was read.
struct ReadFile {
  std::string path;
  FileStamp stamp;
};

struct Origin;
struct SourceFiles;

struct Loaded {
  Config config;
  std::vector<Problem> warnings;      // also those that a comment switches off
  std::vector<Allowance> allowances;  // for settle_warnings()
  // Where values of server, access_log and admin are written, by "server.workers" and the like.
  KeyPlaces places;
  std::vector<WrittenListener> listeners;  // in the order of config.listeners
  // What was read: the configuration's own files, and those that it names and whose content is part
  // of it (users, keys, tokens). None of what came as text.
  std::vector<ReadFile> files;
  std::string listed_folder;             // whose *.yaml these are; "" for a file
  std::shared_ptr<const Origin> origin;  // null: it cannot be made again
  // What was read, for join_documents(); null where the configuration has no providers.
  std::shared_ptr<const SourceFiles> sources;
};

// The texts that a configuration was made of, kept. Const; any thread.
struct Origin {
  std::uint64_t fingerprint = 0;  // the same for the same texts under the same names
  std::size_t bytes = 0;          // of memory
  // Makes the configuration again from these texts. Files that it names are read as they are then.
  // Blocks.
  std::function<std::expected<Loaded, std::vector<Problem>>()> load;
};

// What rooms above this one know to be wrong. Each may be left out.
struct LoadChecks {
  // What is wrong with a regular expression, "" for nothing.
  std::function<std::string(const std::string& expression)> regex;
  // What is wrong with certificates and keys. Asked only when something else is wrong, so that all
  // of it is told at once: who opens the files of a good configuration sees for itself.
  std::function<std::vector<Problem>(const Config&)> files;
  // False: files that are named are not looked for, and what they hold is empty. For a
  // configuration that runs elsewhere.
  bool opens_files = true;
};

// Never throws; on failure at least one Problem, in the order of their places. Opens the files that
// the configuration names (users_file, token_file); blocks: main thread or Offload only. `texts`
// receives what was read, for excerpts; may be null.
std::expected<Loaded, std::vector<Problem>> load(const std::string& file_or_folder,
                                                 const LoadChecks& checks = {},
                                                 SourceTexts* texts = nullptr);

// The same for text that is not in a file: the demo and tests. `folder` is where relative names
// start.
std::expected<Loaded, std::vector<Problem>> load_text(std::string_view yaml,
                                                      std::string_view name = "weir.yaml",
                                                      const std::string& folder = ".",
                                                      const LoadChecks& checks = {});

// What to_json() has made of a configuration that runs elsewhere: `${` is text there, files that it
// names are not opened, and secrets are what was printed for them.
std::expected<Config, std::vector<Problem>> load_printed(std::string_view json,
                                                         std::string_view name);

// The *.yaml and *.yml of a folder that load() would read, by name; none when it cannot be listed.
std::vector<std::string> source_names(const std::string& folder);

// To be called when all warnings are gathered: takes out those that a comment switches off, and
// adds one for each comment that switches nothing off.
void settle_warnings(Loaded& loaded);

// The effective configuration as YAML, and as JSON for the admin address; secrets redacted. Loading
// the YAML again gives an equal configuration, secrets aside.
std::string to_yaml(const Config& config);
std::string to_json(const Config& config);

// The keys in which two listeners differ, as "limits.header_size"; not where they are written. A
// key that follows from another one (`protocols` from `tls`) counts only if one of them writes it.
std::vector<std::string> differing_keys(const Listener& one, const Listener& other);

// JSON Schema (draft 2020-12) of the configuration, for editors.
std::string json_schema();

}  // namespace weir::config
