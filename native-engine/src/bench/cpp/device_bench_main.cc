// Decode and prefill of whole models with random weights, on the device or the processor, through
// the C ABI: sb_device_bench [cuda|cpu|peak] [ranks] [part of a model's name]. One line per model
// and batch. "peak" measures nothing but what a device can do at most. "check" measures nothing: it
// compares the device with the processor (device_check.h); of its options "--tiny" takes small
// models, "--cpu" the processor in the device's place, and "--differ" makes all checks fail.
//
// "decode" is of steps whose tokens the host gives, "ahead" of such that are planned while the one
// before runs, as the scheduler does. "GB/s" is what a decode step reads of weights over its time,
// whatever else it does; "T/s" of a prompt is its weights' multiplications and additions over its
// time, each counted once. Shares are of what the first device can do at most by kernels of our
// own, measured before: reads of memory larger than its caches, and products of bytes for quantised
// weights, of BF16 numbers for BF16 ones: by mma.sync, or by wgmma where SWITCHBOARD_CUDA_BF16 has
// chosen that. The line with "measured" is of single tokens planned ahead, with the timeline and
// without: medians of runs that take turns.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "abi/switchboard.h"
#include "cuda/devices.h"
#include "device_check.h"
#include "random_model.h"

namespace {

using sb::bench::Matrices;
using sb::bench::RandomModel;
using sb::bench::Shape;

constexpr Shape kShapes[] = {
    {"135M Q8_0", SB_TYPE_Q8_0, 30, 576, 1536, 9, 3, 64, 49152},
    {"1B Q8_0", SB_TYPE_Q8_0, 16, 2048, 8192, 32, 8, 64, 128256},
    {"1B BF16", SB_TYPE_BF16, 16, 2048, 8192, 32, 8, 64, 128256},
    {"8B Q8_0", SB_TYPE_Q8_0, 32, 4096, 14336, 32, 8, 128, 128256},
    {"8B Q4_K", SB_TYPE_Q4_K, 32, 4096, 14336, 32, 8, 128, 128256},
    {"8B BF16", SB_TYPE_BF16, 32, 4096, 14336, 32, 8, 128, 128256},
};

void check(int32_t status) {
  if (status == SB_OK) return;
  std::fprintf(stderr, "sb_device_bench: %s\n", sb_last_error());
  std::exit(1);
}

// What a device can do at most; 0: nobody has measured.
struct Peak {
  double bytes = 0;   // read per second
  double brains = 0;  // operations per second, by what multiplies a model's
  double byte_products = 0;
};

// What multiplies BF16 weights in this process.
sb::cuda::Multiplier brain_multiplier() {
  const char* const name = std::getenv(sb::cuda::kBrainVariable);
  return name == nullptr || std::strncmp(name, "wgmma", 5) != 0
             ? sb::cuda::Multiplier::kBrains
             : sb::cuda::Multiplier::kBrainsByWgmma;
}

// On the first device.
class PeakBench {
 public:
  PeakBench() {
    sb::Result<std::unique_ptr<sb::cuda::Devices>> found = sb::cuda::Devices::find(1);
    if (!found.ok()) check(static_cast<int32_t>(found.status()));
    devices_ = std::move(*found);
    plugin_ = &devices_->plugin();
    sb::cuda::DeviceInfo info{};
    char text[256] = "";
    if (plugin_->open(0, &info, text, sizeof(text)) != sb::cuda::Outcome::kReady) {
      std::fprintf(stderr, "sb_device_bench: %s\n", text);
      std::exit(1);
    }
    blocks_ = 8 * int64_t{info.multiprocessors};
    bytes_ = static_cast<int64_t>(std::min<uint64_t>(info.free_bytes / 2, kMostBytes)) / 16 * 16;
    check(static_cast<int32_t>(devices_->take({static_cast<size_t>(bytes_) + kMore})));
    failed(plugin_->begin_stream(0, &stream_));
    failed(plugin_->use(0));
  }
  PeakBench(const PeakBench&) = delete;
  PeakBench& operator=(const PeakBench&) = delete;
  ~PeakBench() { plugin_->end_stream(0, stream_); }

