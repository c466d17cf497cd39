// A model's weights, sliced over stages and ranks and packed for the kernels.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/memory.h"
#include "base/status.h"
#include "model/config.h"
#include "model/partition.h"
#include "ops/op.h"

namespace sb::model {

// Weights lie in the host's memory, or a lane's (stage * ranks + rank) in that of its device.
inline constexpr std::int32_t kHostMemory = -1;

// A slice of a tensor and where its packed form goes.
struct PackJob {
  const Tensor* tensor = nullptr;
  Range rows;
  Range cols;
  std::int64_t groups = 0;
  std::size_t group_bytes = 0;
  std::uint8_t* destination = nullptr;
  std::int32_t lane = kHostMemory;
};

// A vector (norm, bias) and where its float form goes.
struct VectorJob {
  const Tensor* tensor = nullptr;
  float* destination = nullptr;
  std::int32_t lane = kHostMemory;
};

// A norm after a block: of the block's output (bias null), or of its sum with x.
struct BlockEnd {
  const float* norm_output = nullptr;
  const float* norm_sum = nullptr;
  const float* norm_sum_bias = nullptr;

  // Whether the output is added as it is.
  [[nodiscard]] bool plain() const { return norm_output == nullptr && norm_sum == nullptr; }
};

// The two sums of a layer that the ranks add up. They alternate, so a rank may write one while a
// slower rank still reads the other.
enum class Partial : std::int32_t { kAttention = 0, kFeedForward = 1 };

struct LayerWeights {
  std::int32_t window = 0;           // positions a token attends to; 0: all
  const float* attn_norm = nullptr;  // null: the block reads x as it is
  const float* q_norm = nullptr;     // null: the architecture has none
  const float* k_norm = nullptr;
  const float* q_bias = nullptr;  // null: none; this rank's rows
  const float* k_bias = nullptr;
  const float* v_bias = nullptr;
  const float* attn_output_bias = nullptr;  // null: none, or another rank adds it
  const float* ffn_norm = nullptr;
  const float* up_bias = nullptr;
  const float* down_bias = nullptr;  // as attn_output_bias
  BlockEnd attn_end, ffn_end;
  ops::Matrix q, k, v, attn_output, gate, up, down;  // gate: no rows when there is none

  [[nodiscard]] const BlockEnd& end(Partial which) const {
    return which == Partial::kAttention ? attn_end : ffn_end;
  }
  [[nodiscard]] std::size_t matrix_bytes() const {
    return q.bytes() + k.bytes() + v.bytes() + attn_output.bytes() + gate.bytes() + up.bytes() +
           down.bytes();
  }
};

// Some rows of the token embedding.
struct EmbeddingSlice {
  std::int64_t row_begin = 0;
  ops::Matrix matrix;
};

// What a model that embeds has around its layers: what is made of a token's embedding before the
// first, and of x after the last. Null or empty where the model has none.
struct EncoderWeights {
  ops::Matrix positions;
  const float* token_type = nullptr;
  const float* norm = nullptr;
  const float* norm_bias = nullptr;
  const float* output_norm = nullptr;  // of a decoder
  ops::Matrix dense;
  const float* dense_bias = nullptr;
  ops::Matrix classifier;
  const float* classifier_bias = nullptr;
};

struct RankWeights {
  std::vector<LayerWeights> layers;  // of the stage
  // First stage only: all rows, of rising row_begin. Those of an output layer that is tied to it
  // where they lie within reach, so that it costs no memory of its own.
  std::vector<EmbeddingSlice> embedding;
  // What precedes the layers in the first stage only, what follows them in the last.
  EncoderWeights encoder;
  const float* output_norm = nullptr;  // last stage only
  ops::Matrix output;                  // last stage only: rows output_rows of its shape
};

// Where the weights of lanes lie that have memory of their own, and how it is written: by any
// thread, complete on return.
struct LaneMemory {
  std::vector<std::byte*> lanes;
  std::function<Status(std::int32_t lane, void* to, const void* from, std::size_t bytes)> write;
  // Has the host's memory that is written from stay where it is, so that devices fetch it
  // themselves; a device may refuse, and copies more slowly then.
  std::function<void(void* piece, std::size_t bytes)> pin;
  std::function<void(void* piece)> unpin;
};

class Weights {
 public:
  enum class Home {
    kHost,
    kLanes,      // the ranks of the first stage read one another's memory
    kApartLanes  // they cannot: each has the whole token embedding
  };

