// The emulated device itself: that it gives what the instructions are defined to give, and that
// what a kernel does wrong ends in a failure that says what and where.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "cuda/device.h"
#include "ops_testing.h"

namespace sb::cuda {
namespace {

using ops::testing::random_floats;

template <class Kernel>
void run(int threads, std::size_t shared, Kernel kernel) {
  simt::Shape shape;
  shape.threads = threads;
  shape.shared_bytes = shared;
  simt::run({"kernel under test", shape, kernel});
}

template <class Kernel>
std::string failure_of(int threads, std::size_t shared, Kernel kernel) {
  try {
    run(threads, shared, kernel);
  } catch (const simt::Failure& failure) {
    return failure.what();
  }
  return "none";
}

void expect_failure(const std::string& failure, const std::string& what) {
  EXPECT_NE(std::string::npos, failure.find(what)) << failure;
  EXPECT_NE(std::string::npos, failure.find("kernel under test, block 0,0,0")) << failure;
}

TEST(SimtTest, RunsEveryThreadOfEveryBlockOnceInAnOrderDrawnFromTheSeed) {
  const auto order = [](std::uint64_t seed) {
    std::vector<int> seen;
    simt::seed(seed);
    simt::Shape shape;
    shape.blocks[0] = 3;
    shape.blocks[1] = 2;
    shape.threads = 40;
    simt::run({"order", shape, [&] {
                 seen.push_back((block_y() * blocks_x() + block_x()) * block_threads() +
                                thread_id());
               }});
    return seen;
  };
  std::vector<int> seen = order(1);
  EXPECT_EQ(order(1), seen);
  EXPECT_NE(order(2), seen);
  std::sort(seen.begin(), seen.end());
  std::vector<int> all(240);
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(all, seen);
}

TEST(SimtTest, ABarrierLetsNobodyPassBeforeAllHaveArrived) {
  int arrived = 0;
  run(100, 0, [&] {
    ++arrived;
    block_barrier();
    if (arrived != 100) simt::fail("went through");
    block_barrier();
    ++arrived;
  });
  EXPECT_EQ(200, arrived);
}

TEST(SimtTest, WithoutABarrierAThreadReadsWhatIsNotThereYet) {
  bool missed = false;
  run(64, 64 * sizeof(float), [&] {
    auto* values = shared_at<float>(0);
    values[thread_id()] = 1;
    if (std::isnan(values[63 - thread_id()])) missed = true;
  });
  EXPECT_TRUE(missed);
}

TEST(SimtTest, SharedMemoryHoldsNotANumbersAtTheStartOfEveryBlock) {
  simt::Shape shape;
  shape.blocks[0] = 4;
  shape.shared_bytes = 12;
  simt::run({"poison", shape, [] {
               auto* values = shared_at<float>(0);
               if (!std::isnan(values[0]) || !std::isnan(values[2])) simt::fail("found something");
               values[0] = values[2] = 1;
             }});
}

// Two kernels of four blocks, of which the second begins before the first has run.
void run_both(const std::function<void()>& first, const std::function<void()>& second) {
  simt::Shape shape;
  shape.blocks[0] = 4;
  shape.threads = 40;
  shape.awaits_launch_before = true;
  simt::Begun one({"first", shape, first});
  simt::Begun two({"second", shape, second});
  one.finish();
  two.finish();
}

TEST(SimtTest, AKernelBeginsUnderTheEndOfTheOneBeforeAndAwaitsIt) {
  int given[4] = {};
  int early = 0;
  int late = 0;
  run_both(
      [&] {
        await_launch_before();
        given[block_x()] = 7;
      },
      [&] {
        early += given[block_x()];
        block_barrier();
        await_launch_before();
        late += given[block_x()];
      });
  EXPECT_EQ(3 * 40 * 7, early) << "a block reads before the first kernel has run";
  EXPECT_EQ(4 * 40 * 7, late);
}

TEST(SimtTest, WhatAKernelWritesTooEarlyTheOneBeforeReads) {
  int value = 1;
  int read = 0;
  run_both(
      [&] {
        await_launch_before();
        read += value;
      },
      [&] {
        value = 2;
        await_launch_before();
      });
  EXPECT_EQ(4 * 40 * 2, read);
}

TEST(SimtTest, WhatACopyAsksForTooEarlyIsOld) {
  alignas(16) float given[4] = {1, 1, 1, 1};
  float sum = 0;
  simt::Shape shape;
  shape.shared_bytes = 16;
  shape.awaits_launch_before = true;
  simt::Begun one({"first", shape, [&] {
                     await_launch_before();
                     given[0] = 7;
                   }});
  simt::Begun two({"second", shape, [&] {
                     copy_async<16>(shared_at<float>(0), given);
                     commit_copies();
                     await_launch_before();
                     wait_copies<0>();
                     sum = *shared_at<float>(0) + given[0];
                   }});
  one.finish();
  two.finish();
  EXPECT_EQ(1 + 7, sum);
}

TEST(SimtTest, EveryThreadAwaitsTheLaunchBefore) {
  try {
    run_both([] { await_launch_before(); },
             [] {
               if (thread_id() != 33) await_launch_before();
             });
    FAIL() << "went on";
  } catch (const simt::Failure& failure) {
    const std::string what = failure.what();
    EXPECT_NE(std::string::npos, what.find("simt: second, block ")) << what;
    EXPECT_NE(std::string::npos,
              what.find("thread 33 ends without having awaited the launch before"))
        << what;
  }
}

TEST(SimtTest, LanesExchangeWithinTheirMask) {
  int sums[64] = {};
  float trees[64] = {};
  unsigned votes[64] = {};
  int swapped[64] = {};
  const std::vector<float> values = random_floats(64, 3);
  run(64, 0, [&] {
    const int i = thread_id();
    const unsigned half = i % 32 < 16 ? 0xffffu : 0xffff0000u;
    sums[i] = warp_sum(half, i);
    trees[i] = half_warp_sum(half, values[static_cast<std::size_t>(i)]);
    votes[i] = warp_ballot(kAllLanes, i % 3 == 0);
    swapped[i] = shuffle_xor(kAllLanes, i, 5);
    if (warp_max(kAllLanes, static_cast<unsigned>(i)) != (i < 32 ? 31u : 63u)) simt::fail("max");
    warp_barrier(kAllLanes);
  });
  for (int i = 0; i < 64; ++i) {
    EXPECT_EQ(i / 16 * 256 + 120, sums[i]);
    EXPECT_EQ(i ^ 5, swapped[i]);
    EXPECT_EQ(i < 32 ? 0x49249249u : 0x92492492u, votes[i]);
    float lanes[16];
    std::copy_n(values.begin() + i / 16 * 16, 16, lanes);
    for (int half = 8; half > 0; half /= 2) {
      for (int j = 0; j < half; ++j) lanes[j] += lanes[j + half];
    }
    EXPECT_EQ(lanes[0], trees[i]);
  }
}

TEST(SimtTest, ACopyLandsWhenItIsWaitedForAndNotBefore) {
  alignas(16) float from[12];
  std::iota(from, from + 12, 1.0f);
  run(1, 48, [&] {
    auto* to = shared_at<float>(0);
    copy_async<16>(to, from);
    commit_copies();
    copy_async<16>(to + 4, from + 4, 8);
    copy_async<4>(to + 8, from + 8);
    commit_copies();
    if (!std::isnan(to[0])) simt::fail("landed at once");
    wait_copies<1>();
    if (to[0] != 1 || to[3] != 4) simt::fail("the first group did not land");
    if (!std::isnan(to[4])) simt::fail("the second group landed with the first");
    wait_copies<0>();
    if (to[4] != 5 || to[5] != 6 || to[6] != 0 || to[7] != 0 || to[8] != 9) {
      simt::fail("the second group did not land");
    }
  });
}

TEST(SimtTest, BytesAreMultipliedUnsignedBySigned) {
  EXPECT_EQ(7 + 255 * -128 + 1 * 2 + 200 * 127 + 0, dot4(0x00c801ffu, 0x057f0280u, 7));
  EXPECT_EQ(0x44112233u, pick_bytes(0x33221100u, 0x77665544u, 0x4123u));
}

// c += a b by the manual's tables of who holds what.
TEST(SimtTest, IntegerTensorCoresMultiplyFragments) {
  std::uint8_t a[16][32];
  std::int8_t b[32][8];
  for (int i = 0; i < 512; ++i) a[i / 32][i % 32] = static_cast<std::uint8_t>(i * 37 % 256);
  for (int i = 0; i < 256; ++i) b[i / 8][i % 8] = static_cast<std::int8_t>(i * 91 % 256 - 128);
  run(32, 0, [&] {
    const int g = thread_id() / 4;
    const int t = thread_id() % 4;
    const auto a_word = [&](int row, int k) {
      std::uint32_t word;
      std::memcpy(&word, &a[row][k], 4);
      return word;
    };
    const auto b_word = [&](int k) {
      std::uint32_t word = 0;
      for (int i = 0; i < 4; ++i)
        word |= static_cast<std::uint32_t>(static_cast<std::uint8_t>(b[k + i][g])) << (8 * i);
      return word;
    };
    int c[4] = {1, 2, 3, 4};
    mma_k32(
        c,
        {a_word(g, 4 * t), a_word(g + 8, 4 * t), a_word(g, 16 + 4 * t), a_word(g + 8, 16 + 4 * t)},
        {b_word(4 * t), b_word(16 + 4 * t)});
    int first[4] = {};
    mma_k16(first, {a_word(g, 4 * t), a_word(g + 8, 4 * t)}, {b_word(4 * t)});
    for (int j = 0; j < 4; ++j) {
      int sums[2] = {};
      for (int k = 0; k < 32; ++k) sums[k / 16] += a[g + j / 2 * 8][k] * b[k][2 * t + j % 2];
      if (c[j] != j + 1 + sums[0] + sums[1] || first[j] != sums[0]) simt::fail("wrong sum");
    }
  });
}

TEST(SimtTest, FloatTensorCoresMultiplyWhatIsLoadedTransposed) {
  const std::vector<float> values = random_floats(16 * 16, 5);
  const std::vector<float> tokens = random_floats(8 * 16, 6);
  run(32, 16 * 16 * 2, [&] {
    auto* columns = shared_at<std::uint16_t>(0);  // [column][row]
    for (int i = thread_id(); i < 256; i += 32) {
      columns[i] = half_of_float(values[static_cast<std::size_t>(i)]);
    }
    warp_barrier(kAllLanes);
    const int lane = thread_id();
    std::uint32_t a[4];
    load_transposed(a, columns + (lane % 8 + lane / 16 * 8) * 16 + lane / 8 % 2 * 8);
    const auto b_pair = [&](int k) {
      const auto at = static_cast<std::size_t>(lane / 4 * 16 + k);
      return half_of_float(tokens[at]) | static_cast<std::uint32_t>(half_of_float(tokens[at + 1]))
                                             << 16;
    };
    float c[4] = {};
    mma_half(c, a, {b_pair(lane % 4 * 2), b_pair(lane % 4 * 2 + 8)});
    for (int j = 0; j < 4; ++j) {
      double sum = 0;
      for (int k = 0; k < 16; ++k) {
        sum += static_cast<double>(float_of_half(columns[k * 16 + lane / 4 + j / 2 * 8])) *
               static_cast<double>(float_of_half(half_of_float(
                   tokens[static_cast<std::size_t>((lane % 4 * 2 + j % 2) * 16 + k)])));
      }
      if (c[j] != static_cast<float>(sum)) simt::fail("wrong sum");
    }
  });
}

TEST(SimtTest, ThreadsAtDifferentBarriersFail) {
  expect_failure(failure_of(64, 0,
                            [] {
                              if (thread_id() < 32) {
                                block_barrier();
                              } else {
                                block_barrier();
                              }
                            }),
                 "is at the barrier simt_machine_test.cc:");
}

TEST(SimtTest, AThreadThatEndsWhileOthersAreAtABarrierFails) {
  const std::string failure = failure_of(64, 0, [] {
    if (thread_id() != 7) block_barrier();
  });
  expect_failure(failure, "barrier");
}

TEST(SimtTest, LanesThatNobodyComesToMeetFail) {
  expect_failure(failure_of(32, 0,
                            [] {
                              if (thread_id() != 3) warp_barrier(kAllLanes);
                            }),
                 "threads wait forever: warp barrier at simt_machine_test.cc:");
}

TEST(SimtTest, WrongMasksFail) {
  expect_failure(failure_of(32, 0, [] { static_cast<void>(warp_sum(1u << (thread_id() ^ 1), 0)); }),
                 "is not in the mask of its sum");
  expect_failure(failure_of(16, 0, [] { static_cast<void>(warp_sum(kAllLanes, 0)); }),
                 "has lanes that do not exist");
  expect_failure(
      failure_of(32, 0,
                 [] { static_cast<void>(warp_sum(thread_id() < 9 ? kAllLanes : 0xfffffe00u, 0)); }),
      "threads wait forever: sum at simt_machine_test.cc:");
  expect_failure(
      failure_of(32, 0,
                 [] { static_cast<void>(shuffle_xor(0xffffu << (thread_id() / 16 * 16), 1, 16)); }),
      "exchanges with a lane outside its mask");
}

TEST(SimtTest, CopiesThatAreForgottenOrGoElsewhereFail) {
  alignas(16) float from[4] = {};
  expect_failure(failure_of(1, 16, [&] { copy_async<16>(shared_at<float>(0), from); }),
                 "ends with copies that were not waited for");
  expect_failure(failure_of(1, 16, [&] { copy_async<16>(shared_at<float>(16), from); }),
                 "copies to outside its shared memory");
  expect_failure(failure_of(1, 32, [&] { copy_async<16>(shared_at<float>(4), from); }),
                 "not aligned");
}

TEST(SimtTest, AMatrixThatOtherLanesCopiedNeedsABarrierBeforeItIsLoaded) {
  alignas(16) std::uint16_t from[8 * 32] = {};
  const auto kernel = [&](bool meets) {
    auto* rows = shared_at<std::uint16_t>(0) + 8 * thread_id();
    copy_async<16>(rows, from + 8 * thread_id());
    commit_copies();
    wait_copies<0>();
    if (meets) warp_barrier(kAllLanes);
    std::uint32_t out[4];
    load_transposed(out, rows);
  };
  EXPECT_EQ("none", failure_of(32, 512, [&] { kernel(true); }));
  expect_failure(failure_of(32, 512, [&] { kernel(false); }), "no barrier was between");
}

TEST(SimtTest, ALaunchAfterAFailureIsWhole) {
  expect_failure(failure_of(64, 0,
                            [] {
                              if (thread_id() == 5) simt::fail("is wrong");
                              block_barrier();
                            }),
                 "thread 5 is wrong");
  int ran = 0;
  run(64, 0, [&] {
    block_barrier();
    ++ran;
  });
  EXPECT_EQ(64, ran);
}

TEST(SimtTest, WritingBeforeSharedMemoryFails) {
  expect_failure(failure_of(1, 16, [] { *(shared_at<volatile float>(0) - 1) = 1; }),
                 "wrote before its shared memory");
}

TEST(SimtDeathTest, UsingSharedMemoryPastItsEndEndsTheProgram) {
  EXPECT_DEATH(run(2, 16, [] { shared_at<volatile float>(0)[4 + thread_id()] = 1; }),
               "shared memory of 16 bytes used at|SEGV");
}

TEST(SimtTest, TooManyThreadsFail) {
  EXPECT_NE("none", failure_of(1025, 0, [] {}));
}

}  // namespace
}  // namespace sb::cuda
