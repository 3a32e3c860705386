#include "weir/config/endpoints_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <unordered_map>
#include <utility>

#include "config/blocks.hpp"
#include "config/checks.hpp"
#include "config/document.hpp"
#include "config/document_context.hpp"
#include "config/kinds.hpp"
#include "config/provider_fields.hpp"
#include "config/source_text.hpp"

namespace weir::config {
namespace {

constexpr std::size_t most_told = 100;

// Reads the list of one file.
class EndpointsList {
 public:
  explicit EndpointsList(Problems& problems) : problems_(problems) {}

  ListedEndpoints read(const Reader& in) && {
    if (in.is_null()) return {};
    if (!in.is_list()) {
      in.error(
          "a file of endpoints is a list: of \"HOST:PORT\", of {address: \"HOST:PORT\"}, or of "
          "{targets: [\"HOST:PORT\"], labels: {}}");
      return {};
    }
    in.each_item([this](const Reader& item) {
      if (!is_over(item)) read_item(item);
    });
    const bool weighs =
        std::ranges::any_of(out_, [](const EndpointSpec& each) { return each.weight != 0; });
    if (!out_.empty() && !weighs) in.error("one weight at least must be above 0");
    return std::move(out_);
  }

 private:
  // Says so once, when there is no use in reading on.
  bool is_over(const Reader& in) {
    if (over_) return true;
    if (out_.size() >= most_listed_endpoints) {
      in.error(fmt::format("more than {} endpoints", most_listed_endpoints));
      over_ = true;
    } else if (problems_.error_count() >= most_told) {
      in.error("and more: the rest of the file was not read");
      over_ = true;
    }
    return over_;
  }

  void read_item(const Reader& in) {
    if (in.is_text()) return read_target(in, {});
    bool is_group = false;
    if (in.is_map()) {
      in.each_entry([&](const std::string& key, const Reader&) {
        is_group = is_group || key == "targets" || key == "labels";
      });
    }
    if (is_group) return read_group(in);
    EndpointSpec endpoint;
    const std::size_t errors = problems_.error_count();
    read_endpoint(in, endpoint);
    if (problems_.error_count() == errors) add(in, std::move(endpoint));
  }

  void read_group(const Reader& in) {
    EndpointSpec sample;
    std::vector<Reader> targets;
    const auto take_targets = [&](const Reader& list) {
      if (list.is_null()) return;
      list.each_item([&](const Reader& target) { targets.push_back(target); });
    };
    const auto take_labels = [&](const Reader& labels) {
      if (labels.is_null()) return;
      labels.each_entry([&](const std::string& key, const Reader& value) {
        // What else a label may say is for others who read the file.
        if (key == "weight") count(sample.weight, 0, most_weight).read(value);
        if (key == "priority") count(sample.priority, 0, most_priority).read(value);
        if (key == "zone") config::text(sample.zone, check_zone).read(value);
      });
    };
    read_fields(in, {{"targets", {take_targets, {}, {}}, "a list of HOST:PORT", Need::required},
                     {"labels", {take_labels, {}, {}}, "weight, priority and zone of these"}});
    for (const Reader& target : targets) {
      if (is_over(target)) return;
      read_target(target, sample);
    }
  }

  void read_target(const Reader& in, EndpointSpec endpoint) {
    auto written = in.text();
    if (!written || (written->starts_with("unix:") && !in.may_name_files())) return;
    endpoint.address = at_folder(std::move(*written), in.context().folder);
    if (Wrong wrong = check_endpoint(endpoint.address)) return in.error(std::move(*wrong));
    add(in, std::move(endpoint));
  }

  // Programs that write such files may name an endpoint in several groups.
  void add(const Reader& in, EndpointSpec endpoint) {
    const auto [at, is_new] = places_.try_emplace(source_of(endpoint), out_.size());
    if (is_new && is_name_of(endpoint) && ++names_ > most_listed_names) {
      in.error(fmt::format("more than {} names", most_listed_names));
      over_ = true;
      return;
    }
    if (is_new) return out_.push_back(std::move(endpoint));
    const EndpointSpec& first = out_[at->second];
    if (first.weight == endpoint.weight && first.priority == endpoint.priority &&
        first.zone == endpoint.zone)
      return;
    in.error("endpoint " + in_quotes(endpoint.address) +
             " is given twice, with another weight, priority or zone");
  }