  // Plans the packed form without taking memory; the tensors must outlive load().
  [[nodiscard]] static Weights plan(const Config& config, const Tensors& tensors,
                                    const Placement& placement, Home home = Home::kHost);

  // SIZE_MAX when the sum overflows.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  // Of these, those in the host's memory and those in a lane's.
  [[nodiscard]] std::size_t host_bytes() const { return host_bytes_; }
  [[nodiscard]] std::size_t lane_bytes(std::int32_t lane) const {
    return lane_bytes_[static_cast<std::size_t>(lane)];
  }
  // What one decode step reads.
  [[nodiscard]] std::size_t bytes_per_token() const { return bytes_per_token_; }
  // Bytes load() reports as its whole.
  [[nodiscard]] std::size_t packed_bytes() const { return packed_bytes_; }

  // Takes the memory and packs, on "threads" threads; done counts packed bytes, atomically.
  Status load(std::int32_t threads, std::uint64_t& done, const LaneMemory& memory = {});

  [[nodiscard]] const RankWeights& rank(std::int32_t stage, std::int32_t rank) const {
    return ranks_[static_cast<std::size_t>(stage * placement_.ranks + rank)];
  }

 private:
  // One memory that is being laid out.
  struct Place {
    Carver carver;
    std::int32_t lane = kHostMemory;
  };

  Weights(const Config& config, const Tensors& tensors, const Placement& placement, Home home)
      : config_(config), tensors_(&tensors), placement_(placement), home_(home) {}

  // Without lanes' memory it only measures theirs.
  void lay_out(std::byte* host, const LaneMemory& memory);
  // Where a lane's weights lie.
  [[nodiscard]] Place& place_of(std::int32_t lane) {
    return home_ == Home::kHost ? host_ : lanes_[static_cast<std::size_t>(lane)];
  }
  [[nodiscard]] RankWeights& weights_of(std::int32_t stage, std::int32_t rank) {
    return ranks_[static_cast<std::size_t>(stage * placement_.ranks + rank)];
  }
  void lay_out_stage(std::int32_t stage);
  void lay_out_output();
  void lay_out_embedding();
  void lay_out_encoder();
  void lay_out_start(Place& place, EncoderWeights& weights);
  void lay_out_end(Place& place, EncoderWeights& weights);
  [[nodiscard]] LayerWeights lay_out_vectors(Place& place, std::int32_t layer);
  void lay_out_matrices(Place& place, std::int32_t layer, const RankShape& shape,
                        LayerWeights& weights);
  [[nodiscard]] const float* take_vector(Place& place, Role role, std::int32_t layer);
  [[nodiscard]] ops::Matrix take_whole(Place& place, Role role);
  [[nodiscard]] ops::Matrix take_matrix(Place& place, const Tensor& tensor, Range rows, Range cols);
  Status load_vectors(const LaneMemory& memory) const;
  Status pack(std::int32_t threads, std::uint64_t& done, const LaneMemory& memory,
              std::span<std::byte> ring) const;

  Config config_;
  const Tensors* tensors_;
  Placement placement_;
  Home home_ = Home::kHost;
  Place host_;
  std::vector<Place> lanes_;
  std::size_t bytes_ = 0;
  std::size_t host_bytes_ = 0;
  std::vector<std::size_t> lane_bytes_;
  std::size_t bytes_per_token_ = 0;
  std::size_t packed_bytes_ = 0;
  Arena arena_;
  std::vector<RankWeights> ranks_;
  std::vector<PackJob> pack_jobs_;
  std::vector<VectorJob> vector_jobs_;
};

// A vector's values as float.
void copy_vector(const Tensor& tensor, float* destination);

}  // namespace sb::model
