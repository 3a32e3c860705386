# Every library outside the standard one, once, with what it is for. The Debian packages that
# bring them are listed in cmake/packages.txt, which ./dev reads.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED)               # Asio: coroutines, executors, everything on the main thread; Beast and JSON: the admin address and its client
find_package(OpenSSL 3 REQUIRED)                # SHA-256 of cached verdicts, random bytes for request ids; TLS
find_package(yaml-cpp REQUIRED)                 # the configuration file
find_package(spdlog REQUIRED)                   # diagnostics on stderr (brings fmt)
find_package(ZLIB REQUIRED)                     # gzip of scrapes, and of spans on their way
find_package(CLI11 REQUIRED)                    # the command line
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)          # regular expressions that cannot run away
pkg_check_modules(NGHTTP2 REQUIRED IMPORTED_TARGET libnghttp2)   # HTTP/2 frames and header compression
pkg_check_modules(CRYPT REQUIRED IMPORTED_TARGET libcrypt)   # htpasswd: bcrypt and SHA-512
pkg_check_modules(IDN2 REQUIRED IMPORTED_TARGET libidn2)     # the xn-- form of a host name, for messages about the configuration
pkg_check_modules(CARES REQUIRED IMPORTED_TARGET libcares)   # asking name servers about the names of upstreams

find_package(CURL REQUIRED)                     # fetching issuers' key sets, etcd, sending spans to a collector

add_library(weir_dependencies INTERFACE)
target_link_libraries(weir_dependencies INTERFACE
  Boost::headers OpenSSL::SSL OpenSSL::Crypto yaml-cpp spdlog::spdlog ZLIB::ZLIB
  CLI11::CLI11 PkgConfig::RE2 PkgConfig::CRYPT PkgConfig::NGHTTP2 PkgConfig::IDN2 PkgConfig::CARES CURL::libcurl Threads::Threads)
