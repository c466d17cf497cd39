#include "cuda/device_rank.h"

#include <algorithm>
#include <cstdio>
#include <set>
#include <utility>

#include "base/clock.h"

namespace sb::cuda {
namespace {

// Parts of long contexts are kept for so many floats' worth of tokens at a time.
constexpr std::int64_t kPartFloats = std::int64_t{1} << 24;
// Positions whose angles are worked out and copied at a time.
constexpr std::int64_t kAnglePositions = 1024;
// In so long two clocks drift apart by less than a tenth of a millisecond.
constexpr std::int64_t kAnchorNs = 1'000'000'000;

std::size_t product(std::int64_t a, std::int64_t b) {
  return checked_mul(static_cast<std::size_t>(a), static_cast<std::size_t>(b));
}

// The least power of two that is not below, or the most: so that steps have few shapes.
std::int32_t few_values(std::int32_t value, std::int32_t most) {
  std::int32_t power = 1;
  while (power < value) power *= 2;
  return std::min(power, most);
}

std::int32_t most_parts(const model::Config& config) {
  return (config.context + ops::kAttentionPart - 1) / ops::kAttentionPart;
}

Activation activation_for(model::Arch arch) {
  switch (model::activation_of(arch)) {
    case model::Activation::kSilu:
      return Activation::kSilu;
    case model::Activation::kGeluTanh:
      return Activation::kGeluTanh;
    case model::Activation::kGelu:
      break;
  }
  return Activation::kGelu;
}

}  // namespace

DeviceRank::DeviceRank(const model::Config& config, const model::RankShape& shape,
                       const model::RankLimits& limits, const DeviceRankPlace& place)
    : config_(config),
      shape_(shape),
      limits_(limits),
      place_(place),
      plugin_(&place.devices->plugin()),
      device_(place.devices->device_of(place.lane)) {}

DeviceRank::~DeviceRank() {
  for (const Mark& mark : {mark_, turns_[0].end, turns_[1].end}) {
    if (mark.handle != nullptr) plugin_->end_mark(device_, mark);
  }
  if (streams_) plugin_->end_stream(device_, stream_);
}

Operand DeviceRank::take_operand(Carver& device, std::int64_t tokens, std::int64_t k) {
  const std::int64_t blocks = (k + ops::kQuantBlock - 1) / ops::kQuantBlock;
  Operand operand;
  operand.k = k;
  operand.f32 = device.take<float>(product(tokens, k)).data();
  operand.q = device.take<std::int8_t>(product(tokens, k)).data();
  operand.scale = device.take<float>(product(tokens, blocks)).data();
  operand.sum = device.take<ops::BlockSum>(product(tokens, blocks)).data();
  operand.high = device.take<std::uint16_t>(product(tokens, pad16(k))).data();
  operand.low = device.take<std::uint16_t>(product(tokens, pad16(k))).data();
  operand.power = device.take<float>(static_cast<std::size_t>(tokens)).data();
  return operand;
}

// For one token at the longest context at least, and for all where they are short.
std::size_t DeviceRank::attend_room() const {
  const std::int32_t parts = most_parts(config_);
  const auto floats = [&](std::int64_t rows) {
    return plugin_->attend_floats(rows, shape_.heads, config_.head_dim, parts);
  };
  return static_cast<std::size_t>(
      std::max(floats(1), std::min(floats(limits_.max_tokens), kPartFloats)));
}

void DeviceRank::lay_out(Carver& host, Carver& device) {
  const std::int64_t tokens = limits_.max_tokens;
  const std::size_t rows_of_x = product(tokens, config_.dim);
  const std::int64_t sequences = std::min<std::int64_t>(place_.max_rows, tokens);
  // Of a token: position, id, row, sequence, output, and its spans in layers of each window. Of a
  // sequence: its first and last token, their number, its blocks.
  const std::set<std::int32_t> windows(config_.windows.begin(), config_.windows.end());
  const auto kinds = static_cast<std::int64_t>(windows.size()) + 1;
  const std::size_t numbers =
      checked_add(product(tokens, 5 + 2 * kinds), product(sequences, 3 + table_blocks()));
  // Ranks meet twice in a layer.
  const std::size_t stamps =
      kMeetings + (limits_.ranks > 1 ? product(place_.layers, 4) : std::size_t{0});
  for (Turn& turn : turns_) {
    turn.inputs = host.take<std::int32_t>(numbers);
    turn.stamps = host.take<std::uint64_t>(stamps);
  }
  device_inputs_ = device.take<std::int32_t>(numbers);
  last_sampled_ = device.take<std::int32_t>(static_cast<std::size_t>(place_.max_rows));
  x_ = device.take<float>(rows_of_x);
  other_x_ = device.take<float>(rows_of_x);
  q_ = device.take<float>(product(tokens, shape_.q_rows.size()));
  k_ = device.take<float>(product(tokens, shape_.kv_rows.size()));
  v_ = device.take<float>(product(tokens, shape_.kv_rows.size()));
  up_ = device.take<float>(product(tokens, shape_.ffn_rows.size()));
  normed_ = take_operand(device, tokens, config_.dim);
  attended_ = take_operand(device, tokens, shape_.q_rows.size());
  gated_ = take_operand(device, tokens, shape_.ffn_rows.size());
  parts_ = device.take<float>(attend_room());
  angles_ = device.take<float>(product(config_.context, config_.rope_dim));
  if (config_.rope_window_base > 0) {
    window_angles_ = device.take<float>(product(config_.context, config_.rope_dim));
  }
  for (std::size_t which = 0; which < 2; ++which) {
    partial_[which] = device.take<float>(rows_of_x);
    if (limits_.ranks > 1) host_partial_[which] = host.take<float>(rows_of_x);
  }
  if (limits_.ranks > 1) peers_ = device.take<float>(product(limits_.ranks, tokens * config_.dim));
  if (config_.embeds()) {
    host_pooled_ = host.take<float>(product(sequences, config_.embedding_size()));
    pooled_ = device.take<float>(product(sequences, config_.embedding_size()));
  } else {
    logits_ = device.take<float>(product(limits_.max_logit_tokens, shape_.output_rows.size()));
  }
  stamps_ = device.take<std::uint64_t>(stamps);
  if (place_.samples && place_.lane == place_.first_lane) {
    sampler_.lay_out(host, device, limits_.max_logit_tokens, config_.vocab);
  }
}

Status DeviceRank::bind(const model::RankWeights& weights, const model::KvPool& kv,
                        const model::RopeTables& rope) {
  weights_ = &weights;
  kv_ = &kv;
  spans_.clear();
  for (const model::LayerWeights& layer : weights.layers) {
    const auto same = [&](const Spans& spans) { return spans.window == layer.window; };
    if (std::none_of(spans_.begin(), spans_.end(), same))
      spans_.push_back({.window = layer.window});
  }
  if (const std::int32_t error = plugin_->begin_stream(device_, &stream_); error != 0) {
    return within(device_failure(*plugin_, device_, error), "cuda");
  }
  streams_ = true;
  for (Mark* mark : {&mark_, &turns_[0].end, &turns_[1].end}) {
    if (const std::int32_t error = plugin_->begin_mark(device_, mark); error != 0) {
      return within(device_failure(*plugin_, device_, error), "cuda");
    }
  }
  // A first recording has a stamp that no step before it need have launched (StepGraphs).
  plugin_->stamp(stream_, stamps_.data() + kBegin);
  graphs_.bind(*plugin_, device_, stream_);
  step_shape_.reserve(3 + spans_.size());
  first_x_ = x_.data();
  linked_ = place_.devices->linked(place_.first_lane, limits_.ranks);
  if (config_.rope_dim == 0) return Status::kOk;
  if (Status s = upload_angles(
          {config_.rope_neox, config_.rope_dim, rope.all.data(), config_.rope_magnitude}, angles_);
      s != Status::kOk || config_.rope_window_base == 0) {
    return s;
  }
  return upload_angles({config_.rope_neox, config_.rope_dim, rope.windows.data(), 1},
                       window_angles_);
}

bool DeviceRank::join(std::span<model::RankCompute* const> ranks) {
  if (ranks.size() == 1 || !linked_) return false;
  std::vector<DeviceRank*> all;
  for (model::RankCompute* rank : ranks) {
    auto* next = static_cast<DeviceRank*>(rank);
    all.push_back(next);
    next->met_.resize(product(place_.layers, 2));
    next->ranks_.clear();
    next->first_ = this;
  }
  ranks_ = std::move(all);
  return true;
}

Status DeviceRank::upload_angles(const ops::Rope& rope, std::span<float> to) {
  std::vector<float> angles(product(kAnglePositions, rope.dim));
  for (std::int64_t begin = 0; begin < config_.context; begin += kAnglePositions) {
    const std::int64_t end = std::min<std::int64_t>(config_.context, begin + kAnglePositions);
    for (std::int64_t position = begin; position < end; ++position) {
      ops::rope_angles(rope, static_cast<std::int32_t>(position),
                       angles.data() + (position - begin) * rope.dim);
    }
    const std::size_t bytes = product(end - begin, rope.dim) * sizeof(float);
    if (Status s =
            place_.devices->write(place_.lane, to.data() + begin * rope.dim, angles.data(), bytes);
        s != Status::kOk) {
      return within(s, "cuda");
    }
  }
  return Status::kOk;
}

// ---- its device, and those of the ranks that it drives ----

template <class Work>
void DeviceRank::each(Work work) {
  for (DeviceRank* rank : ranks_) {
    if (rank->health_ != Status::kOk) continue;
    if (ranks_.size() > 1) rank->check(plugin_->use(rank->device_));
    work(*rank);
  }
}

bool DeviceRank::all_well() const {
  return std::all_of(ranks_.begin(), ranks_.end(),
                     [](const DeviceRank* rank) { return rank->health_ == Status::kOk; });
}

void DeviceRank::check(std::int32_t error) {
  if (error == 0 || health_ != Status::kOk) return;
  health_ = device_failure(*plugin_, device_, error);
  std::fprintf(stderr, "libswitchboard: cuda: lane %d: %s\n", place_.lane, last_error());
}

// A recording has its first stamp whether or not this step is measured: others repeat it.
void DeviceRank::begin_stretch() {
  if (begun_ || !(measures_ || graphs().holds())) return;
  begun_ = true;
  asked_ns_ = now_ns();
  if (!graphs().knows()) plugin_->stamp(stream_, stamps_.data() + kBegin);
}

void DeviceRank::end_stretch() {
  ended_ = std::exchange(begun_, false) && measures_;
  if (ended_) give_stamps(kWorked);
}

void DeviceRank::give_stamps(Stamp last) {
  const std::size_t stamps = meetings_ > 0 ? kMeetings + 2 * meetings_ : last + 1;
  const std::size_t bytes = stamps * sizeof(std::uint64_t);
  plugin_->stamp(stream_, stamps_.data() + last);
  check(plugin_->copy_out(stream_, turns_[turn_].stamps.data(), bytes, stamps_.data(), bytes, bytes,
                          1));
}

void DeviceRank::await() {
  check(plugin_->wait(stream_));
  if (!ended_ || health_ != Status::kOk) return;
  const std::span<const std::uint64_t> stamps = turns_[turn_].stamps;
  anchored_ns_ = asked_ns_;
  clock_.add({asked_ns_, stamps[kBegin], stamps[kWorked], now_ns()});
  take_meetings(stamps, std::exchange(meetings_, 0));
  worked_.begin_ns = clock_.host_ns(stamps[kBegin]);
  worked_.end_ns = clock_.host_ns(stamps[kWorked]);
}

// They are the same of every step in which some token is looked at.
void DeviceRank::take_meetings(std::span<const std::uint64_t> stamps, std::size_t meetings) {
  for (std::size_t i = 0; i < meetings; ++i) {
    met_[i].arrived_ns = clock_.host_ns(stamps[kMeetings + 2 * i]);
    met_[i].left_ns = clock_.host_ns(stamps[kMeetings + 2 * i + 1]);
  }
  worked_.meetings = std::span(met_).first(meetings);
}

// One whose memory ran out has a stream that may still read what the host writes next.
void DeviceRank::wait_all() {
  each([](DeviceRank& rank) { rank.end_stretch(); });
  for (DeviceRank* rank : ranks_) {
    if (rank->health_ != Status::kDeviceLost) rank->await();
  }
  if (joined()) tell_last();
}

// When all had ended what they had to do in the stretch that has just been waited for, and who
// came last to its meetings. All leave a meeting at once, so that is who waited least; how long
// each waited is by one clock, where the clocks of two devices may be further apart than two
// arrivals.
void DeviceRank::tell_last() {
  if (!all_well() || worked_.end_ns == 0) return;
  std::int64_t end_ns = 0;
  for (const DeviceRank* rank : ranks_) end_ns = std::max(end_ns, rank->worked_.end_ns);
  for (DeviceRank* rank : ranks_) rank->worked_.all_end_ns = end_ns;
  for (std::size_t i = 0; i < worked_.meetings.size(); ++i) {
    const auto waited = [i](const DeviceRank* rank) {
      return rank->met_[i].left_ns - rank->met_[i].arrived_ns;
    };
    const auto [last, first] =
        std::minmax_element(ranks_.begin(), ranks_.end(),
                            [&](const auto* a, const auto* b) { return waited(a) < waited(b); });
    const std::int64_t last_ns = (*last)->met_[i].arrived_ns;
    const std::int64_t spread_ns = waited(*first) - waited(*last);
    for (DeviceRank* rank : ranks_) {
      rank->met_[i].first_ns = last_ns - spread_ns;
      rank->met_[i].last_ns = last_ns;
      rank->met_[i].last_rank = static_cast<std::int32_t>(last - ranks_.begin());
    }
  }
}

void DeviceRank::gather() {
  each([&](const DeviceRank& rank) {
    if (&rank == this) return;
    plugin_->put_mark(rank.stream_, rank.mark_);
    plugin_->follow(stream_, rank.mark_);
  });
}

void DeviceRank::scatter() {
  if (!joined()) return;
  plugin_->put_mark(stream_, mark_);
  each([&](const DeviceRank& rank) {
    if (&rank != this) plugin_->follow(rank.stream_, mark_);
  });
}

// Each stream goes on when all have come.
void DeviceRank::meet() {
  each([&](const DeviceRank& rank) {
    if (rank.measures_)
      plugin_->stamp(rank.stream_, rank.stamps_.data() + kMeetings + 2 * meetings_);
    plugin_->put_mark(rank.stream_, rank.mark_);
  });
  each([&](const DeviceRank& rank) {
    each([&](const DeviceRank& other) {
      if (&other != &rank) plugin_->follow(rank.stream_, other.mark_);
    });
  });
}

// ---- what a step brings along ----

const std::int32_t* DeviceRank::put(std::span<const std::int32_t> numbers) {
  const std::span<std::int32_t> inputs = turns_[turn_].inputs;
  SB_CHECK(inputs_used_ + numbers.size() <= inputs.size());
  std::copy(numbers.begin(), numbers.end(),
            inputs.begin() + static_cast<std::ptrdiff_t>(inputs_used_));
  const std::int32_t* at = device_inputs_.data() + inputs_used_;
  inputs_used_ += numbers.size();
  return at;
}

template <class NumberOf>
const std::int32_t* DeviceRank::put_each(std::size_t count, NumberOf number_of) {
  const std::span<std::int32_t> inputs = turns_[turn_].inputs;
  SB_CHECK(inputs_used_ + count <= inputs.size());
  const std::int32_t* at = device_inputs_.data() + inputs_used_;
  for (std::size_t i = 0; i < count; ++i) inputs[inputs_used_++] = number_of(i);
  return at;
}

void DeviceRank::put_sequences(const model::Batch& batch) {
  const auto put_of_each = [&](const auto& number_of) {
    return put_each(batch.sequences.size(),
                    [&](std::size_t i) { return number_of(batch.sequences[i]); });
  };
  using model::Sequence;
  inputs_.firsts = put_of_each([](const Sequence& each) { return each.first_token; });
  inputs_.lasts =
      put_of_each([](const Sequence& each) { return each.first_token + each.n_tokens - 1; });
  inputs_.counts = put_of_each([](const Sequence& each) { return each.n_tokens; });
}

void DeviceRank::put_tables(const model::Batch& batch) {
  std::int32_t longest = 1;
  for (const model::Sequence& sequence : batch.sequences) {
    const std::int32_t end = sequence.position + sequence.n_tokens;
    longest = std::max(longest, (end + limits_.block_tokens - 1) / limits_.block_tokens);
  }
  if (repeats_) longest = few_values(longest, static_cast<std::int32_t>(table_blocks()));
  const auto stride = static_cast<std::size_t>(longest);
  inputs_.max_blocks = longest;
  inputs_.block_tables = device_inputs_.data() + inputs_used_;
  for (const model::Sequence& sequence : batch.sequences) {
    const std::size_t next = inputs_used_ + stride;
    static_cast<void>(put(sequence.blocks.first(std::min(stride, sequence.blocks.size()))));
    inputs_used_ = next;
  }
}

void DeviceRank::put_spans(const model::Batch& batch, Spans& spans) {
  model::LayerWeights layer;
  layer.window = spans.window;
  const auto tokens = static_cast<std::size_t>(batch.size());
  const std::span<std::int32_t> inputs = turns_[turn_].inputs;
  SB_CHECK(inputs_used_ + 2 * tokens <= inputs.size());
  std::int32_t* begins = inputs.data() + inputs_used_;
  std::int32_t* ends = begins + tokens;
  spans.begins = device_inputs_.data() + inputs_used_;
  spans.ends = spans.begins + tokens;
  spans.max_parts = 1;
  for (std::size_t token = 0; token < tokens; ++token) {
    const ops::AttentionSpan span =
        model::span_of(config_, layer, batch, static_cast<std::int64_t>(token));
    begins[token] = span.begin;
    ends[token] = span.end;
    spans.max_parts = std::max(spans.max_parts, ops::attention_parts(span));
  }
  if (repeats_) spans.max_parts = few_values(spans.max_parts, most_parts(config_));
  inputs_used_ += 2 * tokens;
}

void DeviceRank::begin(const model::Batch& batch, Team& team) {
  if (!drives(team)) return;
  for (DeviceRank* rank : ranks_) rank->begin_step(batch);
  graphs_.begin(shape_of(batch));
}

void DeviceRank::begin_step(const model::Batch& batch) {
  turn_ ^= 1;
  begun_ = false;
  meetings_ = 0;
  worked_ = {};
  // What went wrong with a step and not with its device spoils no other one.
  if (health_ != Status::kDeviceLost) health_ = Status::kOk;
  if (health_ != Status::kOk) return;
  check(plugin_->use(device_));
  repeats_ = is_decode(batch);
  // Then it is worth it that neighbours share what they read; those of other sequences wait for
  // each other.
  constexpr std::int64_t kOfOne = 4;
  prompts_ = batch.size() >= kOfOne * static_cast<std::int64_t>(batch.sequences.size());
  if (x_.data() != first_x_) std::swap(x_, other_x_);
  inputs_used_ = 0;
  const auto tokens = static_cast<std::size_t>(batch.size());
  inputs_.positions = put_each(
      tokens, [&](std::size_t token) { return batch.position(static_cast<std::int64_t>(token)); });
  // Of another stage they are not known yet.
  if (begins_model()) {
    inputs_.ids = put_each(tokens, [&](std::size_t token) {
      return batch.token_id(static_cast<std::int64_t>(token));
    });
    inputs_.rows = put_each(tokens, [&](std::size_t token) {
      return batch.sequence(static_cast<std::int64_t>(token)).row;
    });
  }
  inputs_.sequences = put(batch.sequence_of);
  inputs_.outputs = put(batch.output_tokens);
  if (config_.embeds()) put_sequences(batch);
  for (Spans& spans : spans_) put_spans(batch, spans);
  put_tables(batch);
  check(plugin_->copy_in(stream_, device_inputs_.data(), turns_[turn_].inputs.data(),
                         inputs_used_ * sizeof(std::int32_t)));
}

// One token of each sequence, of which all are looked at.
bool DeviceRank::is_decode(const model::Batch& batch) const {
  const auto sequences = static_cast<std::int64_t>(batch.sequences.size());
  return (limits_.ranks == 1 || joined()) && !config_.embeds() && batch.size() == sequences &&
         batch.outputs() == sequences;
}

std::span<const std::int32_t> DeviceRank::shape_of(const model::Batch& batch) {
  step_shape_.clear();
  if (!repeats_) return step_shape_;
  step_shape_.push_back(static_cast<std::int32_t>(batch.size()));
  step_shape_.push_back(inputs_.max_blocks);
  for (const Spans& spans : spans_) step_shape_.push_back(spans.max_parts);
  // Meetings have stamps where they are measured.
  if (joined()) step_shape_.push_back(measures_ ? 1 : 0);
  return step_shape_;
}

// What is held runs in the first stream: behind what the others have, and they go on behind it.
void DeviceRank::start_launches() {
  if (!all_well()) graphs_.begin({});
  if (graphs_.holds()) gather();
  check(plugin_->use(device_));
  check(graphs_.start());
  // What the step before samples is on the first rank's device.
  const bool begins_behind = left_ > 0 && !graphs_.holds();
  if ((graphs_.holds() && !graphs_.knows()) || begins_behind) scatter();
}

// All launches of the layers have been made, or need not be.
void DeviceRank::end_launches() {
  if (!graphs_.holds()) return;
  if (!graphs_.knows()) gather();
  each([](DeviceRank& rank) { rank.asked_ns_ = now_ns(); });
  check(plugin_->use(device_));
  check(graphs_.finish());
  scatter();
}

const DeviceRank::Spans& DeviceRank::spans_of(const model::LayerWeights& weights) const {
  const auto found = std::find_if(spans_.begin(), spans_.end(), [&](const Spans& spans) {
    return spans.window == weights.window;
  });
  SB_CHECK(found != spans_.end());
  return *found;
}

void DeviceRank::embed(const model::Batch& batch, Team& team) {
  if (!drives(team)) return;
  start_launches();
  each([&](DeviceRank& rank) {
    rank.begin_stretch();
    if (!graphs_.knows()) rank.launch_embed(batch.size());
  });
}

void DeviceRank::launch_embed(std::int64_t tokens) {
  const model::EncoderWeights& encoder = weights_->encoder;
  EmbedArgs args;
  for (const model::EmbeddingSlice& slice : weights_->embedding) {
    args.table.slices[args.table.n_slices++] = {slice.row_begin, slice.matrix};
  }
  args.tokens = inputs_.ids;
  args.sequence_rows = inputs_.rows;
  args.last_sampled = first_->last_sampled_.data();
  args.rows = tokens;
  args.dim = config_.dim;
  args.factor = config_.embedding_scale;
  args.x = x_.data();
  plugin_->embed(stream_, args);
  if (!config_.encoder()) return;
  if (encoder.token_type != nullptr) {
    plugin_->add_to_rows(stream_, encoder.token_type, tokens, config_.dim, x_.data());
  }
  if (encoder.positions.rows > 0) {
    plugin_->add_rows_of(stream_, encoder.positions, inputs_.positions, tokens, config_.dim,
                         x_.data());
  }
  normalise_rows(x_.data(), encoder.norm, encoder.norm_bias, tokens, x_.data());
}

void DeviceRank::take_hidden(std::span<const float> hidden, std::int64_t count, Team& team) {
  if (!drives(team)) return;
  const std::size_t bytes = product(count, config_.dim) * sizeof(float);
  const auto copy = place_.takes_across ? plugin_->copy_across : plugin_->copy_in;
  each([&](DeviceRank& rank) {
    rank.check(copy(rank.stream_, rank.x_.data(), hidden.data(), bytes));
  });
}

void DeviceRank::give_hidden(std::int64_t count, std::span<float> hidden, Team& team) {
  if (!drives(team)) return;
  end_launches();
  const std::size_t bytes = product(count, config_.dim) * sizeof(float);
  if (health_ == Status::kOk) {
    check(place_.gives_across
              ? plugin_->copy_across(stream_, hidden.data(), x_.data(), bytes)
              : plugin_->copy_out(stream_, hidden.data(), bytes, x_.data(), bytes, bytes, 1));
  }
  wait_all();
}

// ---- layers ----

DeviceRank::Beginning DeviceRank::beginning(std::int32_t layer, model::Partial of) const {
  const model::LayerWeights& weights = weights_->layers[static_cast<std::size_t>(layer)];
  if (of == model::Partial::kAttention) return {weights.attn_norm, weights.q.type};
  return {weights.ffn_norm, weights.gate.rows > 0 ? weights.gate.type : weights.up.type};
}

// One block of threads would read the partial sums of all ranks, from other devices' memory: of
// several ranks many do, and the norm is a launch of its own.
bool DeviceRank::begins_behind_a_block(std::int32_t layer, model::Partial which) const {
  return limits_.ranks == 1 && (layer > 0 || which == model::Partial::kFeedForward) &&
         beginning(layer, which).norm != nullptr;
}

void DeviceRank::begin_block(std::int32_t layer, model::Partial which, std::int64_t rows) {
  const Beginning block = beginning(layer, which);
  if (begins_behind_a_block(layer, which)) {
    normed_form_ = plugin_->form_for(block.type);
  } else {
    normalise(x_.data(), block.norm, rows, block.type);
  }
}

void DeviceRank::normalise(const float* x, const float* weight, std::int64_t rows,
                           ops::WeightType type) {
  NormArgs args;
  args.x = x;
  args.rows = rows;
  args.n = config_.dim;
  args.weight = weight;
  args.epsilon = config_.norm_epsilon;
  args.out = normed_;
  args.form = plugin_->form_for(type);
  normed_form_ = args.form;
  plugin_->normalise(stream_, args);
}

void DeviceRank::normalise_rows(const float* x, const float* weight, const float* bias,
                                std::int64_t rows, float* out) {
  NormArgs args;
  args.x = x;
  args.rows = rows;
  args.n = config_.dim;
  args.weight = weight;
  args.bias = bias;
  args.epsilon = config_.norm_epsilon;
  args.out.k = config_.dim;
  args.out.f32 = out;
  plugin_->normalise(stream_, args);
}

void DeviceRank::project(std::span<const MatmulOutput> all, std::int64_t rows) {
  for (std::size_t i = 0; i < all.size(); ++i) {
    const ops::WeightType type = all[i].w.type;
    const auto of_type = [type](const MatmulOutput& each) { return each.w.type == type; };
    if (std::any_of(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(i), of_type)) continue;
    const Form form = plugin_->form_for(type);
    if (form != normed_form_) {
      plugin_->prepare(stream_, normed_, rows, form);
      normed_form_ = form;
    }
    JointMatmulArgs args;
    args.x = normed_;
    args.rows = rows;
    for (const MatmulOutput& each : all) {
      if (of_type(each)) args.matrices[args.n++] = each;
    }
    plugin_->matmul_jointly(stream_, args);
  }
}

void DeviceRank::multiply(const ops::Matrix& w, const Operand& x, const float* bias,
                          std::int64_t rows, float* y) {
  MatmulArgs args;
  args.w = w;
  args.x = x;
  args.rows = rows;
  args.bias = bias;
  args.y = y;
  args.ldy = w.rows;
  plugin_->matmul(stream_, args);
}

void DeviceRank::store(std::int32_t layer, std::int64_t tokens) {
  const model::LayerWeights& weights = weights_->layers[static_cast<std::size_t>(layer)];
  const bool own_angles = weights.window > 0 && config_.rope_window_base > 0;
  StoreArgs args;
  args.kv = kv_->layer(layer);
  args.q = q_.data();
  args.k = k_.data();
  args.v = v_.data();
  args.q_heads = shape_.heads;
  args.q_norm = weights.q_norm;
  args.k_norm = weights.k_norm;
  args.epsilon = config_.norm_epsilon;
  args.rope.neox = config_.rope_neox;
  args.rope.dim = config_.rope_dim;
  args.angles = own_angles ? window_angles_.data() : angles_.data();
  args.positions = inputs_.positions;
  args.block_tables = inputs_.block_tables;
  args.sequences = inputs_.sequences;
  args.max_blocks = inputs_.max_blocks;
  args.rows = tokens;
  plugin_->store_heads(stream_, args);
}

// As many tokens at a time as there is room for the parts of.
void DeviceRank::attend(std::int32_t layer, const model::TokenSet& kept) {
  const model::LayerWeights& weights = weights_->layers[static_cast<std::size_t>(layer)];
  const Spans& spans = spans_of(weights);
  const bool listed = !kept.listed.empty();
  const std::int64_t q_cols = shape_.q_rows.size();
  const std::int64_t of_one =
      plugin_->attend_floats(1, shape_.heads, config_.head_dim, spans.max_parts);
  const std::int64_t most = std::max<std::int64_t>(
      1, static_cast<std::int64_t>(parts_.size()) / std::max<std::int64_t>(1, of_one));
  for (std::int64_t row = 0; row < kept.count; row += most) {
    const std::int64_t first = listed ? 0 : row;  // token
    AttendArgs args;
    args.kv = kv_->layer(layer);
    args.q = q_.data() + first * q_cols;
    args.q_heads = shape_.heads;
    args.kept = listed ? inputs_.outputs + row : nullptr;
    args.begins = spans.begins + first;
    args.ends = spans.ends + first;
    args.block_tables = inputs_.block_tables;
    args.sequences = inputs_.sequences + first;
    args.max_blocks = inputs_.max_blocks;
    args.scale = config_.attention_scale;
    args.softcap = config_.attention_softcap;
    args.rows = std::min(most, kept.count - row);
    args.prompts = !listed && prompts_;
    args.max_parts = spans.max_parts;
    args.parts = parts_.data();
    args.out = attended_;
    args.first_out = row;
    args.form = plugin_->form_for(weights.attn_output.type);
    plugin_->attend(stream_, args);
  }
}

bool DeviceRank::attention(std::int32_t layer, const model::Batch& batch,
                           const model::TokenSet& kept, Team& team) {
  if (!drives(team)) return true;
  if (layer == 0 && !begins_model()) start_launches();
  each([&](DeviceRank& rank) {
    rank.begin_stretch();
    if (!graphs_.knows()) rank.launch_attention(layer, batch.size(), kept);
  });
  // Nothing of the step is looked at; it ends when its keys and values are stored.
  if (kept.count == 0) wait_all();
  return true;
}

void DeviceRank::launch_attention(std::int32_t layer, std::int64_t tokens,
                                  const model::TokenSet& kept) {
  const model::LayerWeights& weights = weights_->layers[static_cast<std::size_t>(layer)];
  begin_block(layer, model::Partial::kAttention, tokens);
  const MatmulOutput heads[] = {{weights.q, weights.q_bias, q_.data(), weights.q.rows},
                                {weights.k, weights.k_bias, k_.data(), weights.k.rows},
                                {weights.v, weights.v_bias, v_.data(), weights.v.rows}};
  project(heads, tokens);
  store(layer, tokens);
  if (kept.count == 0) return;
  attend(layer, kept);
  multiply(weights.attn_output, attended_, weights.attn_output_bias, kept.count,
           partial_[0].data());
  finish_partial(model::Partial::kAttention, kept.count);
}

bool DeviceRank::feed_forward(std::int32_t layer, std::int64_t m, Team& team) {
  if (!drives(team) || graphs_.knows()) return true;
  each([&](DeviceRank& rank) { rank.launch_feed_forward(layer, m); });
  return true;
}

void DeviceRank::launch_feed_forward(std::int32_t layer, std::int64_t m) {
  const model::LayerWeights& weights = weights_->layers[static_cast<std::size_t>(layer)];
  const bool gated = weights.gate.rows > 0;
  begin_block(layer, model::Partial::kFeedForward, m);
  const Activation activation = activation_for(config_.arch);
  const Form form = plugin_->form_for(weights.down.type);
  const MatmulOutput gate{weights.gate, nullptr, gated_.f32, weights.gate.rows};
  const MatmulOutput up{weights.up, weights.up_bias, gated ? up_.data() : gated_.f32,
                        weights.up.rows};
  if (gated && weights.gate.type == weights.up.type) {
    plugin_->matmul_gated(stream_, {normed_, m, gate, up, activation, gated_, form});
  } else {
    const MatmulOutput both[] = {gate, up};
    project(std::span(both).subspan(gated ? 0 : 1), m);
    plugin_->gate(stream_, {activation, gated_.f32, up_.data(), m, gated_, form});
  }
  multiply(weights.down, gated_, weights.down_bias, m, partial_[1].data());
  finish_partial(model::Partial::kFeedForward, m);
}

// Others read it once they have met this one, on the host where they have not joined.
void DeviceRank::finish_partial(model::Partial which, std::int64_t rows) {
  if (limits_.ranks == 1 || joined()) return;
  const auto index = static_cast<std::size_t>(which);
  if (!linked_) {
    const std::size_t bytes = product(rows, config_.dim) * sizeof(float);
    check(plugin_->copy_out(stream_, host_partial_[index].data(), bytes, partial_[index].data(),
                            bytes, bytes, 1));
  }
  wait();
}

const float* DeviceRank::partial(model::Partial which) const {
  const auto index = static_cast<std::size_t>(which);
  return limits_.ranks > 1 && !linked_ ? host_partial_[index].data() : partial_[index].data();
}

bool DeviceRank::add_partials(std::int32_t layer, model::Partial which,
                              std::span<const float* const> partials, const model::TokenSet& kept,
                              Team& team) {
  if (!drives(team)) return team.sync();
  each([](DeviceRank& rank) { rank.begin_stretch(); });
  if (!graphs_.knows()) {
    if (joined()) meet();
    each([&](DeviceRank& rank) { rank.launch_block_end(layer, which, partials, kept); });
  }
  for (DeviceRank* rank : ranks_) {
    if (!kept.listed.empty()) std::swap(rank->x_, rank->other_x_);
    if (!joined()) continue;
    rank->met_[rank->meetings_].which = which;
    rank->met_[rank->meetings_++].layer = layer;
  }
  return team.sync();
}

void DeviceRank::launch_block_end(std::int32_t layer, model::Partial which,
                                  std::span<const float* const> partials,
                                  const model::TokenSet& kept) {
  const model::BlockEnd& end = weights_->layers[static_cast<std::size_t>(layer)].end(which);
  const bool moves = !kept.listed.empty();
  EndBlockArgs args;
  args.ranks = static_cast<std::int32_t>(partials.size());
  for (std::size_t rank = 0; rank < partials.size(); ++rank) {
    args.partials[rank] = partials[rank];
    if (args.ranks == 1 || linked_) continue;
    const std::size_t floats = product(kept.count, config_.dim);
    float* copy = peers_.data() + rank * product(limits_.max_tokens, config_.dim);
    check(plugin_->copy_in(stream_, copy, partials[rank], floats * sizeof(float)));
    args.partials[rank] = copy;
  }
  args.rows = kept.count;
  args.dim = config_.dim;
  args.kept = moves ? inputs_.outputs : nullptr;
  args.norm_output = end.norm_output;
  args.norm_sum = end.norm_sum;
  args.norm_sum_bias = end.norm_sum_bias;
  args.epsilon = config_.norm_epsilon;
  args.x_in = x_.data();
  args.x_out = moves ? other_x_.data() : x_.data();
  const bool attended = which == model::Partial::kAttention;
  const std::int32_t next_layer = attended ? layer : layer + 1;
  const model::Partial next = attended ? model::Partial::kFeedForward : model::Partial::kAttention;
  if (static_cast<std::size_t>(next_layer) < weights_->layers.size() &&
      begins_behind_a_block(next_layer, next)) {
    const Beginning block = beginning(next_layer, next);
    args.next_norm = block.norm;
    args.next = normed_;
    args.next_form = plugin_->form_for(block.type);
  }
  if (joined() && measures_) args.begun_at = stamps_.data() + kMeetings + 2 * meetings_ + 1;
  plugin_->end_block(stream_, args);
}

// ---- what a step gives ----

bool DeviceRank::end_layers(const model::Batch& batch, Team& team) {
  if (drives(team)) {
    const auto count = static_cast<std::int64_t>(batch.sequences.size());
    const std::size_t bytes = product(count, config_.embedding_size()) * sizeof(float);
    each([&](DeviceRank& rank) {
      rank.pool_sequences(count, batch.size());
      rank.check(plugin_->copy_out(rank.stream_, rank.host_pooled_.data(), bytes,
                                   rank.pooled_.data(), bytes, bytes, 1));
    });
    wait_all();
  }
  return team.sync();
}

void DeviceRank::pool_sequences(std::int64_t count, std::int64_t tokens) {
  const float* norm = weights_->encoder.output_norm;
  switch (config_.pooling) {
    case model::Pooling::kNone:
      return;
    case model::Pooling::kMean:
      normalise_rows(x_.data(), norm, nullptr, tokens, other_x_.data());
      return plugin_->mean_rows(stream_, {other_x_.data(), inputs_.firsts, inputs_.counts, count,
                                          config_.dim, pooled_.data()});
    case model::Pooling::kCls:
      return pool_tokens(inputs_.firsts, count);
    case model::Pooling::kLast:
      return pool_tokens(inputs_.lasts, count);
    case model::Pooling::kRank:
      return classify(count);
  }
}

// A token of each sequence.
void DeviceRank::pool_tokens(const std::int32_t* tokens, std::int64_t count) {
  plugin_->gather_rows(stream_, x_.data(), tokens, count, config_.dim, other_x_.data());
  normalise_rows(other_x_.data(), weights_->encoder.output_norm, nullptr, count, pooled_.data());
}

void DeviceRank::classify(std::int64_t count) {
  const model::EncoderWeights& encoder = weights_->encoder;
  Operand hidden = normed_;
  plugin_->gather_rows(stream_, x_.data(), inputs_.firsts, count, config_.dim, hidden.f32);
  if (encoder.dense.rows > 0) {
    plugin_->prepare(stream_, hidden, count, plugin_->form_for(encoder.dense.type));
    MatmulArgs args;
    args.w = encoder.dense;
    args.x = hidden;
    args.rows = count;
    args.bias = encoder.dense_bias;
    args.y = other_x_.data();
    args.ldy = encoder.dense.rows;
    args.softcap = 1;  // tanh
    plugin_->matmul(stream_, args);
    hidden.f32 = other_x_.data();
  }
  plugin_->prepare(stream_, hidden, count, plugin_->form_for(encoder.classifier.type));
  multiply(encoder.classifier, hidden, encoder.classifier_bias, count, pooled_.data());
}

void DeviceRank::pool(const model::Sequence& sequence, float* out, const Team& /*team*/) {
  const std::int64_t size = config_.embedding_size();
  std::copy_n(host_pooled_.data() + sequence.first_output * size, size, out);
}

bool DeviceRank::logits(Range rows, std::span<const std::int32_t> listed, float* logits,
                        Team& team) {
  if (!drives(team)) return true;
  end_launches();
  each([&](DeviceRank& rank) {
    rank.begin_stretch();
    rank.launch_logits(rows);
    rank.give_listed(rows, listed, logits);
  });
  wait_all();
  return true;
}

void DeviceRank::launch_logits(Range rows) {
  const ops::Matrix& w = weights_->output;
  normalise(x_.data() + rows.begin * config_.dim, weights_->output_norm, rows.size(), w.type);
  MatmulArgs args;
  args.w = w;
  args.x = normed_;
  args.rows = rows.size();
  args.y = logits_.data();
  args.ldy = w.rows;
  args.softcap = config_.logit_softcap;
  plugin_->matmul(stream_, args);
}

void DeviceRank::give_listed(Range rows, std::span<const std::int32_t> listed, float* logits) {
  const LogitSlice own{shape_.output_rows.begin, weights_->output.rows, logits_.data()};
  if (!samples()) return give_logits(own, {0, rows.size()}, logits);
  // Rows that follow one another are one copy.
  for (std::size_t i = 0, next = 1; i < listed.size(); i = next++) {
    while (next < listed.size() && listed[next] == listed[next - 1] + 1) ++next;
    give_logits(own, {listed[i], listed[next - 1] + 1}, logits);
  }
}

void DeviceRank::give_logits(const LogitSlice& slice, Range rows, float* logits) {
  const std::size_t bytes = static_cast<std::size_t>(slice.columns) * sizeof(float);
  check(plugin_->copy_out(stream_, logits + rows.begin * config_.vocab + slice.begin,
                          static_cast<std::size_t>(config_.vocab) * sizeof(float),
                          slice.logits + rows.begin * slice.columns, bytes, bytes,
                          static_cast<std::size_t>(rows.size())));
}

SlicedLogits DeviceRank::sliced(std::span<const float* const> kept) const {
  SlicedLogits all;
  all.n_slices = static_cast<std::int32_t>(kept.size());
  for (std::size_t rank = 0; rank < kept.size(); ++rank) {
    const Range columns =
        model::rank_shape(config_, limits_.ranks, static_cast<std::int32_t>(rank)).output_rows;
    all.slices[rank] = {columns.begin, columns.size(), kept[rank]};
  }
  return all;
}

void DeviceRank::sample(const model::RowWork& work, std::span<const float* const> kept) {
  if (health_ != Status::kOk) return;
  if (joined()) check(plugin_->use(device_));
  check(sampler_.sample(*plugin_, stream_, sliced(kept), work, turn_, last_sampled_.data()));
  wait();
  if (health_ == Status::kOk) sampler_.take(work, turn_);
}

// ---- steps that are left to the device ----

// The first rank samples when all have their logits; none of the others begins the next step before
// it has.
void DeviceRank::leave(Range rows, const model::RowWork& work) {
  const bool alone = left_++ == 0;
  if (all_well()) end_launches();
  each([&](DeviceRank& rank) { rank.leave_logits(rows, alone); });
  gather();
  if (health_ == Status::kOk) leave_draws(work);
  for (DeviceRank* rank : ranks_) rank->turns_[rank->turn_].health = rank->health_;
}

void DeviceRank::leave_logits(Range rows, bool alone) {
  Turn& turn = turns_[turn_];
  begin_stretch();
  launch_logits(rows);
  turn.measured = std::exchange(begun_, false) && measures_;
  turn.asked_ns = asked_ns_;
  turn.meetings = meetings_;
  if (turn.measured && alone) anchored_ns_ = asked_ns_;
  if (this == first_) {
    if (turn.measured) plugin_->stamp(stream_, stamps_.data() + kWorked);
    return;
  }
  if (turn.measured) give_stamps(kWorked);
  if (health_ == Status::kOk) check(plugin_->put_end(stream_, turn.end));
}

void DeviceRank::leave_draws(const model::RowWork& work) {
  Turn& turn = turns_[turn_];
  std::array<const float*, kMaxRanks> kept;
  for (std::size_t rank = 0; rank < ranks_.size(); ++rank)
    kept[rank] = ranks_[rank]->logits_.data();
  if (joined()) check(plugin_->use(device_));
  check(sampler_.sample(*plugin_, stream_, sliced(std::span(kept).first(ranks_.size())), work,
                        turn_, last_sampled_.data()));
  if (turn.measured) give_stamps(kSampled);
  if (health_ == Status::kOk) check(plugin_->put_end(stream_, turn.end));
}

void DeviceRank::collect(const model::RowWork& work) {
  const std::size_t oldest = left_-- == 2 ? turn_ ^ 1U : turn_;
  for (DeviceRank* rank : ranks_) {
    rank->worked_ = {};
    if (rank->health_ != Status::kDeviceLost) rank->health_ = rank->turns_[oldest].health;
  }
  const bool launched = all_well();
  for (DeviceRank* rank : ranks_) {
    if (rank->health_ == Status::kDeviceLost) continue;
    // What of a failed step was launched is void, and is not to read what the next steps bring
    // along.
    if (!launched) {
      static_cast<void>(plugin_->wait(rank->stream_));
    } else {
      rank->check(plugin_->await(rank->turns_[oldest].end));
    }
  }
  if (!all_well()) return;
  sampler_.take(work, oldest);
  for (DeviceRank* rank : ranks_) rank->collect_stamps(rank->turns_[oldest]);
  if (joined()) tell_last();
}

void DeviceRank::collect_stamps(const Turn& turn) {
  if (!turn.measured) return;
  const std::size_t last = this == first_ ? kSampled : kWorked;
  clock_.add({turn.asked_ns, turn.stamps[kBegin], turn.stamps[last], now_ns()});
  take_meetings(turn.stamps, turn.meetings);
  worked_.begin_ns = clock_.host_ns(turn.stamps[kBegin]);
  worked_.end_ns = clock_.host_ns(turn.stamps[kWorked]);
  if (this == first_) worked_.sampled_ns = clock_.host_ns(turn.stamps[kSampled]);
}

bool DeviceRank::collectable() {
  const Turn& turn = turns_[left_ == 2 ? turn_ ^ 1U : turn_];
  return !all_well() || turn.health != Status::kOk || plugin_->passed(turn.end);
}

bool DeviceRank::wants_anchor() const { return now_ns() - anchored_ns_ > kAnchorNs; }

void DeviceRank::abandon() {
  left_ = 0;
  for (const DeviceRank* rank : ranks_) {
    if (rank->streams_) static_cast<void>(plugin_->wait(rank->stream_));
  }
}

}  // namespace sb::cuda
