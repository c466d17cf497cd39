// The host's time of what a device's clock has told.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>

#include "cuda/device_clock.h"

namespace sb::cuda::testing {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kAhead = 1'000 * kSecond;  // of the device's clock

// Work that the host asks for at a time of its own, and that begins and ends so much later.
DeviceClock::Stretch stretch(std::int64_t asked, std::int64_t before, std::int64_t lasts,
                             std::int64_t after, std::int64_t ahead = kAhead) {
  const auto begin = static_cast<std::uint64_t>(asked + before + ahead);
  return {asked, begin, begin + static_cast<std::uint64_t>(lasts), asked + before + lasts + after};
}

std::uint64_t at(std::int64_t host, std::int64_t ahead = kAhead) {
  return static_cast<std::uint64_t>(host + ahead);
}

TEST(DeviceClockTest, AStretchLiesInTheMiddleOfTheHostsWait) {
  DeviceClock clock;

  clock.add(stretch(5 * kSecond, 400, 1000, 200));

  EXPECT_EQ(clock.host_ns(at(5 * kSecond)), 5 * kSecond - 100);
}

TEST(DeviceClockTest, TheShortestWaitsOnEitherSideDecide) {
  DeviceClock clock;

  clock.add(stretch(5 * kSecond, 10, 1000, 900'000));
  clock.add(stretch(5 * kSecond + 1'000'000, 800'000, 1000, 30));
  clock.add(stretch(5 * kSecond + 3'000'000, 700'000, 1000, 700'000));

  // But for what the clocks may have drifted apart in three milliseconds.
  EXPECT_NEAR(static_cast<double>(clock.host_ns(at(6 * kSecond)) - 6 * kSecond), 10, 400);
}

TEST(DeviceClockTest, ADeviceWhoseClockRunsFasterIsFollowed) {
  DeviceClock clock;
  std::uint64_t random = 7;
  const auto wait = [&random] {
    random = random * 6364136223846793005U + 1442695040888963407U;
    return static_cast<std::int64_t>(random >> 48) + 4'000;  // to 70 us
  };

  for (std::int64_t i = 1; i < 10'000; ++i) {
    const std::int64_t asked = i * kSecond / 10;
    const std::int64_t ahead = kAhead + asked / 50'000;  // 20 of a million
    clock.add(stretch(asked, wait(), 20'000'000, wait(), ahead));

    EXPECT_LT(std::abs(clock.host_ns(at(asked, ahead)) - asked), 40'000) << i;
  }
}

TEST(DeviceClockTest, AClockThatIsSetAnewIsFollowedAtOnce) {
  for (const std::int64_t by : {-3 * kSecond, 3 * kSecond}) {
    DeviceClock clock;
    clock.add(stretch(5 * kSecond, 50, 1000, 50));

    clock.add(stretch(6 * kSecond, 50, 1000, 50, kAhead + by));

    EXPECT_EQ(clock.host_ns(at(6 * kSecond, kAhead + by)), 6 * kSecond);
  }
}

}  // namespace
}  // namespace sb::cuda::testing
