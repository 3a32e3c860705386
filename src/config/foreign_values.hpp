// Values as other software writes them, and what to write instead: the ends of messages. Pure; each
// is "" where there is nothing special to say.
#pragma once

#include <string>
#include <string_view>

namespace weir::config {

// " (did you mean '5s'?)" of "5", "5 sec", "5S".
std::string duration_hint(std::string_view text);
// " (did you mean '10MiB'?)" of "10M"; a number alone is bytes.
std::string size_hint(std::string_view text);
// " (did you mean '50/s'?)" of "50", "50r/s", "50/sec".
std::string rate_hint(std::string_view text);
// " (did you mean '50%'?)" of "0.5" and "50".
std::string share_hint(std::string_view text);
// " (did you mean 'on'?)" of "yes", "1", "enabled".
std::string flag_hint(std::string_view text);

// "; write '127.0.0.1:80' ..." of "localhost:80", ":80", "http://..", a port above 65535: of what a
// listener or the admin address is bound to.
std::string bind_hint(std::string_view text);
// The same of an endpoint.
std::string endpoint_hint(std::string_view text);
// Of a host pattern with a scheme, a port or a path.
std::string host_hint(std::string_view text);
// Of what should be the name of an upstream and is an address or a URL.
bool is_address(std::string_view text);

}  // namespace weir::config
