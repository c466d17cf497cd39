#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "base/team.h"

namespace sb {
namespace {

// A team of so many threads, each doing what it is told.
class Teams {
 public:
  explicit Teams(std::int32_t size)
      : size_(size), hands_(std::make_unique<Hand[]>(static_cast<std::size_t>(size))) {}

  [[nodiscard]] Team member(std::int32_t index) {
    return {.index = index, .size = size_, .barrier = &barrier_, .hands = hands_.get()};
  }

 private:
  std::int32_t size_;
  Barrier barrier_{1, size_};
  std::unique_ptr<Hand[]> hands_;
};

TEST(Team, DealsEveryItemOnceInDealingAfterDealing) {
  constexpr std::int32_t kThreads = 3;
  constexpr std::int64_t kItems[] = {1, 0, 7, 64, 1000, 2};
  constexpr int kRounds = 200;
  Teams teams(kThreads);
  std::vector<std::atomic<int>> taken(1000);
  std::vector<std::thread> threads;
  for (std::int32_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      Team team = teams.member(i);
      for (int round = 0; round < kRounds; ++round) {
        const std::int64_t n = kItems[round % 6];
        team.deal(n, 1 + round % 5, [&](Range items) {
          for (std::int64_t item = items.begin; item < items.end; ++item) {
            ++taken[static_cast<std::size_t>(item)];
          }
        });
        ASSERT_TRUE(team.sync());
        for (std::int64_t item = i; item < n; item += kThreads) {
          ASSERT_EQ(taken[static_cast<std::size_t>(item)].exchange(0), 1) << round;
        }
        ASSERT_TRUE(team.sync());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(Team, OthersDoThePartOfAThreadThatHasNotCome) {
  Teams teams(2);
  Team present = teams.member(0);
  Team late = teams.member(1);
  std::vector<int> taken(10);
  const auto take = [&](Range items) {
    for (std::int64_t item = items.begin; item < items.end; ++item) {
      ++taken[static_cast<std::size_t>(item)];
    }
  };

  present.deal(10, 2, take);
  EXPECT_EQ(taken, std::vector<int>(10, 1));

  late.deal(10, 2, [](Range) { FAIL() << "nothing was left"; });
}

TEST(Team, AThreadReadsItsOwnPartFromTheFrontInShrinkingRunsAndOthersFromTheBack) {
  Teams teams(2);
  Team first = teams.member(0);
  std::vector<std::pair<std::int64_t, std::int64_t>> order;

  first.deal(18, 1, [&](Range items) { order.emplace_back(items.begin, items.end); });

  const std::vector<std::pair<std::int64_t, std::int64_t>> expected = {
      {0, 3},   {3, 5},   {5, 6},   {6, 7},   {7, 8},   {8, 9},   {17, 18}, {16, 17},
      {15, 16}, {14, 15}, {13, 14}, {12, 13}, {11, 12}, {10, 11}, {9, 10}};
  EXPECT_EQ(order, expected);
}

TEST(Team, ThePartsOfThreadsDifferByNoMoreThanAnItemHoweverLargeAPieceIs) {
  Teams teams(2);
  Team first = teams.member(0);
  std::vector<std::pair<std::int64_t, std::int64_t>> order;
  const auto take = [&](Range items) { order.emplace_back(items.begin, items.end); };

  first.deal(36, 25, take);
  first.deal(61, 25, take);

  const std::vector<std::pair<std::int64_t, std::int64_t>> expected = {
      {0, 18}, {18, 36}, {0, 15}, {15, 30}, {45, 61}, {30, 45}};
  EXPECT_EQ(order, expected);
}

TEST(Team, CountsDealingsBeyondTheirNumber) {
  Teams teams(2);
  Team team = teams.member(0);
  std::int64_t items = 0;
  constexpr int kDealings = 70'000;

  for (int i = 0; i < kDealings; ++i) {
    team.deal(2, 1, [&](Range piece) { items += piece.size(); });
  }

  EXPECT_EQ(items, 2 * kDealings);
}

// Numbers of dealings are the same again after 65 536: what a hand had at the first of them, with
// nothing but empty parts since, is not what it has at the second.
TEST(Team, APartIsDealtAgainAfterAsManyEmptyOnesAsThereAreNumbers) {
  Teams teams(2);
  Team team = teams.member(0);
  std::int64_t items = 0;
  const auto count = [&](Range piece) { items += piece.size(); };
  constexpr int kEmptyParts = 65'535;

  team.deal(2, 1, count);
  for (int i = 0; i < kEmptyParts; ++i) team.deal(1, 1, count);
  team.deal(2, 1, count);

  EXPECT_EQ(items, 2 + kEmptyParts + 2);
}

}  // namespace
}  // namespace sb
