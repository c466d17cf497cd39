/* switchboard.h: the model executor behind Switchboard, as a C ABI.
 *
 * Java decides, native executes: the caller reads the model file, validates it, plans every step
 * and owns the KV block tables; this library holds weights, KV memory, kernels, sampling and the
 * stage/rank threads.
 *
 * Conventions
 *  - Every function returns an sb_status; out-parameters come last and are written only on SB_OK
 * unless said otherwise.
 *  - sb_last_error() is the calling thread's text for its last failed call.
 *  - Every struct starts with struct_size = sizeof(the struct) as compiled by the caller; a size
 * the library does not know is SB_INVALID_ARGUMENT.
 *  - Memory passed in is only read during the call, except tensor data (see sb_engine_create).
 *  - sb_row_begin, sb_submit, sb_mask_ready and sb_await are called by one thread, the engine
 * thread. sb_inject may be called by any.
 *  - Times are CLOCK_MONOTONIC nanoseconds: the clock behind Java's System.nanoTime on Linux.
 *  - No exception crosses this boundary and the library never calls back.
 */
#ifndef SWITCHBOARD_H
#define SWITCHBOARD_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SB_API __attribute__((visibility("default")))
#else
#define SB_API
#endif

#define SB_ABI_VERSION 3
#define SB_MAX_TOP_LOGPROBS 20
#define SB_MAX_STAGES 16
#define SB_MAX_RANKS 16
#define SB_MAX_LOGIT_BIAS 4096
#define SB_TOKEN_LAST_SAMPLED (-1)
#define SB_TARGET_SAMPLE (-1)
#define SB_MASK_NONE (-1)

typedef enum sb_status {
  SB_OK = 0,
  SB_INVALID_ARGUMENT = 1, /* a field is out of range; the text names it; nothing changed */
  SB_UNSUPPORTED = 2,      /* valid, but this build or CPU cannot do it */
  SB_OUT_OF_MEMORY = 3,    /* planned memory could not be taken; nothing is held */
  SB_BUSY = 4,             /* max_in_flight steps are already submitted */
  SB_TIMEOUT = 5,          /* sb_await: the step is still running */
  SB_STEP_FAILED =
      6,       /* the step failed on some rank; its KV writes are undefined, the engine goes on */
  SB_HUNG = 7, /* a rank has not finished the step within hang_timeout_ms; the engine is lost */
  SB_SHUTDOWN = 8,    /* the engine is being destroyed */
  SB_INTERNAL = 9,    /* a broken invariant; the engine is lost */
  SB_DEVICE_LOST = 10 /* a rank's device failed; the engine is lost */
} sb_status;

typedef enum sb_arch {
  SB_ARCH_LLAMA = 1,
  SB_ARCH_QWEN2 = 2,
  SB_ARCH_QWEN3 = 3,
  SB_ARCH_GEMMA2 = 4,
  SB_ARCH_GEMMA3 = 5,
  SB_ARCH_PHI3 = 6,
  SB_ARCH_BERT = 7,      /* an encoder, see sb_pooling */
  SB_ARCH_NOMIC_BERT = 8 /* likewise */
} sb_arch;

/* Numbered as in GGUF. */
typedef enum sb_type {
  SB_TYPE_F32 = 0,
  SB_TYPE_F16 = 1,
  SB_TYPE_Q4_0 = 2,
  SB_TYPE_Q4_1 = 3,
  SB_TYPE_Q5_0 = 6,
  SB_TYPE_Q5_1 = 7,
  SB_TYPE_Q8_0 = 8,
  SB_TYPE_Q2_K = 10,
  SB_TYPE_Q3_K = 11,
  SB_TYPE_Q4_K = 12,
  SB_TYPE_Q5_K = 13,
  SB_TYPE_Q6_K = 14,
  SB_TYPE_IQ4_NL = 20,
  SB_TYPE_BF16 = 30
} sb_type;

