// Where nghttp2 keeps what it makes for each stream and frame: blocks of the thread's cache, so
// that a request costs no call of malloc. A session is made, used and destroyed on one thread.
#pragma once

#include <nghttp2/nghttp2.h>

namespace weir::codec::h2 {

// What to give to nghttp2_session_server_new3(); for any session of any thread.
nghttp2_mem* session_memory() noexcept;

}  // namespace weir::codec::h2