  Peak measure() {
    std::byte* const memory = devices_->memory(0);
    auto* const sums = memory + bytes_;
    Peak peak;
    peak.bytes = best([&] {
      plugin_->read_at_most(stream_, {memory, bytes_, blocks_, reinterpret_cast<uint32_t*>(sums)});
      return static_cast<double>(bytes_);
    });
    const auto multiply = [&](sb::cuda::Multiplier multiplier) {
      return best([&] {
        return plugin_->multiply_at_most(
            stream_, {multiplier, kProducts, blocks_, reinterpret_cast<float*>(sums)});
      });
    };
    peak.brains = multiply(brain_multiplier());
    peak.byte_products = multiply(sb::cuda::Multiplier::kBytes);
    return peak;
  }

 private:
  static constexpr uint64_t kMostBytes = uint64_t{1} << 30;
  static constexpr size_t kMore = size_t{16} << 20;  // for the sums and two stamps
  static constexpr int32_t kProducts = 4096;
  static constexpr int kTimes = 10;

  void failed(int32_t error) {
    if (error == 0) return;
    std::fprintf(stderr, "sb_device_bench: %s\n", plugin_->error_text(error));
    std::exit(1);
  }

  // What it does in a second of the device's clock, at best.
  template <class Work>
  double best(Work work) {
    std::byte* const behind = devices_->memory(0) + bytes_ + kMore - 2 * sizeof(uint64_t);
    auto* const stamps = reinterpret_cast<uint64_t*>(behind);
    double most = 0;
    for (int i = 0; i < kTimes; ++i) {
      plugin_->stamp(stream_, stamps);
      const double done = work();
      plugin_->stamp(stream_, stamps + 1);
      uint64_t times[2] = {};
      failed(plugin_->copy_out(stream_, times, sizeof(times), stamps, sizeof(times), sizeof(times),
                               1));
      failed(plugin_->wait(stream_));
      if (times[1] > times[0])
        most = std::max(most, done * 1e9 / static_cast<double>(times[1] - times[0]));
    }
    return most;
  }