/* What a tensor is for. "layer" of sb_tensor is -1 for the model-wide ones. */
typedef enum sb_role {
  SB_TOKEN_EMBD = 1,
  SB_OUTPUT_NORM = 2,
  SB_OUTPUT = 3,        /* absent: tied to SB_TOKEN_EMBD */
  SB_ROPE_FREQS = 4,    /* optional f32 divisors, rope_dim / 2 of them */
  SB_POSITION_EMBD = 5, /* at least context rows */
  SB_TOKEN_TYPES = 6,   /* the row of the first type: a vector */
  SB_EMBD_NORM = 7,
  SB_EMBD_NORM_BIAS = 8,
  SB_ATTN_NORM = 10,
  SB_ATTN_Q = 11,
  SB_ATTN_K = 12,
  SB_ATTN_V = 13,
  SB_ATTN_OUTPUT = 14,
  SB_ATTN_Q_BIAS = 15,
  SB_ATTN_K_BIAS = 16,
  SB_ATTN_V_BIAS = 17,
  SB_ATTN_Q_NORM = 18,
  SB_ATTN_K_NORM = 19,
  SB_FFN_NORM = 20,
  SB_FFN_GATE = 21,
  SB_FFN_UP = 22,
  SB_FFN_DOWN = 23,
  SB_ATTN_POST_NORM = 24, /* of the block's output, before it is added */
  SB_FFN_POST_NORM = 25,
  SB_ATTN_OUTPUT_BIAS = 26,
  SB_ATTN_OUT_NORM = 27, /* of the sum with the block's output */
  SB_ATTN_OUT_NORM_BIAS = 28,
  SB_FFN_UP_BIAS = 29,
  SB_FFN_DOWN_BIAS = 30,
  SB_LAYER_OUT_NORM = 31,
  SB_LAYER_OUT_NORM_BIAS = 32,
  SB_CLS = 42, /* SB_POOL_RANK: optional dense layer before the classifier */
  SB_CLS_BIAS = 43,
  SB_CLS_OUT = 44, /* SB_POOL_RANK: the classifier, one row */
  SB_CLS_OUT_BIAS = 45
} sb_role;

typedef enum sb_isa {
  SB_ISA_AUTO = 0,
  SB_ISA_REFERENCE = 1,
  SB_ISA_AVX2 = 2,
  SB_ISA_AVX512 = 3,
  SB_ISA_CUDA = 4 /* the layers run on NVIDIA devices; SB_UNSUPPORTED says why there is none */
} sb_isa;

/* Numbers that are multiplied. */
typedef enum sb_mac_unit { SB_MAC_INT8 = 1, SB_MAC_BF16 = 2 } sb_mac_unit;

typedef enum sb_rope_kind {
  SB_ROPE_NORM = 0, /* rotates pairs (2i, 2i+1): llama */
  SB_ROPE_NEOX = 1  /* rotates pairs (i, i + rope_dim/2): all others */
} sb_rope_kind;

/* What a model that embeds gives for a sequence. It samples nothing: an entry is a whole sequence
 * from position 0 on with one output, whose target is SB_TARGET_SAMPLE. Encoders, which have no
 * mask, always embed; decoders may, by any of the first three. */
typedef enum sb_pooling {
  SB_POOL_NONE = 0, /* it generates */
  SB_POOL_MEAN = 1, /* of all tokens: dim floats */
  SB_POOL_CLS = 2,  /* of the first token */
  SB_POOL_LAST = 3, /* of the last token */
  SB_POOL_RANK = 4  /* the classifier's score of the first token: one float */
} sb_pooling;

/* One weight: rows x cols, row-major, cols contiguous (GGUF ne[0] = cols). A vector has rows = 1.
 */
typedef struct sb_tensor {
  uint32_t struct_size;
  int32_t role;  /* sb_role */
  int32_t layer; /* 0 .. n_layers-1, or -1 */
  int32_t type;  /* sb_type */
  int64_t rows;
  int64_t cols;
  const void* data;
  uint64_t bytes; /* must equal what type, rows and cols imply */
} sb_tensor;

