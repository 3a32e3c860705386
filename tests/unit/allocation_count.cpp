#include "allocation_count.hpp"

#include <atomic>
#include <cstdlib>
#include <new>
#include <utility>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WEIR_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WEIR_SANITIZED 1
#endif
#endif

namespace {
thread_local std::size_t allocations = 0;
thread_local std::size_t until_failure = 0;  // 1: the next one fails; 0: none
thread_local std::size_t failing = 0;        // so many from there on
std::atomic<std::size_t> failures = 0;
}  // namespace

#ifndef WEIR_SANITIZED
void* operator new(std::size_t size) {
  ++allocations;
  if (until_failure > 1) {
    --until_failure;
  } else if (until_failure == 1) {
    if (--failing == 0) until_failure = 0;
    ++failures;
    throw std::bad_alloc();
  }
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif

namespace weir {

bool counts_allocations() noexcept {
#ifdef WEIR_SANITIZED
  return false;
#else
  return true;
#endif
}

std::size_t allocation_count() noexcept { return allocations; }

void fail_allocation(std::size_t n, std::size_t count) noexcept {
  until_failure = n;
  failing = count;
}

std::size_t failed_allocations() noexcept { return failures; }

Unfailing::Unfailing() noexcept : left_(std::exchange(until_failure, 0)) {}
Unfailing::~Unfailing() { until_failure = left_; }

}  // namespace weir
