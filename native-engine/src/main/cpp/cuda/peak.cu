#include "cuda/peak.cuh"

namespace sb::cuda {

void read_at_most(Stream stream, const ReadArgs& args) {
  launch("read_words", stream, {.x = args.blocks, .threads = kPeakThreads}, read_words,
         static_cast<const Words*>(args.from),
         args.bytes / static_cast<std::int64_t>(sizeof(Words)), args.sums);
}

double multiply_at_most(Stream stream, const MultiplyArgs& args) {
  launch("multiply_ones", stream, {.x = args.blocks, .threads = kPeakThreads},
         args.bytes ? multiply_ones<true> : multiply_ones<false>, args.products, args.sums);
  const double of_one = 2.0 * 16 * 8 * (args.bytes ? 32 : 16);
  return of_one * kPeakSums * args.products * static_cast<double>(args.blocks) * kPeakThreads /
         kWarpThreads;
}

}  // namespace sb::cuda
