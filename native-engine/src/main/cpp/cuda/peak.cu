#include "cuda/peak.cuh"

namespace sb::cuda {

void read_at_most(Stream stream, const ReadArgs& args) {
  launch("read_words", stream, {.x = args.blocks, .threads = kPeakThreads}, read_words,
         static_cast<const Words*>(args.from),
         args.bytes / static_cast<std::int64_t>(sizeof(Words)), args.sums);
}

double multiply_at_most(Stream stream, const MultiplyArgs& args) {
  const double times = static_cast<double>(args.blocks) * args.products;
  if (args.multiplier == Multiplier::kBrainsByWgmma) {
    if (!has_wgmma()) return 0;
    launch("multiply_stages_of_ones", stream,
           {.x = args.blocks, .threads = kPeakThreads, .shared_bytes = peak_shared_bytes()},
           multiply_stages_of_ones, args.products, args.sums);
    return times * 2 * kGemmRows * kGemmTokens * kGemmColumns;
  }
  const bool bytes = args.multiplier == Multiplier::kBytes;
  launch("multiply_ones", stream, {.x = args.blocks, .threads = kPeakThreads},
         bytes ? multiply_ones<true> : multiply_ones<false>, args.products, args.sums);
  const double of_one = 2.0 * 16 * 8 * (bytes ? 32 : 16);
  return times * of_one * kPeakSums * kPeakThreads / kWarpThreads;
}

}  // namespace sb::cuda
