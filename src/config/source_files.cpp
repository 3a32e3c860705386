#include "config/source_files.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "config/document.hpp"

namespace weir::config {
namespace {

// The *.yaml and *.yml of a folder, together in the order of their names; of a file itself.
std::expected<std::vector<std::string>, std::string> files_of(const std::string& file_or_folder) {
  std::error_code failed;
  if (!std::filesystem::is_directory(file_or_folder, failed)) return std::vector{file_or_folder};
  std::vector<std::string> files;
  std::filesystem::directory_iterator entry(file_or_folder, failed);
  for (; !failed && entry != std::filesystem::directory_iterator(); entry.increment(failed)) {
    const std::filesystem::path& path = entry->path();
    std::error_code ignored;
    const bool yaml = path.extension() == ".yaml" || path.extension() == ".yml";
    if (yaml && !path.filename().string().starts_with('.') &&
        !std::filesystem::is_directory(path, ignored)) {
      files.push_back(path.string());
    }
  }
  if (failed) return std::unexpected("cannot be listed: " + failed.message());
  if (files.empty()) return std::unexpected("there is no *.yaml or *.yml in the folder");
  std::ranges::sort(files);
  return files;
}

}  // namespace

std::expected<SourceFiles, std::vector<Problem>> read_source_files(
    const std::string& file_or_folder) {
  const auto names = files_of(file_or_folder);
  if (!names) return std::unexpected(std::vector<Problem>{{{file_or_folder}, "", names.error()}});
  SourceFiles out;
  std::vector<Problem> problems;
  for (const std::string& name : *names) {
    out.read.push_back({name, FileStamp::of(name)});
    auto text = read_file(name, most_document_bytes);
    if (text) {
      out.files.emplace_back(name, std::move(*text));
    } else {
      problems.push_back({{name}, "", "cannot be read: " + text.error()});
    }
  }
  if (!problems.empty()) return std::unexpected(std::move(problems));
  out.is_folder = names->size() > 1 || names->front() != file_or_folder;
  out.folder =
      out.is_folder ? file_or_folder : std::filesystem::path(file_or_folder).parent_path().string();
  if (out.folder.empty()) out.folder = ".";
  return out;
}

std::vector<std::string> source_names(const std::string& folder) {
  return files_of(folder).value_or(std::vector<std::string>{});
}

}  // namespace weir::config
