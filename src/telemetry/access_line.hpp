// The text of one access log line. Owned by a worker's lane of the access log; one thread.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "telemetry/timestamp.hpp"
#include "weir/telemetry/access_record.hpp"

namespace weir::telemetry {

class AccessLine {
 public:
  // Path, query and referer are cut at this many bytes before escaping, the other texts at `cap`.
  static constexpr std::size_t url_cap = 2048;
  static constexpr std::size_t cap = 512;
  // The endpoint of a try is cut at this.
  static constexpr std::size_t try_cap = 128;
  // No line is longer: three URLs, 19 texts, the tries, keys and numbers.
  static constexpr std::size_t longest =
      6 * (3 * url_cap + 19 * cap) + most_tries_told * (6 * try_cap + 128) + 2048;

  AccessLine();

  // Writes the line with its newline in the policy's format and returns its end. REQUIRES: `out`
  // holds `longest` bytes.
  char* write(char* out, WallTime time, const AccessRecord& record, const AccessPolicy& policy);

 private:
  char* json(char* out, WallTime time, const AccessRecord& record, config::QueryPolicy policy);
  char* combined(char* out, WallTime time, const AccessRecord& record, config::QueryPolicy policy);
  char* put_peer(char* out, const SocketAddress& peer);
  char* put_tries(char* out, std::span<const TryRecord> tries);
  // As the policy has it; views into the argument or into redacted_.
  std::string_view visible_query(std::string_view query, config::QueryPolicy policy);
  std::string_view visible_referer(std::string_view referer, config::QueryPolicy policy);

  Timestamp timestamp_;
  std::string scratch_;   // large enough from the start: lines allocate nothing
  std::string redacted_;  // the same
};

}  // namespace weir::telemetry
