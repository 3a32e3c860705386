// Where an nghttp2 session keeps what it makes: blocks of the thread's cache, so that a request
// costs no call of malloc, and pages of its own for the two that it has for life and that hold
// nothing while no stream is open: the room for a frame that is sent, and the table of streams.
// Owned by whoever owns the session, outlives it, worker thread only.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>

namespace weir::codec::h2 {

class SessionMemory {
 public:
  SessionMemory() noexcept;
  ~SessionMemory();
  SessionMemory(const SessionMemory&) = delete;
  SessionMemory& operator=(const SessionMemory&) = delete;

  // What to give to nghttp2_session_server_new3().
  nghttp2_mem* native() noexcept { return &memory_; }
  // Lets the kernel have the pages back; what is used again begins as zeros. The table's page stays
  // when there is something in it. REQUIRES: no frame is being sent.
  void rest() noexcept;

  // The blocks that get pages, by their size, so that tests can name them.
  static constexpr std::size_t table_size = 4 * 1024;
  static constexpr std::size_t least_table = 3 * 1024;
  static constexpr std::size_t frame_size = 20 * 1024;
  static constexpr std::size_t least_frame = 16 * 1024;

 private:
  struct Blocks;

  nghttp2_mem memory_;
  std::byte* pages_ = nullptr;  // the table's, then the frame's; null: none, or not yet
  bool has_table_ = false;
  bool has_frame_ = false;
};

}  // namespace weir::codec::h2