typedef struct sb_model_config {
  uint32_t struct_size;
  int32_t arch; /* sb_arch */
  int32_t n_layers;
  int32_t dim; /* embedding length */
  int32_t ffn_dim;
  int32_t n_heads;
  int32_t n_kv_heads;
  int32_t head_dim;
  int32_t vocab;
  int32_t context;   /* longest sequence, tokens */
  int32_t rope_kind; /* sb_rope_kind */
  int32_t rope_dim;  /* rotated dimensions per head, even, <= head_dim; 0: none (bert) */
  float rope_base;
  float rope_scale;              /* linear position scale: 1 = none (position is divided by it) */
  float rope_magnitude;          /* of the rotation: 1 = none */
  float rope_window_base;        /* of layers with a window, unscaled; 0: as the others */
  int32_t rope_original_context; /* of YaRN; 0: none */
  float rope_yarn_fast; /* YaRN: pairs that turn at least so often within the original context keep
                           their frequency; 0: no YaRN */
  float rope_yarn_slow; /* and those that turn at most so often are scaled */
  float norm_epsilon;
  float embedding_scale;   /* of token embeddings: 1 = none */
  float attention_scale;   /* of scores: 1 / sqrt(head_dim) in most models */
  float attention_softcap; /* a scaled score s is cap * tanh(s / cap); 0: none */
  float logit_softcap;     /* likewise */
  int32_t pooling;         /* sb_pooling */
  uint32_t n_tensors;
  const sb_tensor* tensors;
  const int32_t* windows; /* per layer, how many positions, its own included, a token attends to;
                             0: all. Null: none has a window */
} sb_model_config;

typedef struct sb_engine_config {
  uint32_t struct_size;
  int32_t stages;  /* pipeline stages, 1 .. SB_MAX_STAGES, <= n_layers */
  int32_t ranks;   /* tensor-parallel ranks per stage; divides n_heads and ffn_dim/32, and divides
                      n_kv_heads or is a multiple of it */
  int32_t threads; /* threads per rank, >= 1; on a device one drives it and all sample */
  int32_t isa;     /* sb_isa */
  int32_t kv_type; /* SB_TYPE_F32, _F16, _BF16 or _Q8_0 */
  int32_t kv_block_tokens;       /* tokens per KV block: 16, 32 or 64 */
  int32_t kv_blocks;             /* blocks in the pool; allocated here, never grows */
  int32_t max_rows;              /* live sequences */
  int32_t max_step_tokens;       /* most tokens of one step */
  int32_t max_step_outputs;      /* most outputs (sampled or scored positions) of one step */
  int32_t max_in_flight;         /* steps submitted and not yet awaited, 1 .. 32 */
  int32_t timeline_records;      /* ring capacity per lane, power of two; 0: nothing is recorded */
  int32_t hang_timeout_ms;       /* 0: never; while the process stands still no time passes */
  int32_t allow_fault_injection; /* 0: sb_inject is SB_UNSUPPORTED */
  int32_t mask_slots;            /* masks that outputs of steps in flight may name; 0: none */
} sb_engine_config;

/* Written by sb_engine_create while it repacks weights; another thread may poll it. */
typedef struct sb_progress {
  uint64_t done_bytes;
  uint64_t total_bytes;
} sb_progress;

typedef struct sb_memory {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t weight_bytes;
  uint64_t kv_bytes;
  uint64_t scratch_bytes;
  uint64_t weight_bytes_per_token; /* weight bytes one decode step reads */
  /* Of an engine on devices; else 0. The last two are of the device with the least to spare. */
  uint64_t device_bytes;          /* of weights, KV and scratch, what lies in devices' memory */
  uint64_t tightest_device_bytes; /* of that, what lies on it */
  uint64_t tightest_device_free_bytes; /* what it had free before */
} sb_memory;

