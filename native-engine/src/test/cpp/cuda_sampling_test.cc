// Sampling on the emulated device gives the tokens of model::sample().
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "cuda/device_sampler.h"
#include "cuda_testing.h"
#include "model/sampler.h"

namespace sb::cuda::testing {
namespace {

using model::LogitBias;
using model::SamplingParameters;
using model::TokenCount;
using ops::testing::random_floats;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr std::int32_t kRows = 64;

// A row of logits and how it is sampled.
struct Case {
  std::vector<float> logits;
  SamplingParameters parameters;
  std::uint64_t position = 0;
  std::vector<TokenCount> seen = {};
  std::vector<LogitBias> bias = {};
  std::vector<std::uint64_t> mask = {};
  std::int32_t uncounted = -1;  // an output that is not among those seen; -1: there is none

  [[nodiscard]] model::SamplingInput input() const {
    return {logits, &parameters, seen, bias, position, mask};
  }
  [[nodiscard]] std::int32_t expected() const {
    std::vector<TokenCount> counted = seen;
    if (uncounted >= 0) count(counted);
    model::SamplingInput all = input();
    all.seen = counted;
    std::vector<float> adjusted(logits.size());
    std::vector<model::SamplerScratch::Candidate> candidates(logits.size());
    model::SamplerScratch scratch;
    scratch.adjusted = adjusted;
    scratch.candidates = candidates;
    return model::sample(all, scratch);
  }

