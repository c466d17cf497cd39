// Outcomes of calls that can fail, and the text that explains the last failure.
//
// A Status is one integer. The explanation is written into a fixed thread-local buffer when the
// failure is made and each caller may put its own context in front of it, so the text reads as the
// call chain ("sb_submit: entries[2]: row: 9 is not in 0 .. 7") and failing costs no memory.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

namespace sb {

// Numbered as sb_status.
enum class [[nodiscard]] Status : std::int32_t {
  kOk = 0,
  kInvalidArgument = 1,
  kUnsupported = 2,
  kOutOfMemory = 3,
  kBusy = 4,
  kTimeout = 5,
  kStepFailed = 6,
  kHung = 7,
  kShutdown = 8,
  kInternal = 9,
  kDeviceLost = 10,
};

// Replaces the calling thread's error text and returns status.
Status fail(Status status, const char* format, ...) __attribute__((format(printf, 2, 3)));

// Puts "context: " in front of the calling thread's error text unless status is kOk.
Status within(Status status, const char* format, ...) __attribute__((format(printf, 2, 3)));

// The calling thread's text; empty before its first failure.
[[nodiscard]] const char* last_error();

// A value or the status that explains its absence.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}
  Result(Status status) : status_(status) {}

  [[nodiscard]] bool ok() const { return value_.has_value(); }
  [[nodiscard]] Status status() const { return status_; }
  [[nodiscard]] T& operator*() { return *value_; }
  [[nodiscard]] T* operator->() { return &*value_; }

 private:
  Status status_ = Status::kOk;
  std::optional<T> value_;
};

// Prints the broken invariant and aborts: for conditions that guard memory, in every build.
[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace sb

#define SB_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::sb::check_failed(#condition, __FILE__, __LINE__))
