# What is installed beside the program, the Debian package, and the program for the tarball: ./dev package.
# The manual pages and the completions are made from the program that was built (cmake/generate).
find_package(Python3 REQUIRED COMPONENTS Interpreter)
include(GNUInstallDirs)

set(WEIR_MAINTAINER "Weir maintainers <maintainers@weir.example>" CACHE STRING "who answers for the package")
set(package_sources "${CMAKE_SOURCE_DIR}/deploy/package")
set(made "${CMAKE_BINARY_DIR}/made")
file(GLOB generators CONFIGURE_DEPENDS cmake/generate/*.py)
add_custom_command(
  OUTPUT "${made}/weir.1.gz" "${made}/weir.yaml.5.gz" "${made}/changelog.gz" "${made}/weir.bash" "${made}/_weir"
         "${made}/weir.fish"
  COMMAND ${Python3_EXECUTABLE} "${CMAKE_SOURCE_DIR}/cmake/generate/package_files.py" $<TARGET_FILE:weir_exe>
          "${made}" "${WEIR_MAINTAINER}"
  DEPENDS weir_exe ${generators} "${CMAKE_SOURCE_DIR}/config/reference.yaml" "${package_sources}/weir.yaml"
  COMMENT "Manual pages and completions" VERBATIM)
add_custom_target(weir_package_files ALL DEPENDS "${made}/weir.1.gz")

install(FILES "${made}/weir.1.gz" DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES "${made}/weir.yaml.5.gz" DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
install(FILES "${made}/weir.bash" DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME weir)
install(FILES "${made}/_weir" DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
install(FILES "${made}/weir.fish" DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
install(FILES deploy/systemd/weir.service deploy/systemd/weir.socket DESTINATION lib/systemd/system)
install(FILES "${package_sources}/weir.yaml" DESTINATION /etc/weir)
install(FILES "${package_sources}/logrotate" DESTINATION /etc/logrotate.d RENAME weir)
install(FILES "${package_sources}/copyright" "${made}/changelog.gz" CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES config/reference.yaml deploy/prometheus/weir.rules.yaml DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(DIRECTORY deploy/grafana DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples FILES_MATCHING PATTERN "*.json")

# The program of the tarball: what Debian has as an archive is linked into it, before the shared libraries
# are asked. Those have no archive (spdlog, fmt), or their own libraries have none
# (libcurl: Kerberos); OpenSSL is the one that libcurl brings, as two in one process would be one too many,
# and so is libstdc++, which the shared ones need. They stand in lib beside bin.
set(archives)
foreach(name yaml-cpp re2 nghttp2 idn2 unistring cares crypt)
  find_library(archive_of_${name} NAMES lib${name}.a)
  if(archive_of_${name})
    list(APPEND archives "${archive_of_${name}}")
  endif()
endforeach()
add_executable(weir_tarball EXCLUDE_FROM_ALL src/app/main.cpp)
set_target_properties(weir_tarball PROPERTIES OUTPUT_NAME weir RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tarball"
  BUILD_WITH_INSTALL_RPATH ON INSTALL_RPATH "$ORIGIN/../lib")
target_link_libraries(weir_tarball PRIVATE weir ${archives})
# The old kind of run path: those libraries need one another. Symbols of the archives are ours alone.
target_link_options(weir_tarball PRIVATE -Wl,--as-needed -Wl,--disable-new-dtags -Wl,--exclude-libs,ALL)
target_precompile_headers(weir_tarball REUSE_FROM weir)
string(REPLACE ";" "\n" lines "${archives}")
file(WRITE "${CMAKE_BINARY_DIR}/tarball/archives" "${lines}\n")

set(CPACK_GENERATOR DEB)
set(CPACK_SET_DESTDIR ON)                       # of files in /etc
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_PACKAGE_NAME weir)
set(CPACK_PACKAGE_VERSION "${PROJECT_VERSION}")
set(CPACK_PACKAGE_CONTACT "${WEIR_MAINTAINER}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "HTTP API gateway")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "Weir stands at the edge of services, takes every request, decides what may
pass, and brings it to the right upstream: HTTP/1.1, HTTP/2, WebSocket and
gRPC, TLS, routes, limits, tokens, circuit breakers, metrics, and reloads that
lose no connection.")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION httpd)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "ca-certificates")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "logrotate, certbot")
file(WRITE "${made}/conffiles" "/etc/weir/weir.yaml\n/etc/logrotate.d/weir\n")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION TRUE)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA "${package_sources}/postinst" "${package_sources}/prerm"
  "${package_sources}/postrm" "${made}/conffiles")
include(CPack)
