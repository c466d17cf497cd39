// What log-probabilities are worked out from has the bits of model::score() on the emulated device.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "cuda_testing.h"
#include "model/sampler.h"

namespace sb::cuda::testing {
namespace {

using model::RowScore;
using ops::testing::random_floats;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::uint32_t bits(float value) { return std::bit_cast<std::uint32_t>(value); }

struct Asked {
  std::int32_t token = 0;
  std::int32_t top = 0;
};

// As many rows as are asked for, of these logits in turn, in slices that begin there.
std::vector<RowScore> scored(const std::vector<std::vector<float>>& logits,
                             const std::vector<Asked>& asked,
                             const std::vector<std::int64_t>& begins = {0}) {
  const auto vocab = static_cast<std::int64_t>(logits.front().size());
  ScoreArgs args;
  std::vector<std::vector<float>> shares;
  for (std::size_t i = 0; i < begins.size(); ++i) {
    const std::int64_t end = i + 1 < begins.size() ? begins[i + 1] : vocab;
    std::vector<float> share;
    for (const std::vector<float>& row : logits) {
      share.insert(share.end(), row.begin() + begins[i], row.begin() + end);
    }
    shares.push_back(share);
    args.logits.slices[i] = {begins[i], end - begins[i], shares.back().data()};
  }
  args.logits.n_slices = static_cast<std::int32_t>(begins.size());
  args.vocab = vocab;
  args.rows = static_cast<std::int64_t>(asked.size());
  // Every other token is one that was sampled.
  std::vector<ScoreRow> rows;
  std::vector<std::int32_t> sampled(asked.size(), -1);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const auto at = static_cast<std::int32_t>(asked.size() - 1 - i);
    sampled[static_cast<std::size_t>(at)] = asked[i].token;
    rows.push_back({static_cast<std::int64_t>(i % logits.size()), i % 2 == 0 ? asked[i].token : -1,
                    at, asked[i].top});
  }
  args.row = rows.data();
  args.tokens = sampled.data();
  const auto parts = asked.size() * static_cast<std::size_t>(sample_parts(vocab));
  std::vector<float> maxima(parts, kNan);
  std::vector<double> sums(parts, static_cast<double>(kNan));
  std::vector<std::uint64_t> tops(parts * kScoreKept, ~std::uint64_t{0});
  std::vector<RowScore> scores(asked.size());
  args.room = {maxima.data(), sums.data(), tops.data()};
  args.scores = scores.data();
  score({}, args);
  return scores;
}

void expect_same(const RowScore& actual, const RowScore& expected) {
  EXPECT_EQ(std::bit_cast<std::uint64_t>(actual.sum), std::bit_cast<std::uint64_t>(expected.sum));
  EXPECT_EQ(bits(actual.maximum), bits(expected.maximum));
  EXPECT_EQ(bits(actual.logit), bits(expected.logit));
  for (std::int32_t i = 0; i < model::kMaxTopLogprobs; ++i) {
    EXPECT_EQ(actual.top_tokens[i], expected.top_tokens[i]) << i;
    EXPECT_EQ(bits(actual.top_logits[i]), bits(expected.top_logits[i])) << i;
  }
}

void expect_the_processors(const std::vector<std::vector<float>>& logits,
                           const std::vector<Asked>& asked,
                           const std::vector<std::int64_t>& begins = {0}) {
  const std::vector<RowScore> scores = scored(logits, asked, begins);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    SCOPED_TRACE(i);
    expect_same(scores[i], model::score(logits[i % logits.size()], asked[i].token, asked[i].top));
  }
}

// Runs and parts that are whole, short by some and by one, and one longer.
TEST(CudaScoringTest, EveryVocabularyGivesTheProcessorsBits) {
  for (const std::int32_t vocab : {1, 2, 15, 16, 17, 255, 256, 257, 700, 2047, 2048, 2049, 5000}) {
    SCOPED_TRACE(vocab);
    simt::seed(static_cast<std::uint64_t>(vocab));
    const auto number = static_cast<std::uint32_t>(vocab);
    expect_the_processors(
        {random_floats(vocab, number, 3.0F), random_floats(vocab, ~number, 0.1F)},
        {{0, 0}, {vocab - 1, model::kMaxTopLogprobs}, {vocab / 2, 1}, {vocab / 3, 0}, {0, 5}});
  }
}

TEST(CudaScoringTest, EqualLogitsAreRankedByTheirIdsAndZerosAreEqual) {
  std::vector<float> logits = random_floats(3000, 3, 2.0F);
  for (float& logit : logits) logit = std::min(std::round(logit), 0.0F);
  std::vector<float> zeros(2100, -0.0F);
  zeros[3] = zeros[2050] = 0.0F;
  zeros.resize(3000, -1.0F);

  expect_the_processors({logits, zeros},
                        {{17, 20}, {3, 20}, {2999, 3}, {2050, 0}, {0, 20}, {0, 4}});
}

TEST(CudaScoringTest, WhatIsNotFiniteIsAsTheProcessorHasIt) {
  std::vector<std::vector<float>> rows;
  for (const float value : {kNan, kInfinity, -kInfinity}) {
    rows.emplace_back(70, value);
    rows.push_back(random_floats(70, 6));
    rows.back()[0] = rows.back()[5] = rows.back()[66] = value;
    rows.emplace_back(70, value);
    rows.back()[40] = -2.0F;
  }

  expect_the_processors(rows, std::vector<Asked>(rows.size(), {5, 20}));
  expect_the_processors(rows, std::vector<Asked>(rows.size(), {40, 0}));
}

TEST(CudaScoringTest, SharesOfRanksAreOneVocabulary) {
  expect_the_processors({random_floats(2100, 5, 3.0F)}, {{0, 20}, {32, 0}, {33, 4}, {2099, 20}},
                        {0, 33, 2050});
}

// More parts than the last kernel merges at once; the best are in the first and in the last.
TEST(CudaScoringTest, TheBestOfManyPartsAreFound) {
  const std::int64_t vocab = 127 * kSamplePart + 50;
  std::vector<float> logits = random_floats(vocab, 9, 1.0F);
  for (std::int64_t i = 0; i < 6; ++i) {
    logits[static_cast<std::size_t>(i * 300)] = 9.0F + static_cast<float>(i);
    logits[static_cast<std::size_t>(vocab - 1 - i * 7)] = 9.5F + static_cast<float>(i);
  }

  expect_the_processors({logits}, {{0, 20}, {260'000, 0}});
}

TEST(CudaScoringTest, ATokenThatWasNotSampledHasNoLogit) {
  const std::vector<float> logits = random_floats(20, 1);
  const std::vector<std::vector<float>> rows = {logits, logits};

  const std::vector<RowScore> scores = scored(rows, {{3, 0}, {model::kNotFinite, 2}});

  EXPECT_EQ(scores[1].logit, 0.0F);
  EXPECT_EQ(scores[1].sum, scores[0].sum);
  EXPECT_EQ(scores[1].top_tokens[2], -1);
}

}  // namespace
}  // namespace sb::cuda::testing
