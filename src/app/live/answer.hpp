// Reading the JSON answers of a gateway, which may be of another version: what is not there, or is
// of another type, is empty. Pure.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace weir::app {

namespace json = boost::json;

// Nothing for what is no JSON.
std::optional<json::value> parse_answer(std::string_view body);

std::string text_at(const json::object& object, std::string_view name);
double number_at(const json::object& object, std::string_view name);
bool flag_at(const json::object& object, std::string_view name);
// An empty one where there is none.
const json::object& object_at(const json::object& object, std::string_view name);
const json::array& array_at(const json::object& object, std::string_view name);
// A member of an array; an empty object for what is none.
const json::object& as_object(const json::value& value);
// The texts of an array, joined by ", ".
std::string joined(const json::array& texts);

// For people. 1234567 as "1,234,567"; a rate with three digits; 0.123 as "12%".
std::string count_text(double count);
std::string rate_text(double rate);
std::string percent_text(double share);
// Whole seconds in the two largest units: "3 d 4 h", "2 min 5 s", "0 s".
std::string time_text(double seconds);

}  // namespace weir::app
