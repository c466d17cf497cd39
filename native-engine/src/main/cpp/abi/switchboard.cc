// The C ABI over the engine: checks what only C can get wrong (null pointers, struct sizes),
// translates structs, and lets no exception out.
#include "abi/switchboard.h"

#include <cstddef>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/machine.h"
#include "base/measure.h"
#include "base/status.h"
#include "engine/engine.h"
#include "engine/timeline.h"
#include "model/config.h"
#include "ops/op.h"

struct sb_engine {
  std::unique_ptr<sb::engine::Engine> engine;
  std::vector<sb::engine::PlanEntry> entries;  // room for max_rows: submit copies without memory
};

namespace {

using sb::fail;
using sb::Status;
using sb::within;

static_assert(sizeof(sb_timeline_record) == sizeof(sb::engine::TimelineRecord));
static_assert(offsetof(sb_timeline_record, bytes) == offsetof(sb::engine::TimelineRecord, bytes));
static_assert(offsetof(sb_timeline_record, kind) == offsetof(sb::engine::TimelineRecord, kind));
static_assert(offsetof(sb_timeline_record, longest_ns) ==
              offsetof(sb::engine::TimelineRecord, longest_ns));
static_assert(sizeof(sb_lane_header) == sizeof(sb::engine::LaneHeader));
static_assert(offsetof(sb_lane_header, current_since_ns) ==
              offsetof(sb::engine::LaneHeader, current_since_ns));
static_assert(SB_MAX_TOP_LOGPROBS == sb::engine::kMaxTopLogprobs);
static_assert(SB_MAX_STAGES == sb::engine::kMaxStages);
static_assert(SB_MAX_RANKS == sb::engine::kMaxRanks);
static_assert(SB_MAX_LOGIT_BIAS == sb::engine::kMaxLogitBias);
static_assert(SB_TOKEN_LAST_SAMPLED == sb::model::kLastSampled);
static_assert(SB_TARGET_SAMPLE == sb::model::kSample);
static_assert(SB_MASK_NONE == sb::engine::kNoMask);
static_assert(SB_DEVICE_LOST == static_cast<int32_t>(Status::kDeviceLost));

// Runs a body and turns what it throws into a status; the text starts with the function's name.
template <class Body>
int32_t call(const char* function, Body body) noexcept {
  Status status;
  try {
    status = body();
  } catch (const std::bad_alloc&) {
    status = fail(Status::kOutOfMemory, "memory ran out");
  } catch (const std::exception& error) {
    status = fail(Status::kInternal, "%s", error.what());
  }
  return static_cast<int32_t>(within(status, "%s", function));
}

template <class Struct>
Status check_struct(const char* name, const Struct* value) {
  if (value == nullptr) return fail(Status::kInvalidArgument, "%s: is null", name);
  if (value->struct_size != sizeof(Struct)) {
    return fail(Status::kInvalidArgument, "%s.struct_size: %u, this library knows %zu", name,
                value->struct_size, sizeof(Struct));
  }
  return Status::kOk;
}

Status check_pointer(const char* name, const void* value, bool needed = true) {
  if (value != nullptr || !needed) return Status::kOk;
  return fail(Status::kInvalidArgument, "%s: is null", name);
}

Status check_measurement(std::int32_t threads, std::int32_t passes, const double* out) {
  if (Status s = check_pointer("out", out); s != Status::kOk) return s;
  if (threads < 1 || threads > 256) {
    return fail(Status::kInvalidArgument, "threads: %d is not in 1 .. 256", threads);
  }
  if (passes < 1 || passes > 1000) {
    return fail(Status::kInvalidArgument, "passes: %d is not in 1 .. 1000", passes);
  }
  return Status::kOk;
}

template <class T>
std::span<const T> span_of(const T* data, std::uint64_t count) {
  return count == 0 ? std::span<const T>() : std::span<const T>(data, count);
}

// Everything create and plan_memory are given, in the library's own types.
struct Request {
  sb::model::Config model;
  std::vector<sb::model::Tensor> tensors;
  sb::engine::Config config;
};

Status translate_tensors(const sb_model_config& from, std::vector<sb::model::Tensor>& to) {
  // More than any model has, and few enough to copy.
  constexpr uint32_t kMaxTensors = 1U << 16;
  if (from.n_tensors > kMaxTensors) {
    return fail(Status::kInvalidArgument, "model.n_tensors: %u is not in 0 .. %u", from.n_tensors,
                kMaxTensors);
  }
  if (Status s = check_pointer("model.tensors", from.tensors); s != Status::kOk) return s;
  for (uint32_t i = 0; i < from.n_tensors; ++i) {
    const sb_tensor& tensor = from.tensors[i];
    if (Status s = check_struct("tensor", &tensor); s != Status::kOk) {
      return within(s, "model.tensors[%u]", i);
    }
    to.push_back({static_cast<sb::model::Role>(tensor.role), tensor.layer,
                  static_cast<sb::ops::WeightType>(tensor.type), tensor.rows, tensor.cols,
                  tensor.data, tensor.bytes});
  }
  return Status::kOk;
}

void translate_windows(const sb_model_config& from, sb::model::Config& to) {
  // A number of layers that will be refused says nothing about the array.
  const bool counted = from.n_layers >= 1 && from.n_layers <= sb::model::kMaxLayers;
  if (from.windows == nullptr || !counted) return;
  to.windows.assign(from.windows, from.windows + from.n_layers);
}

Status translate_model(const sb_model_config& from, sb::model::Config& to) {
  if (from.rope_kind != SB_ROPE_NORM && from.rope_kind != SB_ROPE_NEOX) {
    return fail(Status::kInvalidArgument, "model.rope_kind: %d is not known", from.rope_kind);
  }
  to.arch = static_cast<sb::model::Arch>(from.arch);
  to.n_layers = from.n_layers;
  to.dim = from.dim;
  to.ffn_dim = from.ffn_dim;
  to.n_heads = from.n_heads;
  to.n_kv_heads = from.n_kv_heads;
  to.head_dim = from.head_dim;
  to.vocab = from.vocab;
  to.context = from.context;
  to.rope_neox = from.rope_kind == SB_ROPE_NEOX;
  to.rope_dim = from.rope_dim;
  to.rope_base = from.rope_base;
  to.rope_scale = from.rope_scale;
  to.rope_magnitude = from.rope_magnitude;
  to.rope_window_base = from.rope_window_base;
  to.rope_original_context = from.rope_original_context;
  to.rope_yarn_fast = from.rope_yarn_fast;
  to.rope_yarn_slow = from.rope_yarn_slow;
  to.norm_epsilon = from.norm_epsilon;
  to.embedding_scale = from.embedding_scale;
  to.attention_scale = from.attention_scale;
  to.attention_softcap = from.attention_softcap;
  to.logit_softcap = from.logit_softcap;
  to.pooling = static_cast<sb::model::Pooling>(from.pooling);
  translate_windows(from, to);
  return Status::kOk;
}

Status translate_kv_type(int32_t from, sb::ops::KvType& to) {
  switch (from) {
    case SB_TYPE_F32:
      to = sb::ops::KvType::kF32;
      return Status::kOk;
    case SB_TYPE_F16:
      to = sb::ops::KvType::kF16;
      return Status::kOk;
    case SB_TYPE_BF16:
      to = sb::ops::KvType::kBf16;
      return Status::kOk;
    case SB_TYPE_Q8_0:
      to = sb::ops::KvType::kQ8;
      return Status::kOk;
    default:
      return fail(Status::kInvalidArgument, "config.kv_type: %d is not F32, F16, BF16 or Q8_0",
                  from);
  }
}

Status translate_config(const sb_engine_config& from, sb::engine::Config& to) {
  if (from.isa < SB_ISA_AUTO || from.isa > SB_ISA_CUDA) {
    return fail(Status::kInvalidArgument, "config.isa: %d is not known", from.isa);
  }
  if (Status s = translate_kv_type(from.kv_type, to.kv_type); s != Status::kOk) return s;
  to.stages = from.stages;
  to.ranks = from.ranks;
  to.threads = from.threads;
  to.on_device = from.isa == SB_ISA_CUDA;
  const bool best = to.on_device || from.isa == SB_ISA_AUTO;
  to.isa = best ? sb::ops::best_isa() : static_cast<sb::ops::Isa>(from.isa);
  to.kv_block_tokens = from.kv_block_tokens;
  to.kv_blocks = from.kv_blocks;
  to.max_rows = from.max_rows;
  to.max_step_tokens = from.max_step_tokens;
  to.max_step_outputs = from.max_step_outputs;
  to.max_in_flight = from.max_in_flight;
  to.timeline_records = from.timeline_records;
  to.hang_timeout_ms = from.hang_timeout_ms;
  to.allow_fault_injection = from.allow_fault_injection != 0;
  to.mask_slots = from.mask_slots;
  return Status::kOk;
}

Status translate(const sb_model_config* model, const sb_engine_config* config, Request& to) {
  if (Status s = check_struct("model", model); s != Status::kOk) return s;
  if (Status s = check_struct("config", config); s != Status::kOk) return s;
  if (Status s = translate_model(*model, to.model); s != Status::kOk) return s;
  if (Status s = translate_config(*config, to.config); s != Status::kOk) return s;
  return translate_tensors(*model, to.tensors);
}

void copy_memory(const sb::engine::MemoryPlan& from, sb_memory* to) {
  to->weight_bytes = from.weight_bytes;
  to->kv_bytes = from.kv_bytes;
  to->scratch_bytes = from.scratch_bytes;
  to->weight_bytes_per_token = from.weight_bytes_per_token;
  to->device_bytes = from.device_bytes;
  to->tightest_device_bytes = from.tightest_device_bytes;
  to->tightest_device_free_bytes = from.tightest_device_free_bytes;
}

Status check_row_pointers(const sb_sampling* sampling, const int32_t* history, int32_t n_history) {
  if (Status s = check_struct("sampling", sampling); s != Status::kOk) return s;
  const bool biased = sampling->n_bias > 0;
  if (Status s = check_pointer("sampling.bias_tokens", sampling->bias_tokens, biased);
      s != Status::kOk) {
    return s;
  }
  if (Status s = check_pointer("sampling.bias_values", sampling->bias_values, biased);
      s != Status::kOk) {
    return s;
  }
  if (n_history < 0) {
    return fail(Status::kInvalidArgument, "n_history: %d is negative", n_history);
  }
  return check_pointer("history", history, n_history > 0);
}

Status begin_row(sb_engine* engine, int32_t row, const sb_sampling* sampling,
                 const int32_t* history, int32_t n_history, int32_t n_prompt) {
  if (Status s = check_pointer("engine", engine); s != Status::kOk) return s;
  if (Status s = check_row_pointers(sampling, history, n_history); s != Status::kOk) return s;
  sb::engine::RowStart start;
  start.row = row;
  start.sampling.temperature = sampling->temperature;
  start.sampling.top_p = sampling->top_p;
  start.sampling.min_p = sampling->min_p;
  start.sampling.top_k = sampling->top_k;
  start.sampling.repetition_penalty = sampling->repetition_penalty;
  start.sampling.presence_penalty = sampling->presence_penalty;
  start.sampling.frequency_penalty = sampling->frequency_penalty;
  start.sampling.seed = sampling->seed;
  start.bias_tokens = span_of(sampling->bias_tokens, sampling->n_bias);
  start.bias_values = span_of(sampling->bias_values, sampling->n_bias);
  start.history = span_of(history, static_cast<std::uint64_t>(n_history));
  start.n_prompt = n_prompt;
  return engine->engine->begin_row(start);
}

Status check_plan_pointers(const sb_plan& plan) {
  if (Status s = check_pointer("tokens", plan.tokens); s != Status::kOk) return s;
  if (Status s = check_pointer("entries", plan.entries); s != Status::kOk) return s;
  if (Status s = check_pointer("blocks", plan.blocks); s != Status::kOk) return s;
  return check_pointer("targets", plan.targets, plan.n_outputs > 0);
}

Status submit(sb_engine* engine, const sb_plan* plan) {
  if (Status s = check_pointer("engine", engine); s != Status::kOk) return s;
  if (Status s = check_struct("plan", plan); s != Status::kOk) return s;
  if (Status s = check_plan_pointers(*plan); s != Status::kOk) return s;
  if (Status s = sb::engine::check_sizes(engine->engine->plan_limits(), plan->n_tokens,
                                         plan->n_entries, plan->n_outputs, plan->n_blocks);
      s != Status::kOk) {
    return s;
  }
  for (uint32_t i = 0; i < plan->n_entries; ++i) {
    const sb_plan_entry& entry = plan->entries[i];
    engine->entries[i] = {entry.row,          entry.position,          entry.n_tokens,
                          entry.n_blocks,     entry.block_offset,      entry.n_outputs,
                          entry.top_logprobs, entry.want_logprobs != 0};
  }
  sb::engine::Plan translated;
  translated.step = plan->step;
  translated.unrecorded = plan->unrecorded != 0;
  translated.tokens = span_of(plan->tokens, plan->n_tokens);
  translated.entries = span_of(engine->entries.data(), plan->n_entries);
  translated.blocks = span_of(plan->blocks, plan->n_blocks);
  translated.targets = span_of(plan->targets, plan->n_outputs);
  if (plan->masks != nullptr) translated.masks = span_of(plan->masks, plan->n_outputs);
  return engine->engine->submit(translated);
}

template <class T>
void copy_out(std::span<const T> from, T* to) {
  if (to != nullptr && !from.empty()) std::memcpy(to, from.data(), from.size_bytes());
}

Status await(sb_engine* engine, int64_t timeout_ns, sb_result* result) {
  if (Status s = check_pointer("engine", engine); s != Status::kOk) return s;
  if (Status s = check_struct("result", result); s != Status::kOk) return s;
  sb::engine::StepResult found;
  const Status status = engine->engine->await(timeout_ns, found);
  const bool lost = status == Status::kHung || status == Status::kDeviceLost;
  if (status != Status::kOk && !lost) return status;
  result->status = static_cast<int32_t>(found.status);
  result->failed_stage = found.failed_stage;
  result->failed_rank = found.failed_rank;
  result->step = found.step;
  result->submit_ns = found.submit_ns;
  result->start_ns = found.start_ns;
  result->end_ns = found.end_ns;
  result->n_outputs = static_cast<uint32_t>(found.tokens.size());
  copy_out(found.tokens, result->tokens);
  copy_out(found.logprobs, result->logprobs);
  copy_out(found.top_tokens, result->top_tokens);
  copy_out(found.top_logprobs, result->top_logprobs);
  copy_out(found.embeddings, result->embeddings);
  return status;
}

Status create(const sb_model_config* model, const sb_engine_config* config, sb_progress* progress,
              sb_engine** out) {
  if (Status s = check_pointer("out", out); s != Status::kOk) return s;
  Request request;
  if (Status s = translate(model, config, request); s != Status::kOk) return s;
  sb_progress unread{};
  sb_progress& written = progress == nullptr ? unread : *progress;
  auto engine = sb::engine::Engine::create(request.model, request.tensors, request.config,
                                           {&written.done_bytes, &written.total_bytes});
  if (!engine.ok()) return engine.status();
  auto handle = std::make_unique<sb_engine>();
  handle->entries.resize(static_cast<std::size_t>(config->max_rows));
  handle->engine = std::move(*engine);
  *out = handle.release();
  return Status::kOk;
}

}  // namespace

