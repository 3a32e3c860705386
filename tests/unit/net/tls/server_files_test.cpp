#include <filesystem>
#include <fstream>

#include "net/tls/certificate.hpp"
#include "net/tls/tls_case.hpp"
#include "support/no_descriptors.hpp"

namespace weir::net {
namespace {

TEST(ServerFiles, WhatIsWrongIsToldWithItsPlace) {
  const struct {
    std::string_view name;
    std::string cert;
    std::string key;
    std::vector<std::string> problems;
  } rows[] = {
      {"right", "one.crt", "one.key", {}},
      {"absent",
       "none.crt",
       "one.key",
       {"weir.yaml:2:3: tls.none.crt: 'none.crt': cannot be read: No such file or directory"}},
      {"of another",
       "one.crt",
       "other.key",
       {"weir.yaml:2:3: tls.other.key: 'other.key': the key does not belong to the certificate in "
        "'one.crt'"}},
      {"encrypted",
       "one.crt",
       "locked.key",
       {"weir.yaml:2:3: tls.locked.key: 'locked.key': the key is encrypted; write it without a "
        "passphrase (openssl pkey -in FILE -out NEW) and guard it by the file's mode"}},
      {"exchanged",
       "one.key",
       "one.crt",
       {"weir.yaml:2:3: tls.one.key: 'one.key': there is no certificate in PEM format in it",
        "weir.yaml:2:3: tls.one.crt: 'one.crt': there is no private key in PEM format in it"}},
  };
  for (const auto& row : rows) {
    config::ListenerTls settings;
    settings.certificates.push_back({tls_file(row.cert), tls_file(row.key), {}, std::nullopt});
    TlsServer::Problems warnings;
    const auto opened = TlsServer::open(settings, "x", {"http/1.1"}, Clock::now(), warnings);
    std::vector<std::string> said;
    if (!opened) {
      for (const auto& problem : opened.error()) said.push_back(problem.to_string());
    }
    EXPECT_EQ(said, row.problems) << row.name;
  }
}

TEST(ServerFiles, APairIsTakenOnlyIfItMatches) {
  const std::string folder = tls_folder();
  const auto copy = [&](const char* from, const char* to) {
    // A file of its own each time, as whoever replaces files should make them.
    std::filesystem::remove(folder + "/" + to);
    std::filesystem::copy_file(folder + "/" + from, folder + "/" + to);
  };
  copy("one.crt", "live.crt");
  copy("one.key", "live.key");
  config::ListenerTls settings;
  settings.certificates.push_back({tls_file("live.crt"), tls_file("live.key"), {}, std::nullopt});
  TlsServer::Problems warnings;
  const auto server = TlsServer::open(settings, "x", {"http/1.1"}, Clock::now(), warnings);
  ASSERT_TRUE(server);
  bool changed = true;
  EXPECT_TRUE((*server)->refresh(false, changed, warnings).empty());
  EXPECT_FALSE(changed);
  copy("other.key", "live.key");
  EXPECT_EQ((*server)->refresh(false, changed, warnings).size(), 1u);
  EXPECT_EQ((*server)->certificates().front().names.front(), "one.example");
  EXPECT_TRUE((*server)->refresh(false, changed, warnings).empty());  // said once
  copy("one.key", "live.key");
  EXPECT_TRUE((*server)->refresh(false, changed, warnings).empty());
  EXPECT_TRUE(changed);
}

// The files are the same as at the look before: what kept them from being read lay elsewhere.
TEST(ServerFiles, WhatCouldNotBeReadIsTriedAgain) {
  if (weir::test::needs_descriptors) GTEST_SKIP() << "UBSan needs descriptors";
  const std::string folder = tls_folder();
  const auto copy = [&](const char* from, const char* to) {
    std::filesystem::remove(folder + "/" + to);
    std::filesystem::copy_file(folder + "/" + from, folder + "/" + to);
  };
  copy("one.crt", "renewed.crt");
  copy("one.key", "renewed.key");
  config::ListenerTls settings;
  settings.certificates.push_back(
      {tls_file("renewed.crt"), tls_file("renewed.key"), {}, std::nullopt});
  TlsServer::Problems warnings;
  const auto server = TlsServer::open(settings, "x", {"http/1.1"}, Clock::now(), warnings);
  ASSERT_TRUE(server);
  copy("one.crt", "renewed.crt");
  bool changed = false;
  {
    const weir::test::NoDescriptors none;
    EXPECT_EQ((*server)->refresh(false, changed, warnings).size(), 2u);
    EXPECT_TRUE((*server)->refresh(false, changed, warnings).empty());  // said once
    EXPECT_FALSE(changed);
  }
  EXPECT_TRUE((*server)->refresh(false, changed, warnings).empty());
  EXPECT_TRUE(changed);
  EXPECT_TRUE((*server)->refresh(false, changed, warnings).empty());
  EXPECT_FALSE(changed);
}

TEST(Certificate, DamagedTextIsNone) {
  for (const std::string_view text : {"", "-----BEGIN CERTIFICATE-----\n",
                                      "-----BEGIN CERTIFICATE-----\nAAAA\n-----END "
                                      "CERTIFICATE-----\n",
                                      "\0\xff"}) {
    EXPECT_FALSE(tls::parse_chain(text));
    EXPECT_FALSE(tls::parse_key(text));
  }
}

}  // namespace
}  // namespace weir::net