typedef struct sb_machine {
  uint32_t struct_size;
  int32_t cores;
  int32_t has_avx2;
  int32_t has_avx512; /* F, BW, VL, DQ and VNNI */
  int32_t has_avx512_bf16;
  int32_t has_amx_int8;
  int32_t best_isa; /* what SB_ISA_AUTO picks */
  int32_t reserved;
  uint64_t available_bytes; /* memory the machine and the control groups have to give */
} sb_machine;

/* The mask slots, each slot_bytes from the next: one bit per token, of token t bit t % 64 of word
 * t / 64. The caller writes them in place. */
typedef struct sb_masks {
  uint32_t struct_size;
  uint32_t slots;
  uint64_t slot_bytes;
  void* base; /* valid until sb_engine_destroy; null without slots */
} sb_masks;

/* In this order: the output's mask, penalties, bias, temperature, top_k, top_p, min_p, and a draw
 * keyed by seed and position. */
typedef struct sb_sampling {
  uint32_t struct_size;
  float temperature;        /* 0: greedy */
  float top_p;              /* (0, 1]; 1: off */
  float min_p;              /* [0, 1]; 0: off */
  int32_t top_k;            /* 0: off */
  float repetition_penalty; /* > 0; 1: off; over prompt and output */
  float presence_penalty;   /* over output */
  float frequency_penalty;  /* over output */
  uint64_t seed;            /* with the position, the only source of randomness */
  uint32_t n_bias;          /* <= SB_MAX_LOGIT_BIAS */
  uint32_t reserved;
  const int32_t* bias_tokens;
  const float* bias_values; /* minus infinity forbids a token */
} sb_sampling;

/* One sequence's share of a step: n_tokens consecutive positions starting at "position". */
typedef struct sb_plan_entry {
  int32_t row;
  int32_t position;
  int32_t n_tokens;
  int32_t n_blocks;     /* of this sequence: its block table, in order */
  int32_t block_offset; /* into sb_plan.blocks */
  int32_t n_outputs; /* the last n_outputs of the n_tokens positions give an output each; 0 for an
                        inner chunk */
  int32_t top_logprobs; /* 0 .. SB_MAX_TOP_LOGPROBS alternatives per output */
  int32_t
      want_logprobs; /* non-zero: the chosen or target token's log-probability is computed too */
} sb_plan_entry;

/* Entries of one step have distinct rows. Tokens, outputs and targets are concatenated in entry
 * order. */
typedef struct sb_plan {
  uint32_t struct_size;
  uint32_t n_entries;
  uint32_t n_tokens;
  uint32_t n_outputs;
  uint32_t n_blocks;
  uint32_t unrecorded; /* non-zero: no rank measures this step for the timeline; heartbeats go on */
  uint64_t step;       /* strictly increasing, starts at 1 */
  const int32_t*
      tokens; /* token id, or SB_TOKEN_LAST_SAMPLED: what the row's latest submitted step samples */
  const sb_plan_entry* entries;
  const int32_t* blocks;
  const int32_t* targets; /* per output: SB_TARGET_SAMPLE, or the token whose log-probability is
                             wanted (nothing is sampled) */
  const int32_t* masks; /* per output: the mask slot of what may be sampled, or SB_MASK_NONE; null:
                           none has one. The step waits for sb_mask_ready before it samples */
} sb_plan;

/* Filled by sb_await. The arrays are the caller's, each for max_step_outputs outputs; null where
 * not wanted. */
typedef struct sb_result {
  uint32_t struct_size;
  int32_t status;       /* SB_OK, or why the step failed: SB_STEP_FAILED, SB_OUT_OF_MEMORY */
  int32_t failed_stage; /* where it failed, else -1; a step that needs the token a failed one
                           should have sampled fails as that one did */
  int32_t failed_rank;
  uint64_t step;
  int64_t submit_ns;
  int64_t start_ns;   /* stage 0 began */
  int64_t end_ns;     /* the last rank finished */
  uint32_t n_outputs; /* 0 when the step failed */
  uint32_t reserved;
  int32_t* tokens; /* sampled, or the target; below 0 where the logits were not finite */
  float* logprobs; /* of that token, from the raw logits (before temperature, penalties and bias);
                      NaN for a sampled token whose entry wants none */
  int32_t* top_tokens; /* SB_MAX_TOP_LOGPROBS per output, best first, ties by lower id; -1 padded */
  float* top_logprobs; /* minus infinity padded */
  float* embeddings;   /* of a model that embeds: dim floats per output (SB_POOL_RANK: one), not
                          normalised */
} sb_result;

