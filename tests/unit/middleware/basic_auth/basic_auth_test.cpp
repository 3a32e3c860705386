#include <openssl/evp.h>

#include <future>

#include "middleware/basic_auth/password.hpp"
#include "middleware/basic_auth/verdict_cache.hpp"
#include "middleware/fixture.hpp"

namespace weir::test {
namespace {

using namespace std::chrono_literals;

// Both of "open sesame: yes"; the least work that crypt(3) allows.
constexpr const char* sha512_hash =
    "$6$rounds=1000$salt$"
    "b01k5bzq44dnVqrdCUfmO7CWJ86r5RdjHcPEZPPEiSTjnTjB2iokEQ0zRluc1tjSnY4K7b4CbyyWclMmaArky1";
constexpr const char* bcrypt_hash = "$2b$04$abcdefghijklmnopqrstuuRKnrneZrEB3UeBEt.Rj2hec/nLNiYqO";
constexpr const char* password = "open sesame: yes";

std::string encoded(std::string_view text) {
  std::string out(text.size() * 2 + 8, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::string basic(std::string_view user_and_password) {
  return "Basic " + encoded(user_and_password);
}

config::BasicAuth staff() {
  config::BasicAuth spec;
  spec.users = {{"ann", sha512_hash}, {"bob", bcrypt_hash}};
  spec.realm = "the \"staff\"";
  return spec;
}

using BasicAuthTest = MiddlewareTest;

TEST_F(BasicAuthTest, Rules) {
  struct Row {
    std::string name;
    Fields sent;
    Reason reason;
    std::string user;
  };
  const std::string secret = password;
  const std::vector<Row> rows{
      {"SHA-512", {{"Authorization", basic("ann:" + secret)}}, Reason::none, "ann"},
      {"bcrypt", {{"Authorization", basic("bob:" + secret)}}, Reason::none, "bob"},
      {"scheme in any case",
       {{"Authorization", "bASIC " + encoded("ann:" + secret)}},
       Reason::none,
       "ann"},
      {"nothing", {}, Reason::credentials_missing, ""},
      {"another scheme", {{"Authorization", "Bearer abc"}}, Reason::credentials_missing, ""},
      {"scheme alone", {{"Authorization", "Basic"}}, Reason::credentials_missing, ""},
      {"wrong password", {{"Authorization", basic("ann:wrong")}}, Reason::credentials_invalid, ""},
      {"empty password", {{"Authorization", basic("ann:")}}, Reason::credentials_invalid, ""},
      {"unknown user",
       {{"Authorization", basic("eve:" + secret)}},
       Reason::credentials_invalid,
       ""},
      {"names keep their case",
       {{"Authorization", basic("Ann:" + secret)}},
       Reason::credentials_invalid,
       ""},
      {"no base64", {{"Authorization", "Basic %%%%"}}, Reason::credentials_invalid, ""},
      {"no colon", {{"Authorization", basic("ann")}}, Reason::credentials_invalid, ""},
      {"NUL does not end a password",
       {{"Authorization", basic(std::string_view("ann:open sesame: yes\0x", 22))}},
       Reason::credentials_invalid,
       ""},
      {"a password beyond all measure",
       {{"Authorization", basic("ann:" + std::string(512, 'x'))}},
       Reason::credentials_invalid,
       ""},
      {"two fields",
       {{"Authorization", basic("ann:" + secret)}, {"Authorization", basic("bob:" + secret)}},
       Reason::credentials_invalid,
       ""},
  };
  const Chain chain = chain_of(staff());
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    origin.calls = 0;
    const Response response = send(chain, {.headers = row.sent});
    EXPECT_EQ(name(response.reason), name(row.reason));
    EXPECT_EQ(origin.calls, row.reason == Reason::none ? 1u : 0u);
    EXPECT_EQ(values(response.head.headers, "www-authenticate"),
              row.reason == Reason::none ? "" : R"(Basic realm="the \"staff\"", charset="UTF-8")");
    if (origin.calls == 1) {
      EXPECT_EQ(origin.saw_user, row.user);
    }
  }
}

TEST_F(BasicAuthTest, TellsTheUpstreamWhoItIsAndNobodyElseCan) {
  const std::string credentials = basic("ann:" + std::string(password));
  send(chain_of(staff()), {.headers = {{"X-User", "root"},
                                       {"x_user", "root"},
                                       {"X_USER", "root"},
                                       {"Authorization", credentials}}});
  EXPECT_EQ(origin.saw, "authorization: " + credentials + "; x-user: ann");
}

TEST_F(BasicAuthTest, ARightPasswordIsHashedOnce) {
  const Chain chain = chain_of(staff());
  const Sent sent{.headers = {{"Authorization", basic("ann:" + std::string(password))}}};
  EXPECT_EQ(send(chain, sent).head.status, 200);
  std::promise<void> let_go;
  ASSERT_TRUE(offload.try_post([released = let_go.get_future().share()] { released.wait(); }));
  EXPECT_EQ(send(chain, sent).head.status, 200);  // though no thread is free to hash
  let_go.set_value();
}

TEST_F(BasicAuthTest, AFullQueueIsOverload) {
  Offload full(1, 0);
  config::Middleware named;
  named.spec = staff();
  const Chain chain({make_middleware(named, {}, {full, metrics, kept})});
  const Response response = send(chain, {.headers = {{"Authorization", basic("ann:x")}}});
  EXPECT_EQ(response.head.status, 503);
  EXPECT_EQ(response.reason, Reason::overloaded);
}

TEST_F(BasicAuthTest, WithoutUsersNobodyIsRight) {
  const Response response =
      send(chain_of(config::BasicAuth{}), {.headers = {{"Authorization", basic("ann:x")}}});
  EXPECT_EQ(response.reason, Reason::credentials_invalid);
}

TEST(Password, Kinds) {
  struct Row {
    const char* name;
    const char* hash;
    bool known, right;
  };
  const Row rows[] = {
      {"SHA-512", sha512_hash, true, true},
      {"bcrypt", bcrypt_hash, true, true},
      {"truncated", "$6$rounds=1000$salt$b01k5", true, false},
      {"malformed", "$2b$99$x", true, false},
      {"MD5 of Apache", "$apr1$salt$xxxxxxxxxxxxxxxxxxxxxx", false, false},
      {"plain", "open sesame: yes", false, false},
      {"empty", "", false, false},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(is_known_hash(row.hash), row.known);
    EXPECT_EQ(verify_password(password, row.hash), row.right);
    EXPECT_FALSE(verify_password("wrong", row.hash));
  }
}

VerdictCache::Digest digest_of(std::vector<std::string_view> parts) {
  return VerdictCache::digest(parts);
}

TEST(VerdictCache, ForgetsWithTime) {
  VerdictCache cache(5min);
  const TimePoint now{};
  const auto digest = digest_of({"ann", "secret", "hash"});
  EXPECT_FALSE(cache.contains(digest, now));
  cache.insert(digest, now);
  EXPECT_TRUE(cache.contains(digest, now + 299s));
  EXPECT_FALSE(cache.contains(digest, now + 300s));
}

TEST(VerdictCache, PartsAreKeptApart) {
  EXPECT_NE(digest_of({"ab", "c"}), digest_of({"a", "bc"}));
  EXPECT_NE(digest_of({"ab"}), digest_of({"ab", ""}));
  EXPECT_EQ(digest_of({"ab", "c"}), digest_of({"ab", "c"}));
}

TEST(VerdictCache, NewOnesDisplaceOldOnes) {
  VerdictCache cache(5min);
  TimePoint now{};
  const auto first = digest_of({"first"});
  cache.insert(first, now);
  VerdictCache::Digest digest{};
  for (unsigned i = 0; i < 100'000; ++i) {
    now += 1ms;
    digest = digest_of({std::to_string(i)});
    cache.insert(digest, now);
    ASSERT_TRUE(cache.contains(digest, now));
  }
  EXPECT_FALSE(cache.contains(first, now));
}

}  // namespace
}  // namespace weir::test
