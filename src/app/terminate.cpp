#include "app/terminate.hpp"

#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <new>
#include <string_view>

namespace weir::app {
namespace {

// Takes no memory: there may be none.
void write(std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

[[noreturn]] void terminate() noexcept {
  write("weir: ");
  if (const std::exception_ptr thrown = std::current_exception()) {
    try {
      std::rethrow_exception(thrown);
    } catch (const std::bad_alloc&) {
      write("out of memory where no request could be given up for it");
    } catch (const std::exception& error) {
      write(error.what());
    } catch (...) {
      write("an exception without a name");
    }
  } else {
    write("terminated without an exception");
  }
  write("; the process ends\n");
  std::abort();
}

}  // namespace

void explain_terminate() noexcept { std::set_terminate(terminate); }

}  // namespace weir::app
