// Shared ownership within one thread: the count stands in the object and is a plain number, so that
// a copy costs an increment.
#pragma once

#include <utility>

namespace weir {

template <class T>
class LocalPtr;

// What a LocalPtr may own.
class LocallyShared {
 public:
  LocallyShared() = default;
  LocallyShared(const LocallyShared&) = delete;
  LocallyShared& operator=(const LocallyShared&) = delete;
  virtual ~LocallyShared() = default;

 private:
  template <class T>
  friend class LocalPtr;
  unsigned owners_ = 0;
};

template <class T>
class LocalPtr {
 public:
  LocalPtr() = default;
  // `one` comes from new.
  explicit LocalPtr(T* one) noexcept : one_(one) { own(); }
  LocalPtr(const LocalPtr& other) noexcept : one_(other.one_) { own(); }
  template <class Derived>
  LocalPtr(const LocalPtr<Derived>& other) noexcept : one_(other.get()) {
    own();
  }
  LocalPtr(LocalPtr&& other) noexcept : one_(std::exchange(other.one_, nullptr)) {}
  LocalPtr& operator=(LocalPtr other) noexcept {
    std::swap(one_, other.one_);
    return *this;
  }
  ~LocalPtr() {
    if (one_ != nullptr && --counted().owners_ == 0) delete one_;
  }

  T* get() const noexcept { return one_; }
  T& operator*() const noexcept { return *one_; }
  T* operator->() const noexcept { return one_; }
  explicit operator bool() const noexcept { return one_ != nullptr; }

 private:
  LocallyShared& counted() const noexcept { return *one_; }
  void own() noexcept {
    if (one_ != nullptr) ++counted().owners_;
  }

  T* one_ = nullptr;
};

}  // namespace weir
