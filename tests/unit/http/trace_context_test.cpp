#include "weir/http/trace_context.hpp"

#include <gtest/gtest.h>

#include <string>

namespace weir::test {
namespace {

using TraceField = std::pair<std::string, std::string>;

const std::string trace_text = "4bf92f3577b34da6a3ce929d0e0e4736";
const std::string span_text = "00f067aa0ba902b7";
constexpr TraceId trace_value{0x4bf92f3577b34da6, 0xa3ce929d0e0e4736};
constexpr SpanId span_value = 0x00f067aa0ba902b7;

HeaderMap trace_fields(const std::vector<TraceField>& fields) {
  HeaderMap out;
  for (const auto& [name, value] : fields) out.add(name, value);
  return out;
}

TEST(TraceContext, TraceparentRows) {
  struct Row {
    std::string value;
    std::optional<bool> sampled;  // nothing: it is none
  };
  const std::string ids = "-" + trace_text + "-" + span_text + "-";
  for (const Row& row :
       {Row{"00" + ids + "01", true}, Row{"00" + ids + "00", false}, Row{"00" + ids + "03", true},
        Row{"00" + ids + "02", false}, Row{"cc" + ids + "01-more", true},
        Row{"00" + ids + "01-more", {}}, Row{"ff" + ids + "01", {}}, Row{"00" + ids + "0", {}},
        Row{"", {}}, Row{"00-" + std::string(32, '0') + "-" + span_text + "-01", {}},
        Row{"00-" + trace_text + "-" + std::string(16, '0') + "-01", {}}}) {
    SCOPED_TRACE(row.value);
    const auto got = parse_traceparent(row.value);
    ASSERT_EQ(got.has_value(), row.sampled.has_value());
    if (!got) continue;
    EXPECT_EQ(got->trace, trace_value);
    EXPECT_EQ(got->span, span_value);
    EXPECT_EQ(got->sampled, row.sampled);
  }
}

TEST(TraceContext, B3Rows) {
  struct Row {
    std::string value;
    bool is_one;
    bool has_ids = true;
    std::optional<bool> sampled{};
  };
  const std::string ids = trace_text + "-" + span_text;
  for (const Row& row :
       {Row{ids, true}, Row{ids + "-1", true, true, true}, Row{ids + "-0", true, true, false},
        Row{ids + "-d", true, true, true}, Row{ids + "-1-" + span_text, true, true, true},
        Row{"0", true, false, false}, Row{"1", true, false, true}, Row{"d", true, false, true},
        Row{"2", false}, Row{"", false}, Row{trace_text, false}, Row{ids + "-x", false},
        Row{ids + "-1-short", false}, Row{ids + "-true", false},
        Row{std::string(32, '0') + "-" + span_text, false},
        Row{trace_text + "-" + std::string(16, '0'), false},
        Row{trace_text.substr(1) + "-" + span_text, false}, Row{"A" + ids.substr(1), false}}) {
    SCOPED_TRACE(row.value);
    const auto got = parse_b3(row.value);
    ASSERT_EQ(got.has_value(), row.is_one);
    if (!got) continue;
    EXPECT_EQ(got->trace, row.has_ids ? trace_value : TraceId{});
    EXPECT_EQ(got->sampled, row.sampled);
  }
  const auto half = parse_b3(trace_text.substr(16) + "-" + span_text);
  ASSERT_TRUE(half);
  EXPECT_EQ(half->trace, (TraceId{0, trace_value.low}));
}

TEST(TraceContext, StateRows) {
  std::string many = "a=1";
  for (int i = 0; i < 31; ++i) many += ",b" + std::to_string(i) + "=1";
  struct Row {
    std::string value;
    bool valid;
  };
  for (const Row& row :
       {Row{"a=1", true}, Row{"rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", true},
        Row{"fw529a3039@dt=FfAAAA", true}, Row{"a=1, ,b=2", true}, Row{many, true},
        Row{many + ",c=1", false}, Row{"", false}, Row{",", false}, Row{"a", false},
        Row{"a=", false}, Row{"=1", false}, Row{"A=1", false}, Row{"a=1=2", false},
        Row{"a@b@c=1", false}, Row{"a=\x7f", false}, Row{"a=" + std::string(257, 'x'), false}}) {
    SCOPED_TRACE(row.value);
    EXPECT_EQ(is_valid_tracestate(row.value), row.valid);
  }
}

TEST(TraceContext, WhatCountsWhereSeveralSaySomething) {
  const std::string w3c = "00-" + trace_text + "-" + span_text + "-00";
  const std::string other = std::string(31, '0') + "7-" + span_text + "-1";
  struct Row {
    const char* title;
    std::vector<TraceField> fields;
    TraceFormats formats;
    TraceId trace;
    std::optional<bool> sampled;
    B3Form form;
  };
  const TraceFormats all{};
  for (const Row& row : {
           Row{"nothing", {{"a", "b"}}, all, {}, {}, B3Form::none},
           Row{"w3c first",
               {{"B3", other}, {"Traceparent", w3c}},
               all,
               trace_value,
               false,
               B3Form::single},
           Row{"twice is none",
               {{"traceparent", w3c}, {"traceparent", w3c}},
               all,
               {},
               {},
               B3Form::none},
           Row{"a bad one leaves it to B3",
               {{"traceparent", "x"}, {"b3", other}},
               all,
               {0, 7},
               true,
               B3Form::single},
           Row{"not asked", {{"b3", other}}, {.w3c = true, .b3 = false}, {}, {}, B3Form::none},
           Row{"w3c not asked",
               {{"traceparent", w3c}},
               {.w3c = false, .b3 = true},
               {},
               {},
               B3Form::none},
           Row{"multi",
               {{"X-B3-TraceId", trace_text}, {"x-b3-spanid", span_text}, {"X-B3-Sampled", "1"}},
               all,
               trace_value,
               true,
               B3Form::multi},
           Row{"multi, undecided",
               {{"X-B3-TraceId", trace_text}, {"x-b3-spanid", span_text}},
               all,
               trace_value,
               {},
               B3Form::multi},
           Row{"a decision alone", {{"X-B3-Sampled", "false"}}, all, {}, false, B3Form::multi},
           Row{"debug", {{"X-B3-Flags", "1"}}, all, {}, true, B3Form::multi},
           Row{"multi twice",
               {{"X-B3-TraceId", trace_text},
                {"X-B3-TraceId", trace_text},
                {"x-b3-spanid", span_text}},
               all,
               {},
               {},
               B3Form::multi},
       }) {
    SCOPED_TRACE(row.title);
    const ToldTrace got = read_trace(trace_fields(row.fields), row.formats);
    EXPECT_EQ(got.parent.trace, row.trace);
    EXPECT_EQ(got.parent.sampled, row.sampled);
    EXPECT_EQ(got.b3, row.form);
  }
}

TEST(TraceContext, OneValidFieldGoesOn) {
  const std::string w3c = "00-" + trace_text + "-" + span_text + "-01";
  HeaderMap headers = trace_fields({{"traceparent", w3c},
                                    {"traceparent", w3c},
                                    {"tracestate", "a=1"},
                                    {"X-B3-TraceId", trace_text},
                                    {"X-B3-ParentSpanId", span_text},
                                    {"baggage", "k=v"}});
  remove_trace(headers, true, false);
  ASSERT_EQ(headers.size(), 1u);
  TraceTexts texts(trace_value, 1, true);
  texts.add_to(headers, B3Form::multi);
  EXPECT_EQ(headers.get("traceparent"), "00-" + trace_text + "-0000000000000001-01");
  texts.set_span(span_value);
  EXPECT_EQ(headers.get("traceparent"), w3c);
  EXPECT_EQ(headers.get("x-b3-traceid"), trace_text);
  EXPECT_EQ(headers.get("x-b3-spanid"), span_text);
  EXPECT_EQ(headers.get("x-b3-sampled"), "1");
  EXPECT_EQ(texts.b3(), trace_text + "-" + span_text + "-1");
  EXPECT_EQ(headers.get("baggage"), "k=v");
}

TEST(TraceContext, StateGoesOnlyWithItsParent) {
  const auto after = [](const std::vector<TraceField>& fields, bool keep) {
    HeaderMap headers = trace_fields(fields);
    remove_trace(headers, false, keep);
    return headers.count(FieldId::tracestate);
  };
  EXPECT_EQ(after({{"tracestate", "a=1"}, {"tracestate", "b=2"}}, true), 2u);
  EXPECT_EQ(after({{"tracestate", "a=1"}, {"tracestate", "B=2"}}, true), 0u);
  EXPECT_EQ(after({{"tracestate", "a=1"}}, false), 0u);
}

}  // namespace
}  // namespace weir::test
