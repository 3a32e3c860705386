#include "weir/config/written_admin.hpp"

#include <exception>

#include "config/blocks.hpp"
#include "config/document.hpp"
#include "config/source_files.hpp"

namespace weir::config {
namespace {

std::expected<WrittenAdmin, std::vector<Problem>> read_section(const std::string& file_or_folder) {
  const auto sources = read_source_files(file_or_folder);
  if (!sources) return std::unexpected(sources.error());
  WrittenAdmin out;
  Problems of_section;
  LoadContext context{of_section, sources->folder};
  for (const SourceText& source : sources->files) {
    Problems of_document;
    const auto root = parse_document(source, of_document);
    if (!root) return std::unexpected(of_document.take_errors());
    const Reader reader(context, *root, source, "");
    if (!reader.is_map()) continue;
    reader.each_entry([&](const std::string& key, const Reader& value) {
      Place ignored;
      if (key == "admin") admin_value(out.admin, ignored).read(value);
    });
  }
  out.problems = of_section.take_errors();
  return out;
}

}  // namespace

std::expected<WrittenAdmin, std::vector<Problem>> read_admin(const std::string& file_or_folder) {
  try {
    return read_section(file_or_folder);
  } catch (const std::exception& failed) {
    return std::unexpected(std::vector<Problem>{
        {{file_or_folder}, "", std::string("cannot be read: ") + failed.what()}});
  }
}

}  // namespace weir::config
