package dev.switchboard.gateway.fleet;

import dev.switchboard.gateway.fleet.MetricsPage.Sample;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;

/**
 * What a server of others says of itself in its metrics, as a worker of ours reports it. What it
 * does not say is 0, but for the share of its KV, which is then no number.
 */
final class ForeignReport {
  private static final Set<String> VLLM =
      Set.of(
          "vllm:num_requests_running",
          "vllm:num_requests_waiting",
          "vllm:kv_cache_usage_perc",
          "vllm:gpu_cache_usage_perc",
          "vllm:cache_config_info",
          "vllm:prefix_cache_queries_total",
          "vllm:gpu_prefix_cache_queries_total",
          "vllm:prefix_cache_hits_total",
          "vllm:gpu_prefix_cache_hits_total",
          "vllm:prompt_tokens_total",
          "vllm:generation_tokens_total",
          "vllm:num_preemptions_total",
          "vllm:request_prompt_tokens_sum",
          "vllm:request_prompt_tokens_count");

  private static final Set<String> SGLANG =
      Set.of(
          "sglang:num_running_reqs",
          "sglang:num_queue_reqs",
          "sglang:token_usage",
          "sglang:num_used_tokens",
          "sglang:max_total_num_tokens",
          "sglang:cached_tokens_total",
          "sglang:prompt_tokens_total",
          "sglang:generation_tokens_total",
          "sglang:num_requests_total");

  private static final Set<String> LLAMA_SERVER =
      Set.of(
          "llamacpp:requests_processing",
          "llamacpp:requests_deferred",
          "llamacpp:kv_cache_usage_ratio",
          "llamacpp:prompt_tokens_total",
          "llamacpp:tokens_predicted_total",
          "llamacpp:n_decode_total");

  private static final Set<String> TRITON =
      Set.of(
          "nv_inference_pending_request_count",
          "nv_trt_llm_request_metrics",
          "nv_trt_llm_kv_cache_block_metrics");

  /** A prompt's tokens where a server tells no mean. */
  private static final double USUAL_PROMPT = 256;

  private final MetricsPage page;

  private int running;
  private int waiting;
  private double promptTokens = USUAL_PROMPT;
  private double kvUsed = Double.NaN;
  private long blocks;
  private int blockTokens;
  private long lookups;
  private long hits;
  private long prompt;
  private long generated;
  private long preemptions;
  private long steps;

  private ForeignReport(MetricsPage page) {
    this.page = page;
  }

  /**
   * Reads a page.
   *
   * @param model what the server calls it; counts where it serves several
   * @throws IllegalArgumentException where it is not the page of such a server
   */
  static ReplicaReport read(ForeignEngine engine, String model, byte[] page, long nowNanos) {
    ForeignReport report = new ForeignReport(MetricsPage.read(page, wanted(engine)));
    switch (engine) {
      case VLLM -> report.vllm();
      case SGLANG -> report.sglang();
      case LLAMA_SERVER -> report.llamaServer();
      case TRITON -> report.triton(model);
    }
    return report.at(nowNanos);
  }

  private static Set<String> wanted(ForeignEngine engine) {
    return switch (engine) {
      case VLLM -> VLLM;
      case SGLANG -> SGLANG;
      case LLAMA_SERVER -> LLAMA_SERVER;
      case TRITON -> TRITON;
    };
  }

  private void needs(String... names) {
    for (String name : names) {
      if (!page.has(name)) {
        throw new IllegalArgumentException("it has no " + name);
      }
    }
  }

  /** Engines of data parallelism have a series each, which differ in {@code engine}. */
  private void vllm() {
    needs("vllm:num_requests_running", "vllm:num_requests_waiting");
    running = count(page.sum("vllm:num_requests_running"));
    waiting = count(page.sum("vllm:num_requests_waiting"));
    kvUsed =
        page.most(
            page.has("vllm:kv_cache_usage_perc")
                ? "vllm:kv_cache_usage_perc"
                : "vllm:gpu_cache_usage_perc");
    for (Sample config : page.all("vllm:cache_config_info")) {
      blocks += whole(config.label("num_gpu_blocks"));
      blockTokens = (int) whole(config.label("block_size"));
    }
    lookups = total("vllm:prefix_cache_queries_total", "vllm:gpu_prefix_cache_queries_total");
    hits = total("vllm:prefix_cache_hits_total", "vllm:gpu_prefix_cache_hits_total");
    prompt = total("vllm:prompt_tokens_total");
    generated = total("vllm:generation_tokens_total");
    preemptions = total("vllm:num_preemptions_total");
    mean(page.sum("vllm:request_prompt_tokens_sum"), page.sum("vllm:request_prompt_tokens_count"));
  }