typedef enum sb_timeline_kind {
  SB_KIND_COMPUTE = 1,        /* busy_ns of kernels in [start, end], without SB_KIND_OFF_CPU; a
                                 device's by its own clock, as the host's time */
  SB_KIND_ALLREDUCE_WAIT = 2, /* waiting for the other ranks of the stage; by the devices' clocks
                                 where these meet by themselves */
  SB_KIND_RECV_WAIT = 3,      /* waiting for the previous stage's activations; a pipeline bubble */
  SB_KIND_SEND = 4,           /* handing activations to the next stage */
  SB_KIND_SAMPLE = 5,         /* output layer's logits to tokens */
  SB_KIND_COPY = 6,           /* the way to the device and back, around SB_KIND_COMPUTE */
  SB_KIND_LATE = 7,           /* the others of the stage waiting for this rank, where it came last:
                                 each collective's spread of arrivals. Their time, not the lane's own */
  SB_KIND_OFF_CPU = 8,        /* the rank's threads had work and no core; in no other kind. How long
                                 is known and not when: start and end are when it was counted */
  SB_KIND_LATE_OFF_CPU = 9    /* of SB_KIND_LATE, as far as it was for that; without interval too */
} sb_timeline_kind;

/* Where the ranks of a stage meet. */
typedef enum sb_collective {
  SB_COLLECTIVE_START = 0,        /* of a step, when faults may be injected */
  SB_COLLECTIVE_ATTENTION = 1,    /* sums of a layer's attention */
  SB_COLLECTIVE_FEED_FORWARD = 2, /* and of its feed-forward */
  SB_COLLECTIVE_OUTPUT = 3        /* logits */
} sb_collective;

/* At most one record per step, lane and kind: the sum over the step's layers. 64 bytes. The time of
 * SB_KIND_OFF_CPU and SB_KIND_LATE_OFF_CPU lies somewhere in the step; that of the others within
 * [start, end], where what the rank had no core for is left out. */
typedef struct sb_timeline_record {
  uint64_t step;
  int64_t start_ns; /* of the first piece */
  int64_t end_ns;   /* of the last one */
  int64_t busy_ns;  /* time of this kind */
  uint64_t bytes;   /* weight and KV bytes read (compute), bytes moved (all-reduce, send) */
  uint32_t tokens;
  uint32_t count; /* how many pieces were summed */
  uint16_t stage;
  uint16_t rank;
  uint16_t kind;
  uint16_t piece; /* of SB_KIND_LATE: which one was the longest, its layer * 4 + sb_collective */
  int64_t longest_ns; /* longest single piece */
} sb_timeline_record;

/* A lane is one rank of one stage; lane index = stage * ranks + rank. A lane's header is followed
 * by its records. "written" counts records ever written: record i is at slot i % capacity and is
 * complete once written > i (acquire). */
typedef struct sb_lane_header {
  uint64_t written;
  uint64_t finished_step; /* heartbeat: last step this rank finished */
  int64_t finished_ns;
  uint64_t current_step; /* 0: idle */
  int64_t current_since_ns;
  uint64_t reserved[3];
} sb_lane_header;

typedef struct sb_timeline {
  uint32_t struct_size;
  uint32_t lanes;
  uint32_t capacity;     /* records per lane; 0: only the headers are there */
  uint32_t record_bytes; /* sizeof(sb_timeline_record) */
  uint64_t lane_bytes;   /* from one lane header to the next */
  const void* base;      /* valid until sb_engine_destroy */
} sb_timeline;