  Problems& problems_;
  ListedEndpoints out_;
  std::unordered_map<std::string, std::size_t> places_;  // in out_, by source_of()
  std::size_t names_ = 0;
  bool over_ = false;
};

std::unexpected<std::vector<Problem>> whole_file(const std::string& name, std::string message) {
  return std::unexpected(std::vector<Problem>{{{name, 0, 0}, "", std::move(message)}});
}

void read_file_key(const Reader& in, EndpointsFrom& from) {
  auto written = in.text();
  if (!written || !in.may_name_files()) return;
  if (Wrong wrong = check_printable(*written)) return in.error(std::move(*wrong));
  const std::string& folder = in.context().folder;
  from.file = std::move(*written);
  from.path = (std::filesystem::path(folder) / from.file).lexically_normal().string();
  from.read_at = Clock::now();
  from.listed = std::make_shared<const ListedEndpoints>();
  if (!in.context().checks.opens_files) return;
  const auto text = read_named_file("", from.path, most_endpoints_file_bytes);
  if (!text) return in.error("cannot read " + in_quotes(from.file) + ": " + text.error());
  auto listed =
      parse_endpoints(*text, from.path, std::filesystem::path(from.path).parent_path().string());
  if (listed) {
    from.listed = std::make_shared<const ListedEndpoints>(std::move(*listed));
    return;
  }
  if (in.context().texts != nullptr) in.context().texts->try_emplace(from.path, *text);
  for (Problem& each : listed.error()) {
    in.context().problems.error(std::move(each.place), std::move(each.path),
                                std::move(each.message));
  }
}

Fields fields(EndpointsFrom& from) {
  Value file = text(from.file, check_printable);
  file.read = [&from](const Reader& in) { read_file_key(in, from); };
  return {{"file", printed_if([&from] { return !from.etcd; }, std::move(file)),
           "a list in YAML or JSON, which is read again when it changes"},
          {"etcd", optional_block(from.etcd, [](EtcdEndpoints& each) { return fields(each); }),
           "keys of etcd, each an endpoint, as they change"},
          {"empty_after", duration(from.empty_after, Zero::allowed),
           "an empty list is in force when it has been empty for so long; 0s: at once"}};
}

}  // namespace

std::expected<ListedEndpoints, std::vector<Problem>> parse_endpoints(std::string_view text,
                                                                     const std::string& name,
                                                                     const std::string& folder) {
  if (text.size() > most_endpoints_file_bytes) {
    return whole_file(name, "larger than " + format_size(most_endpoints_file_bytes));
  }
  Problems problems;
  ListedEndpoints out;
  try {
    const SourceText source(name, std::string(text));
    if (const auto root = parse_document(source, problems)) {
      LoadContext context{.problems = problems, .folder = folder, .expands = false};
      out = EndpointsList(problems).read(Reader(context, *root, source, ""));
    }
  } catch (const std::exception& failure) {
    problems.error({name, 0, 0}, "", std::string("cannot be read: ") + failure.what());
  }
  if (problems.has_errors()) {
    std::vector<Problem> told = problems.take_errors();
    if (told.size() > most_told + 1) told.resize(most_told + 1);
    return std::unexpected(std::move(told));
  }
  return out;
}

std::expected<EndpointSpec, std::string> parse_endpoint(std::string_view text,
                                                        const std::string& name) {
  constexpr std::size_t most_bytes = 64 * KiB;
  if (text.size() > most_bytes) return std::unexpected("larger than 64 KiB");
  Problems problems;
  EndpointSpec out;
  try {
    const SourceText source(name, std::string(text));
    if (const auto root = parse_document(source, problems)) {
      LoadContext context = foreign_context(problems, nullptr);
      const Reader in(context, *root, source, "");
      if (!in.is_text()) {
        read_endpoint(in, out);
      } else if (auto written = in.text()) {
        Wrong wrong = written->starts_with("unix:")
                          ? Wrong("a socket of this machine may not be named from elsewhere")
                          : check_endpoint(*written);
        if (wrong) in.error(std::move(*wrong));
        out.address = std::move(*written);
      }
    }
  } catch (const std::exception& failure) {
    return std::unexpected(std::string("cannot be read: ") + failure.what());
  }
  if (problems.has_errors()) return std::unexpected(problems.take_errors().front().to_string());
  return out;
}

std::expected<ListedEndpoints, std::vector<Problem>> read_endpoints(const std::string& path) {
  const auto text = read_named_file("", path, most_endpoints_file_bytes);
  if (!text) return whole_file(path, "cannot be read: " + text.error());
  return parse_endpoints(*text, path, std::filesystem::path(path).parent_path().string());
}

Value endpoints_from_value(std::optional<EndpointsFrom>& target) {
  Value out = optional_block(target, [](EndpointsFrom& each) { return fields(each); });
  out.read = [&target](const Reader& in) {
    const Places places = read_fields(in, fields(target.emplace()));
    if (!in.is_map() || places.has_unknown()) return;
    if (places.has("file") == places.has("etcd")) {
      in.error(places.has("file") ? "write `file` or `etcd`, not both"
                                  : "'file' is required (or `etcd`): what lists the endpoints");
    }
  };
  out.schema = [schema = std::move(out.schema)] {
    return with_rules(schema(), {exactly_one({"file", "etcd"})});
  };
  return out;
}

void check_sockets(const Upstream& upstream, const std::vector<EndpointSpec>& endpoints,
                   Problems& problems) {
  const std::string at = "upstreams." + upstream.name;
  const bool has_port = upstream.health_check && upstream.health_check->port != 0;
  const bool needs_name = upstream.tls && upstream.tls->verify && upstream.tls->server_name.empty();
  if (!has_port && !needs_name) return;
  for (const EndpointSpec& endpoint : endpoints) {
    if (!endpoint.address.starts_with("unix:")) continue;
    const std::string socket = in_quotes(endpoint.address);
    if (has_port) {
      problems.error(upstream.place, at + ".health_check.port",
                     socket + " has no port; remove this key");
    }
    if (needs_name) {
      problems.error(upstream.place, at + ".tls",
                     "needs `server_name`: " + socket + " has no name");
    }
  }
}

std::vector<Problem> check_listed(const Upstream& upstream, const ListedEndpoints& listed) {
  Problems problems;
  check_sockets(upstream, listed, problems);
  return problems.take_errors();
}

std::string source_of(const EndpointsFrom& from) {
  return "endpoints_from " + (from.etcd ? "etcd:" + from.etcd->prefix : from.file);
}

}  // namespace weir::config
