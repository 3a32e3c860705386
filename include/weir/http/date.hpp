// The Date field's text, made once a second per thread. Any thread.
#pragma once

#include <ctime>
#include <string_view>

namespace weir {

// IMF-fixdate of RFC 9110 section 5.6.7, "Sun, 06 Nov 1994 08:49:37 GMT": always 29 characters.
// Valid until the thread's next call. REQUIRES: the year has four digits.
std::string_view http_date(std::time_t now) noexcept;

}  // namespace weir