int32_t sb_abi_version(void) { return SB_ABI_VERSION; }

const char* sb_last_error(void) { return sb::last_error(); }

int64_t sb_now_ns(void) { return sb::now_ns(); }

int32_t sb_machine_info(sb_machine* out) {
  return call(__func__, [&] {
    if (Status s = check_struct("out", out); s != Status::kOk) return s;
    const sb::CpuFeatures& features = sb::cpu_features();
    out->cores = sb::available_cores();
    out->has_avx2 = features.avx2 ? 1 : 0;
    out->has_avx512 = features.avx512 ? 1 : 0;
    out->has_avx512_bf16 = features.avx512_bf16 ? 1 : 0;
    out->has_amx_int8 = features.amx_int8 ? 1 : 0;
    out->best_isa = static_cast<int32_t>(sb::ops::best_isa());
    out->reserved = 0;
    out->available_bytes = sb::available_memory_bytes();
    return Status::kOk;
  });
}

int32_t sb_read_bandwidth(int32_t threads, uint64_t bytes, int32_t passes, double* out) {
  return call(__func__, [&] {
    if (Status s = check_measurement(threads, passes, out); s != Status::kOk) return s;
    constexpr uint64_t kLeastPerThread = 1U << 16;
    if (bytes / static_cast<uint64_t>(threads) < kLeastPerThread) {
      return fail(Status::kInvalidArgument, "bytes: fewer than %llu per thread",
                  static_cast<unsigned long long>(kLeastPerThread));
    }
    sb::Result<double> measured = sb::read_bandwidth(threads, bytes, passes);
    if (!measured.ok()) return measured.status();
    *out = *measured;
    return Status::kOk;
  });
}