typedef enum sb_fault_kind {
  SB_FAULT_NONE = 0,          /* clears the faults of that stage and rank */
  SB_FAULT_DELAY = 1,         /* amount = nanoseconds added to the step */
  SB_FAULT_SLOW = 2,          /* amount = percent added to the rank's compute time */
  SB_FAULT_FAIL = 3,          /* the step fails */
  SB_FAULT_OUT_OF_MEMORY = 4, /* the step fails as out of memory */
  SB_FAULT_HANG = 5           /* the rank stops until sb_engine_destroy or SB_FAULT_NONE */
} sb_fault_kind;

typedef struct sb_fault {
  uint32_t struct_size;
  int32_t kind;
  int32_t stage;       /* -1: all */
  int32_t rank;        /* -1: all */
  uint64_t first_step; /* 0: from the next one */
  uint64_t steps;      /* how many; 0: until cleared */
  int64_t amount;
} sb_fault;

typedef struct sb_engine sb_engine;

SB_API int32_t sb_abi_version(void);
/* The calling thread's last error, NUL-terminated UTF-8; valid until its next failed call. Never
 * null. */
SB_API const char* sb_last_error(void);
SB_API int64_t sb_now_ns(void);
SB_API int32_t sb_machine_info(sb_machine* out);
/* Best of "passes" reads of "bytes" bytes by "threads" threads, in bytes per second. */
SB_API int32_t sb_read_bandwidth(int32_t threads, uint64_t bytes, int32_t passes, double* out);
/* Best of "passes" runs of the widest multiply-add for a unit (sb_mac_unit) by "threads" threads,
 * in multiply-adds per second; SB_UNSUPPORTED where the CPU has none. */
SB_API int32_t sb_peak_rate(int32_t threads, int32_t unit, int32_t passes, double* out);

/* Bytes create would take, without taking them; every check of create except the tensors' contents.
 */
SB_API int32_t sb_engine_plan_memory(const sb_model_config* model, const sb_engine_config* config,
                                     sb_memory* out);
/* Repacks the weights (progress may be null), allocates KV and scratch, starts the threads. Tensor
 * data is not referenced after it returns. */
SB_API int32_t sb_engine_create(const sb_model_config* model, const sb_engine_config* config,
                                sb_progress* progress, sb_engine** out);
/* Stops the threads, hung ones included, and frees everything. Null is fine. */
SB_API void sb_engine_destroy(sb_engine* engine);
SB_API int32_t sb_engine_memory(const sb_engine* engine, sb_memory* out);
SB_API int32_t sb_engine_timeline(const sb_engine* engine, sb_timeline* out);

/* Makes "row" a new sequence: its sampling parameters and, for penalties, the tokens it already has
 * (history, of which the first n_prompt are the prompt). Tokens sampled later are added by the
 * library. The row must be in no unfinished step. */
SB_API int32_t sb_row_begin(sb_engine* engine, int32_t row, const sb_sampling* sampling,
                            const int32_t* history, int32_t n_history, int32_t n_prompt);
/* Checks and copies the plan and starts it. Returns at once. */
SB_API int32_t sb_submit(sb_engine* engine, const sb_plan* plan);
SB_API int32_t sb_engine_masks(const sb_engine* engine, sb_masks* out);
/* Lets the step, submitted or yet to be, sample under what the slot now holds. No unfinished step
 * but this one may name the slot; its bits stay untouched until the step has been awaited. */
SB_API int32_t sb_mask_ready(sb_engine* engine, int32_t slot, uint64_t step);
/* Waits for the oldest unawaited step, at most timeout_ns; negative: without limit. SB_OK with
 * result->status not SB_OK when the step failed. On SB_HUNG and SB_DEVICE_LOST the
 * result's status, step, failed_stage and failed_rank are written too: of a step that hangs the
 * first rank that neither finished it nor waits for another. */
SB_API int32_t sb_await(sb_engine* engine, int64_t timeout_ns, sb_result* result);
SB_API int32_t sb_inject(sb_engine* engine, const sb_fault* fault);

#ifdef __cplusplus
}
#endif
#endif /* SWITCHBOARD_H */
