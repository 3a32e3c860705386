// The status codes of gRPC, as a number and as the word that configuration has for it. Pure data.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace weir {

// What a call ended with: 0 to 16, or one of these two.
using GrpcStatus = std::int8_t;
inline constexpr GrpcStatus no_grpc_status = -1;     // it did not say, or is no call of gRPC
inline constexpr GrpcStatus other_grpc_status = 17;  // a number that gRPC does not have, or none
inline constexpr std::size_t grpc_code_count = 17;

// By number.
inline constexpr std::array<std::string_view, grpc_code_count> grpc_code_names{
    "ok",        "cancelled",      "unknown",           "invalid_argument",   "deadline_exceeded",
    "not_found", "already_exists", "permission_denied", "resource_exhausted", "failed_precondition",
    "aborted",   "out_of_range",   "unimplemented",     "internal",           "unavailable",
    "data_loss", "unauthenticated"};

// A field grpc-status; nothing for no field.
constexpr GrpcStatus parse_grpc_status(std::optional<std::string_view> field) noexcept {
  if (!field) return no_grpc_status;
  if (field->empty() || field->size() > 2) return other_grpc_status;
  int code = 0;
  for (const char c : *field) {
    if (c < '0' || c > '9') return other_grpc_status;
    code = code * 10 + (c - '0');
  }
  if (code > 16 || (field->size() == 2 && field->front() == '0')) return other_grpc_status;
  return static_cast<GrpcStatus>(code);
}

}  // namespace weir
