#include "proxy/websocket.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace weir::proxy {
namespace {

// The key and its answer of RFC 6455 section 1.3.
constexpr const char* key = "dGhlIHNhbXBsZSBub25jZQ==";
constexpr const char* accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

TEST(WebsocketAccept, BelongsToItsKey) {
  struct Row {
    const char* name;
    const char* key;
    const char* accept;
  };
  const Row rows[] = {
      {"the sample of RFC 6455", key, accept},
      {"sixteen zeros", "AAAAAAAAAAAAAAAAAAAAAA==", "ICX+Yqv66kxgM0FcWaLWlFLwTAI="},
  };
  for (const Row& row : rows) EXPECT_EQ(websocket_accept(row.key), row.accept) << row.name;
}

TEST(AcceptsWebsocket, OnlyTheAnswerToThisKey) {
  using Fields = std::vector<std::pair<const char*, const char*>>;
  struct Row {
    const char* name;
    int status;
    Fields fields;
    bool accepted;
  };
  const Row rows[] = {
      {"as it should be", 101, {{"Upgrade", "websocket"}, {"Sec-WebSocket-Accept", accept}}, true},
      {"in other cases, with white space",
       101,
       {{"upgrade", " WebSocket "}, {"SEC-WEBSOCKET-ACCEPT", " s3pPLMBiTxaQ9kYGzzhZRbK+xOo= "}},
       true},
      {"no 101", 200, {{"Upgrade", "websocket"}, {"Sec-WebSocket-Accept", accept}}, false},
      {"another 1xx", 100, {{"Upgrade", "websocket"}, {"Sec-WebSocket-Accept", accept}}, false},
      {"no Upgrade", 101, {{"Sec-WebSocket-Accept", accept}}, false},
      {"another protocol", 101, {{"Upgrade", "h2c"}, {"Sec-WebSocket-Accept", accept}}, false},
      {"one of two protocols",
       101,
       {{"Upgrade", "h2c, websocket"}, {"Sec-WebSocket-Accept", accept}},
       false},
      {"no answer", 101, {{"Upgrade", "websocket"}}, false},
      {"an empty answer", 101, {{"Upgrade", "websocket"}, {"Sec-WebSocket-Accept", ""}}, false},
      {"the key itself", 101, {{"Upgrade", "websocket"}, {"Sec-WebSocket-Accept", key}}, false},
      {"an answer in another case",
       101,
       {{"Upgrade", "websocket"}, {"Sec-WebSocket-Accept", "S3PPLMBITXAQ9KYGZZHZRBK+XOO="}},
       false},
      {"more than the answer",
       101,
       {{"Upgrade", "websocket"}, {"Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo==="}},
       false},
  };
  for (const Row& row : rows) {
    RequestHead request;
    request.headers.add("Sec-WebSocket-Key", key);
    ResponseHead response;
    response.status = row.status;
    for (const auto& [name, value] : row.fields) response.headers.add(name, value);
    EXPECT_EQ(accepts_websocket(request, response), row.accepted) << row.name;
  }
}

TEST(AcceptsWebsocket, WithoutAKeyThereIsNothingToAccept) {
  ResponseHead response;
  response.status = 101;
  response.headers.add("Upgrade", "websocket");
  response.headers.add("Sec-WebSocket-Accept", accept);
  EXPECT_FALSE(accepts_websocket(RequestHead(), response));
}

}  // namespace
}  // namespace weir::proxy