 private:
  void count(std::vector<TokenCount>& counted) const {
    const auto at = std::find_if(counted.begin(), counted.end(),
                                 [&](const TokenCount& each) { return each.token >= uncounted; });
    if (at != counted.end() && at->token == uncounted) {
      ++at->outputs;
    } else {
      counted.insert(at, {uncounted, 1});
    }
  }
};

// As an engine's rank does: all cases in one call, in memory that is planned as its is. The logits
// lie in slices that begin there. Every second token is also a row's last one. Without a search,
// what the kept keys do not decide stays undecided.
std::vector<std::int32_t> sampled(const std::vector<Case>& cases,
                                  const std::vector<std::int64_t>& begins = {0},
                                  bool searches = true) {
  const auto vocab = static_cast<std::int64_t>(cases.front().logits.size());
  std::vector<std::vector<float>> parts;
  SlicedLogits logits;
  logits.n_slices = static_cast<std::int32_t>(begins.size());
  for (std::size_t i = 0; i < begins.size(); ++i) {
    const std::int64_t end = i + 1 < begins.size() ? begins[i + 1] : vocab;
    std::vector<float> part;
    for (const Case& each : cases) {
      part.insert(part.end(), each.logits.begin() + begins[i], each.logits.begin() + end);
    }
    parts.push_back(part);
    logits.slices[i] = {begins[i], end - begins[i], parts.back().data()};
  }
  DeviceSampler sampler;
  Carver host, device;
  sampler.lay_out(host, device, kRows, static_cast<std::int32_t>(vocab));
  std::vector<std::byte> host_memory(host.used()), device_memory(device.used(), std::byte{0xff});
  host = Carver(host_memory.data());
  device = Carver(device_memory.data());
  sampler.lay_out(host, device, kRows, static_cast<std::int32_t>(vocab));
  std::vector<model::Choice> choices;
  std::vector<std::int32_t> last(kRows, -9);
  for (const Case& each : cases) {
    const auto row = static_cast<std::int32_t>(choices.size());
    const std::int32_t own = kRows - 1 - row;
    last[static_cast<std::size_t>(own)] = each.uncounted;
    choices.push_back({row, each.input(), row % 2 == 0 ? own : -1, each.uncounted < 0 ? -1 : own});
  }
  std::vector<std::int32_t> expected_last = last;
  Plugin plugin{};
  plugin.sample = sample;
  if (!searches) {
    plugin.sample = [](Stream stream, const SampleArgs& args) {
      SampleArgs kept = args;
      kept.sorts = false;
      sample(stream, kept);
    };
  }
  plugin.copy_in = [](Stream, void* to, const void* from, std::size_t bytes) {
    std::memcpy(to, from, bytes);
    return 0;
  };
  plugin.copy_out = [](Stream, void* to, std::size_t, const void* from, std::size_t,
                       std::size_t bytes, std::size_t) {
    std::memcpy(to, from, bytes);
    return 0;
  };
  std::vector<std::int32_t> tokens(cases.size(), -7);
  const model::RowWork work{choices, tokens, {}, {}};
  EXPECT_EQ(sampler.sample(plugin, {}, logits, work, 1, last.data()), 0);
  sampler.take(work, 1);
  for (std::size_t i = 0; i < tokens.size(); i += 2) {
    expected_last[kRows - 1 - i] = std::max(tokens[i], 0);
  }
  EXPECT_EQ(last, expected_last);
  return tokens;
}

std::vector<std::int32_t> expected(const std::vector<Case>& cases) {
  std::vector<std::int32_t> tokens;
  for (const Case& each : cases) tokens.push_back(each.expected());
  return tokens;
}

struct Cuts {
  float temperature;
  std::int32_t top_k = 0;
  float top_p = 1;
  float min_p = 0;
};

constexpr Cuts kCuts[] = {{0},
                          {1},
                          {0.3F},
                          {1000},
                          {1, 0, 1, 0.2F},
                          {1, 40},
                          {1, 1},
                          {0.7F, 1 << 20},
                          {1, 0, 0.9F},
                          {0.8F, 0, 1e-6F},
                          {0.9F, 50, 0.8F},
                          {1.3F, 200, 0.95F, 0.05F},
                          {1.3F, 0, 0.99F, 0.3F}};

SamplingParameters parameters_of(const Cuts& cuts) {
  SamplingParameters parameters;
  parameters.temperature = cuts.temperature;
  parameters.top_k = cuts.top_k;
  parameters.top_p = cuts.top_p;
  parameters.min_p = cuts.min_p;
  parameters.seed = 42;
  return parameters;
}

std::vector<Case> cases_of(const std::vector<float>& logits) {
  std::vector<Case> cases;
  for (const Cuts& cuts : kCuts) {
    for (std::uint64_t position = 0; position < 4; ++position) {
      cases.push_back({logits, parameters_of(cuts), position * 1000 + cases.size()});
    }
  }
  return cases;
}

// Of two parts and fewer all keys are kept, so nothing is undecided.
TEST(CudaSamplingTest, EveryCutGivesTheProcessorsTokens) {
  for (const std::int64_t vocab : {1, 2, 97, 700, 2048, 2049, 4096}) {
    SCOPED_TRACE(vocab);
    simt::seed(static_cast<std::uint64_t>(vocab));
    const auto cases = cases_of(random_floats(vocab, static_cast<std::uint32_t>(vocab), 3.0F));

    EXPECT_EQ(sampled(cases), expected(cases));
    EXPECT_EQ(sampled(cases, {0}, false), expected(cases));
  }
}

TEST(CudaSamplingTest, EqualLogitsAreTakenByTheirIds) {
  std::vector<float> logits = random_floats(3000, 3, 2.0F);
  for (float& logit : logits) logit = std::round(logit);
  const auto cases = cases_of(logits);

  EXPECT_EQ(sampled(cases), expected(cases));
}

// A mask that forbids most, penalties of prompt and output, and biases of the same tokens, some of
// them more than once.
TEST(CudaSamplingTest, MasksPenaltiesAndBiasChangeLogitsInTheProcessorsOrder) {
  const std::int64_t vocab = 2500;
  std::vector<Case> cases = cases_of(random_floats(vocab, 4, 2.0F));
  for (std::size_t i = 0; i < cases.size(); ++i) {
    Case& each = cases[i];
    each.parameters.repetition_penalty = 1.6F;
    each.parameters.presence_penalty = 0.4F;
    each.parameters.frequency_penalty = 0.3F;
    // Which thread has a token's entry differs between the lists.
    for (std::int32_t token = 1; token < vocab; ++token) {
      if (token % 7 != 0) each.seen.push_back({token, token % 4});
    }
    for (std::int32_t token = 0; token < vocab; token += 3) {
      each.bias.push_back({token, 3.0F - 0.9F * static_cast<float>(token % 4)});
      if (token % 2 == 0) each.bias.push_back({token, 1.1F});
    }
    if (i % 2 == 0) continue;
    for (std::int64_t word = 0; word < (vocab + 63) / 64; ++word) {
      each.mask.push_back(word % 3 == 0 ? 0 : 0xdb6db6db6db6db6dU);
    }
  }

  // As many at a time as a call has room for the lists of.
  for (std::size_t first = 0; first < cases.size(); first += 13) {
    const auto begin = cases.begin() + static_cast<std::ptrdiff_t>(first);
    const std::vector<Case> some(begin, begin + 13);
    EXPECT_EQ(sampled(some), expected(some));
  }
}

TEST(CudaSamplingTest, SharesOfRanksAreOneVocabulary) {
  const auto cases = cases_of(random_floats(2100, 5, 3.0F));

  EXPECT_EQ(sampled(cases, {0, 33, 2050}), expected(cases));
}

TEST(CudaSamplingTest, WhatIsNotFiniteOrForbiddenIsAsTheProcessorHasIt) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<Case> cases;
  for (const float temperature : {0.0F, 1.0F}) {
    const SamplingParameters parameters = parameters_of({temperature});
    const SamplingParameters cut = parameters_of({temperature, 3});
    for (const float value : {nan, kInfinity, -kInfinity, 1.0F}) {
      for (const SamplingParameters& each : {parameters, cut}) {
        std::vector<float> all(70, value);
        std::vector<float> mixed = random_floats(70, 6);
        mixed[5] = mixed[66] = value;
        Case forbidden{mixed, each};
        for (std::int32_t token = 0; token < 70; ++token) {
          forbidden.bias.push_back({token, -kInfinity});
        }
        Case masked{mixed, each};
        masked.mask = {0, 0};
        cases.insert(cases.end(), {{all, each}, {mixed, each}, forbidden, masked});
      }
    }
  }

