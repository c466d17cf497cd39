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
  host_rows_ = host.take<SampleRow>(count);
  host_seen_ = host.take<model::TokenCount>(model::kMaxChoiceSeen);
  host_bias_ = host.take<model::LogitBias>(model::kMaxChoiceBias);
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
  host_score_rows_ = host.take<ScoreRow>(count);
  score_rows_ = device.take<ScoreRow>(count);
  maxima_ = device.take<float>(parts);
  sums_ = device.take<double>(parts);
  score_tops_ = device.take<std::uint64_t>(checked_mul(parts, std::size_t{kScoreKept}));
  scores_ = device.take<model::RowScore>(count);
}

SampleRow DeviceSampler::row_of(const model::Choice& choice) {
  const model::SamplingInput& input = choice.input;
  SampleRow row;
  row.parameters = *input.parameters;
  row.u = model::uniform(input.parameters->seed, input.position);
  row.logits = choice.row;
  if (input.parameters->penalises()) {
    std::tie(row.seen_begin, row.seen_end) = append(input.seen, host_seen_, used_seen_);
  }
  std::tie(row.bias_begin, row.bias_end) = append(input.bias, host_bias_, used_bias_);
  if (!input.mask.empty()) row.mask = used_masks_++;
  return row;
}

std::int32_t DeviceSampler::sample(const Plugin& plugin, Stream stream, const SlicedLogits& logits,
                                   const model::RowWork& work) {
  std::int32_t error = work.choices.empty() ? 0 : choose(plugin, stream, logits, work);
  if (error == 0 && !work.scored.empty()) error = score(plugin, stream, logits, work);
  return error;
}

std::int32_t DeviceSampler::choose(const Plugin& plugin, Stream stream, const SlicedLogits& logits,
                                   const model::RowWork& work) {
  const std::span<const model::Choice> choices = work.choices;
  used_seen_ = 0;
  used_bias_ = 0;
  used_masks_ = 0;
  std::int32_t error = 0;
  const auto copy = [&](void* to, const void* from, std::size_t bytes) {
    if (error == 0 && bytes > 0) error = plugin.copy_in(stream, to, from, bytes);
  };
  const auto words = static_cast<std::size_t>(mask_words(vocab_));
  for (std::size_t i = 0; i < choices.size(); ++i) {
    host_rows_[i] = row_of(choices[i]);
    if (host_rows_[i].mask < 0) continue;
    const std::size_t at = static_cast<std::size_t>(host_rows_[i].mask) * words;
    copy(masks_.data() + at, choices[i].input.mask.data(), words * sizeof(std::uint64_t));
  }
  copy(rows_.data(), host_rows_.data(), choices.size() * sizeof(SampleRow));
  copy(seen_.data(), host_seen_.data(), used_seen_ * sizeof(model::TokenCount));
  copy(bias_.data(), host_bias_.data(), used_bias_ * sizeof(model::LogitBias));
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
  args.tokens = tokens_.data();
  plugin.sample(stream, args);
  const std::size_t bytes = choices.size() * sizeof(std::int32_t);
  return plugin.copy_out(stream, work.tokens.data(), bytes, tokens_.data(), bytes, bytes, 1);
}

std::int32_t DeviceSampler::score(const Plugin& plugin, Stream stream, const SlicedLogits& logits,
                                  const model::RowWork& work) {
  const std::size_t count = work.scored.size();
  for (std::size_t i = 0; i < count; ++i) {
    const model::Scored& scored = work.scored[i];
    host_score_rows_[i] = {scored.row, scored.token, scored.choice, scored.top};
  }
  const std::int32_t error =
      plugin.copy_in(stream, score_rows_.data(), host_score_rows_.data(), count * sizeof(ScoreRow));
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
  return plugin.copy_out(stream, work.scores.data(), bytes, scores_.data(), bytes, bytes, 1);
}

}  // namespace sb::cuda
