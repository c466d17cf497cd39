#include "cuda/sampling.cuh"

namespace sb::cuda {

void sample(Stream stream, const SampleArgs& args) {
  const std::int64_t parts = sample_parts(args.vocab);
  launch("adjust_part", stream,
         {.x = parts,
          .y = args.rows,
          .threads = kSampleThreads,
          .shared_bytes = adjust_shared_bytes()},
         adjust_part, args);
  launch(
      "weigh_part", stream,
      {.x = parts, .y = args.rows, .threads = kSampleThreads, .shared_bytes = weigh_shared_bytes()},
      weigh_part, args);
  launch("draw_token", stream,
         {.x = args.rows, .threads = kDrawThreads, .shared_bytes = draw_shared_bytes(args.vocab)},
         draw_token, args);
}

}  // namespace sb::cuda