  EXPECT_EQ(sampled(cases), expected(cases));
}

// The vocabulary's 32 tokens that part p of n has first begin at 32 p; the next ones 32 n later.
std::int64_t dealt(std::int64_t part, std::int64_t i, std::int64_t parts) {
  return (i / 32 * parts + part) * 32 + i % 32;
}

// One part has the 1500 likeliest, of which 1024 are kept. So 1024 are certain, and what ends
// behind them is searched for.
TEST(CudaSamplingTest, WhatTheKeptKeysDoNotDecideIsSearchedFor) {
  const std::int64_t vocab = 5000;
  ASSERT_EQ(sample_kept(vocab), 1024);
  std::vector<float> logits = random_floats(vocab, 7, 0.01F);
  for (std::int64_t i = 0; i < 1500; ++i) {
    logits[static_cast<std::size_t>(dealt(1, i, sample_parts(vocab)))] =
        3.0F - 0.001F * static_cast<float>(i);
  }
  std::vector<Case> cases;
  for (std::uint64_t position = 0; position < 4; ++position) {
    for (const std::int32_t top_k : {1, 1023, 1024, 1025, 1400, 4999, 5000}) {
      cases.push_back({logits, parameters_of({1, top_k}), position});
    }
    for (const float top_p : {0.1F, 0.6F, 0.999F}) {
      cases.push_back({logits, parameters_of({1, 0, top_p}), position});
    }
    cases.push_back({logits, parameters_of({1, 1400, 0.99F}), position});
    cases.push_back({logits, parameters_of({1, 1400, 1, 0.25F}), position});
  }

  EXPECT_EQ(sampled(cases), expected(cases));
}

// Among equally likely tokens ids decide where a cut falls and where a draw ends.
TEST(CudaSamplingTest, EqualKeysAreSearchedForByTheirIds) {
  const std::int64_t vocab = 5000;
  std::vector<float> levels = random_floats(vocab, 9, 1.5F);
  for (float& logit : levels) logit = std::round(logit);
  std::vector<Case> cases;
  for (const std::vector<float>& logits :
       {levels, std::vector<float>(static_cast<std::size_t>(vocab), 0.5F)}) {
    for (std::uint64_t position = 0; position < 3; ++position) {
      cases.push_back({logits, parameters_of({1, 4500}), position});
      cases.push_back({logits, parameters_of({2, 0, 0.97F}), position});
      cases.push_back({logits, parameters_of({1, 4990, 0.999F, 0.01F}), position});
    }
  }

  EXPECT_EQ(sampled(cases, {0, 2500}), expected(cases));
}

// A case of a token that the host has not counted, with so many outputs among those seen (-1: it is
// not among them). Another token has a logit that is lower, or higher, than it comes to.
Case uncounted_case(std::int32_t token, std::int32_t outputs, std::vector<TokenCount> others,
                    bool wins) {
  constexpr std::int64_t kVocab = 4100;
  constexpr std::int32_t kRival = 1000;
  Case each{std::vector<float>(kVocab, -9.0F), parameters_of({0})};
  each.parameters.repetition_penalty = 1.5F;
  each.parameters.presence_penalty = 0.5F;
  each.parameters.frequency_penalty = 0.25F;
  each.logits[static_cast<std::size_t>(token)] = 6;
  const float right = model::penalised(6, {token, std::max(outputs, 0) + 1}, each.parameters);
  each.logits[kRival] = wins ? right - 0.1F : right + 0.1F;
  each.uncounted = token;
  each.seen = std::move(others);
  if (outputs >= 0) each.seen.push_back({token, outputs});
  std::sort(each.seen.begin(), each.seen.end(),
            [](const TokenCount& x, const TokenCount& y) { return x.token < y.token; });
  return each;
}

// At the first and the last place of a part, seen before or not, before and behind all that were
// seen. The row behind has seen the same token more often.
TEST(CudaSamplingTest, ATokenThatTheHostHasNotCountedIsPenalisedAsOneMore) {
  std::vector<Case> cases;
  for (const std::int32_t token : {0, 1, 2047, 2048, 2049, 4095, 4096, 4099}) {
    for (const bool wins : {true, false}) {
      for (const std::int32_t outputs : {-1, 0, 2}) {
        cases.push_back(uncounted_case(token, outputs, {{5, 1}, {2050, 2}, {4097, 0}}, wins));
      }
      cases.push_back(uncounted_case(token, -1, {}, wins));
      cases.push_back(uncounted_case(token, 7, {}, wins));
      EXPECT_EQ(cases.back().expected() == token, wins);
    }
  }

  for (std::size_t first = 0; first < cases.size(); first += 40) {
    const auto begin = cases.begin() + static_cast<std::ptrdiff_t>(first);
    const std::vector<Case> some(begin, begin + 40);
    EXPECT_EQ(sampled(some), expected(some));
  }
}

// Nearly all draws of a real distribution end among the likeliest, and those are certain.
TEST(CudaSamplingTest, OfManyPartsTheLikeliestDecide) {
  std::vector<float> logits = random_floats(20000, 8, 2.5F);
  std::vector<Case> cases;
  for (std::uint64_t position = 0; position < 20; ++position) {
    cases.push_back({logits, parameters_of({1, 64, 0.95F}), position});
    cases.push_back({logits, parameters_of({0.5F, 0, 0.9F}), position});
    cases.push_back({logits, parameters_of({1}), position});
  }

  EXPECT_EQ(sampled(cases), expected(cases));
}

}  // namespace
}  // namespace sb::cuda::testing
