#include "app/upgrade/start_command.hpp"

#include <sys/auxv.h>

#include <filesystem>
#include <system_error>
#include <utility>

namespace weir::app {

std::expected<StartCommand, std::string> StartCommand::of_this_process(
    std::vector<std::string> arguments) {
  // What the kernel was asked to execute; a shell has looked in PATH by then.
  const auto at = ::getauxval(AT_EXECFN);
  std::filesystem::path path = at == 0 ? "" : reinterpret_cast<const char*>(at);
  const std::string written = path.string();
  // Of a descriptor that is not open any more.
  const bool is_number = written.starts_with("/dev/fd/") || written.starts_with("/proc/");
  std::error_code error;
  if (path.empty() || is_number) {
    path = std::filesystem::read_symlink("/proc/self/exe", error);
  } else if (path.is_relative()) {
    path = std::filesystem::current_path(error) / path;
  }
  if (error || path.empty()) {
    return std::unexpected("the path by which this process was started is not known");
  }
  return StartCommand{.path = path.string(), .arguments = std::move(arguments)};
}

}  // namespace weir::app