int32_t sb_peak_rate(int32_t threads, int32_t unit, int32_t passes, double* out) {
  return call(__func__, [&] {
    if (Status s = check_measurement(threads, passes, out); s != Status::kOk) return s;
    if (unit != SB_MAC_INT8 && unit != SB_MAC_BF16) {
      return fail(Status::kInvalidArgument, "unit: %d is none", unit);
    }
    sb::Result<double> measured = sb::peak_rate(threads, sb::MacUnit{unit}, passes);
    if (!measured.ok()) return measured.status();
    *out = *measured;
    return Status::kOk;
  });
}

int32_t sb_engine_plan_memory(const sb_model_config* model, const sb_engine_config* config,
                              sb_memory* out) {
  return call(__func__, [&] {
    if (Status s = check_struct("out", out); s != Status::kOk) return s;
    Request request;
    if (Status s = translate(model, config, request); s != Status::kOk) return s;
    auto planned = sb::engine::Engine::plan_memory(request.model, request.tensors, request.config);
    if (!planned.ok()) return planned.status();
    copy_memory(*planned, out);
    return Status::kOk;
  });
}

int32_t sb_engine_create(const sb_model_config* model, const sb_engine_config* config,
                         sb_progress* progress, sb_engine** out) {
  return call(__func__, [&] { return create(model, config, progress, out); });
}

