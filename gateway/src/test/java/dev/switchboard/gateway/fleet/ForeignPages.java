package dev.switchboard.gateway.fleet;

import java.util.Locale;

/**
 * Pages of metrics in the shape that each server of others has: names, labels, types, what stands
 * between them, and buckets that nobody here reads.
 */
public final class ForeignPages {
  private ForeignPages() {}

  /** The page of an engine with so many requests, and a share of its KV in use. */
  public static String of(ForeignEngine engine, int running, int waiting, double kv) {
    return switch (engine) {
      case VLLM -> vllm(running, waiting, kv);
      case SGLANG -> sglang(running, waiting, kv);
      case LLAMA_SERVER -> llamaServer(running, waiting);
      case TRITON -> triton(running, waiting, kv);
    };
  }

  static String vllm(int running, int waiting, double kv) {
    return """
    # HELP python_gc_objects_collected_total Objects collected during gc
    # TYPE python_gc_objects_collected_total counter
    python_gc_objects_collected_total{generation="0"} 11045.0
    # HELP process_resident_memory_bytes Resident memory size in bytes.
    # TYPE process_resident_memory_bytes gauge
    process_resident_memory_bytes 7.33184e+08
    # HELP vllm:num_requests_running Number of requests in model execution batches.
    # TYPE vllm:num_requests_running gauge
    vllm:num_requests_running{engine="0",model_name="org/m \\"7B\\", v1"} %d.0
    # HELP vllm:num_requests_waiting Number of requests waiting to be processed.
    # TYPE vllm:num_requests_waiting gauge
    vllm:num_requests_waiting{engine="0",model_name="org/m \\"7B\\", v1"} %d.0
    # HELP vllm:kv_cache_usage_perc KV-cache usage. 1 means 100 percent usage.
    # TYPE vllm:kv_cache_usage_perc gauge
    vllm:kv_cache_usage_perc{engine="0",model_name="org/m"} %s
    # HELP vllm:prefix_cache_queries_total Prefix cache queries, in terms of number of queried tokens.
    # TYPE vllm:prefix_cache_queries_total counter
    vllm:prefix_cache_queries_total{engine="0",model_name="org/m"} 64000.0
    # TYPE vllm:prefix_cache_queries_created gauge
    vllm:prefix_cache_queries_created{engine="0",model_name="org/m"} 1.7622e+09
    # TYPE vllm:prefix_cache_hits_total counter
    vllm:prefix_cache_hits_total{engine="0",model_name="org/m"} 16000.0
    # TYPE vllm:num_preemptions_total counter
    vllm:num_preemptions_total{engine="0",model_name="org/m"} 3.0
    # TYPE vllm:prompt_tokens_total counter
    vllm:prompt_tokens_total{engine="0",model_name="org/m"} 48000.0
    # TYPE vllm:generation_tokens_total counter
    vllm:generation_tokens_total{engine="0",model_name="org/m"} 9000.0
    # TYPE vllm:request_success_total counter
    vllm:request_success_total{engine="0",finished_reason="stop",model_name="org/m"} 96.0
    # TYPE vllm:request_prompt_tokens histogram
    vllm:request_prompt_tokens_bucket{engine="0",le="500.0",model_name="org/m"} 0.0
    vllm:request_prompt_tokens_bucket{engine="0",le="+Inf",model_name="org/m"} 96.0
    vllm:request_prompt_tokens_count{engine="0",model_name="org/m"} 96.0
    vllm:request_prompt_tokens_sum{engine="0",model_name="org/m"} 48000.0
    # HELP vllm:cache_config_info Information of the LLMEngine CacheConfig
    # TYPE vllm:cache_config_info gauge
    vllm:cache_config_info{block_size="16",cache_dtype="auto",enable_prefix_caching="True",engine="0",gpu_memory_utilization="0.9",num_cpu_blocks="None",num_gpu_blocks="2000",sliding_window="None"} 1.0
    """
        .formatted(running, waiting, number(kv));
  }

