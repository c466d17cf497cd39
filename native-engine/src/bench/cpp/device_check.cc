#include "device_check.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <limits>
#include <numeric>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "cuda/kernels.h"
#include "random_model.h"

namespace sb::bench {
namespace {

constexpr int32_t kBlockTokens = 32;
constexpr int32_t kShortRowBlocks = 4;
constexpr int32_t kTops = SB_MAX_TOP_LOGPROBS;
constexpr int32_t kMostThreads = 16;

using Tokens = std::vector<int32_t>;

// What an engine says of a token that it sampled, or was asked about.
struct Output {
  int32_t row = 0;
  int32_t position = 0;  // of the token before it
  int32_t token = -1;
  bool scored = false;
  float logprob = 0;
  std::array<int32_t, kTops> top_tokens{};
  std::array<float, kTops> top_logprobs{};
};
using Outputs = std::vector<Output>;

template <class T>
bool same_bits(const T& a, const T& b) {
  return std::memcmp(&a, &b, sizeof(T)) == 0;
}
bool same(const Output& a, const Output& b) {
  return a.position == b.position && a.token == b.token && a.scored == b.scored &&
         (!a.scored || (same_bits(a.logprob, b.logprob) && a.top_tokens == b.top_tokens &&
                        same_bits(a.top_logprobs, b.top_logprobs)));
}
// Two engines that both give no numbers agree on nothing.
bool is_sound(const Output& output) {
  return output.token >= 0 && (!output.scored || std::isfinite(output.logprob));
}

// One row's share of a step.
struct Share {
  int32_t row = 0;
  int32_t position = 0;
  Tokens tokens = {};
  Tokens targets = {};  // of the last tokens
  bool scored = true;
  int32_t top = 0;
};

void must(int32_t status) {
  if (status == SB_OK) return;
  std::fprintf(stderr, "sb_device_bench: %s\n", sb_last_error());
  std::exit(1);
}

sb_sampling greedy() {
  sb_sampling sampling{};
  sampling.struct_size = sizeof(sampling);
  sampling.top_p = 1;
  sampling.repetition_penalty = 1;
  return sampling;
}

// Greedy steps of such models repeat a token.
sb_sampling drawn(uint64_t seed) {
  sb_sampling sampling = greedy();
  sampling.temperature = 1;
  sampling.seed = seed;
  return sampling;
}

// How many rows an engine has, and how long they get: the first ones up to the context.
struct Room {
  int32_t long_rows;
  int32_t rows;
  int32_t context;
  int32_t step_tokens;
  float attention_scale;
};

// Rows whose blocks lie anywhere in the pool.
class Engine {
 public:
  // Null where the device cannot do it: sb_last_error() tells why.
  Engine(const RandomModel& model, const Room& room, sb_isa isa, int32_t threads)
      : room_(room), long_blocks_((room.context + kBlockTokens - 1) / kBlockTokens) {
    sb_model_config description = model.config(room.context);
    description.attention_scale = room.attention_scale;
    sb_engine_config config{};
    config.struct_size = sizeof(config);
    config.stages = 1;
    config.ranks = 1;
    config.threads = threads;
    config.isa = isa;
    config.kv_type = SB_TYPE_F16;
    config.kv_block_tokens = kBlockTokens;
    config.kv_blocks = room.long_rows * long_blocks_ + room.rows * kShortRowBlocks;
    config.max_rows = room.rows;
    config.max_step_tokens = room.step_tokens;
    config.max_step_outputs = room.step_tokens;
    config.max_in_flight = 2;
    const int32_t status = sb_engine_create(&description, &config, nullptr, &engine_);
    if (status != SB_UNSUPPORTED) must(status);
    pool_.resize(static_cast<size_t>(config.kv_blocks));
    std::iota(pool_.begin(), pool_.end(), 0);
    std::shuffle(pool_.begin(), pool_.end(), std::mt19937(5));
  }
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine() { sb_engine_destroy(engine_); }

