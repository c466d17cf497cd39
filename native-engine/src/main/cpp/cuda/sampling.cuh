// From logits to tokens, with the tokens of model::sample().
//
// Four kernels. adjust_part applies mask, penalties and bias to a part of a row's vocabulary and
// finds its best; weigh_part sums what may be drawn from in a part; draw_token has a row and goes
// along the sums; search_token draws what that one has left undecided. Sums are of integers, so
// that of many threads is the processor's.
//
// After top-k or top-p the draw goes along the likeliest tokens. Sorting them all would be most of
// the work, so weigh_part keeps the likeliest of its part only. The least of a part that has left
// some out bounds what those can be: down to the largest such bound the kept keys are all that
// there are. A draw that ends above it is certain; one that does not is searched for among all keys
// of the row, which takes longer and is seldom needed.
// Parts are dealt 32 tokens at a time, as a vocabulary has its frequent tokens side by side.
#pragma once

#include "cuda/device.h"
#include "cuda/prepare.cuh"
#include "cuda/vocabulary.cuh"

namespace sb::cuda {

inline constexpr int kSampleThreads = 256;
inline constexpr int kDrawThreads = 512;

// ---- logits after mask, penalties and bias ----

SB_DEVICE PartBest no_best() { return {minus_infinity(), -1, minus_infinity()}; }

SB_DEVICE PartBest join(const PartBest& a, const PartBest& b) {
  const bool ahead = b.logit > a.logit || (b.logit == a.logit && b.token < a.token);
  PartBest best = a.token < 0 || (b.token >= 0 && ahead) ? b : a;
  best.given = a.given > b.given ? a.given : b.given;
  return best;
}

SB_DEVICE bool allowed(const SampleArgs& args, const SampleRow& row, std::int64_t token) {
  if (row.mask < 0) return true;
  return (args.masks[row.mask * args.mask_words + token / 64] >> (token % 64) & 1) != 0;
}

// The first entry whose token is not below.
template <class Entry>
SB_DEVICE std::int32_t first_entry(const Entry* entries, std::int32_t begin, std::int32_t end,
                                   std::int64_t token) {
  while (begin < end) {
    const std::int32_t middle = (begin + end) / 2;
    if (entries[middle].token < token) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin;
}

// A part of the vocabulary whose logits lie in shared memory.
struct Part {
  std::int64_t begin;
  std::int64_t end;
  float* logits;
};

// One thread has the token that the host has not counted yet, whether or not it was seen before.
SB_DEVICE void penalise(const SampleArgs& args, const SampleRow& row, const Part& part) {
  const auto lower = [&](const model::TokenCount& seen) {
    float* logit = part.logits + (seen.token - part.begin);
    *logit = model::penalised(*logit, seen, row.parameters);
  };
  const std::int32_t uncounted = row.uncounted_of < 0 ? -1 : args.last_sampled[row.uncounted_of];
  std::int32_t i = first_entry(args.seen, row.seen_begin, row.seen_end, part.begin) + thread_id();
  for (; i < row.seen_end && args.seen[i].token < part.end; i += kSampleThreads) {
    if (args.seen[i].token != uncounted) lower(args.seen[i]);
  }
  if (thread_id() > 0 || uncounted < part.begin || uncounted >= part.end) return;
  const std::int32_t at = first_entry(args.seen, row.seen_begin, row.seen_end, uncounted);
  const bool before = at < row.seen_end && args.seen[at].token == uncounted;
  lower({uncounted, before ? args.seen[at].outputs + 1 : 1});
}

// One thread has all entries of a token.
SB_DEVICE void add_bias(const SampleArgs& args, const SampleRow& row, const Part& part) {
  const std::int32_t first = first_entry(args.bias, row.bias_begin, row.bias_end, part.begin);
  std::int32_t i = first + thread_id();
  for (; i < row.bias_end && args.bias[i].token < part.end; i += kSampleThreads) {
    const std::int32_t token = args.bias[i].token;
    if (i > first && args.bias[i - 1].token == token) continue;
    float* logit = part.logits + (token - part.begin);
    for (std::int32_t same = i; same < row.bias_end && args.bias[same].token == token; ++same) {
      *logit += args.bias[same].value;
    }
  }
}

struct AdjustShared {
  float* logits;
  PartBest* bests;
};

constexpr std::size_t adjust_shared_bytes() {
  SharedCarver carver;
  static_cast<void>(carver.take<float>(kSamplePart));
  static_cast<void>(carver.take<PartBest>(kSampleThreads));
  return carver.bytes();
}

SB_DEVICE AdjustShared adjust_shared() {
  SharedCarver carver;
  const std::size_t logits = carver.take<float>(kSamplePart);
  const std::size_t bests = carver.take<PartBest>(kSampleThreads);
  return {shared_at<float>(logits), shared_at<PartBest>(bests)};
}

SB_KERNEL(kSampleThreads) adjust_part(SampleArgs args) {
  await_launch_before();
  const std::int64_t at = block_y();
  const SampleRow& row = args.row[at];
  const AdjustShared shared = adjust_shared();
  const std::int64_t begin = block_x() * kSamplePart;
  const std::int64_t end = begin + kSamplePart < args.vocab ? begin + kSamplePart : args.vocab;
  const Part part{begin, end, shared.logits};
  PartBest best = no_best();
  for (std::int64_t token = begin + thread_id(); token < end; token += kSampleThreads) {
    const float logit = given_logit(args.logits, row.logits, token);
    if (logit > best.given) best.given = logit;
    part.logits[token - begin] = allowed(args, row, token) ? logit : minus_infinity();
  }
  if (row.seen_begin < row.seen_end || row.uncounted_of >= 0) {
    block_barrier();
    penalise(args, row, part);
  }
  if (row.bias_begin < row.bias_end) {
    block_barrier();
    add_bias(args, row, part);
  }
  block_barrier();
  for (std::int64_t token = begin + thread_id(); token < end; token += kSampleThreads) {
    const float logit = part.logits[token - begin];
    const bool number = logit == logit;
    args.room.adjusted[at * args.vocab + token] = logit;
    best = join(best, {logit, number ? static_cast<std::int32_t>(token) : -1, best.given});
  }
  best = joined(best, shared.bests);
  if (thread_id() == 0) args.room.bests[at * sample_parts(args.vocab) + block_x()] = best;
}

// ---- weights of parts ----

// Each thread reads them all: they are few.
SB_DEVICE PartBest best_of_row(const SampleArgs& args, std::int64_t at) {
  const std::int64_t parts = sample_parts(args.vocab);
  PartBest best = no_best();
  for (std::int64_t part = 0; part < parts; ++part) {
    best = join(best, args.room.bests[at * parts + part]);
  }
  return best;
}

SB_DEVICE PartMass join(const PartMass& a, const PartMass& b) {
  return {a.all + b.all, a.likely + b.likely, a.tokens + b.tokens};
}

SB_DEVICE PartMass mass_of_row(const SampleArgs& args, std::int64_t at) {
  const std::int64_t parts = sample_parts(args.vocab);
  PartMass mass;
  for (std::int64_t part = 0; part < parts; ++part) {
    mass = join(mass, args.room.masses[at * parts + part]);
  }
  return mass;
}

// The likelier token has the larger key.
SB_DEVICE std::uint64_t key_of(float probability, std::int64_t token) {
  return probability == 0 ? 0 : key_of_rank(bits_of_float(probability), token);
}
SB_DEVICE std::uint64_t weight_of_key(std::uint64_t key) {
  return model::weight_of(float_of_bits(static_cast<std::uint32_t>(key >> 32)));
}

struct WeighShared {
  std::uint64_t* keys;
  PartMass* masses;
};

constexpr std::size_t weigh_shared_bytes() {
  SharedCarver carver;
  static_cast<void>(carver.take<std::uint64_t>(kSamplePart));
  static_cast<void>(carver.take<PartMass>(kSampleThreads));
  return carver.bytes();
}

SB_DEVICE WeighShared weigh_shared() {
  SharedCarver carver;
  const std::size_t keys = carver.take<std::uint64_t>(kSamplePart);
  const std::size_t masses = carver.take<PartMass>(kSampleThreads);
  return {shared_at<std::uint64_t>(keys), shared_at<PartMass>(masses)};
}

// Token i of the block's part.
SB_DEVICE std::int64_t part_token(const SampleArgs& args, bool dealt, int i) {
  constexpr int kDealt = 32;
  if (!dealt) return block_x() * kSamplePart + i;
  return (i / kDealt * sample_parts(args.vocab) + block_x()) * kDealt + i % kDealt;
}

SB_KERNEL(kSampleThreads) weigh_part(SampleArgs args) {
  await_launch_before();
  const std::int64_t at = block_y();
  const model::SamplingParameters& parameters = args.row[at].parameters;
  if (parameters.temperature <= 0) return;
  const WeighShared shared = weigh_shared();
  const float maximum = best_of_row(args, at).logit;
  const bool sorts = parameters.sorts();
  PartMass mass;
  for (int i = thread_id(); i < kSamplePart; i += kSampleThreads) {
    const std::int64_t token = part_token(args, sorts, i);
    float probability = 0;
    if (token < args.vocab) {
      probability = model::probability_of(args.room.adjusted[at * args.vocab + token], maximum,
                                          parameters.temperature);
    }
    const std::uint64_t weight = model::weight_of(probability);
    mass.all += weight;
    if (probability >= parameters.min_p) mass.likely += weight;
    if (probability > 0) ++mass.tokens;
    if (sorts) shared.keys[i] = key_of(probability, token);
  }
  const std::int64_t part = at * sample_parts(args.vocab) + block_x();
  mass = joined(mass, shared.masses);
  if (thread_id() == 0) args.room.masses[part] = mass;
  if (!sorts) return;
  sort_falling(shared.keys, kSamplePart, 1);
  const auto kept = static_cast<int>(sample_kept(args.vocab));
  for (int i = thread_id(); i < kept; i += kSampleThreads) {
    args.room.tops[part * kept + i] = shared.keys[i];
  }
}

// ---- the draw ----

// What the threads before this one bring together. "sums" has room for two of each thread.
SB_DEVICE std::uint64_t sum_before(std::uint64_t mine, std::uint64_t* sums) {
  std::uint64_t* from = sums;
  std::uint64_t* to = sums + block_threads();
  std::uint64_t sum = mine;
  from[thread_id()] = sum;
  for (int apart = 1; apart < block_threads(); apart *= 2) {
    block_barrier();
    if (thread_id() >= apart) sum += from[thread_id() - apart];
    to[thread_id()] = sum;
    std::uint64_t* const read = from;
    from = to;
    to = read;
  }
  return sum - mine;
}

// By one thread of the row.
SB_DEVICE void give_token(const SampleArgs& args, std::int64_t at, std::int32_t token) {
  args.tokens[at] = token;
  const std::int32_t last_of = args.row[at].last_of;
  if (last_of >= 0) args.last_sampled[last_of] = token < 0 ? 0 : token;
}

// Without top-k and top-p: along the ids.
SB_DEVICE void draw_by_id(const SampleArgs& args, std::int64_t at, float maximum,
                          std::uint64_t wanted) {
  constexpr int kRun = kSamplePart / kDrawThreads;
  const model::SamplingParameters& parameters = args.row[at].parameters;
  const PartMass* masses = args.room.masses + at * sample_parts(args.vocab);
  std::int64_t part = 0;
  std::uint64_t reached = 0;
  while (reached + masses[part].likely < wanted) reached += masses[part++].likely;
  const std::int64_t first = part * kSamplePart + std::int64_t{thread_id()} * kRun;
  std::uint64_t weights[kRun];
  std::uint64_t mine = 0;
#pragma unroll
  for (int i = 0; i < kRun; ++i) {
    float probability = 0;
    if (first + i < args.vocab) {
      probability = model::probability_of(args.room.adjusted[at * args.vocab + first + i], maximum,
                                          parameters.temperature);
    }
    weights[i] = probability >= parameters.min_p ? model::weight_of(probability) : 0;
    mine += weights[i];
  }
  reached += sum_before(mine, shared_at<std::uint64_t>(0));
#pragma unroll
  for (int i = 0; i < kRun; ++i) {
    const bool before = reached < wanted;
    reached += weights[i];
    if (before && reached >= wanted) give_token(args, at, static_cast<std::int32_t>(first + i));
  }
}

// A key, and the weight of all as likely and likelier.
struct Reached {
  std::uint64_t key = 0;  // 0: not among those kept
  std::uint64_t weight = 0;
};

enum Reach { kTopK, kTopP, kDraw, kReaches };

constexpr int draw_keys(std::int64_t vocab) {
  int n = static_cast<int>(sample_kept(vocab));
  while (n < sample_parts(vocab) * sample_kept(vocab)) n *= 2;
  return n;
}

struct DrawShared {
  std::uint64_t* sums;
  std::uint64_t* keys;
  Reached* reached;
};

constexpr std::size_t draw_shared_bytes(std::int64_t vocab) {
  SharedCarver carver;
  static_cast<void>(carver.take<std::uint64_t>(2 * kDrawThreads));
  static_cast<void>(carver.take<std::uint64_t>(static_cast<std::size_t>(draw_keys(vocab))));
  static_cast<void>(carver.take<Reached>(kReaches));
  return carver.bytes();
}

SB_DEVICE DrawShared draw_shared(std::int64_t vocab) {
  SharedCarver carver;
  const std::size_t sums = carver.take<std::uint64_t>(2 * kDrawThreads);
  const std::size_t keys = carver.take<std::uint64_t>(static_cast<std::size_t>(draw_keys(vocab)));
  const std::size_t reached = carver.take<Reached>(kReaches);
  return {shared_at<std::uint64_t>(sums), shared_at<std::uint64_t>(keys),
          shared_at<Reached>(reached)};
}

// The parts' keys, of every other part in rising order; returns the key down to which they are all.
SB_DEVICE std::uint64_t gather_keys(const SampleArgs& args, std::int64_t at, std::uint64_t* keys) {
  const auto kept = static_cast<int>(sample_kept(args.vocab));
  const auto listed = static_cast<int>(sample_parts(args.vocab)) * kept;
  const std::uint64_t* tops = args.room.tops + at * listed;
  for (int i = thread_id(); i < draw_keys(args.vocab); i += kDrawThreads) {
    const bool rises = i / kept % 2 != 0;
    const int from = rises ? i / kept * kept + kept - 1 - i % kept : i;
    keys[i] = from < listed ? tops[from] : 0;
  }
  std::uint64_t known = 1;
  // A part that keeps all that it has leaves none out.
  for (int last = kept - 1; kept < kSamplePart && last < listed; last += kept) {
    if (tops[last] > known) known = tops[last];
  }
  return known;
}

// A thread's keys follow one another; "before" is the weight of those before them.
struct KeyRun {
  const std::uint64_t* keys;
  int first;
  int count;
  std::uint64_t before;
};

// The key at a rank, from 1 on, or where rank is 0 the first whose weight with all before it comes
// to the wanted one.
SB_DEVICE Reached reach(const DrawShared& shared, const KeyRun& run, Reach which, int rank,
                        std::uint64_t wanted) {
  std::uint64_t before = run.before;
  for (int i = run.first; i < run.first + run.count; ++i) {
    const std::uint64_t after = before + weight_of_key(run.keys[i]);
    const bool here = rank > 0 ? i + 1 == rank : before < wanted && after >= wanted;
    if (here) shared.reached[which] = {run.keys[i], after};
    before = after;
  }
  block_barrier();
  return shared.reached[which];
}

// After top-k or top-p. Each cut leaves the likeliest, so only the weight of what is left is kept.
SB_DEVICE std::int32_t draw_by_key(const SampleArgs& args, std::int64_t at, const PartMass& mass) {
  const SampleRow& row = args.row[at];
  const model::SamplingParameters& parameters = row.parameters;
  const DrawShared shared = draw_shared(args.vocab);
  if (thread_id() < kReaches) shared.reached[thread_id()] = {};
  const std::uint64_t known = gather_keys(args, at, shared.keys);
  const int n = draw_keys(args.vocab);
  sort_falling(shared.keys, n, static_cast<int>(sample_kept(args.vocab)));
  KeyRun run{shared.keys, thread_id() * (n / kDrawThreads), n / kDrawThreads, 0};
  std::uint64_t mine = 0;
  for (int i = run.first; i < run.first + run.count; ++i) mine += weight_of_key(run.keys[i]);
  run.before = sum_before(mine, shared.sums);
  std::uint64_t left = mass.all;
  if (parameters.top_k > 0 && parameters.top_k < mass.tokens) {
    const Reached last = reach(shared, run, kTopK, parameters.top_k, 0);
    if (last.key < known) return model::kUndecided;
    left = last.weight;
  }
  if (parameters.top_p < 1) {
    const std::uint64_t wanted = model::top_p_weight(left, parameters.top_p);
    const Reached last = reach(shared, run, kTopP, 0, wanted);
    if (last.key < known) return model::kUndecided;
    left = last.weight;
  }
  if (mass.likely < left) left = mass.likely;
  const Reached drawn = reach(shared, run, kDraw, 0, model::drawn_weight(left, row.u));
  return drawn.key < known ? model::kUndecided : token_of(drawn.key);
}

SB_KERNEL(kDrawThreads) draw_token(SampleArgs args) {
  await_launch_before();
  const std::int64_t at = block_x();
  const SampleRow& row = args.row[at];
  const PartBest best = best_of_row(args, at);
  const bool finite = is_finite(best.logit) || is_finite(best.given);
  PartMass mass;
  if (finite && row.parameters.temperature > 0) mass = mass_of_row(args, at);
  std::int32_t token = finite ? model::kUndecided : model::kNotFinite;
  if (finite && mass.all == 0) token = best.token < 0 ? 0 : best.token;
  if (mass.all > 0 && !row.parameters.sorts()) {
    return draw_by_id(args, at, best.logit, model::drawn_weight(mass.likely, row.u));
  }
  if (mass.all > 0) token = draw_by_key(args, at, mass);
  if (thread_id() == 0) give_token(args, at, token);
}

// ---- the search for what the kept keys do not decide ----

// Of a row's keys those that are not below one, and the neighbours of that one.
struct Above {
  std::uint64_t weight = 0;
  std::uint64_t tokens = 0;
  std::uint64_t least = ~std::uint64_t{0};
  std::uint64_t below = 0;  // the largest of the others; 0: there is none
};

SB_DEVICE Above join(const Above& a, const Above& b) {
  return {a.weight + b.weight, a.tokens + b.tokens, a.least < b.least ? a.least : b.least,
          a.below > b.below ? a.below : b.below};
}

// The row's probabilities are where its logits were, each read by the thread that wrote it.
SB_DEVICE Above above(const SampleArgs& args, const float* probabilities, std::uint64_t key) {
  auto* all = shared_at<Above>(0);
  Above mine;
  for (std::int64_t token = thread_id(); token < args.vocab; token += kDrawThreads) {
    const std::uint64_t own = key_of(probabilities[token], token);
    mine = join(mine, own < key ? Above{0, 0, ~std::uint64_t{0}, own}
                                : Above{weight_of_key(own), 1, own, 0});
  }
  static_cast<void>(joined(mine, all));
  block_barrier();
  const Above found = all[0];
  block_barrier();
  return found;
}

// The largest key with which all that are not below it come to the wanted number of tokens, or
// weight, of which the row has as much. Each look halves what is between two keys, so there are
// never more of them than a key has bits.
SB_DEVICE Reached search(const SampleArgs& args, const float* probabilities, bool tokens,
                         std::uint64_t wanted) {
  Reached found;
  std::uint64_t end = key_of(1, 0) + 1;
  for (int looks = 0; looks < 64 && end - found.key > 1; ++looks) {
    const std::uint64_t middle = found.key + (end - found.key) / 2;
    const Above here = above(args, probabilities, middle);
    if ((tokens ? here.tokens : here.weight) >= wanted) {
      found = {here.least, here.weight};
    } else {
      end = here.below + 1;
    }
  }
  return found;
}

SB_KERNEL(kDrawThreads) search_token(SampleArgs args) {
  await_launch_before();
  const std::int64_t at = block_x();
  if (args.tokens[at] != model::kUndecided) return;
  const SampleRow& row = args.row[at];
  const model::SamplingParameters& parameters = row.parameters;
  const float maximum = best_of_row(args, at).logit;
  const PartMass mass = mass_of_row(args, at);
  float* probabilities = args.room.adjusted + at * args.vocab;
  for (std::int64_t token = thread_id(); token < args.vocab; token += kDrawThreads) {
    probabilities[token] =
        model::probability_of(probabilities[token], maximum, parameters.temperature);
  }
  std::uint64_t left = mass.all;
  if (parameters.top_k > 0 && parameters.top_k < mass.tokens) {
    left = search(args, probabilities, true, static_cast<std::uint64_t>(parameters.top_k)).weight;
  }
  if (parameters.top_p < 1) {
    left = search(args, probabilities, false, model::top_p_weight(left, parameters.top_p)).weight;
  }
  if (mass.likely < left) left = mass.likely;
  const Reached drawn = search(args, probabilities, false, model::drawn_weight(left, row.u));
  if (thread_id() == 0) give_token(args, at, token_of(drawn.key));
}

}  // namespace sb::cuda
