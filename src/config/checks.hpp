// What texts of the configuration must look like. Each says what is wrong with the text and what
// would be right, or brings it into its normal form; see Check in kinds.hpp.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weir::config {

using Wrong = std::optional<std::string>;

Wrong check_any(std::string& text);        // nothing to say
Wrong check_printable(std::string& text);  // not empty, no controls
Wrong check_name(std::string& text);
Wrong check_zone(std::string& text);  // empty, or no controls; at most 64 bytes
Wrong check_token(std::string& text);
Wrong check_method(std::string& text);
Wrong check_field_name(std::string& text);             // a token
Wrong check_changeable_field_name(std::string& text);  // that a configuration may set or remove
Wrong check_field_value(std::string& text);            // no controls but tab
Wrong check_origin(std::string& text);                 // "*" or scheme://host[:port]; lower-cased
Wrong check_host_pattern(std::string& text);           // lower-cased, without trailing dot
Wrong check_path(std::string& text);                   // an exact path or a prefix, in normal form
Wrong check_endpoint(std::string& text);               // IP:port, [v6]:port, unix:PATH, NAME:port
Wrong check_realm(std::string& text);

// "unix:PATH" with PATH starting at `folder` where it is relative; another address as it is.
std::string at_folder(std::string address, const std::string& folder);

// " (did you mean 'xn--mnchen-3ya.test'?)" for a name or NAME:port beyond ASCII that has such a
// form (IDNA, RFC 5891), the one that clients send; otherwise "".
std::string ascii_form_hint(std::string_view text);

// Letters, digits, '-' and '_' in labels of at most 63.
bool is_host_name(std::string_view text) noexcept;

}  // namespace weir::config
