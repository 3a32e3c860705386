#include "provider/state_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "provider/known_document.hpp"
#include "weir/auth/json_object.hpp"
#include "weir/base/descriptor.hpp"

namespace weir::provider {
namespace {

namespace json = boost::json;

constexpr std::size_t most_state_bytes = std::size_t{256} << 20;

json::array names_array(const config::NameSet& names) {
  json::array out;
  for (const std::string& name : names) out.emplace_back(name);
  return out;
}

bool read_names(const json::object& in, std::string_view key, config::NameSet& out) {
  const json::value* list = auth::find(in, key);
  const json::array* names = list != nullptr ? list->if_array() : nullptr;
  if (names == nullptr) return false;
  for (const json::value& each : *names) {
    if (!each.is_string()) return false;
    out.emplace(auth::view(each.get_string()));
  }
  return true;
}

std::optional<InForce> document_in(const json::value& in, const std::string& provider) {
  const json::object* object = in.if_object();
  if (object == nullptr) return std::nullopt;
  const auto name = auth::text_of(*object, "name");
  const auto version = auth::text_of(*object, "version");
  const auto text = auth::text_of(*object, "text");
  if (!name || name->empty() || !version || !text) return std::nullopt;
  auto document = std::make_shared<const Document>(
      Document{std::string(*name), std::string(*version), std::string(*text)});
  InForce out{provider, document->name, std::make_shared<const KnownDocument>(provider, document)};
  if (const json::value* only = auth::find(*object, "only")) {
    config::NamesByKind names;
    if (!only->is_object() || !read_names(only->get_object(), "upstreams", names.upstreams) ||
        !read_names(only->get_object(), "middleware", names.middleware)) {
      return std::nullopt;
    }
    out.only = std::move(names);
  }
  return out;
}

std::string system_error() { return std::strerror(errno); }

std::string write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(file, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error();
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return ::fsync(file) == 0 ? "" : system_error();
}

}  // namespace

std::string state_text(const std::string& provider, std::string_view origin,
                       const std::vector<InForce>& documents) {
  json::array list;
  for (const InForce& each : documents) {
    if (each.provider != provider) continue;
    const Document& document = each.document->document();
    json::object out{
        {"name", document.name}, {"version", document.version}, {"text", document.text}};
    if (each.only) {
      out["only"] = json::object{{"upstreams", names_array(each.only->upstreams)},
                                 {"middleware", names_array(each.only->middleware)}};
    }
    list.push_back(std::move(out));
  }
  return json::serialize(json::object{{"format", 1},
                                      {"provider", provider},
                                      {"origin", origin},
                                      {"documents", std::move(list)}}) +
         "\n";
}

std::expected<std::vector<InForce>, std::string> parse_state(std::string_view text,
                                                             const std::string& provider,
                                                             std::string_view origin) {
  const auto object = auth::parse_object(text);
  const json::value* format = object ? auth::find(*object, "format") : nullptr;
  if (format == nullptr || !format->is_int64() || format->get_int64() != 1) {
    return std::unexpected("it is not what this version writes");
  }
  if (auth::text_of(*object, "provider") != provider ||
      auth::text_of(*object, "origin") != origin) {
    return std::unexpected("it is of another provider or another prefix");
  }
  const json::value* list = auth::find(*object, "documents");
  const json::array* documents = list != nullptr ? list->if_array() : nullptr;
  if (documents == nullptr) return std::unexpected("it has no documents");
  std::vector<InForce> out;
  for (const json::value& each : *documents) {
    auto document = document_in(each, provider);
    if (!document) return std::unexpected("a document in it cannot be read");
    out.push_back(std::move(*document));
  }
  return out;
}

std::string write_state(const std::string& path, const std::string& text) {
  std::error_code failed;
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (!folder.empty()) std::filesystem::create_directories(folder, failed);
  if (failed) return failed.message();
  const std::string fresh = path + ".new";
  {
    const Descriptor file(
        ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (file.get() < 0) return system_error();
    // It may be left over from a process that was killed.
    if (::fchmod(file.get(), 0600) != 0) return system_error();
    if (std::string error = write_all(file.get(), text); !error.empty()) return error;
  }
  if (std::rename(fresh.c_str(), path.c_str()) != 0) return system_error();
  return {};
}

std::expected<std::string, std::string> read_state(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) {
    if (errno == ENOENT) return std::string();
    return std::unexpected(system_error());
  }
  std::string out;
  char block[65536];
  while (true) {
    const ssize_t n = ::read(file.get(), block, sizeof block);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::unexpected(system_error());
    if (n == 0) return out;
    out.append(block, static_cast<std::size_t>(n));
    if (out.size() > most_state_bytes) return std::unexpected("larger than 256 MiB");
  }
}

}  // namespace weir::provider