  [[nodiscard]] bool is_there() const { return engine_ != nullptr; }

  void begin(int32_t row, const sb_sampling& sampling, const Tokens& prompt) {
    const auto count = static_cast<int32_t>(prompt.size());
    must(sb_row_begin(engine_, row, &sampling, prompt.data(), count, count));
  }

  void submit(const std::vector<Share>& shares) {
    std::vector<sb_plan_entry> entries;
    Tokens tokens, targets, blocks;
    Outputs outputs;
    for (const Share& share : shares) {
      const auto count = static_cast<int32_t>(share.tokens.size());
      const auto asked = static_cast<int32_t>(share.targets.size());
      const int32_t n_blocks = (share.position + count + kBlockTokens - 1) / kBlockTokens;
      entries.push_back({share.row, share.position, count, n_blocks,
                         static_cast<int32_t>(blocks.size()), asked, share.top,
                         share.scored ? 1 : 0});
      tokens.insert(tokens.end(), share.tokens.begin(), share.tokens.end());
      targets.insert(targets.end(), share.targets.begin(), share.targets.end());
      const auto first = pool_.begin() + first_block(share.row);
      blocks.insert(blocks.end(), first, first + n_blocks);
      for (int32_t i = count - asked; i < count; ++i) {
        outputs.push_back({.row = share.row, .position = share.position + i});
        outputs.back().scored = share.scored;
      }
    }
    sb_plan plan{};
    plan.struct_size = sizeof(plan);
    plan.n_entries = static_cast<uint32_t>(entries.size());
    plan.n_tokens = static_cast<uint32_t>(tokens.size());
    plan.n_outputs = static_cast<uint32_t>(targets.size());
    plan.n_blocks = static_cast<uint32_t>(blocks.size());
    plan.unrecorded = 1;
    plan.step = ++steps_;
    plan.tokens = tokens.data();
    plan.entries = entries.data();
    plan.blocks = blocks.data();
    plan.targets = targets.data();
    must(sb_submit(engine_, &plan));
    submitted_.push_back(std::move(outputs));
  }

  // Of the oldest step.
  Outputs await() {
    const auto most = static_cast<size_t>(room_.step_tokens);
    Tokens tokens(most), top_tokens(most * kTops);
    std::vector<float> logprobs(most), top_logprobs(most * kTops);
    sb_result result{};
    result.struct_size = sizeof(result);
    result.tokens = tokens.data();
    result.logprobs = logprobs.data();
    result.top_tokens = top_tokens.data();
    result.top_logprobs = top_logprobs.data();
    must(sb_await(engine_, -1, &result));
    must(result.status);
    Outputs outputs = std::move(submitted_.front());
    submitted_.pop_front();
    if (result.n_outputs != outputs.size()) {
      std::fprintf(stderr, "sb_device_bench: %u outputs of %zu\n", result.n_outputs,
                   outputs.size());
      std::exit(1);
    }
    for (size_t i = 0; i < outputs.size(); ++i) {
      outputs[i].token = tokens[i];
      outputs[i].logprob = logprobs[i];
      std::copy_n(&top_tokens[i * kTops], kTops, outputs[i].top_tokens.begin());
      std::copy_n(&top_logprobs[i * kTops], kTops, outputs[i].top_logprobs.begin());
    }
    return outputs;
  }

 private:
  [[nodiscard]] int32_t first_block(int32_t row) const {
    const int32_t longer = std::min(row, room_.long_rows);
    return longer * long_blocks_ + (row - longer) * kShortRowBlocks;
  }

