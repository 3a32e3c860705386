// Requests written as rows and parsed at once and in pieces; for the tests of the request parser.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "codec/h1/head_parser.hpp"

namespace weir::codec::h1 {

inline const std::string host = "Host: a\r\n";

struct Parsed {
  RequestHead head;
  Consumed consumed = 0;
};

inline Parsed parse(std::string_view bytes, const HeadLimits& limits = {}) {
  Parsed out;
  RequestHeadParser parser(limits);
  out.consumed = parser.parse(bytes, out.head);
  return out;
}

// "ok", "more" or the reason's name.
inline std::string outcome(const Consumed& consumed) {
  if (!consumed) return std::string(name(consumed.error().reason));
  return *consumed == 0 ? "more" : "ok";
}

// The same bytes, one more a call, must end the same, and not before the byte that decides.
inline std::string outcome_in_pieces(std::string_view bytes, const HeadLimits& limits) {
  RequestHead head;
  RequestHeadParser parser(limits);
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    // A copy of its own each time: nothing may be kept of earlier bytes.
    const std::string seen(bytes.substr(0, size));
    const Consumed consumed = parser.parse(seen, head);
    if (!consumed || *consumed != 0) return outcome(consumed);
  }
  return "more";
}

// The same, where what is done with leaves the bytes between two calls.
inline std::string outcome_while_forgetting(std::string_view bytes, const HeadLimits& limits) {
  RequestHead head;
  RequestHeadParser parser(limits);
  std::size_t forgotten = 0;
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    const std::string seen(bytes.substr(forgotten, size - forgotten));
    const Consumed consumed = parser.parse(seen, head);
    if (!consumed) return outcome(consumed);
    if (*consumed != 0) return forgotten + *consumed == size ? "ok" : "consumed too much";
    forgotten += parser.forget_done();
  }
  return "more";
}

struct Row {
  std::string name;
  std::string bytes;
  std::string outcome;
};

inline void check(const std::vector<Row>& rows, const HeadLimits& limits = {}) {
  for (const Row& row : rows) {
    const Parsed parsed = parse(row.bytes, limits);
    EXPECT_EQ(outcome(parsed.consumed), row.outcome)
        << row.name << ": "
        << (parsed.consumed ? std::string() : std::string(parsed.consumed.error().detail));
    EXPECT_EQ(outcome_in_pieces(row.bytes, limits), row.outcome) << row.name << ", in pieces";
    EXPECT_EQ(outcome_while_forgetting(row.bytes, limits), row.outcome)
        << row.name << ", while what is done with leaves";
  }
}

// A request line and Host, then `fields`.
inline std::string get(const std::string& fields) {
  return "GET / HTTP/1.1\r\n" + host + fields + "\r\n";
}
inline std::string post(const std::string& fields) {
  return "POST / HTTP/1.1\r\n" + host + fields + "\r\n";
}
inline std::string line(const std::string& request_line) {
  return request_line + "\r\n" + host + "\r\n";
}

}  // namespace weir::codec::h1
