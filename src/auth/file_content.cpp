#include "auth/file_content.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "auth/key_set.hpp"

namespace weir::auth {

FileIdentity identity_of(const std::string& path) noexcept {
  struct ::stat at{};
  if (::stat(path.c_str(), &at) != 0) return {};
  return {static_cast<std::uint64_t>(at.st_dev), static_cast<std::uint64_t>(at.st_ino),
          static_cast<std::int64_t>(at.st_size),
          static_cast<std::int64_t>(at.st_mtim.tv_sec) * 1'000'000'000 + at.st_mtim.tv_nsec};
}

std::expected<std::string, std::string> read_key_file(const std::string& path) {
  struct ::stat at{};
  if (::stat(path.c_str(), &at) != 0) return std::unexpected(std::strerror(errno));
  if (!S_ISREG(at.st_mode)) return std::unexpected("not a regular file");
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::unexpected("cannot be opened");
  std::string out(most_key_set_bytes + 1, '\0');
  in.read(out.data(), static_cast<std::streamsize>(out.size()));
  out.resize(static_cast<std::size_t>(in.gcount()));
  if (in.bad()) return std::unexpected("cannot be read");
  if (out.size() > most_key_set_bytes) return std::unexpected("larger than 1 MiB");
  return out;
}

}  // namespace weir::auth
