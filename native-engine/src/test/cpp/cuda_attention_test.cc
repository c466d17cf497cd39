// Heads, KV storage and attention on the emulated device, with the reference's bits.
#include <cstdint>
#include <vector>

#include "cuda_testing.h"

namespace sb::cuda::testing {
namespace {

using ops::KvType;
using ops::testing::random_floats;

struct Case {
  std::int32_t head_dim;
  std::int32_t block_tokens;  // of K and V that are attended to: 16, 32, 64 ...
  std::int32_t kv_heads;
  std::int32_t group;  // query heads of a kv head
  std::int32_t context;
};

constexpr KvType kKvTypes[] = {KvType::kF32, KvType::kF16, KvType::kBf16, KvType::kQ8};

std::vector<float> rope_table(const ops::Rope& rope, std::int32_t positions) {
  std::vector<float> angles(static_cast<std::size_t>(rope.dim * positions));
  for (std::int32_t p = 0; p < positions; ++p) {
    ops::rope_angles(rope, p, angles.data() + p * rope.dim);
  }
  return angles;
}

// A paged cache of one layer with two sequences, whose blocks lie in no order among blocks full of
// not-a-numbers, and the tokens of a step: all positions of both, stored by the device.
class Cache {
 public:
  Cache(const Case& of, KvType type) : of_(of) {
    max_blocks_ = (of.context + of.block_tokens - 1) / of.block_tokens;
    const std::int32_t n_blocks = 4 * max_blocks_;
    for (std::int32_t i = 0; i < 2 * max_blocks_; ++i) table.push_back(n_blocks - 1 - 2 * i);
    const std::int64_t heads = std::int64_t{n_blocks} * of.kv_heads;
    k.assign(
        static_cast<std::size_t>(heads * ops::kv_head_bytes(type, of.block_tokens, of.head_dim)),
        std::byte{0xff});
    v = k;
    view = {k.data(), v.data(), type, of.block_tokens, of.kv_heads, of.head_dim};
    for (std::int32_t sequence = 0; sequence < 2; ++sequence) {
      for (std::int32_t p = 0; p < of.context; ++p) {
        positions.push_back(p);
        sequences.push_back(sequence);
      }
    }
  }

  [[nodiscard]] std::int64_t tokens() const { return static_cast<std::int64_t>(positions.size()); }
  [[nodiscard]] std::int32_t q_heads() const { return of_.kv_heads * of_.group; }
  [[nodiscard]] std::span<const std::int32_t> blocks(std::int64_t token) const {
    const std::int32_t sequence = sequences[static_cast<std::size_t>(token)];
    return std::span(table).subspan(static_cast<std::size_t>(sequence * max_blocks_),
                                    static_cast<std::size_t>(max_blocks_));
  }

  [[nodiscard]] StoreArgs store_args(float* q, float* keys, const float* values) const {
    StoreArgs args;
    args.kv = view;
    args.q = q;
    args.k = keys;
    args.v = values;
    args.q_heads = q_heads();
    args.positions = positions.data();
    args.block_tables = table.data();
    args.sequences = sequences.data();
    args.max_blocks = max_blocks_;
    args.rows = tokens();
    return args;
  }

  // As the CPU's ranks do for each token and kv head.
  void store_by_reference(const StoreArgs& args, float* q, float* keys) const {
    const std::int64_t dim = of_.head_dim;
    for (std::int64_t token = 0; token < tokens(); ++token) {
      const std::int32_t position = positions[static_cast<std::size_t>(token)];
      const float* angles = args.angles + std::int64_t{position} * args.rope.dim;
      const auto heads = [&](const float* norm, std::int32_t n, float* first) {
        for (std::int64_t i = 0; norm != nullptr && i < n; ++i) {
          reference().rms_norm(first + i * dim, norm, args.epsilon, dim, first + i * dim);
        }
        if (args.rope.dim > 0) reference().rope(args.rope, angles, n, of_.head_dim, first);
      };
      heads(args.q_norm, q_heads(), q + token * q_heads() * dim);
      heads(args.k_norm, of_.kv_heads, keys + token * of_.kv_heads * dim);
      for (std::int32_t head = 0; head < of_.kv_heads; ++head) {
        const std::int64_t at = (token * of_.kv_heads + head) * dim;
        const auto block = static_cast<std::size_t>(position / of_.block_tokens);
        reference().kv_store(args.kv, blocks(token)[block], position % of_.block_tokens, head,
                             keys + at, args.v + at);
      }
    }
  }

  std::vector<std::int32_t> table, positions, sequences;
  std::vector<std::byte> k, v;
  ops::KvView view;

