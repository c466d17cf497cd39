// What a thread lost for want of a core while its process was stopped.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <thread>

#include "engine/processor_time.h"

namespace sb::engine {
namespace {

constexpr int kStops = 20;
constexpr std::chrono::milliseconds kStopped{20};
constexpr std::chrono::milliseconds kBetween{5};

// Measures pieces of work as short as a step's are, until it is told to end.
[[noreturn]] void measure(int ends, int tells) {
  ProcessorTime time;
  std::int64_t lost = 0;
  char end = 0;
  while (read(ends, &end, 1) != 1) {
    for (int piece = 0; piece < 100; ++piece) {
      time.begin(0);
      volatile int work = 0;
      for (int i = 0; i < 200; ++i) work = work + i;
      lost += time.lost_ns(0);
    }
  }
  const auto written = write(tells, &lost, sizeof lost);
  _exit(written == sizeof lost ? 0 : 1);
}

// Reading the clocks takes most of this process's time, so that most stops fall between them.
TEST(ProcessorTime, StopsBetweenReadingsAreLost) {
  int ends[2];
  int tells[2];
  ASSERT_EQ(pipe2(ends, O_NONBLOCK), 0);
  ASSERT_EQ(pipe(tells), 0);
  const pid_t child = fork();
  if (child == 0) measure(ends[0], tells[1]);
  ASSERT_GT(child, 0);
  for (int stop = 0; stop < kStops; ++stop) {
    std::this_thread::sleep_for(kBetween);
    kill(child, SIGSTOP);
    std::this_thread::sleep_for(kStopped);
    kill(child, SIGCONT);
  }
  ASSERT_EQ(write(ends[1], "e", 1), 1);
  std::int64_t lost = 0;
  ASSERT_EQ(read(tells[0], &lost, sizeof lost), static_cast<ssize_t>(sizeof lost));
  int status = 0;
  waitpid(child, &status, 0);
  for (const int descriptor : {ends[0], ends[1], tells[0], tells[1]}) close(descriptor);

  const std::int64_t stopped = std::chrono::nanoseconds(kStops * kStopped).count();
  EXPECT_GE(lost, stopped * 9 / 10);
}

}  // namespace
}  // namespace sb::engine
