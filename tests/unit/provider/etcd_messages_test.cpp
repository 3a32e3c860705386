#include <gtest/gtest.h>

#include "provider/etcd/base64.hpp"
#include "provider/etcd/key_table.hpp"
#include "provider/etcd/messages.hpp"

namespace weir::provider::etcd {
namespace {

TEST(EtcdBase64, ReadsWhatItWrites) {
  for (const std::string_view text : {"", "a", "ab", "abc", "abcd", "\xFF\x00\x10"}) {
    EXPECT_EQ(base64_decode(base64_encode(text)), text);
  }
  EXPECT_EQ(base64_encode("x: 1"), "eDogMQ==");
  for (const std::string_view wrong :
       {"a", "ab=", "====", "YQ=a", "YR==", "YQ", "Y Q=", "YQ==YQ=="}) {
    EXPECT_FALSE(base64_decode(wrong)) << wrong;
  }
}

TEST(EtcdMessages, EndOfPrefix) {
  EXPECT_EQ(end_of_prefix("/weir/"), "/weir0");
  EXPECT_EQ(end_of_prefix("a\xFF"), "b");
  EXPECT_EQ(end_of_prefix("\xFF"), std::string(1, '\0'));
}

// As etcd 3.4 sent them.
constexpr std::string_view list_answer =
    R"({"header":{"cluster_id":"13455796455940752355","member_id":"4","revision":"7","raft_term":"2"},)"
    R"("kvs":[{"key":"L3dlaXIvYQ==","create_revision":"2","mod_revision":"5","version":"1","value":"eDogMQ=="}],"count":"1"})";
constexpr std::string_view put_event =
    R"({"result":{"header":{"revision":"9"},"events":[{"kv":{"key":"L3dlaXIvYg==","create_revision":"8",)"
    R"("mod_revision":"8","version":"1","value":"eQ=="}}]}})";
constexpr std::string_view delete_event =
    R"({"result":{"header":{"revision":"9"},"events":[{"type":"DELETE","kv":{"key":"L3dlaXIvYQ==","mod_revision":"9"}}]}})";

TEST(EtcdMessages, Range) {
  const auto range = parse_range(list_answer);
  ASSERT_TRUE(range) << range.error();
  EXPECT_EQ(range->revision, 7);
  EXPECT_EQ(range->count, 1U);
  EXPECT_EQ(range->keys, (std::vector<KeyValue>{{"/weir/a", "x: 1", 5}}));
  const auto empty = parse_range(R"({"header":{"revision":"2"}})");
  ASSERT_TRUE(empty);
  EXPECT_TRUE(empty->keys.empty());
  for (const std::string_view wrong :
       {"", "[]", "{}", R"({"header":{"revision":"-1"}})", R"({"header":{"revision":"0"}})",
        R"({"header":{"revision":"9223372036854775808"}})",
        R"({"header":{"revision":"2"},"kvs":[{}]})",
        R"({"header":{"revision":"2"},"kvs":[{"key":"?"}]})"}) {
    EXPECT_FALSE(parse_range(wrong)) << wrong;
  }
  EXPECT_EQ(parse_range(R"({"error":"etcdserver: user name is empty","code":3})").error(),
            "etcdserver: user name is empty");
}

TEST(EtcdMessages, Watch) {
  const auto put = parse_watch(put_event);
  ASSERT_TRUE(put);
  ASSERT_EQ(put->events.size(), 1U);
  EXPECT_FALSE(put->events[0].is_deleted);
  EXPECT_EQ(put->events[0].kv, (KeyValue{"/weir/b", "y", 8}));
  EXPECT_TRUE(parse_watch(delete_event)->events[0].is_deleted);
  const auto compacted =
      parse_watch(R"({"result":{"header":{},"canceled":true,"compact_revision":"4"}})");
  ASSERT_TRUE(compacted);
  EXPECT_TRUE(compacted->is_canceled);
  EXPECT_EQ(compacted->compact_revision, 4);
  EXPECT_FALSE(parse_watch(R"({"error":{"grpc_code":14,"message":"going away"}})"));
  EXPECT_FALSE(parse_watch(R"({"result":{"events":[{"type":"EAT","kv":{"key":"YQ=="}}]}})"));
}

TEST(EtcdMessages, Put) {
  const auto done = parse_put(
      R"({"header":{"revision":"5"},"succeeded":true,"responses":[{"response_put":{"header":{"revision":"5"}}}]})");
  ASSERT_TRUE(done);
  EXPECT_TRUE(done->done);
  EXPECT_EQ(done->revision, 5);
  const auto other = parse_put(
      R"({"header":{"revision":"6"},"responses":[{"response_range":{"kvs":[{"key":"YQ==","mod_revision":"4"}],"count":"1"}}]})");
  ASSERT_TRUE(other);
  EXPECT_FALSE(other->done);
  EXPECT_EQ(other->is_revision, 4);
  const auto none = parse_put(R"({"header":{"revision":"6"},"responses":[{"response_range":{}}]})");
  ASSERT_TRUE(none);
  EXPECT_EQ(none->is_revision, 0);
}

TEST(EtcdMessages, ATokenThatCannotBeAFieldIsNone) {
  EXPECT_EQ(parse_token(R"({"header":{},"token":"xXgd.15"})"), "xXgd.15");
  EXPECT_FALSE(parse_token(R"({"token":"a\r\nHost: b"})"));
  EXPECT_FALSE(parse_token(R"({"token":""})"));
}

TEST(EtcdKeyTable, FollowsEvents) {
  KeyTable table;
  EXPECT_FALSE(table.is_listed());
  EXPECT_TRUE(table.list(*parse_range(list_answer)));
  EXPECT_FALSE(table.list(*parse_range(list_answer))) << "the same again";
  EXPECT_TRUE(table.apply(*parse_watch(put_event)));
  EXPECT_EQ(table.revision(), 8) << "of the event, more may come of the message's revision";
  EXPECT_FALSE(table.apply(*parse_watch(put_event))) << "it is known";
  EXPECT_EQ(table.keys().size(), 2U);
  EXPECT_TRUE(table.apply(*parse_watch(delete_event)));
  EXPECT_EQ(table.keys().begin()->first, "/weir/b");
}

TEST(EtcdKeyTable, KnowsWhatItMissed) {
  KeyTable table;
  EXPECT_TRUE(table.list(*parse_range(list_answer)));
  EXPECT_TRUE(table.agrees({8, 1, {{"/weir/a", "", 5}}}));
  EXPECT_FALSE(table.agrees({8, 1, {{"/weir/a", "", 8}}})) << "changed";
  EXPECT_FALSE(table.agrees({8, 2, {{"/weir/a", "", 5}}})) << "one more";
  EXPECT_FALSE(table.agrees({8, 0, {}}));
  EXPECT_FALSE(table.agrees({6, 1, {{"/weir/a", "", 5}}})) << "etcd is another one";
}

}  // namespace
}  // namespace weir::provider::etcd
