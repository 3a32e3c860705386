#include "codec/h2/session_memory.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <new>

#include "weir/base/block_cache.hpp"

namespace weir::codec::h2 {
namespace {

// Before each block that is not in pages, as free() is not told its size.
struct alignas(std::max_align_t) Size {
  std::size_t whole;  // with this
};

// The pages of a thread's sessions. A few of those given back are kept.
class Pages {
 public:
  static constexpr std::size_t size = SessionMemory::table_size + SessionMemory::frame_size;

  Pages() = default;
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  ~Pages() {
    while (kept_ != 0) ::munmap(free_[--kept_], size);
  }

  // Null when the process has no mapping left.
  std::byte* take() noexcept {
    if (kept_ != 0) return free_[--kept_];
    void* const pages =
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return pages == MAP_FAILED ? nullptr : static_cast<std::byte*>(pages);
  }
  void give(std::byte* pages) noexcept {
    if (kept_ != free_.size()) {
      free_[kept_++] = pages;
    } else {
      ::munmap(pages, size);
    }
  }
  // Of the thread.
  static Pages& own() noexcept {
    thread_local Pages pages;
    return pages;
  }

 private:
  std::array<std::byte*, 16> free_{};
  std::size_t kept_ = 0;
};

bool all_zeros(const std::byte* bytes, std::size_t size) noexcept {
  return std::all_of(bytes, bytes + size, [](std::byte b) { return b == std::byte{}; });
}

}  // namespace

// What nghttp2 calls, with the memory as its user data.
struct SessionMemory::Blocks {
  static SessionMemory& self(void* user) noexcept { return *static_cast<SessionMemory*>(user); }

  // A block in the pages, if they have room for it.
  static std::byte* in_pages(SessionMemory& of, std::size_t size) noexcept {
    const bool table = size > least_table && size <= table_size && !of.has_table_;
    const bool frame = size > least_frame && size <= frame_size && !of.has_frame_;
    if (!table && !frame) return nullptr;
    if (of.pages_ == nullptr) of.pages_ = Pages::own().take();
    if (of.pages_ == nullptr) return nullptr;
    (table ? of.has_table_ : of.has_frame_) = true;
    return table ? of.pages_ : of.pages_ + table_size;
  }
  static bool is_table(const SessionMemory& of, const void* block) noexcept {
    return of.has_table_ && block == of.pages_;
  }
  static bool is_frame(const SessionMemory& of, const void* block) noexcept {
    return of.has_frame_ && block == of.pages_ + table_size;
  }
  static Size* size_of(void* block) noexcept { return static_cast<Size*>(block) - 1; }
  static std::size_t room_of(const SessionMemory& of, void* block) noexcept {
    if (is_table(of, block)) return table_size;
    return is_frame(of, block) ? frame_size : size_of(block)->whole - sizeof(Size);
  }

  static void* take(std::size_t size, void* user) noexcept {
    if (size > std::numeric_limits<std::size_t>::max() - sizeof(Size)) return nullptr;
    if (void* const block = in_pages(self(user), size)) return block;
    const std::size_t whole = size + sizeof(Size);
    try {
      return ::new (BlockCache::take(whole)) Size{whole} + 1;
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
  }
  static void give(void* block, void* user) noexcept {
    if (block == nullptr) return;
    if (is_table(self(user), block)) {
      self(user).has_table_ = false;
    } else if (is_frame(self(user), block)) {
      self(user).has_frame_ = false;
    } else {
      BlockCache::give(size_of(block), size_of(block)->whole);
    }
  }
  static void* take_zeros(std::size_t count, std::size_t size, void* user) noexcept {
    if (size != 0 && count > std::numeric_limits<std::size_t>::max() / size) return nullptr;
    void* const block = take(count * size, user);
    if (block != nullptr) std::memset(block, 0, count * size);
    return block;
  }
  static void* resize(void* block, std::size_t size, void* user) noexcept {
    if (block == nullptr) return take(size, user);
    void* const other = take(size, user);
    if (other == nullptr) return nullptr;
    std::memcpy(other, block, std::min(room_of(self(user), block), size));
    give(block, user);
    return other;
  }
};

SessionMemory::SessionMemory() noexcept
    : memory_{this, Blocks::take, Blocks::give, Blocks::take_zeros, Blocks::resize} {}

SessionMemory::~SessionMemory() {
  if (pages_ != nullptr) Pages::own().give(pages_);
}

void SessionMemory::rest() noexcept {
  if (pages_ == nullptr) return;
  // The kernel refuses where its pages are larger than the table: then all stays while the table is
  // in use, and goes with it.
  if (!has_table_ || all_zeros(pages_, table_size)) {
    ::madvise(pages_, Pages::size, MADV_DONTNEED);
  } else {
    ::madvise(pages_ + table_size, frame_size, MADV_DONTNEED);
  }
}

}  // namespace weir::codec::h2
