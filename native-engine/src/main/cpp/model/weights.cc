#include "model/weights.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>
#include <thread>
#include <utility>

#include "base/float16.h"

namespace sb::model {
namespace {

// Packed bytes a packing thread takes at a time: small enough that progress moves and that threads
// finish together.
constexpr std::size_t kPackChunkBytes = std::size_t{1} << 20;

struct PackChunk {
  const PackJob* job;
  std::int64_t group_begin;
  std::int64_t group_end;
};

std::vector<PackChunk> chunks_of(const std::vector<PackJob>& jobs) {
  std::vector<PackChunk> chunks;
  for (const PackJob& job : jobs) {
    const auto step =
        static_cast<std::int64_t>(std::max<std::size_t>(1, kPackChunkBytes / job.group_bytes));
    for (std::int64_t begin = 0; begin < job.groups; begin += step) {
      chunks.push_back({&job, begin, std::min(job.groups, begin + step)});
    }
  }
  return chunks;
}

std::size_t bytes_of(const PackChunk& chunk) {
  return static_cast<std::size_t>(chunk.group_end - chunk.group_begin) * chunk.job->group_bytes;
}

// Bytes of the piece that a thread packs into for lanes' memory; 0 where none is needed.
std::size_t piece_bytes(const std::vector<PackChunk>& chunks) {
  std::size_t most = 0;
  for (const PackChunk& chunk : chunks) {
    if (chunk.job->lane != kHostMemory) most = std::max(most, bytes_of(chunk));
  }
  return (most + kCacheLine - 1) / kCacheLine * kCacheLine;
}

// Packs where the chunk belongs, or, for memory that the host does not write itself, into the
// thread's piece of the ring and from there.
Status pack_chunk(const PackChunk& chunk, const LaneMemory& memory, std::span<std::byte> piece) {
  const PackJob& job = *chunk.job;
  if (job.lane == kHostMemory) {
    ops::pack(job.tensor->type, job.tensor->data, job.tensor->cols, job.rows.begin, job.rows.end,
              job.cols.begin, job.cols.end, chunk.group_begin, chunk.group_end, job.destination);
    return Status::kOk;
  }
  const std::int64_t groups = chunk.group_end - chunk.group_begin;
  const std::size_t bytes = bytes_of(chunk);
  // Packing wants whole cache lines, and writes each byte but those that align groups.
  SB_CHECK(bytes <= piece.size());
  auto* packed = reinterpret_cast<std::uint8_t*>(piece.data());
  std::memset(packed, 0, bytes);
  ops::pack(job.tensor->type, job.tensor->data, job.tensor->cols,
            job.rows.begin + chunk.group_begin * ops::kRowGroup, job.rows.end, job.cols.begin,
            job.cols.end, 0, groups, packed);
  return memory.write(
      job.lane, job.destination + static_cast<std::size_t>(chunk.group_begin) * job.group_bytes,
      packed, bytes);
}

}  // namespace

void copy_vector(const Tensor& tensor, float* destination) {
  const auto count = static_cast<std::size_t>(tensor.cols);
  if (tensor.type == ops::WeightType::kF32) {
    std::memcpy(destination, tensor.data, count * sizeof(float));
    return;
  }
  const auto* halves = static_cast<const std::uint16_t*>(tensor.data);
  std::transform(halves, halves + count, destination, float_from_half);
}

Weights Weights::plan(const Config& config, const Tensors& tensors, const Placement& placement,
                      Home home) {
  Weights weights(config, tensors, placement, home);
  weights.lay_out(nullptr, {});
  return weights;
}

void Weights::lay_out(std::byte* host, const LaneMemory& memory) {
  const auto lanes = static_cast<std::size_t>(placement_.stages * placement_.ranks);
  host_ = {Carver(host), kHostMemory};
  lanes_.clear();
  for (std::size_t lane = 0; lane < lanes; ++lane) {
    std::byte* base = memory.lanes.empty() ? nullptr : memory.lanes[lane];
    lanes_.push_back({Carver(base), static_cast<std::int32_t>(lane)});
  }
  ranks_.assign(lanes, {});
  pack_jobs_.clear();
  vector_jobs_.clear();
  for (std::int32_t stage = 0; stage < placement_.stages; ++stage) lay_out_stage(stage);
  if (config_.embeds()) {
    lay_out_encoder();
  } else {
    lay_out_output();
  }
  lay_out_embedding();
  host_bytes_ = host_.carver.used();
  bytes_ = host_bytes_;
  lane_bytes_.clear();
  for (const Place& place : lanes_) {
    lane_bytes_.push_back(place.carver.used());
    bytes_ = checked_add(bytes_, place.carver.used());
  }
  packed_bytes_ = 0;
  for (const PackJob& job : pack_jobs_) {
    const std::size_t bytes = checked_mul(static_cast<std::size_t>(job.groups), job.group_bytes);
    packed_bytes_ = checked_add(packed_bytes_, bytes);
  }
  bytes_per_token_ = 0;
  for (const RankWeights& rank : ranks_) {
    for (const LayerWeights& layer : rank.layers) bytes_per_token_ += layer.matrix_bytes();
    bytes_per_token_ += rank.output.bytes();
  }
}

void Weights::lay_out_stage(std::int32_t stage) {
  const Range layers = stage_layers(config_, placement_.stages, stage);
  for (std::int64_t i = layers.begin; i < layers.end; ++i) {
    const auto layer = static_cast<std::int32_t>(i);
    LayerWeights vectors;
    for (std::int32_t rank = 0; rank < placement_.ranks; ++rank) {
      Place& place = place_of(stage * placement_.ranks + rank);
      // The host's ranks share them.
      if (rank == 0 || home_ != Home::kHost) vectors = lay_out_vectors(place, layer);
      LayerWeights mine = vectors;
      lay_out_matrices(place, layer, rank_shape(config_, placement_.ranks, rank), mine);
      if (rank > 0) {
        mine.attn_output_bias = nullptr;
        mine.down_bias = nullptr;
      }
      ranks_[static_cast<std::size_t>(stage * placement_.ranks + rank)].layers.push_back(mine);
    }
  }
}

void Weights::lay_out_output() {
  const float* norm = nullptr;
  for (std::int32_t rank = 0; rank < placement_.ranks; ++rank) {
    const Range rows = rank_shape(config_, placement_.ranks, rank).output_rows;
    const std::int32_t last = placement_.stages - 1;
    Place& place = place_of(last * placement_.ranks + rank);
    if (rank == 0 || home_ != Home::kHost) norm = take_vector(place, Role::kOutputNorm, -1);
    RankWeights& weights = weights_of(last, rank);
    weights.output_norm = norm;
    weights.output = take_matrix(place, tensors_->output(), rows, {0, config_.dim});
  }
}

void Weights::lay_out_embedding() {
  const Tensor& table = tensors_->get(Role::kTokenEmbedding);
  const Range all_cols{0, config_.dim};
  const bool host = home_ == Home::kHost;
  const bool tied = !config_.embeds() && tensors_->tied_output() && home_ != Home::kApartLanes &&
                    (host || placement_.stages == 1);
  std::vector<EmbeddingSlice> slices;
  for (std::int32_t rank = 0; rank < placement_.ranks; ++rank) {
    const Range rows = rank_shape(config_, placement_.ranks, rank).output_rows;
    if (tied) {
      slices.push_back({rows.begin, weights_of(placement_.stages - 1, rank).output});
    } else if (home_ == Home::kLanes) {
      slices.push_back({rows.begin, take_matrix(place_of(rank), table, rows, all_cols)});
    } else if (rank == 0 || !host) {
      slices.push_back({0, take_matrix(place_of(rank), table, {0, config_.vocab}, all_cols)});
    }
    if (home_ == Home::kApartLanes) weights_of(0, rank).embedding = std::exchange(slices, {});
  }
  if (home_ == Home::kApartLanes) return;
  for (std::int32_t rank = 0; rank < placement_.ranks; ++rank) {
    weights_of(0, rank).embedding = slices;
  }
}

void Weights::lay_out_encoder() {
  const std::int32_t last = placement_.stages - 1;
  for (std::int32_t rank = 0; rank < placement_.ranks; ++rank) {
    // The host's ranks share them.
    if (rank > 0 && home_ == Home::kHost) {
      weights_of(0, rank).encoder = weights_of(0, 0).encoder;
      weights_of(last, rank).encoder = weights_of(last, 0).encoder;
      continue;
    }
    lay_out_start(place_of(rank), weights_of(0, rank).encoder);
    lay_out_end(place_of(last * placement_.ranks + rank), weights_of(last, rank).encoder);
  }
}

void Weights::lay_out_start(Place& place, EncoderWeights& weights) {
  weights.positions = take_whole(place, Role::kPositionEmbedding);
  weights.token_type = take_vector(place, Role::kTokenTypes, -1);
  weights.norm = take_vector(place, Role::kEmbeddingNorm, -1);
  weights.norm_bias = take_vector(place, Role::kEmbeddingNormBias, -1);
}

void Weights::lay_out_end(Place& place, EncoderWeights& weights) {
  weights.output_norm = take_vector(place, Role::kOutputNorm, -1);
  if (config_.pooling != Pooling::kRank) return;
  weights.dense = take_whole(place, Role::kCls);
  weights.dense_bias = take_vector(place, Role::kClsBias, -1);
  weights.classifier = take_whole(place, Role::kClsOut);
  weights.classifier_bias = take_vector(place, Role::kClsOutBias, -1);
}

LayerWeights Weights::lay_out_vectors(Place& place, std::int32_t layer) {
  LayerWeights weights;
  weights.window = config_.window(layer);
  weights.attn_norm = take_vector(place, Role::kAttnNorm, layer);
  weights.q_norm = take_vector(place, Role::kAttnQNorm, layer);
  weights.k_norm = take_vector(place, Role::kAttnKNorm, layer);
  weights.q_bias = take_vector(place, Role::kAttnQBias, layer);
  weights.k_bias = take_vector(place, Role::kAttnKBias, layer);
  weights.v_bias = take_vector(place, Role::kAttnVBias, layer);
  weights.attn_output_bias = take_vector(place, Role::kAttnOutputBias, layer);
  weights.attn_end = {take_vector(place, Role::kAttnPostNorm, layer),
                      take_vector(place, Role::kAttnOutNorm, layer),
                      take_vector(place, Role::kAttnOutNormBias, layer)};
  weights.ffn_norm = take_vector(place, Role::kFfnNorm, layer);
  weights.up_bias = take_vector(place, Role::kFfnUpBias, layer);
  weights.down_bias = take_vector(place, Role::kFfnDownBias, layer);
  weights.ffn_end = {take_vector(place, Role::kFfnPostNorm, layer),
                     take_vector(place, Role::kLayerOutNorm, layer),
                     take_vector(place, Role::kLayerOutNormBias, layer)};
  return weights;
}

void Weights::lay_out_matrices(Place& place, std::int32_t layer, const RankShape& shape,
                               LayerWeights& weights) {
  const auto slice = [&](Role role, Range rows, Range cols) {
    return take_matrix(place, tensors_->get(role, layer), rows, cols);
  };
  const Range dim{0, config_.dim};
  weights.q = slice(Role::kAttnQ, shape.q_rows, dim);
  weights.k = slice(Role::kAttnK, shape.kv_rows, dim);
  weights.v = slice(Role::kAttnV, shape.kv_rows, dim);
  weights.attn_output = slice(Role::kAttnOutput, dim, shape.q_rows);
  if (tensors_->find(Role::kFfnGate, layer) != nullptr) {
    weights.gate = slice(Role::kFfnGate, shape.ffn_rows, dim);
  }
  weights.up = slice(Role::kFfnUp, shape.ffn_rows, dim);
  weights.down = slice(Role::kFfnDown, dim, shape.ffn_rows);
  const auto rank_rows = [](const float* bias, const Range& rows) {
    return bias == nullptr ? nullptr : bias + rows.begin;
  };
  weights.q_bias = rank_rows(weights.q_bias, shape.q_rows);
  weights.k_bias = rank_rows(weights.k_bias, shape.kv_rows);
  weights.v_bias = rank_rows(weights.v_bias, shape.kv_rows);
  weights.up_bias = rank_rows(weights.up_bias, shape.ffn_rows);
}

// Null when the model has no such vector, and while measuring.
const float* Weights::take_vector(Place& place, Role role, std::int32_t layer) {
  const Tensor* tensor = tensors_->find(role, layer);
  if (tensor == nullptr) return nullptr;
  float* destination = place.carver.take<float>(static_cast<std::size_t>(tensor->cols)).data();
  vector_jobs_.push_back({tensor, destination, place.lane});
  return destination;
}

// Without rows when the model has no such matrix.
ops::Matrix Weights::take_whole(Place& place, Role role) {
  const Tensor* tensor = tensors_->find(role);
  if (tensor == nullptr) return {};
  return take_matrix(place, *tensor, {0, tensor->rows}, {0, tensor->cols});
}

ops::Matrix Weights::take_matrix(Place& place, const Tensor& tensor, Range rows, Range cols) {
  ops::Matrix matrix;
  matrix.type = tensor.type;
  matrix.rows = rows.size();
  matrix.cols = cols.size();
  matrix.first_col = cols.begin;
  matrix.group_bytes = ops::packed_group_bytes(tensor.type, matrix.cols, matrix.first_col);
  const auto groups = static_cast<std::size_t>(matrix.groups());
  auto* data = reinterpret_cast<std::uint8_t*>(
      place.carver.take_bytes(checked_mul(groups, matrix.group_bytes)));
  matrix.data = data;
  pack_jobs_.push_back(
      {&tensor, rows, cols, matrix.groups(), matrix.group_bytes, data, place.lane});
  return matrix;
}

Status Weights::load_vectors(const LaneMemory& memory) const {
  std::vector<float> values;
  for (const VectorJob& job : vector_jobs_) {
    if (job.lane == kHostMemory) {
      copy_vector(*job.tensor, job.destination);
      continue;
    }
    values.resize(static_cast<std::size_t>(job.tensor->cols));
    copy_vector(*job.tensor, values.data());
    if (Status s =
            memory.write(job.lane, job.destination, values.data(), values.size() * sizeof(float));
        s != Status::kOk) {
      return within(s, "weights");
    }
  }
  return Status::kOk;
}

Status Weights::load(std::int32_t threads, std::uint64_t& done, const LaneMemory& memory) {
  Result<Arena> arena = Arena::take(host_bytes_, Arena::Commit::kOnTouch, "weights");
  if (!arena.ok()) return arena.status();
  arena_ = std::move(*arena);
  lay_out(arena_.data(), memory);
  if (Status s = load_vectors(memory); s != Status::kOk) return s;
  const std::size_t piece = piece_bytes(chunks_of(pack_jobs_));
  Result<Arena> ring = Arena::take(piece * static_cast<std::size_t>(threads),
                                   Arena::Commit::kOnTouch, "what is written to devices");
  if (!ring.ok()) return ring.status();
  if (piece > 0 && memory.pin) memory.pin(ring->data(), ring->bytes());
  const Status packed = pack(threads, done, memory, {ring->data(), ring->bytes()});
  if (piece > 0 && memory.unpin) memory.unpin(ring->data());
  if (packed != Status::kOk) return packed;
  pack_jobs_.clear();
  vector_jobs_.clear();
  tensors_ = nullptr;
  return Status::kOk;
}

// While a device fetches what one thread has packed, the others pack.
Status Weights::pack(std::int32_t threads, std::uint64_t& done, const LaneMemory& memory,
                     std::span<std::byte> ring) const {
  const std::vector<PackChunk> chunks = chunks_of(pack_jobs_);
  const std::size_t piece = piece_bytes(chunks);
  std::atomic<std::size_t> next{0};
  std::atomic<Status> failed{Status::kOk};
  const auto pack_all = [&](std::int32_t thread) {
    const std::span<std::byte> own = ring.subspan(static_cast<std::size_t>(thread) * piece, piece);
    for (std::size_t i = next.fetch_add(1); i < chunks.size(); i = next.fetch_add(1)) {
      if (Status s = pack_chunk(chunks[i], memory, own); s != Status::kOk) {
        failed.store(s);
        next.store(chunks.size());
        return;
      }
      std::atomic_ref(done).fetch_add(bytes_of(chunks[i]));
    }
  };
  std::vector<std::thread> helpers;
  helpers.reserve(static_cast<std::size_t>(threads));
  try {
    for (std::int32_t i = 1; i < threads; ++i) helpers.emplace_back(pack_all, i);
  } catch (const std::exception&) {
    // Fewer threads pack the same bytes. Of the system or of memory, nothing may be thrown past
    // threads that run.
  }
  pack_all(0);
  for (std::thread& helper : helpers) helper.join();
  if (failed.load() != Status::kOk) {
    return fail(failed.load(), "weights: they could not be written to a device");
  }
  return Status::kOk;
}

}  // namespace sb::model
