// From logits to what log-probabilities are worked out from, with the bits of model::score().
//
// Three kernels. rank_part finds the largest logit of a part of a row's vocabulary, and its best
// tokens where they are asked for; sum_part sums e^(logit - maximum) of a part; end_score has a
// row, adds its parts up and merges their best. A thread of sum_part has one of the sums that the
// processor keeps beside one another, so all additions are the processor's, in its order. A part
// keeps as many tokens as can be asked for: nothing is undecided.
//
// The logarithm of the sum is the processor's: no two libraries' have the same bits.
#pragma once

#include "cuda/device.h"
#include "cuda/vocabulary.cuh"

namespace sb::cuda {

inline constexpr int kRankThreads = 256;
inline constexpr int kSumThreads = model::kSumPart / model::kSumRun * model::kSumLanes;
inline constexpr int kScoreThreads = 512;

static_assert(kSamplePart == model::kSumPart);
static_assert(kScoreKept >= model::kMaxTopLogprobs);

// The larger logit has the larger key; NaN is ranked as minus infinity.
SB_DEVICE std::uint64_t rank_key(float logit, std::int64_t token) {
  const bool number = logit == logit;
  const std::uint32_t bits =
      bits_of_float(number ? model::without_sign_of_zero(logit) : minus_infinity());
  constexpr std::uint32_t kSign = 0x80000000u;
  return key_of_rank((bits & kSign) != 0 ? ~bits : bits | kSign, token);
}

struct RankShared {
  std::uint64_t* keys;
  float* maxima;
};

constexpr std::size_t rank_shared_bytes() {
  SharedCarver carver;
  static_cast<void>(carver.take<std::uint64_t>(kSamplePart));
  static_cast<void>(carver.take<float>(kRankThreads));
  return carver.bytes();
}

SB_DEVICE RankShared rank_shared() {
  SharedCarver carver;
  const std::size_t keys = carver.take<std::uint64_t>(kSamplePart);
  const std::size_t maxima = carver.take<float>(kRankThreads);
  return {shared_at<std::uint64_t>(keys), shared_at<float>(maxima)};
}

SB_KERNEL(kRankThreads) rank_part(ScoreArgs args) {
  await_launch_before();
  const std::int64_t at = block_y();
  const ScoreRow& row = args.row[at];
  const RankShared shared = rank_shared();
  float most = minus_infinity();
  for (int i = thread_id(); i < kSamplePart; i += kRankThreads) {
    const std::int64_t token = block_x() * kSamplePart + i;
    std::uint64_t key = 0;
    if (token < args.vocab) {
      const float logit = given_logit(args.logits, row.logits, token);
      most = join(logit, most);
      key = rank_key(logit, token);
    }
    if (row.top > 0) shared.keys[i] = key;
  }
  const std::int64_t part = at * sample_parts(args.vocab) + block_x();
  most = joined(most, shared.maxima);
  if (thread_id() == 0) args.room.maxima[part] = most;
  if (row.top == 0) return;
  sort_falling(shared.keys, kSamplePart, 1);
  if (thread_id() < kScoreKept) {
    args.room.tops[part * kScoreKept + thread_id()] = shared.keys[thread_id()];
  }
}

// Few are read: by each thread that wants it.
SB_DEVICE float maximum_of_row(const ScoreArgs& args, std::int64_t at) {
  const std::int64_t parts = sample_parts(args.vocab);
  float most = minus_infinity();
  for (std::int64_t part = 0; part < parts; ++part) {
    most = join(args.room.maxima[at * parts + part], most);
  }
  return model::without_sign_of_zero(most);
}

// The sums of runs follow one another.
SB_DEVICE double sum_of_part(const float* sums) {
  double sum = 0;
  for (int run = 0; run < kSumThreads; run += model::kSumLanes) {
    double of_run = 0;
    for (int lane = 0; lane < model::kSumLanes; ++lane) {
      of_run += static_cast<double>(sums[run + lane]);
    }
    sum += of_run;
  }
  return sum;
}

SB_KERNEL(kSumThreads) sum_part(ScoreArgs args) {
  await_launch_before();
  const std::int64_t at = block_y();
  const std::int64_t row = args.row[at].logits;
  const float maximum = maximum_of_row(args, at);
  const int run = thread_id() / model::kSumLanes;
  const std::int64_t first =
      block_x() * kSamplePart + run * model::kSumRun + thread_id() % model::kSumLanes;
  float sum = 0;
  for (int i = 0; i < model::kSumRun && first + i < args.vocab; i += model::kSumLanes) {
    sum += model::exp_nonpositive(given_logit(args.logits, row, first + i) - maximum);
  }
  auto* sums = shared_at<float>(0);
  sums[thread_id()] = sum;
  block_barrier();
  if (thread_id() != 0) return;
  args.room.sums[at * sample_parts(args.vocab) + block_x()] = sum_of_part(sums);
}

// ---- of a row ----

// Keys that are sorted at once: the best so far, and those of as many parts as there is room for.
constexpr int merged_keys(std::int64_t vocab) {
  constexpr int kMost = 4096;
  int n = 2 * kScoreKept;
  while (n < kMost && n < (sample_parts(vocab) + 1) * kScoreKept) n *= 2;
  return n;
}

struct ScoreShared {
  double* sums;
  std::uint64_t* keys;
};

constexpr std::size_t score_shared_bytes(std::int64_t vocab) {
  SharedCarver carver;
  static_cast<void>(carver.take<double>(static_cast<std::size_t>(sample_parts(vocab))));
  static_cast<void>(carver.take<std::uint64_t>(static_cast<std::size_t>(merged_keys(vocab))));
  return carver.bytes();
}

SB_DEVICE ScoreShared score_shared(std::int64_t vocab) {
  SharedCarver carver;
  const std::size_t sums = carver.take<double>(static_cast<std::size_t>(sample_parts(vocab)));
  const std::size_t keys = carver.take<std::uint64_t>(static_cast<std::size_t>(merged_keys(vocab)));
  return {shared_at<double>(sums), shared_at<std::uint64_t>(keys)};
}

// Leaves the best of all parts as the first keys, seen by all. The runs of kScoreKept keys fall and
// rise in turn; the first are the best so far.
SB_DEVICE void merge_tops(const ScoreArgs& args, std::int64_t at, std::uint64_t* keys) {
  const int n = merged_keys(args.vocab);
  const std::int64_t listed = sample_parts(args.vocab) * kScoreKept;
  const std::uint64_t* tops = args.room.tops + at * listed;
  if (thread_id() < kScoreKept) keys[thread_id()] = 0;
  for (std::int64_t first = 0; first < listed; first += n - kScoreKept) {
    for (int i = kScoreKept + thread_id(); i < n; i += kScoreThreads) {
      const bool rises = i / kScoreKept % 2 != 0;
      const int place = rises ? kScoreKept - 1 - i % kScoreKept : i % kScoreKept;
      const std::int64_t from = first + (i / kScoreKept - 1) * kScoreKept + place;
      keys[i] = from < listed ? tops[from] : 0;
    }
    sort_falling(keys, n, kScoreKept);
  }
}

SB_KERNEL(kScoreThreads) end_score(ScoreArgs args) {
  await_launch_before();
  const std::int64_t at = block_x();
  const std::int64_t parts = sample_parts(args.vocab);
  const ScoreRow& row = args.row[at];
  const ScoreShared shared = score_shared(args.vocab);
  model::RowScore& score = args.scores[at];
  for (std::int64_t part = thread_id(); part < parts; part += kScoreThreads) {
    shared.sums[part] = args.room.sums[at * parts + part];
  }
  if (row.top > 0) merge_tops(args, at, shared.keys);
  if (thread_id() < model::kMaxTopLogprobs) {
    const std::uint64_t key = thread_id() < row.top ? shared.keys[thread_id()] : 0;
    const std::int32_t token = key == 0 ? -1 : token_of(key);
    score.top_tokens[thread_id()] = token;
    score.top_logits[thread_id()] =
        token < 0 ? minus_infinity() : given_logit(args.logits, row.logits, token);
  }
  block_barrier();
  if (thread_id() != 0) return;
  double sum = 0;
  for (std::int64_t part = 0; part < parts; ++part) sum += shared.sums[part];
  const std::int32_t token = row.token >= 0 ? row.token : args.tokens[row.token_at];
  score.sum = sum;
  score.maximum = maximum_of_row(args, at);
  // What is not finite has no token.
  score.logit = token < 0 ? 0.0f : given_logit(args.logits, row.logits, token);
}

}  // namespace sb::cuda