void sb_engine_destroy(sb_engine* engine) { delete engine; }

int32_t sb_engine_memory(const sb_engine* engine, sb_memory* out) {
  return call(__func__, [&] {
    if (Status s = check_pointer("engine", engine); s != Status::kOk) return s;
    if (Status s = check_struct("out", out); s != Status::kOk) return s;
    copy_memory(engine->engine->memory(), out);
    return Status::kOk;
  });
}

int32_t sb_engine_timeline(const sb_engine* engine, sb_timeline* out) {
  return call(__func__, [&] {
    if (Status s = check_pointer("engine", engine); s != Status::kOk) return s;
    if (Status s = check_struct("out", out); s != Status::kOk) return s;
    const sb::engine::TimelineView& view = engine->engine->timeline();
    out->lanes = view.lanes;
    out->capacity = view.capacity;
    out->record_bytes = sizeof(sb_timeline_record);
    out->lane_bytes = view.lane_bytes;
    out->base = view.base;
    return Status::kOk;
  });
}

int32_t sb_row_begin(sb_engine* engine, int32_t row, const sb_sampling* sampling,
                     const int32_t* history, int32_t n_history, int32_t n_prompt) {
  return call(__func__,
              [&] { return begin_row(engine, row, sampling, history, n_history, n_prompt); });
}