  std::unique_ptr<sb::cuda::Devices> devices_;
  const sb::cuda::Plugin* plugin_ = nullptr;
  sb::cuda::Stream stream_;
  int64_t blocks_ = 0;
  int64_t bytes_ = 0;
};

constexpr int32_t kContext = 2304;
constexpr int32_t kPrefill = 2048;
constexpr int32_t kBlockTokens = 32;
constexpr int32_t kRowBlocks = kContext / kBlockTokens;
constexpr int32_t kMaxBatch = 64;
constexpr int32_t kShortRowBlocks = 8;

class Bench {
 public:
  Bench(const Shape& shape, bool device, int32_t ranks) {
    const RandomModel model(shape, Matrices::kOfASizeAlike);
    const sb_model_config description = model.config(kContext);
    sb_engine_config config{};
    config.struct_size = sizeof(config);
    config.stages = 1;
    config.ranks = ranks;
    config.threads = 8;
    config.isa = device ? SB_ISA_CUDA : SB_ISA_AUTO;
    config.kv_type = SB_TYPE_F16;
    config.kv_block_tokens = kBlockTokens;
    config.kv_blocks = kRowBlocks + kMaxBatch * kShortRowBlocks;
    config.max_rows = kMaxBatch + 1;
    config.max_step_tokens = kPrefill;
    config.max_step_outputs = kMaxBatch;
    config.max_in_flight = 2;
    config.timeline_records = 4096;
    const int32_t status = sb_engine_create(&description, &config, nullptr, &engine_);
    if (status == SB_OUT_OF_MEMORY) return;
    check(status);
    sb_memory memory{};
    memory.struct_size = sizeof(memory);
    check(sb_engine_memory(engine_, &memory));
    token_bytes_ = static_cast<double>(memory.weight_bytes_per_token);
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;
  ~Bench() { sb_engine_destroy(engine_); }

  // False where its memory could not be taken: sb_last_error() tells why.
  [[nodiscard]] bool fits() const { return engine_ != nullptr; }

  // Seconds of a step of so many rows at a position, the median of some.
  double decode(int32_t rows, int32_t position) {
    for (int32_t row = 0; row < rows; ++row) begin(row);
    std::vector<double> seconds;
    for (int32_t i = 0; i < kSteps; ++i) seconds.push_back(step(rows, 1, position + i));
    return median(seconds);
  }

  // The same, from one result to the next.
  double decode_ahead(int32_t rows, int32_t position) {
    for (int32_t row = 0; row < rows; ++row) begin(row);
    submit(rows, 1, position, false);
    std::vector<double> seconds;
    int64_t last = sb_now_ns();
    for (int32_t i = 0; i < kSteps; ++i) {
      submit(rows, 1, position + i + 1, true);
      await();
      const int64_t now = sb_now_ns();
      seconds.push_back(static_cast<double>(now - last) * 1e-9);
      last = now;
    }
    await();
    return median(seconds);
  }

  struct Pair {
    double measured;
    double unmeasured;
  };
  // The same of steps that the timeline tells of and of others, in runs that take turns.
  Pair decode_measured(int32_t rows, int32_t position) {
    std::vector<double> seconds[2];
    for (int32_t round = 0; round < kRounds; ++round) {
      for (int32_t row = 0; row < rows; ++row) begin(row);
      submit(rows, 1, position, false);
      int64_t last = sb_now_ns();
      for (int32_t i = 0; i < kRoundSteps; ++i) {
        measured_ = is_measured(i + 1);
        submit(rows, 1, position + i + 1, true);
        await();
        const int64_t now = sb_now_ns();
        // The first ones of a run lie beside steps of the other kind.
        if (i % kRunSteps > 1) {
          seconds[is_measured(i) ? 0 : 1].push_back(static_cast<double>(now - last) * 1e-9);
        }
        last = now;
      }
      await();
    }
    measured_ = false;
    return {median(seconds[0]), median(seconds[1])};
  }

  double prefill() {
    begin(kMaxBatch);
    double best = 1e9;
    for (int32_t i = 0; i < 3; ++i) best = std::min(best, step(1, kPrefill, 0));
    return best;
  }

  [[nodiscard]] double token_bytes() const { return token_bytes_; }

 private:
  static constexpr int32_t kSteps = 24;
  static constexpr int32_t kRunSteps = 12;
  static constexpr int32_t kRoundSteps = 10 * kRunSteps;
  static constexpr int32_t kRounds = 4;

  static bool is_measured(int32_t step) { return step / kRunSteps % 2 == 1; }

  static double median(std::vector<double>& values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
  }

  void begin(int32_t row) {
    sb_sampling sampling{};
    sampling.struct_size = sizeof(sampling);
    sampling.top_p = 1;
    sampling.repetition_penalty = 1;
    check(sb_row_begin(engine_, row, &sampling, nullptr, 0, 0));
  }

  double step(int32_t rows, int32_t tokens, int32_t position) {
    const int64_t from = sb_now_ns();
    submit(rows, tokens, position, false);
    await();
    return static_cast<double>(sb_now_ns() - from) * 1e-9;
  }

  void await() {
    sb_result result{};
    result.struct_size = sizeof(result);
    check(sb_await(engine_, -1, &result));
    check(result.status);
  }

  // Of rows whose token is given, or is what they sampled last.
  void submit(int32_t rows, int32_t tokens, int32_t position, bool last_sampled) {
    std::vector<sb_plan_entry> entries;
    std::vector<int32_t> ids, blocks, targets;
    for (int32_t i = 0; i < rows; ++i) {
      const bool whole = tokens > 1;
      const int32_t first = whole ? kMaxBatch * kShortRowBlocks : i * kShortRowBlocks;
      const int32_t n_blocks = (position + tokens + kBlockTokens - 1) / kBlockTokens;
      entries.push_back({whole ? kMaxBatch : i, position, tokens, n_blocks,
                         static_cast<int32_t>(blocks.size()), 1, 0, 0});
      for (int32_t b = 0; b < n_blocks; ++b) blocks.push_back(first + b);
      for (int32_t t = 0; t < tokens; ++t) {
        ids.push_back(last_sampled ? SB_TOKEN_LAST_SAMPLED : (position * 31 + t * 7 + i) % 1000);
      }
      targets.push_back(SB_TARGET_SAMPLE);
    }
    sb_plan plan{};
    plan.struct_size = sizeof(plan);
    plan.n_entries = static_cast<uint32_t>(entries.size());
    plan.n_tokens = static_cast<uint32_t>(ids.size());
    plan.n_outputs = static_cast<uint32_t>(targets.size());
    plan.n_blocks = static_cast<uint32_t>(blocks.size());
    plan.unrecorded = measured_ ? 0 : 1;
    plan.step = ++steps_;
    plan.tokens = ids.data();
    plan.entries = entries.data();
    plan.blocks = blocks.data();
    plan.targets = targets.data();
    check(sb_submit(engine_, &plan));
  }

  sb_engine* engine_ = nullptr;
  double token_bytes_ = 0;
  uint64_t steps_ = 0;
  bool measured_ = false;
};

// Multiplications and additions of a prompt's weights: the output layer sees its last token only.
double prompt_operations(const Shape& shape) {
  const double q = static_cast<double>(shape.n_heads) * shape.head_dim;
  const double kv = static_cast<double>(shape.n_kv_heads) * shape.head_dim;
  const double layer = shape.dim * (2 * q + 2 * kv + 3.0 * shape.ffn_dim);
  return 2 * (layer * shape.n_layers * kPrefill + static_cast<double>(shape.vocab) * shape.dim);
}

void print_share(double rate, double most) {
  if (most > 0) std::printf(" %5.1f %%", 100 * rate / most);
  std::printf("\n");
}

void measure(const Shape& shape, bool device, int32_t ranks, const Peak& peak) {
  Bench bench(shape, device, ranks);
  if (!bench.fits()) {
    std::printf("%-10s left out: %s\n", shape.name, sb_last_error());
    return;
  }
  for (const int32_t rows : {1, 8, kMaxBatch}) {
    const auto print = [&](const char* how, double seconds) {
      const double rate = bench.token_bytes() / seconds;
      std::printf("%-10s %s %3d rows %9.3f ms %10.1f tok/s %8.1f GB/s", shape.name, how, rows,
                  seconds * 1e3, rows / seconds, rate * 1e-9);
      print_share(rate, peak.bytes);
    };
    print("decode", bench.decode(rows, 128));
    print("ahead ", bench.decode_ahead(rows, 128));
  }
  // Where a step is shortest the timeline takes the largest share of it.
  const Bench::Pair pair = bench.decode_measured(1, 128);
  std::printf("%-10s ahead    1 rows %9.3f ms measured, %.3f ms not: %+.2f %% of tok/s\n",
              shape.name, pair.measured * 1e3, pair.unmeasured * 1e3,
              100 * (pair.unmeasured / pair.measured - 1));
  const double seconds = bench.prefill();
  const double rate = prompt_operations(shape) / seconds;
  std::printf("%-10s prefill %d       %9.3f ms %10.1f tok/s %8.1f T/s ", shape.name, kPrefill,
              seconds * 1e3, kPrefill / seconds, rate * 1e-12);
  print_share(rate, shape.type == SB_TYPE_BF16 ? peak.brains : peak.byte_products);
}

int check_as(int count, char** options) {
  sb::bench::CheckOptions asked;
  for (int i = 0; i < count; ++i) {
    if (std::strcmp(options[i], "--tiny") == 0) {
      asked.tiny = true;
    } else if (std::strcmp(options[i], "--cpu") == 0) {
      asked.processor = true;
    } else if (std::strcmp(options[i], "--differ") == 0) {
      asked.differ = true;
    } else {
      std::fprintf(stderr, "sb_device_bench: check has no option %s\n", options[i]);
      return 64;
    }
  }
  return sb::bench::check_device(asked);
}

}  // namespace

int main(int argc, char** argv) {
  const char* const what = argc < 2 ? "cuda" : argv[1];
  if (std::strcmp(what, "check") == 0) return check_as(argc - 2, argv + 2);
  const int32_t ranks = argc < 3 ? 1 : std::atoi(argv[2]);
  const char* const name = argc < 4 ? "" : argv[3];
  const bool device = std::strcmp(what, "cpu") != 0;
  Peak peak;
  if (device) {
    peak = PeakBench().measure();
    const bool by_wgmma = brain_multiplier() == sb::cuda::Multiplier::kBrainsByWgmma;
    std::printf("at most    %.1f GB/s read, %.1f T/s BF16 by %s, %.1f T/s bytes by mma.sync\n",
                peak.bytes * 1e-9, peak.brains * 1e-12, by_wgmma ? "wgmma" : "mma.sync",
                peak.byte_products * 1e-12);
  }
  if (std::strcmp(what, "peak") == 0) return 0;
  for (const Shape& shape : kShapes) {
    if (std::strstr(shape.name, name) != nullptr) measure(shape, device, ranks, peak);
  }
  return 0;
}