  /**
   * Ranks of one scheduler may each tell the same, so of those the largest counts; schedulers of
   * data parallelism are summed. A priority's own share of the queue is in the whole queue.
   */
  private void sglang() {
    needs("sglang:num_running_reqs", "sglang:num_queue_reqs");
    running = count(schedulers("sglang:num_running_reqs"));
    waiting = count(schedulers("sglang:num_queue_reqs"));
    kvUsed = page.most("sglang:token_usage");
    blocks = (long) schedulers("sglang:max_total_num_tokens");
    blockTokens = blocks == 0 ? 0 : 1;
    prompt = (long) schedulers("sglang:prompt_tokens_total");
    generated = (long) schedulers("sglang:generation_tokens_total");
    lookups = prompt;
    hits = (long) schedulers("sglang:cached_tokens_total");
    mean((double) prompt, schedulers("sglang:num_requests_total"));
  }

  private double schedulers(String name) {
    Map<Rank, Double> ranks = new HashMap<>();
    for (Sample each : page.all(name)) {
      if (each.label("priority").isEmpty()) {
        ranks.merge(Rank.of(each), each.value(), Double::sum);
      }
    }
    Map<String, Double> schedulers = new HashMap<>();
    ranks.forEach((rank, value) -> schedulers.merge(rank.scheduler, value, Math::max));
    return schedulers.values().stream().mapToDouble(Double::doubleValue).sum();
  }

  /** Who tells; labels beside these divide what one tells. */
  private record Rank(String scheduler, String tensor, String stage, String expert) {
    static Rank of(Sample sample) {
      return new Rank(
          sample.label("dp_rank"),
          sample.label("tp_rank"),
          sample.label("pp_rank"),
          sample.label("moe_ep_rank"));
    }
  }

  private void llamaServer() {
    needs("llamacpp:requests_processing", "llamacpp:requests_deferred");
    running = count(page.sum("llamacpp:requests_processing"));
    waiting = count(page.sum("llamacpp:requests_deferred"));
    kvUsed = page.most("llamacpp:kv_cache_usage_ratio");
    prompt = total("llamacpp:prompt_tokens_total");
    generated = total("llamacpp:tokens_predicted_total");
    steps = total("llamacpp:n_decode_total");
  }

  /** With TensorRT-LLM its batcher tells; else each model's queue. */
  private void triton(String model) {
    List<Sample> batcher = page.all("nv_trt_llm_request_metrics");
    if (batcher.isEmpty()) {
      needs("nv_inference_pending_request_count");
      List<Sample> pending = page.all("nv_inference_pending_request_count");
      boolean named = pending.stream().anyMatch(each -> each.label("model").equals(model));
      waiting = count(sum(pending, each -> !named || each.label("model").equals(model)));
      return;
    }
    waiting = count(sum(batcher, each -> each.label("request_type").equals("waiting")));
    running = count(sum(batcher, each -> each.label("request_type").equals("scheduled")));
    List<Sample> kv = page.all("nv_trt_llm_kv_cache_block_metrics");
    double used = sum(kv, each -> each.label("kv_cache_block_type").equals("used"));
    blocks = (long) sum(kv, each -> each.label("kv_cache_block_type").equals("max"));
    blockTokens = (int) sum(kv, each -> each.label("kv_cache_block_type").equals("tokens_per"));
    kvUsed = blocks == 0 ? Double.NaN : used / blocks;
  }

  private static double sum(List<Sample> samples, Predicate<Sample> which) {
    return samples.stream().filter(which).mapToDouble(Sample::value).sum();
  }

  private long total(String... names) {
    return (long) page.sumOf(names);
  }

  private static int count(double value) {
    return (int) Math.min(Integer.MAX_VALUE, Math.round(value));
  }

  private void mean(double tokens, double requests) {
    if (requests > 0 && tokens > 0) {
      promptTokens = tokens / requests;
    }
  }

  /** 0 for what is no number: Python says None. */
  private static long whole(String text) {
    return text.matches("[0-9]{1,9}") ? Long.parseLong(text) : 0;
  }

  private ReplicaReport at(long nowNanos) {
    double share = Double.isNaN(kvUsed) ? kvUsed : Math.min(1, kvUsed);
    int all = (int) Math.min(Integer.MAX_VALUE, blocks);
    int used = Double.isNaN(share) ? 0 : count(share * all);
    return new ReplicaReport(
        nowNanos,
        running,
        waiting,
        Math.round(waiting * promptTokens),
        all - used,
        0,
        used,
        0,
        lookups,
        hits,
        prompt,
        generated,
        preemptions,
        steps,
        0,
        0,
        0,
        0,
        0,
        0,
        null,
        List.of(),
        List.of(),
        share,
        blockTokens,
        List.of(),
        "",
        "");
  }
}
