// Which steps are launched, recorded and repeated, by a runtime that only counts.
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "cuda/step_graphs.h"

namespace sb::cuda::testing {
namespace {

// Each graph has a number, the count of recordings before it.
struct Counts {
  std::int64_t recordings = 0;
  std::int64_t forgotten = 0;
  std::vector<std::int64_t> replayed;
  bool records = false;
  std::int32_t record_error = 0;
  std::int32_t seal_error = 0;
};
Counts counts;

Plugin counting() {
  Plugin plugin{};
  plugin.record = [](Stream) {
    counts.records = counts.record_error == 0;
    return counts.record_error;
  };
  plugin.seal = [](Stream, Graph* graph) {
    EXPECT_TRUE(counts.records);
    counts.records = false;
    if (counts.seal_error == 0) graph->handle = new std::int64_t(counts.recordings++);
    return counts.seal_error;
  };
  plugin.replay = [](Stream, Graph graph) {
    counts.replayed.push_back(*static_cast<std::int64_t*>(graph.handle));
    return 0;
  };
  plugin.forget = [](std::int32_t, Graph graph) {
    delete static_cast<std::int64_t*>(graph.handle);
    ++counts.forgotten;
  };
  return plugin;
}

class StepGraphsTest : public ::testing::Test {
 protected:
  StepGraphsTest() {
    counts = {};
    graphs_.bind(plugin_, 0, {});
  }

  // Whether its launches had to be made.
  bool launched(const std::vector<std::int32_t>& shape) {
    graphs_.begin(shape);
    const bool makes = !graphs_.knows();
    error_ = graphs_.start();
    if (error_ == 0) error_ = graphs_.finish();
    return makes;
  }

  Plugin plugin_ = counting();
  StepGraphs graphs_;
  std::int32_t error_ = 0;
};

TEST_F(StepGraphsTest, AShapeIsRecordedTheSecondTimeAndRepeatedThen) {
  EXPECT_TRUE(launched({1, 2}));
  EXPECT_TRUE(launched({1, 3}));
  EXPECT_EQ(counts.replayed.size(), 0U);
  EXPECT_TRUE(launched({1, 3}));
  EXPECT_TRUE(launched({1, 2}));
  EXPECT_FALSE(launched({1, 3}));
  EXPECT_FALSE(launched({1, 2}));

  EXPECT_EQ(counts.replayed, (std::vector<std::int64_t>{0, 1, 0, 1}));
}

TEST_F(StepGraphsTest, AStepWithoutAShapeIsLaunchedEveryTime) {
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(launched({}));

  EXPECT_EQ(counts.recordings, 0);
}

TEST_F(StepGraphsTest, TheOldestShapeMakesRoomForANewOne) {
  const auto count = static_cast<std::int32_t>(StepGraphs::kMost);
  for (std::int32_t i = 0; i < count; ++i) {
    for (int times = 0; times < 2; ++times) EXPECT_TRUE(launched({i}));
  }

  EXPECT_FALSE(launched({0}));
  EXPECT_TRUE(launched({count}));

  EXPECT_EQ(counts.forgotten, 1);
  EXPECT_FALSE(launched({1}));
  EXPECT_TRUE(launched({0}));
}

TEST_F(StepGraphsTest, AfterAnErrorEveryStepIsLaunched) {
  counts.seal_error = 2;
  EXPECT_TRUE(launched({1}));
  EXPECT_TRUE(launched({1}));
  EXPECT_EQ(error_, 2);

  counts.seal_error = 0;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(launched({1}));

  EXPECT_EQ(error_, 0);
  EXPECT_EQ(counts.recordings, 0);
}

TEST_F(StepGraphsTest, WhereRecordingCannotBeginNothingIsSealed) {
  counts.record_error = 7;
  EXPECT_TRUE(launched({1}));
  EXPECT_TRUE(launched({1}));

  EXPECT_EQ(error_, 7);
  EXPECT_TRUE(launched({1}));
  EXPECT_EQ(error_, 0);
}

}  // namespace
}  // namespace sb::cuda::testing