 private:
  Case of_;
  std::int32_t max_blocks_ = 0;
};

struct Turning {
  bool neox;
  bool norms;
  std::int32_t rope_dim;
};

TEST(CudaStoreTest, HeadsAndKvHaveTheReferencesBits) {
  for (const Case& of : {Case{64, 16, 2, 3, 19}, Case{80, 20, 1, 1, 23}, Case{24, 4, 3, 2, 5}}) {
    for (const KvType type : kKvTypes) {
      for (const Turning& turning :
           {Turning{true, true, of.head_dim}, {false, false, of.head_dim / 2}, {true, false, 0}}) {
        simt::seed(static_cast<std::uint64_t>(of.head_dim));
        Cache ours(of, type);
        Cache theirs(of, type);
        const std::int64_t q_floats = ours.tokens() * ours.q_heads() * of.head_dim;
        const std::int64_t kv_floats = ours.tokens() * of.kv_heads * of.head_dim;
        std::vector<float> q = random_floats(q_floats, 1);
        std::vector<float> keys = random_floats(kv_floats, 2);
        std::vector<float> values = random_floats(kv_floats, 3);
        values[5] = std::numeric_limits<float>::infinity();
        std::fill(values.begin(), values.begin() + of.head_dim / 2, 0.0f);
        const std::vector<float> norm = random_floats(of.head_dim, 4);
        std::vector<float> inv_freq = random_floats(of.head_dim / 2, 5);
        const ops::Rope rope{turning.neox, turning.rope_dim, inv_freq.data(), 1.1f};
        const std::vector<float> angles = rope_table(rope, of.context);
        std::vector<float> q_expected = q;
        std::vector<float> keys_expected = keys;
        StoreArgs args = ours.store_args(q.data(), keys.data(), values.data());
        args.q_norm = turning.norms ? norm.data() : nullptr;
        args.k_norm = args.q_norm;
        args.epsilon = 1e-6f;
        args.rope = rope;
        args.angles = angles.data();
        store_heads({}, args);
        args.kv = theirs.view;
        theirs.store_by_reference(args, q_expected.data(), keys_expected.data());
        EXPECT_TRUE(same_bits(q, q_expected));
        EXPECT_TRUE(same_bits(keys, keys_expected));
        EXPECT_EQ(theirs.k, ours.k);
        EXPECT_EQ(theirs.v, ours.v);
      }
    }
  }
}

// Attends the given tokens of a full cache, and holds each against the reference, and what it is
// prepared as for the next matrix against prepare().
void expect_references_bits(const Case& of, KvType type, const std::vector<std::int32_t>& kept,
                            std::int32_t window, float softcap, Form form, bool prompts) {
  Cache cache(of, type);
  std::vector<float> q = random_floats(cache.tokens() * cache.q_heads() * of.head_dim, 11);
  std::vector<float> keys = random_floats(cache.tokens() * of.kv_heads * of.head_dim, 12, 2.0f);
  const std::vector<float> values = random_floats(cache.tokens() * of.kv_heads * of.head_dim, 13);
  StoreArgs store = cache.store_args(q.data(), keys.data(), values.data());
  cache.store_by_reference(store, q.data(), keys.data());
  std::vector<std::int32_t> begins, ends;
  std::int32_t max_parts = 1;
  for (const std::int32_t position : cache.positions) {
    ends.push_back(position + 1);
    begins.push_back(window > 0 ? std::max(0, position + 1 - window) : 0);
    max_parts = std::max(max_parts, ops::attention_parts({begins.back(), ends.back(), 1, 0}));
  }
  const std::int64_t row = std::int64_t{cache.q_heads()} * of.head_dim;
  const auto rows = static_cast<std::int64_t>(kept.size());
  std::vector<float> parts =
      untouched(attend_floats(rows, cache.q_heads(), of.head_dim, max_parts));
  constexpr std::int64_t kFirst = 2;  // row of its outputs
  Buffers out(kFirst + rows, row);
  Buffers prepared(kFirst + rows, row);
  AttendArgs args;
  args.kv = cache.view;
  args.q = q.data();
  args.q_heads = cache.q_heads();
  args.kept = kept.data();
  args.begins = begins.data();
  args.ends = ends.data();
  args.block_tables = store.block_tables;
  args.sequences = store.sequences;
  args.max_blocks = store.max_blocks;
  args.scale = 0.2f;
  args.softcap = softcap;
  args.rows = rows;
  args.prompts = prompts;
  args.max_parts = max_parts;
  args.parts = parts.data();
  args.out = out.operand;
  args.first_out = kFirst;
  args.form = form;
  CountingQueue queue;
  attend(queue.stream(), args);
  const bool in_place = form == Form::kFloat || (form != Form::kHalf && of.head_dim % 32 == 0);
  EXPECT_EQ(queue.kernels, in_place ? 2 : 3);
  std::vector<float> scratch(ops::attention_scratch_floats(of.group, of.block_tokens, of.head_dim));
  for (std::int64_t i = 0; i < rows; ++i) {
    const std::int64_t token = kept[static_cast<std::size_t>(i)];
    const auto at = static_cast<std::size_t>(token);
    std::vector<float> expected = untouched(row);
    for (std::int32_t head = 0; head < of.kv_heads; ++head) {
      const std::int64_t column = std::int64_t{head} * of.group * of.head_dim;
      reference().attention(cache.view, cache.blocks(token), head,
                            {begins[at], ends[at], 0.2f, softcap}, q.data() + token * row + column,
                            of.group, expected.data() + column, scratch.data());
    }
    const auto first = out.f32.begin() + (kFirst + i) * row;
    ASSERT_TRUE(same_bits(std::vector<float>(first, first + row), expected)) << "token " << token;
    std::copy(expected.begin(), expected.end(), prepared.f32.begin() + (kFirst + i) * row);
  }
  Operand rest = prepared.operand;
  rest.f32 += kFirst * row;
  rest.q += kFirst * row;
  rest.scale += kFirst * ((row + 31) / 32);
  rest.sum += kFirst * ((row + 31) / 32);
  rest.high += kFirst * pad16(row);
  rest.low += kFirst * pad16(row);
  rest.power += kFirst;
  prepare({}, rest, rows, form);
  expect_same_operand(out, prepared);
}

TEST(CudaAttendTest, HasTheReferencesBits) {
  std::uint64_t seed = 0;
  for (const Case& of : {Case{64, 16, 2, 3, 33}, Case{80, 32, 1, 9, 23}, Case{24, 16, 3, 1, 11},
                         Case{128, 32, 1, 8, 75}}) {
    for (const KvType type : kKvTypes) {
      simt::seed(++seed);
      const std::int32_t n = of.context;
      for (const Form form : {Form::kFloat, Form::kQuantised, Form::kBrain, Form::kHalf}) {
        const std::int64_t columns = std::int64_t{of.kv_heads} * of.group * of.head_dim;
        if (form == Form::kQuantised && columns % ops::kQuantBlock != 0) continue;
        const bool prompts = form == Form::kBrain;
        expect_references_bits(of, type, {0, n / 2, n - 1, n, 2 * n - 1}, 0, 0, form, prompts);
      }
    }
  }
}

// Tokens of a prompt that read K and V together, beside those of another sequence, of which the
// first has to itself what the others do not attend to.
TEST(CudaAttendTest, TokensThatShareWhatTheyReadHaveTheReferencesBits) {
  std::uint64_t seed = 100;
  for (const Case& of : {Case{64, 16, 1, 1, 150}, Case{32, 16, 2, 3, 150}, Case{64, 64, 1, 4, 150},
                         Case{32, 32, 1, 8, 150}}) {
    for (const KvType type : kKvTypes) {
      simt::seed(++seed);
      std::vector<std::int32_t> kept = {3, 139, 140, 141, 142, 143, 144, 145, 146, 147, 148, 149};
      for (const std::int32_t position : {0, 1, 127, 128, 129, 130}) kept.push_back(150 + position);
      expect_references_bits(of, type, kept, 0, 0, Form::kFloat, true);
    }
  }
}

// Of the tokens around 512 some have one part and some two.
TEST(CudaAttendTest, JoinsPartsOfLongContexts) {
  for (const Case& of : {Case{32, 16, 1, 2, 1300}, Case{8, 32, 2, 5, 600}}) {
    for (const KvType type : {KvType::kF16, KvType::kQ8}) {
      const std::vector<std::int32_t> kept = {510, 511, 512, 513, of.context - 1, of.context + 514};
      expect_references_bits(of, type, kept, 0, 0, Form::kFloat, false);
      expect_references_bits(of, type, kept, 0, 0, Form::kFloat, true);
    }
  }
}

TEST(CudaAttendTest, KeepsToWindowsAndCapsScores) {
  for (const std::int32_t window : {5, 16, 520}) {
    for (const bool prompts : {false, true}) {
      const std::vector<std::int32_t> kept = {3,   4,   15,  16,  17,  100, 120, 140,
                                              514, 515, 516, 517, 698, 699, 720};
      expect_references_bits({32, 16, 1, 3, 700}, KvType::kF16, kept, window, 1.5f,
                             Form::kQuantised, prompts);
    }
  }
}

// Blocks so large that K and V share one place.
TEST(CudaAttendTest, HasTheReferencesBitsWhereADeviceHasLittleSharedMemory) {
  simt::give_shared_bytes(std::size_t{99} * 1024);
  expect_references_bits({256, 64, 1, 2, 130}, KvType::kF32, {1, 70, 129}, 0, 0, Form::kFloat,
                         false);
  simt::give_shared_bytes(simt::kMostSharedBytes);
}

TEST(CudaAttendTest, NoTokensAreNoWork) {
  EXPECT_NO_THROW(attend({}, [] {
    AttendArgs args;
    args.kv = {nullptr, nullptr, KvType::kF16, 16, 1, 64};
    args.q_heads = 1;
    return args;
  }()));
}

}  // namespace
}  // namespace sb::cuda::testing
