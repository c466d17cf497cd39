// Weights are repacked by many threads as by one.
#include <gtest/gtest.h>

#include <cstring>
#include <utility>
#include <vector>

#include "engine_testing.h"
#include "model/weights.h"

namespace sb::testing {
namespace {

// A model whose two largest matrices have so many rows that threads share each of them.
class WeightsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    model_.quantise_matrices();
    const ModelSpec& spec = model_.spec();
    config_.arch = static_cast<model::Arch>(spec.arch);
    config_.n_layers = spec.n_layers;
    config_.dim = spec.dim;
    config_.ffn_dim = spec.ffn_dim;
    config_.n_heads = spec.n_heads;
    config_.n_kv_heads = spec.n_kv_heads;
    config_.head_dim = spec.head_dim;
    config_.vocab = spec.vocab;
    for (const sb_tensor& from : model_.tensors()) {
      tensors_.push_back({static_cast<model::Role>(from.role), from.layer,
                          static_cast<ops::WeightType>(from.type), from.rows, from.cols, from.data,
                          from.bytes});
    }
    Result<model::Tensors> index = model::Tensors::index(config_, tensors_);
    ASSERT_TRUE(index.ok()) << last_error();
    index_ = std::move(*index);
  }

  [[nodiscard]] model::Weights loaded(const model::Placement& placement, std::int32_t threads) {
    model::Weights weights = model::Weights::plan(config_, index_, placement);
    std::uint64_t done = 0;
    EXPECT_EQ(weights.load(threads, done), Status::kOk) << last_error();
    EXPECT_EQ(done, weights.packed_bytes());
    return weights;
  }

  TestModel model_{ModelSpec{.vocab = 40'001}};
  model::Config config_;
  std::vector<model::Tensor> tensors_;
  model::Tensors index_;
};

// Every matrix that a placement has, in one order.
std::vector<ops::Matrix> matrices(const model::Weights& weights,
                                  const model::Placement& placement) {
  std::vector<ops::Matrix> all;
  for (std::int32_t stage = 0; stage < placement.stages; ++stage) {
    for (std::int32_t rank = 0; rank < placement.ranks; ++rank) {
      const model::RankWeights& part = weights.rank(stage, rank);
      for (const model::LayerWeights& layer : part.layers) {
        all.insert(all.end(), {layer.q, layer.k, layer.v, layer.attn_output, layer.gate, layer.up,
                               layer.down});
      }
      if (part.output.rows > 0) all.push_back(part.output);
    }
  }
  for (const model::EmbeddingSlice& slice : weights.rank(0, 0).embedding) {
    all.push_back(slice.matrix);
  }
  return all;
}

TEST_F(WeightsTest, AreTheSameBytesHoweverManyThreadsRepackThem) {
  for (const model::Placement placement : {model::Placement{1, 1}, model::Placement{2, 2}}) {
    const model::Weights by_one = loaded(placement, 1);
    const std::vector<ops::Matrix> expected = matrices(by_one, placement);
    for (const std::int32_t threads : {2, 3, 8}) {
      const model::Weights by_many = loaded(placement, threads);
      const std::vector<ops::Matrix> packed = matrices(by_many, placement);

      ASSERT_EQ(packed.size(), expected.size());
      for (std::size_t i = 0; i < packed.size(); ++i) {
        ASSERT_EQ(packed[i].bytes(), expected[i].bytes());
        EXPECT_EQ(std::memcmp(packed[i].data, expected[i].data, packed[i].bytes()), 0)
            << "matrix " << i << " by " << threads;
      }
    }
  }
}

// What threads share out is the whole of a matrix, whatever they take at a time.
TEST_F(WeightsTest, AreWhatPackingAMatrixInOneGoGives) {
  const model::Weights weights = loaded({1, 1}, 3);
  const ops::Matrix& output = weights.rank(0, 0).output;
  const model::Tensor& tensor = index_.output();
  Result<Arena> whole = Arena::take(output.bytes(), Arena::Commit::kNow, "test");
  ASSERT_TRUE(whole.ok());
  auto* bytes = reinterpret_cast<std::uint8_t*>(whole->data());

  ops::pack(tensor.type, tensor.data, tensor.cols, 0, tensor.rows, 0, tensor.cols, 0,
            output.groups(), bytes);

  EXPECT_EQ(std::memcmp(output.data, bytes, output.bytes()), 0);
}

}  // namespace
}  // namespace sb::testing
