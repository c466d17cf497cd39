#include "cuda/device_sampler.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "model/philox.h"

namespace sb::cuda {
namespace {

constexpr std::int64_t kMaskBits = 64;

std::int64_t mask_words(std::int64_t vocab) { return (vocab + kMaskBits - 1) / kMaskBits; }

// Behind what is used of the host's list; where it begins and ends there.
template <class Entry>
std::pair<std::int32_t, std::int32_t> append(std::span<const Entry> entries, std::span<Entry> list,
                                             std::size_t& used) {
  SB_CHECK(entries.size() <= list.size() - used);
  std::copy(entries.begin(), entries.end(), list.begin() + static_cast<std::ptrdiff_t>(used));
  const auto begin = static_cast<std::int32_t>(used);
  used += entries.size();
  return {begin, static_cast<std::int32_t>(used)};
}

}  // namespace

void DeviceSampler::lay_out(Carver& host, Carver& device, std::int32_t rows, std::int32_t vocab) {
  const auto count = static_cast<std::size_t>(rows);
  const auto parts = checked_mul(count, static_cast<std::size_t>(sample_parts(vocab)));
  vocab_ = vocab;
  for (Turn& turn : turns_) {
    turn.rows = host.take<SampleRow>(count);
    turn.seen = host.take<model::TokenCount>(model::kMaxChoiceSeen);
    turn.bias = host.take<model::LogitBias>(model::kMaxChoiceBias);
    turn.score_rows = host.take<ScoreRow>(count);
    turn.tokens = host.take<std::int32_t>(count);
    turn.scores = host.take<model::RowScore>(count);
  }
  rows_ = device.take<SampleRow>(count);
  seen_ = device.take<model::TokenCount>(model::kMaxChoiceSeen);
  bias_ = device.take<model::LogitBias>(model::kMaxChoiceBias);
  masks_ =
      device.take<std::uint64_t>(checked_mul(count, static_cast<std::size_t>(mask_words(vocab))));
  adjusted_ = device.take<float>(checked_mul(count, static_cast<std::size_t>(vocab)));
  bests_ = device.take<PartBest>(parts);
  masses_ = device.take<PartMass>(parts);
  tops_ =
      device.take<std::uint64_t>(checked_mul(parts, static_cast<std::size_t>(sample_kept(vocab))));
  tokens_ = device.take<std::int32_t>(count);
  score_rows_ = device.take<ScoreRow>(count);
  maxima_ = device.take<float>(parts);
  sums_ = device.take<double>(parts);
  score_tops_ = device.take<std::uint64_t>(checked_mul(parts, std::size_t{kScoreKept}));
  scores_ = device.take<model::RowScore>(count);
}

SampleRow DeviceSampler::row_of(const model::Choice& choice, Turn& turn) {
  const model::SamplingInput& input = choice.input;
  SampleRow row;
  row.parameters = *input.parameters;
  row.u = model::uniform(input.parameters->seed, input.position);
  row.logits = choice.row;
  if (input.parameters->penalises()) {
    std::tie(row.seen_begin, row.seen_end) = append(input.seen, turn.seen, used_seen_);
    row.uncounted_of = choice.uncounted_of;
  }
  std::tie(row.bias_begin, row.bias_end) = append(input.bias, turn.bias, used_bias_);
  if (!input.mask.empty()) row.mask = used_masks_++;
  row.last_of = choice.last_of;
  return row;
}

std::int32_t DeviceSampler::sample(const Plugin& plugin, Stream stream, const SlicedLogits& logits,
                                   const model::RowWork& work, std::size_t turn,
                                   std::int32_t* last_sampled) {
  Turn& own = turns_.at(turn);
  std::int32_t error = 0;
  if (!work.choices.empty()) error = choose(plugin, stream, logits, work, own, last_sampled);
  if (error == 0 && !work.scored.empty()) error = score(plugin, stream, logits, work, own);
  return error;
}

void DeviceSampler::take(const model::RowWork& work, std::size_t turn) const {
  const Turn& own = turns_.at(turn);
  std::copy_n(own.tokens.begin(), work.choices.size(), work.tokens.begin());
  std::copy_n(own.scores.begin(), work.scored.size(), work.scores.begin());
}

std::int32_t DeviceSampler::choose(const Plugin& plugin, Stream stream, const SlicedLogits& logits,
                                   const model::RowWork& work, Turn& turn,
                                   std::int32_t* last_sampled) {
  const std::span<const model::Choice> choices = work.choices;
  used_seen_ = 0;
  used_bias_ = 0;
  used_masks_ = 0;
  bool sorts = false;
  std::int32_t error = 0;
  const auto copy = [&](void* to, const void* from, std::size_t bytes) {
    if (error == 0 && bytes > 0) error = plugin.copy_in(stream, to, from, bytes);
  };
  const auto words = static_cast<std::size_t>(mask_words(vocab_));
  for (std::size_t i = 0; i < choices.size(); ++i) {
    turn.rows[i] = row_of(choices[i], turn);
    sorts |= turn.rows[i].parameters.temperature > 0 && turn.rows[i].parameters.sorts();
    if (turn.rows[i].mask < 0) continue;
    const std::size_t at = static_cast<std::size_t>(turn.rows[i].mask) * words;
    copy(masks_.data() + at, choices[i].input.mask.data(), words * sizeof(std::uint64_t));
  }
  copy(rows_.data(), turn.rows.data(), choices.size() * sizeof(SampleRow));
  copy(seen_.data(), turn.seen.data(), used_seen_ * sizeof(model::TokenCount));
  copy(bias_.data(), turn.bias.data(), used_bias_ * sizeof(model::LogitBias));
  if (error != 0) return error;
  SampleArgs args;
  args.logits = logits;
  args.vocab = vocab_;
  args.rows = static_cast<std::int64_t>(choices.size());
  args.row = rows_.data();
  args.seen = seen_.data();
  args.bias = bias_.data();
  args.masks = masks_.data();
  args.mask_words = static_cast<std::int64_t>(words);
  args.room = {adjusted_.data(), bests_.data(), masses_.data(), tops_.data()};
  args.sorts = sorts;
  args.tokens = tokens_.data();
  args.last_sampled = last_sampled;
  plugin.sample(stream, args);
  const std::size_t bytes = choices.size() * sizeof(std::int32_t);
  return plugin.copy_out(stream, turn.tokens.data(), bytes, tokens_.data(), bytes, bytes, 1);
}

std::int32_t DeviceSampler::score(const Plugin& plugin, Stream stream, const SlicedLogits& logits,
                                  const model::RowWork& work, Turn& turn) {
  const std::size_t count = work.scored.size();
  for (std::size_t i = 0; i < count; ++i) {
    const model::Scored& scored = work.scored[i];
    turn.score_rows[i] = {scored.row, scored.token, scored.choice, scored.top};
  }
  const std::int32_t error =
      plugin.copy_in(stream, score_rows_.data(), turn.score_rows.data(), count * sizeof(ScoreRow));
  if (error != 0) return error;
  ScoreArgs args;
  args.logits = logits;
  args.vocab = vocab_;
  args.rows = static_cast<std::int64_t>(count);
  args.row = score_rows_.data();
  args.tokens = tokens_.data();
  args.room = {maxima_.data(), sums_.data(), score_tops_.data()};
  args.scores = scores_.data();
  plugin.score(stream, args);
  const std::size_t bytes = count * sizeof(model::RowScore);
  return plugin.copy_out(stream, turn.scores.data(), bytes, scores_.data(), bytes, bytes, 1);
}

}  // namespace sb::cuda
