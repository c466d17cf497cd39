#include "base/status.h"

#include <algorithm>
#include <cstdarg>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace sb {
namespace {

constexpr std::size_t kTextBytes = 1024;
thread_local char error_text[kTextBytes] = "";

}  // namespace

Status fail(Status status, const char* format, ...) {
  std::va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(error_text, kTextBytes, format, arguments);
  va_end(arguments);
  return status;
}

Status within(Status status, const char* format, ...) {
  if (status == Status::kOk) return status;
  char context[kTextBytes];
  std::va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(context, kTextBytes, format, arguments);
  va_end(arguments);
  const std::size_t used = std::strlen(context);
  const std::size_t room = kTextBytes - used - 1;
  std::snprintf(context + used, kTextBytes - used, ": %.*s", static_cast<int>(room), error_text);
  std::memcpy(error_text, context, kTextBytes);
  return status;
}

const char* last_error() { return error_text; }

void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "libswitchboard: %s:%d: broken invariant: %s\n", file, line, condition);
  std::abort();
}

}  // namespace sb
