#include "cuda/attention.cuh"

namespace sb::cuda {
namespace {

Operand rows_from(const Operand& x, std::int64_t first) {
  const std::int64_t blocks = (x.k + ops::kQuantBlock - 1) / ops::kQuantBlock;
  Operand rest = x;
  rest.f32 += first * x.k;
  rest.q += first * x.k;
  rest.scale += first * blocks;
  rest.sum += first * blocks;
  rest.high += first * pad16(x.k);
  rest.low += first * pad16(x.k);
  rest.power += first;
  return rest;
}

template <ops::KvType kType>
void store(Stream stream, const StoreArgs& args) {
  launch("prepare_heads", stream,
         {.x = args.rows,
          .y = args.q_heads + args.kv.kv_heads,
          .threads = kWarpThreads,
          .shared_bytes = row_shared_bytes(args.kv.head_dim)},
         prepare_heads<kType>, args);
}

template <ops::KvType kType, int kQueries, int kTokens>
void parts(Stream stream, const AttendArgs& args) {
  const int group = args.q_heads / args.kv.kv_heads;
  const auto bytes = [&](bool apart) {
    return attend_places(tile_shape<kType>(args.kv), args.kv.head_dim, kQueries * kTokens, apart)
        .bytes;
  };
  const bool apart = bytes(true) <= most_shared_bytes();
  launch("attend_part", stream,
         {.x = (args.rows + kTokens - 1) / kTokens,
          .y = args.kv.kv_heads * ((group + kQueries - 1) / kQueries),
          .z = args.max_parts,
          .threads = kAttendThreads,
          .shared_bytes = bytes(apart)},
         attend_part<kType, kQueries, kTokens>, args, apart);
}

// Tokens of a prompt share what they read; so many that there are 16 columns, or 8 of one query.
template <ops::KvType kType>
void portions(Stream stream, const AttendArgs& args) {
  const int group = args.q_heads / args.kv.kv_heads;
  if (args.prompts) {
    if (group == 1) return parts<kType, 1, 8>(stream, args);
    if (group <= 4) return parts<kType, 4, 4>(stream, args);
    return parts<kType, 8, 2>(stream, args);
  }
  if (group == 1) return parts<kType, 1, 1>(stream, args);
  if (group <= 4) return parts<kType, 4, 1>(stream, args);
  parts<kType, 8, 1>(stream, args);
}

}  // namespace

void store_heads(Stream stream, const StoreArgs& args) {
  switch (args.kv.type) {
    case ops::KvType::kF32:
      return store<ops::KvType::kF32>(stream, args);
    case ops::KvType::kF16:
      return store<ops::KvType::kF16>(stream, args);
    case ops::KvType::kBf16:
      return store<ops::KvType::kBf16>(stream, args);
    case ops::KvType::kQ8:
      return store<ops::KvType::kQ8>(stream, args);
  }
}

std::int64_t attend_floats(std::int64_t rows, std::int32_t q_heads, std::int32_t head_dim,
                           std::int32_t max_parts) {
  return rows * q_heads * max_parts * part_floats(head_dim);
}

void attend(Stream stream, const AttendArgs& args) {
  switch (args.kv.type) {
    case ops::KvType::kF32:
      portions<ops::KvType::kF32>(stream, args);
      break;
    case ops::KvType::kF16:
      portions<ops::KvType::kF16>(stream, args);
      break;
    case ops::KvType::kBf16:
      portions<ops::KvType::kBf16>(stream, args);
      break;
    case ops::KvType::kQ8:
      portions<ops::KvType::kQ8>(stream, args);
      break;
  }
  // A warp has 32 columns to quantise where heads are multiples of that. F16 takes a power of two
  // of a token's whole row.
  AttendArgs joined = args;
  const bool at_once = args.form != Form::kHalf && args.kv.head_dim % kWarpThreads == 0;
  if (!at_once) joined.form = Form::kFloat;
  launch(
      "join_parts", stream,
      {.x = args.rows, .y = args.q_heads, .threads = kJoinThreads, .shared_bytes = sizeof(float)},
      join_parts, joined);
  if (!at_once) prepare(stream, rows_from(args.out, args.first_out), args.rows, args.form);
}

}  // namespace sb::cuda