  static String sglang(int running, int waiting, double kv) {
    return """
    # HELP sglang:num_running_reqs The number of running requests.
    # TYPE sglang:num_running_reqs gauge
    sglang:num_running_reqs{engine_type="unified",model_name="org/m",moe_ep_rank="0",pp_rank="0",tp_rank="0"} %1$d.0
    sglang:num_running_reqs{engine_type="unified",model_name="org/m",moe_ep_rank="0",pp_rank="0",tp_rank="1"} %1$d.0
    # HELP sglang:num_queue_reqs The number of requests in the waiting queue.
    # TYPE sglang:num_queue_reqs gauge
    sglang:num_queue_reqs{engine_type="unified",model_name="org/m",moe_ep_rank="0",pp_rank="0",priority="",tp_rank="0"} %2$d.0
    sglang:num_queue_reqs{engine_type="unified",model_name="org/m",moe_ep_rank="0",pp_rank="0",priority="5",tp_rank="0"} %2$d.0
    sglang:num_queue_reqs{engine_type="unified",model_name="org/m",moe_ep_rank="0",pp_rank="0",priority="",tp_rank="1"} %2$d.0
    # HELP sglang:token_usage The token usage.
    # TYPE sglang:token_usage gauge
    sglang:token_usage{engine_type="unified",model_name="org/m",moe_ep_rank="0",pp_rank="0",tp_rank="0"} %3$s
    # TYPE sglang:max_total_num_tokens gauge
    sglang:max_total_num_tokens{engine_type="unified",model_name="org/m",moe_ep_rank="0",pp_rank="0",tp_rank="0"} 40000.0
    # TYPE sglang:gen_throughput gauge
    sglang:gen_throughput{engine_type="unified",model_name="org/m",moe_ep_rank="0",pp_rank="0",tp_rank="0"} 86.5
    # TYPE sglang:prompt_tokens_total counter
    sglang:prompt_tokens_total{model_name="org/m"} 30000.0
    # TYPE sglang:generation_tokens_total counter
    sglang:generation_tokens_total{model_name="org/m"} 7000.0
    # TYPE sglang:num_requests_total counter
    sglang:num_requests_total{model_name="org/m"} 60.0
    # TYPE sglang:cached_tokens_total counter
    sglang:cached_tokens_total{cache_source="device",model_name="org/m"} 9000.0
    """
        .formatted(running, waiting, number(kv));
  }

  static String llamaServer(int running, int waiting) {
    return """
    # HELP llamacpp:prompt_tokens_total Number of prompt tokens processed.
    # TYPE llamacpp:prompt_tokens_total counter
    llamacpp:prompt_tokens_total 5120
    # HELP llamacpp:tokens_predicted_total Number of generation tokens processed.
    # TYPE llamacpp:tokens_predicted_total counter
    llamacpp:tokens_predicted_total 2048
    # HELP llamacpp:n_decode_total Total number of llama_decode() calls
    # TYPE llamacpp:n_decode_total counter
    llamacpp:n_decode_total 700
    # HELP llamacpp:predicted_tokens_seconds Average generation throughput in tokens/s.
    # TYPE llamacpp:predicted_tokens_seconds gauge
    llamacpp:predicted_tokens_seconds nan
    # HELP llamacpp:requests_processing Number of requests processing.
    # TYPE llamacpp:requests_processing gauge
    llamacpp:requests_processing %d
    # HELP llamacpp:requests_deferred Number of requests deferred.
    # TYPE llamacpp:requests_deferred gauge
    llamacpp:requests_deferred %d
    """
        .formatted(running, waiting);
  }

  /** With TensorRT-LLM as its backend. */
  static String triton(int running, int waiting, double kv) {
    return """
    # HELP nv_inference_request_success Number of successful inference requests, all batch sizes
    # TYPE nv_inference_request_success counter
    nv_inference_request_success{model="tensorrt_llm",version="1"} 40
    # HELP nv_inference_pending_request_count Instantaneous number of pending requests awaiting execution per-model.
    # TYPE nv_inference_pending_request_count gauge
    nv_inference_pending_request_count{model="ensemble",version="1"} 0
    nv_inference_pending_request_count{model="tensorrt_llm",version="1"} 0
    # HELP nv_gpu_utilization GPU utilization rate [0.0 - 1.0)
    # TYPE nv_gpu_utilization gauge
    nv_gpu_utilization{gpu_uuid="GPU-1"} 0.93
    # HELP nv_trt_llm_request_metrics TRT LLM request metrics
    # TYPE nv_trt_llm_request_metrics gauge
    nv_trt_llm_request_metrics{model="tensorrt_llm",request_type="waiting",version="1"} %2$d
    nv_trt_llm_request_metrics{model="tensorrt_llm",request_type="scheduled",version="1"} %1$d
    nv_trt_llm_request_metrics{model="tensorrt_llm",request_type="context",version="1"} 1
    nv_trt_llm_request_metrics{model="tensorrt_llm",request_type="max",version="1"} 512
    nv_trt_llm_request_metrics{model="tensorrt_llm",request_type="active",version="1"} %1$d
    # HELP nv_trt_llm_kv_cache_block_metrics TRT LLM KV cache block metrics
    # TYPE nv_trt_llm_kv_cache_block_metrics gauge
    nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="tokens_per",model="tensorrt_llm",version="1"} 64
    nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="used",model="tensorrt_llm",version="1"} %3$d
    nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="free",model="tensorrt_llm",version="1"} %4$d
    nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="max",model="tensorrt_llm",version="1"} 1000
    """
        .formatted(running, waiting, Math.round(kv * 1000), 1000 - Math.round(kv * 1000));
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, "%.6f", value);
  }
}
