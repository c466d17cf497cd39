#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <vector>

#include "model/philox.h"
#include "model/sampler.h"
#include "model/token_counts.h"

namespace sb::model {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

class Sampler {
 public:
  explicit Sampler(std::vector<float> logits)
      : logits_(std::move(logits)), adjusted_(logits_.size()), candidates_(logits_.size()) {
    scratch_.adjusted = adjusted_;
    scratch_.candidates = candidates_;
  }

  std::int32_t draw(const SamplingParameters& parameters, std::uint64_t position = 0) {
    SamplingInput input{logits_, &parameters, seen, bias, position, mask};
    return sample(input, scratch_);
  }

  // How often each token is drawn over many positions, as shares.
  std::map<std::int32_t, double> shares(const SamplingParameters& parameters, int draws = 20000) {
    std::map<std::int32_t, double> shares;
    for (int i = 0; i < draws; ++i) {
      shares[draw(parameters, static_cast<std::uint64_t>(i))] += 1.0 / draws;
    }
    return shares;
  }

  std::vector<TokenCount> seen;
  std::vector<LogitBias> bias;
  std::vector<std::uint64_t> mask;

 private:
  std::vector<float> logits_;
  std::vector<float> adjusted_;
  std::vector<SamplerScratch::Candidate> candidates_;
  SamplerScratch scratch_;
};

SamplingParameters at_temperature(float temperature) {
  SamplingParameters parameters;
  parameters.temperature = temperature;
  parameters.seed = 42;
  return parameters;
}

TEST(Philox, GivesThePublishedVectors) {
  EXPECT_EQ(philox4x32(0, {0, 0, 0, 0}),
            (PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32(0xffffffffffffffff, {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}),
            (PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32(0x299f31d0a4093822, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}),
            (PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Sampler, GreedyTakesTheLowestIdOfEqualLogits) {
  std::vector<float> logits(40, 1.0F);
  logits[7] = logits[23] = logits[39] = 5.0F;

  EXPECT_EQ(Sampler(logits).draw(SamplingParameters{}), 7);
}

TEST(Sampler, DrawsInProportionToTheProbabilities) {
  Sampler sampler({std::log(0.5F), std::log(0.3F), std::log(0.15F), std::log(0.05F)});

  const auto shares = sampler.shares(at_temperature(1));

  EXPECT_NEAR(shares.at(0), 0.5, 0.015);
  EXPECT_NEAR(shares.at(1), 0.3, 0.015);
  EXPECT_NEAR(shares.at(2), 0.15, 0.015);
  EXPECT_NEAR(shares.at(3), 0.05, 0.01);
}

TEST(Sampler, TemperatureFlattensOrSharpens) {
  Sampler sampler({std::log(0.8F), std::log(0.2F)});

  // p^(1/T), normalised: 0.8^2 / (0.8^2 + 0.2^2), and the square roots.
  EXPECT_NEAR(sampler.shares(at_temperature(0.5F)).at(0), 16.0 / 17.0, 0.01);
  EXPECT_NEAR(sampler.shares(at_temperature(2)).at(0), 2.0 / 3.0, 0.015);
}

TEST(Sampler, SeedAndPositionDecideTheDraw) {
  Sampler sampler(std::vector<float>(1000, 0.0F));
  SamplingParameters other_seed = at_temperature(1);
  other_seed.seed = 43;

  const std::int32_t drawn = sampler.draw(at_temperature(1), 5);

  EXPECT_EQ(sampler.draw(at_temperature(1), 5), drawn);
  EXPECT_NE(sampler.draw(at_temperature(1), 6), drawn);
  EXPECT_NE(sampler.draw(other_seed, 5), drawn);
}

TEST(Sampler, TopKKeepsTheKLargestAndTheLowerIdsOfEquals) {
  Sampler sampler({1, 3, 2, 3, 3, 0});
  SamplingParameters parameters = at_temperature(1);
  parameters.top_k = 2;

  const auto shares = sampler.shares(parameters);

  EXPECT_EQ(shares.size(), 2U);
  EXPECT_NEAR(shares.at(1), 0.5, 0.015);
  EXPECT_NEAR(shares.at(3), 0.5, 0.015);
}

TEST(Sampler, TopPKeepsTheFewestThatReachIt) {
  Sampler sampler({std::log(0.15F), std::log(0.5F), std::log(0.3F), std::log(0.05F)});
  SamplingParameters parameters = at_temperature(1);
  parameters.top_p = 0.7F;

  const auto shares = sampler.shares(parameters);

  EXPECT_EQ(shares.size(), 2U);
  EXPECT_NEAR(shares.at(1), 0.625, 0.015);
  EXPECT_NEAR(shares.at(2), 0.375, 0.015);
}

TEST(Sampler, TopPReachesFarIntoALargeVocabulary) {
  std::vector<float> logits(5000);
  for (std::size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<float>(i % 7) * 1e-3F;
  Sampler sampler(logits);
  SamplingParameters parameters = at_temperature(1);
  parameters.top_p = 0.5F;

  const auto shares = sampler.shares(parameters, 200);

  // Nearly uniform, so half of the mass is half of the tokens: those of the larger logits.
  for (const auto& [token, share] : shares) EXPECT_GE(token % 7, 3);
}

TEST(Sampler, MinPKeepsTokensNearlyAsLikelyAsTheBest) {
  Sampler sampler({std::log(0.5F), std::log(0.3F), std::log(0.15F), std::log(0.05F)});
  SamplingParameters parameters = at_temperature(1);
  parameters.min_p = 0.25F;

  const auto shares = sampler.shares(parameters);

  EXPECT_EQ(shares.size(), 3U);
  EXPECT_NEAR(shares.at(0), 0.5 / 0.95, 0.015);
}

TEST(Sampler, RepetitionPenaltyDividesPositiveAndMultipliesNegativeLogits) {
  Sampler positive({2.0F, 1.5F});
  Sampler negative({-1.0F, -1.5F});
  positive.seen = negative.seen = {{0, 0}};
  SamplingParameters parameters;
  parameters.repetition_penalty = 2;

  EXPECT_EQ(positive.draw(parameters), 1);
  EXPECT_EQ(negative.draw(parameters), 1);
}

TEST(Sampler, PresenceAndFrequencyCountOutputOnly) {
  Sampler sampler({2.0F, 1.9F, 1.0F});
  SamplingParameters presence;
  presence.presence_penalty = 0.5F;
  SamplingParameters frequency;
  frequency.frequency_penalty = 0.2F;

  sampler.seen = {{0, 0}};
  EXPECT_EQ(sampler.draw(presence), 0);
  sampler.seen = {{0, 1}};
  EXPECT_EQ(sampler.draw(presence), 1);
  EXPECT_EQ(sampler.draw(frequency), 1);
  sampler.seen = {{0, 6}, {1, 5}};
  EXPECT_EQ(sampler.draw(presence), 0);
  EXPECT_EQ(sampler.draw(frequency), 2);
}

TEST(Sampler, BiasMovesForcesAndForbids) {
  Sampler sampler({2.0F, 1.0F, 0.0F});
  sampler.bias = {{2, 5.0F}};
  EXPECT_EQ(sampler.draw(SamplingParameters{}), 2);

  sampler.bias = {{0, -kInfinity}};
  const auto shares = sampler.shares(at_temperature(1));

  EXPECT_EQ(shares.count(0), 0U);
  EXPECT_EQ(shares.size(), 2U);
}

TEST(Sampler, ForbiddingEverythingStillGivesAToken) {
  Sampler sampler({1.0F, 2.0F});
  sampler.bias = {{0, -kInfinity}, {1, -kInfinity}};

  EXPECT_EQ(sampler.draw(at_temperature(1)), 0);
  EXPECT_EQ(sampler.draw(SamplingParameters{}), 0);
}

TEST(Sampler, AmongLogitsThatAreNoNumbersTheOneThatIsCounts) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  Sampler sampler({nan, 1.0F, nan});

  EXPECT_EQ(sampler.draw(SamplingParameters{}), 1);
  EXPECT_EQ(sampler.draw(at_temperature(1)), 1);
}

TEST(Sampler, LogitsThatAreNotFiniteGiveNoToken) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const float value : {nan, kInfinity, -kInfinity}) {
    Sampler sampler({value, value, value});

    EXPECT_EQ(sampler.draw(SamplingParameters{}), kNotFinite);
    EXPECT_EQ(sampler.draw(at_temperature(1)), kNotFinite);
    sampler.mask.assign(1, 0b010);
    EXPECT_EQ(sampler.draw(at_temperature(1)), kNotFinite);
  }
  EXPECT_EQ(Sampler({1.0F, kInfinity}).draw(at_temperature(1)), kNotFinite);
}

TEST(Normaliser, AgreesWithExactArithmetic) {
  std::vector<float> logits(50001);
  for (std::size_t i = 0; i < logits.size(); ++i) {
    logits[i] = 12 * std::sin(static_cast<float>(i) * 0.37F) - 30;
  }
  double total = 0;
  for (const float logit : logits) total += std::exp(static_cast<double>(logit));

  const Normaliser normaliser = Normaliser::of(logits);

  for (const std::size_t i : {std::size_t{0}, std::size_t{17}, std::size_t{50000}}) {
    const double exact = static_cast<double>(logits[i]) - std::log(total);
    EXPECT_NEAR(static_cast<double>(normaliser.log_probability(logits[i])), exact, 1e-5);
  }
}

TEST(Sampler, DrawsOnlyWhatTheMaskAllows) {
  std::vector<float> logits(150, 0.0F);
  logits[3] = 9.0F;
  Sampler sampler(logits);
  sampler.mask = {std::uint64_t{1} << 5, 0, std::uint64_t{1} << 21};

  const auto shares = sampler.shares(at_temperature(1));

  ASSERT_EQ(shares.size(), 2U);
  EXPECT_NEAR(shares.at(5), 0.5, 0.015);
  EXPECT_NEAR(shares.at(149), 0.5, 0.015);
  EXPECT_EQ(sampler.draw(SamplingParameters{}), 5);
}

TEST(Sampler, AMaskedTokenStaysMaskedWhateverPenaltiesAndBiasSay) {
  Sampler sampler({4.0F, 1.0F, 2.0F});
  sampler.mask.push_back(0b110);
  sampler.seen = {{0, 1}, {2, 1}};
  sampler.bias = {{0, 100.0F}};
  SamplingParameters parameters;
  parameters.presence_penalty = -50;
  parameters.repetition_penalty = 0.1F;

  EXPECT_EQ(sampler.draw(parameters), 2);
}

TEST(TopTokens, AreSortedWithTiesByLowerId) {
  const std::vector<float> logits = {1, 5, 3, 5, -1, 3};
  std::vector<std::int32_t> tokens(4);
  std::vector<std::int32_t> all(20);

  EXPECT_EQ(top_tokens(logits, tokens), 4U);
  EXPECT_EQ(tokens, (std::vector<std::int32_t>{1, 3, 2, 5}));
  EXPECT_EQ(top_tokens(logits, all), 6U);
  EXPECT_EQ(all[5], 4);
}

TEST(TopTokens, AreNumbersFirst) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> logits = {nan, 1, -kInfinity, nan, 2};
  std::vector<std::int32_t> tokens(5);

  EXPECT_EQ(top_tokens(logits, tokens), 5U);
  EXPECT_EQ(tokens, (std::vector<std::int32_t>{4, 1, 0, 2, 3}));
}

TEST(Score, HasTheTokensLogitAndTheBestOnes) {
  const std::vector<float> logits = {1, 5, 3, 5, -1};

  const RowScore some = score(logits, 2, 3);
  const RowScore all = score(logits, 2, kMaxTopLogprobs);

  EXPECT_EQ(some.maximum, 5);
  EXPECT_EQ(some.logit, 3);
  EXPECT_NEAR(some.sum, 2 + std::exp(-2.0) + std::exp(-4.0) + std::exp(-6.0), 1e-6);
  EXPECT_EQ(some.top_tokens[2], 2);
  EXPECT_EQ(some.top_logits[2], 3);
  EXPECT_EQ(some.top_tokens[3], -1);
  EXPECT_EQ(all.top_tokens[4], 4);
  EXPECT_EQ(all.top_tokens[5], -1);
}

TEST(Score, OfTwoZerosTheLargestHasNoSign) {
  const RowScore first = score(std::vector<float>{-0.0F, 0.0F, -0.0F}, 0, 0);
  const RowScore last = score(std::vector<float>{0.0F, -0.0F, -0.0F}, 0, 0);

  EXPECT_FALSE(std::signbit(first.maximum));
  EXPECT_FALSE(std::signbit(last.maximum));
  EXPECT_EQ(first.sum, last.sum);
}

TEST(TokenCounts, TellPromptFromOutput) {
  std::vector<TokenCount> storage(10);
  TokenCounts counts(storage);
  const std::vector<std::int32_t> history = {9, 4, 9, 4, 7};

  counts.reset(history, 3);
  counts.add(9);
  counts.add(2);

  ASSERT_EQ(counts.entries().size(), 4U);
  const std::vector<std::pair<std::int32_t, std::int32_t>> expected = {
      {2, 1}, {4, 1}, {7, 1}, {9, 1}};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(counts.entries()[i].token, expected[i].first);
    EXPECT_EQ(counts.entries()[i].outputs, expected[i].second);
  }
}

TEST(TokenCounts, WithoutRoomDropNewTokensOnly) {
  std::vector<TokenCount> storage(2);
  TokenCounts counts(storage);
  counts.add(5);
  counts.add(3);
  counts.add(4);
  counts.add(5);

  ASSERT_EQ(counts.entries().size(), 2U);
  EXPECT_EQ(counts.entries()[0].token, 3);
  EXPECT_EQ(counts.entries()[1].outputs, 2);
}

}  // namespace
}  // namespace sb::model
