#include "cuda/sampling.cuh"
#include "cuda/scoring.cuh"

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
  if (!args.sorts) return;
  launch("search_token", stream,
         {.x = args.rows, .threads = kDrawThreads, .shared_bytes = kDrawThreads * sizeof(Above)},
         search_token, args);
}

void score(Stream stream, const ScoreArgs& args) {
  const std::int64_t parts = sample_parts(args.vocab);
  launch("rank_part", stream,
         {.x = parts, .y = args.rows, .threads = kRankThreads, .shared_bytes = rank_shared_bytes()},
         rank_part, args);
  launch("sum_part", stream,
         {.x = parts,
          .y = args.rows,
          .threads = kSumThreads,
          .shared_bytes = kSumThreads * sizeof(float)},
         sum_part, args);
  launch("end_score", stream,
         {.x = args.rows, .threads = kScoreThreads, .shared_bytes = score_shared_bytes(args.vocab)},
         end_score, args);
}

}  // namespace sb::cuda
