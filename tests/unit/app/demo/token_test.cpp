#include "app/demo/token.hpp"

#include <gtest/gtest.h>

namespace weir::app {
namespace {

TEST(DemoToken, IsAJwtOfHs256ForADay) {
  // As Python's hmac and base64 make it.
  EXPECT_EQ(signed_token("0123456789abcdef0123456789abcdef", "demo", "ann", 1000000000),
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJkZW1vIiwic3ViIjoiYW5uIiwiaWF0Ijo"
            "xMDAwMDAwMDAwLCJleHAiOjEwMDAwODY0MDB9.MM1UIJYrk89e0-UWq5u-KoftqG5NQtKaJLLzWyA0uS"
            "s");
}

TEST(DemoToken, EachSecretIsAnother) {
  const std::string secret = new_secret();
  EXPECT_EQ(secret.size(), 64U);
  EXPECT_EQ(secret.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_NE(secret, new_secret());
}

}  // namespace
}  // namespace weir::app
