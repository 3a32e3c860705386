#include <fmt/format.h>
#include <openssl/crypto.h>

#include <boost/version.hpp>

#include "app/commands.hpp"
#include "weir/base/release.hpp"

namespace weir::app {

// Versions of libraries whose headers stay in their rooms come from the build (CMakeLists.txt).
int version() {
  fmt::print("weir {}\n", release());
  fmt::print("compiler: {} {}\n",
#ifdef __clang__
             "clang",
#else
             "gcc",
#endif
             __VERSION__);
  fmt::print("io backends: epoll\n");
  fmt::print("libraries: Boost {}.{}.{}, {}, yaml-cpp {}, spdlog {}, fmt {}.{}.{}, ",
             BOOST_VERSION / 100000, BOOST_VERSION / 100 % 1000, BOOST_VERSION % 100,
             OpenSSL_version(OPENSSL_VERSION), WEIR_YAML_CPP_VERSION, WEIR_SPDLOG_VERSION,
             FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100);
  fmt::print("zlib {}, nghttp2 {}, c-ares {}\n", WEIR_ZLIB_VERSION, WEIR_NGHTTP2_VERSION,
             WEIR_CARES_VERSION);
  return 0;
}

}  // namespace weir::app