int32_t sb_engine_masks(const sb_engine* engine, sb_masks* out) {
  return call(__func__, [&] {
    if (Status s = check_pointer("engine", engine); s != Status::kOk) return s;
    if (Status s = check_struct("out", out); s != Status::kOk) return s;
    const sb::engine::MaskTable& masks = engine->engine->masks();
    out->slots = static_cast<uint32_t>(masks.size());
    out->slot_bytes = masks.slot_bytes();
    out->base = masks.size() == 0 ? nullptr : masks.storage().data();
    return Status::kOk;
  });
}

int32_t sb_mask_ready(sb_engine* engine, int32_t slot, uint64_t step) {
  return call(__func__, [&] {
    if (Status s = check_pointer("engine", engine); s != Status::kOk) return s;
    return engine->engine->mask_ready(slot, step);
  });
}

int32_t sb_submit(sb_engine* engine, const sb_plan* plan) {
  return call(__func__, [&] { return submit(engine, plan); });
}

int32_t sb_await(sb_engine* engine, int64_t timeout_ns, sb_result* result) {
  return call(__func__, [&] { return await(engine, timeout_ns, result); });
}

int32_t sb_inject(sb_engine* engine, const sb_fault* fault) {
  return call(__func__, [&] {
    if (Status s = check_pointer("engine", engine); s != Status::kOk) return s;
    if (Status s = check_struct("fault", fault); s != Status::kOk) return s;
    return engine->engine->inject({static_cast<sb::engine::FaultKind>(fault->kind), fault->stage,
                                   fault->rank, fault->first_step, fault->steps, fault->amount});
  });
}