  const Room room_;
  const int32_t long_blocks_;
  sb_engine* engine_ = nullptr;
  Tokens pool_;
  std::deque<Outputs> submitted_;
  uint64_t steps_ = 0;
};

void append(Outputs& all, Outputs more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

// Steps that are planned while the one before runs: each row reads what it sampled in that.
Outputs ahead(Engine& engine, std::vector<Share> shares, int32_t steps) {
  Outputs all;
  engine.submit(shares);
  for (int32_t i = 1; i < steps; ++i) {
    for (Share& share : shares) {
      share.position += static_cast<int32_t>(share.tokens.size());
      share.tokens.assign(1, SB_TOKEN_LAST_SAMPLED);
    }
    engine.submit(shares);
    append(all, engine.await());
  }
  append(all, engine.await());
  return all;
}

// Reads tokens from a position on, so many in a step, and asks for the targets of the last ones.
Outputs score(Engine& engine, int32_t row, int32_t position, const Tokens& read,
              const Tokens& targets, size_t chunk) {
  Outputs all;
  const size_t silent = read.size() - targets.size();
  for (size_t at = 0; at < read.size(); at += chunk) {
    const size_t end = std::min(read.size(), at + chunk);
    Share share{.row = row, .position = position + static_cast<int32_t>(at)};
    share.tokens.assign(read.begin() + static_cast<ptrdiff_t>(at),
                        read.begin() + static_cast<ptrdiff_t>(end));
    for (size_t i = std::max(at, silent); i < end; ++i) {
      share.targets.push_back(targets[i - silent]);
    }
    engine.submit({share});
    append(all, engine.await());
  }
  return all;
}

Tokens some_tokens(const Shape& shape, int32_t count, int32_t seed) {
  std::mt19937 random(static_cast<uint32_t>(seed));
  Tokens tokens(static_cast<size_t>(count));
  for (int32_t& token : tokens) {
    token = static_cast<int32_t>(random() % static_cast<uint32_t>(shape.vocab));
  }
  return tokens;
}

// With other ones in the place of the last quarter.
Tokens altered(Tokens tokens) {
  for (size_t i = tokens.size() * 3 / 4; i < tokens.size(); ++i) tokens[i] ^= 1;
  return tokens;
}

// Of every kind, those among them whose draw ends behind the tokens that a device keeps at hand.
struct Bias {
  std::array<int32_t, 2> tokens;
  std::array<float, 2> values;
};
sb_sampling sampling_of(int32_t row, const Shape& shape, const Bias& bias) {
  sb_sampling sampling = greedy();
  sampling.seed = 1000 + static_cast<uint64_t>(row);
  if (row % 8 > 0) sampling.temperature = 1;
  switch (row % 8) {
    case 2:
      sampling.top_k = 40;
      break;
    case 3:
      sampling.temperature = 1.3F;
      sampling.top_k = shape.vocab / 5;
      break;
    case 4:
      sampling.top_p = 0.95F;
      break;
    case 5:
      sampling.temperature = 0.8F;
      sampling.top_p = 0.5F;
      sampling.min_p = 0.001F;
      break;
    case 6:
      sampling.repetition_penalty = 1.2F;
      sampling.presence_penalty = 0.3F;
      sampling.frequency_penalty = 0.2F;
      break;
    case 7:
      sampling.top_k = shape.vocab / 3;
      sampling.top_p = 0.9F;
      sampling.n_bias = 2;
      sampling.bias_tokens = bias.tokens.data();
      sampling.bias_values = bias.values.data();
      break;
    default:
      break;
  }
  return sampling;
}

// Of quantised weights.
struct Case {
  Shape shape;
  int32_t prompt;
  int32_t scored;  // of it, at its end
  int32_t steps;
  int32_t rows;
};

struct Played {
  Outputs prompt;
  Outputs single;
  Outputs batch;
};

class Player {
 public:
  Player(const Case& what, bool alters) : case_(what), alters_(alters) {}

  [[nodiscard]] Room room() const {
    return {.long_rows = 1,
            .rows = case_.rows,
            .context = case_.prompt + 2 * case_.steps,
            .step_tokens = case_.prompt + case_.rows,
            .attention_scale = 1};
  }

  Played play(Engine& engine) const {
    Played played;
    const Tokens known = some_tokens(case_.shape, case_.prompt, 0);
    Tokens read = given(known);
    engine.begin(0, drawn(1), known);
    Share first{.row = 0, .position = case_.prompt - 1, .tokens = {read.back()}, .top = kTops};
    first.targets = {SB_TARGET_SAMPLE};
    read.pop_back();
    played.prompt =
        score(engine, 0, 0, read, Tokens(known.end() - case_.scored, known.end()), read.size());
    played.single = ahead(engine, {first}, case_.steps);
    first.position += case_.steps;
    first.tokens = {SB_TOKEN_LAST_SAMPLED};
    played.batch = ahead(engine, beside(engine, std::move(first)), case_.steps);
    return played;
  }

  // Of the processor: multiplications, each with its addition.
  [[nodiscard]] double operations() const {
    const Shape& shape = case_.shape;
    const double q = static_cast<double>(shape.n_heads) * shape.head_dim;
    const double kv = static_cast<double>(shape.n_kv_heads) * shape.head_dim;
    const double layers = shape.n_layers * (shape.dim * (2 * q + 2 * kv + 3.0 * shape.ffn_dim));
    const double outputs = case_.scored + case_.steps * (1.0 + case_.rows);
    return layers * (case_.prompt + case_.steps * (1.0 + case_.rows) + case_.rows * 16.0) +
           outputs * shape.vocab * shape.dim;
  }

 private:
  [[nodiscard]] Tokens given(const Tokens& known) const { return alters_ ? altered(known) : known; }

  // The first steps of other rows, of all lengths.
  std::vector<Share> beside(Engine& engine, Share first) const {
    std::vector<Share> shares{std::move(first)};
    const Bias bias{{3, case_.shape.vocab - 2}, {2.5F, -std::numeric_limits<float>::infinity()}};
    for (int32_t row = 1; row < case_.rows; ++row) {
      const Tokens known = some_tokens(case_.shape, 1 + row * 5 % 31, row);
      engine.begin(row, sampling_of(row, case_.shape, bias), known);
      Share share{.row = row, .tokens = given(known), .targets = {SB_TARGET_SAMPLE}};
      share.scored = row % 2 == 0;
      share.top = row % 4 == 0 ? 5 : 0;
      shares.push_back(std::move(share));
    }
    return shares;
  }

  const Case& case_;
  const bool alters_;
};

// Of BF16 weights, which have the same bits however many tokens a step has.
struct ShortCase {
  Shape shape;
  int32_t prompt;
  int32_t chunk;
  int32_t steps;
  int32_t near;  // tokens whose log-probabilities are held to the processor's
};

constexpr Case kCases[] = {
    {{"135M Q8_0", SB_TYPE_Q8_0, 30, 576, 1536, 9, 3, 64, 49152}, 1100, 1000, 24, 40},
    {{"1B Q8_0", SB_TYPE_Q8_0, 4, 2048, 8192, 32, 8, 64, 128256}, 1100, 256, 24, 40},
    {{"8B Q4_K", SB_TYPE_Q4_K, 1, 4096, 14336, 32, 8, 128, 128256}, 1100, 128, 16, 24},
};
constexpr ShortCase kShortCase = {
    {"1B BF16", SB_TYPE_BF16, 4, 2048, 8192, 32, 8, 64, 128256}, 2048, 8, 24, 64};

constexpr Case kTinyCases[] = {
    {{"tiny Q8_0", SB_TYPE_Q8_0, 1, 64, 96, 4, 2, 32, 4397}, 530, 20, 4, 9},
};
constexpr ShortCase kTinyShortCase = {
    {"tiny BF16", SB_TYPE_BF16, 1, 64, 96, 2, 1, 32, 2100}, 40, 8, 4, 16};

class Check {
 public:
  explicit Check(const CheckOptions& options) : options_(options), begun_ns_(sb_now_ns()) {
    sb_machine machine{};
    machine.struct_size = sizeof(machine);
    must(sb_machine_info(&machine));
    threads_ = std::clamp(machine.cores, 1, kMostThreads);
  }

  int run() {
    if (options_.tiny) {
      for (const Case& each : kTinyCases) quantised(each);
      short_floats(kTinyShortCase);
    } else {
      // What takes the processor longest is the last.
      quantised(kCases[0]);
      short_floats(kShortCase);
      for (size_t i = 1; i < std::size(kCases); ++i) quantised(kCases[i]);
    }
    std::printf("%s, %.1f s\n", differs_ ? "DIFFERS" : "ok: all that was checked", seconds());
    return differs_ ? 1 : 0;
  }

 private:
  [[nodiscard]] sb_isa device() const { return options_.processor ? SB_ISA_AUTO : SB_ISA_CUDA; }
  [[nodiscard]] double seconds() const {
    return static_cast<double>(sb_now_ns() - begun_ns_) * 1e-9;
  }

  void quantised(const Case& each) {
    const Player player(each, false);
    const double expected = rate_ > 0 ? player.operations() / rate_ : 0;
    if (seconds() + expected > options_.seconds) {
      std::printf("left out  %s: the processor would take %.0f s for it\n", each.shape.name,
                  expected);
      return;
    }
    const RandomModel model(each.shape, Matrices::kEachItsOwn);
    const Played of_processor = by_processor(model, each, player);
    Engine engine(model, player.room(), device(), threads_);
    if (!engine.is_there()) must(SB_UNSUPPORTED);
    const Played played = Player(each, options_.differ).play(engine);
    char what[128];
    const auto said = [&](const char* form, int32_t number) {
      const int length = std::snprintf(what, sizeof(what), "%s, ", each.shape.name);
      std::snprintf(what + length, sizeof(what) - static_cast<size_t>(length), form, number);
      return what;
    };
    compare(said("a prompt of %d tokens in one step", each.prompt - 1), of_processor.prompt,
            played.prompt);
    compare(said("decode of 1 row from %d on, planned ahead", each.prompt), of_processor.single,
            played.single);
    compare(said("draws of %d rows, planned ahead", each.rows), of_processor.batch, played.batch);
  }

  Played by_processor(const RandomModel& model, const Case& each, const Player& player) {
    Engine engine(model, player.room(), SB_ISA_AUTO, threads_);
    const int64_t from = sb_now_ns();
    Played played = player.play(engine);
    const double took = static_cast<double>(sb_now_ns() - from) * 1e-9;
    rate_ = player.operations() / took;
    std::printf("          %s, %d layers: %.1f s of the processor on %d threads\n", each.shape.name,
                each.shape.n_layers, took, threads_);
    std::fflush(stdout);
    return played;
  }

  void short_floats(const ShortCase& each) {
    const RandomModel model(each.shape, Matrices::kEachItsOwn);
    const Tokens known = some_tokens(each.shape, each.prompt + 1, 0);
    Tokens targets(known.begin() + 1, known.begin() + 1 + each.near);
    const Tokens begin(known.begin(), known.begin() + each.near);
    Outputs of_processor;
    {
      Engine processor(model, room_of(each), SB_ISA_AUTO, threads_);
      processor.begin(0, greedy(), {});
      of_processor = score(processor, 0, 0, given(begin), targets, begin.size());
    }
    const char* const asked = std::getenv(cuda::kBrainVariable);
    const std::optional<std::string> before =
        asked == nullptr ? std::nullopt : std::optional<std::string>(asked);
    for (const char* const kernel : {"mma", "mma-rounded", "wgmma", "wgmma-rounded"}) {
      setenv(cuda::kBrainVariable, kernel, 1);
      by_kernel(each, model, kernel, known, of_processor);
      if (options_.processor) break;
    }
    if (before)
      setenv(cuda::kBrainVariable, before->c_str(), 1);
    else
      unsetenv(cuda::kBrainVariable);
  }

  static Room room_of(const ShortCase& each) {
    return {.long_rows = 2,
            .rows = 2,
            .context = each.prompt + each.steps,
            .step_tokens = each.prompt,
            .attention_scale = 0.125F};
  }

  void by_kernel(const ShortCase& each, const RandomModel& model, const char* kernel,
                 const Tokens& known, const Outputs& of_processor) {
    const std::string name = std::string(each.shape.name) + " by " + kernel;
    Engine engine(model, room_of(each), device(), threads_);
    if (!engine.is_there()) {
      // Every device has the others.
      if (std::strncmp(kernel, "wgmma", 5) != 0) must(SB_UNSUPPORTED);
      std::printf("left out  %s: %s\n", name.c_str(), sb_last_error());
      return;
    }
    const Tokens read(known.begin(), known.end() - 1);
    const Tokens targets(known.begin() + 1, known.end());
    for (const int32_t row : {0, 1}) engine.begin(row, drawn(1), {});
    const Outputs whole = score(engine, 0, 0, read, targets, read.size());
    const Outputs cut = score(engine, 1, 0, given(read), targets, static_cast<size_t>(each.chunk));
    const std::string prompt = name + ", a prompt of " + std::to_string(each.prompt) + " tokens";
    compare((prompt + ", in one step and by " + std::to_string(each.chunk)).c_str(), whole, cut);

    Share next{.row = 0, .position = each.prompt, .tokens = {known.back()}};
    next.targets = {SB_TARGET_SAMPLE};
    const Outputs decoded = ahead(engine, {next}, each.steps);
    Tokens sampled;
    for (const Output& output : decoded) sampled.push_back(output.token);
    Tokens again{known.back()};
    again.insert(again.end(), sampled.begin(), sampled.end() - 1);
    // In the row whose keys came in short steps.
    const Outputs at_once = score(engine, 1, each.prompt, given(again), sampled, again.size());
    compare((prompt + ", decode behind it and the same in one step").c_str(), at_once, decoded);

    const bool rounded = std::strstr(kernel, "rounded") != nullptr;
    near((name + ", beside the processor").c_str(), of_processor, whole, rounded ? 0.1 : 0.01);
  }

  [[nodiscard]] Tokens given(const Tokens& tokens) const {
    return options_.differ ? altered(tokens) : tokens;
  }

  void begin_line(bool alike) {
    differs_ |= !alike;
    std::printf("%-9s ", alike ? "ok" : "DIFFERS");
  }

  void compare(const char* what, const Outputs& expected, const Outputs& actual) {
    size_t first = expected.size(), differences = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
      if (same(expected[i], actual[i]) && is_sound(expected[i])) continue;
      first = std::min(first, i);
      ++differences;
    }
    begin_line(differences == 0);
    if (differences == 0) {
      std::printf("%s: %zu outputs have the same bits\n", what, expected.size());
    } else {
      const Output& a = expected[first];
      const Output& b = actual[first];
      std::printf("%s: at row %d, position %d: ", what, b.row, b.position);
      std::printf("token %d (%.9g) in the place of %d (%.9g); ", b.token, b.logprob, a.token,
                  a.logprob);
      std::printf("%zu of %zu differ\n", differences, expected.size());
    }
    std::fflush(stdout);
  }

  // The first outputs of "actual".
  void near(const char* what, const Outputs& expected, const Outputs& actual, double most) {
    double largest = 0;
    int32_t position = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
      const double apart = std::fabs(double{expected[i].logprob} - double{actual[i].logprob});
      if (apart <= largest) continue;  // not so of NaN
      largest = apart;
      position = expected[i].position;
      if (std::isnan(apart)) break;
    }
    begin_line(largest <= most);
    std::printf("%s: log-probabilities at most %.2g apart, at position %d; %.2g may be\n", what,
                largest, position, most);
    std::fflush(stdout);
  }

  const CheckOptions options_;
  const int64_t begun_ns_;
  int32_t threads_ = 1;
  double rate_ = 0;  // operations of the processor in a second
  bool differs_ = false;
};

}  // namespace

int check_device(const CheckOptions& options) { return Check(options).run(); }

}  // namespace sb::bench
