package dev.switchboard.gateway.fleet;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import dev.switchboard.gateway.fleet.ReplicaReport.RankReport;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** Reads {@code /engine/v1/state}. */
final class StateReader {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** An engine has at most so many stages, and a stage so many ranks. */
  private static final int MOST = 16;

  private StateReader() {}

  /**
   * Reads the answer of a worker.
   *
   * @throws IllegalStateException if it is not ready, or not JSON
   */
  static ReplicaReport read(byte[] body, long nowNanos) {
    JsonNode state;
    try {
      state = JSON.readTree(body);
    } catch (IOException e) {
      throw new IllegalStateException("not JSON", e);
    }
    String phase = state.path("state").asText();
    if (!phase.equals("ready")) {
      throw new IllegalStateException("it says that it is " + phase);
    }
    JsonNode load = state.path("load");
    JsonNode memory = state.path("memory");
    return new ReplicaReport(
        nowNanos,
        load.path("running").asInt(),
        load.path("waiting").asInt(),
        load.path("waiting_tokens").asLong(),
        load.path("kv_blocks_free").asInt(),
        load.path("kv_blocks_cached").asInt(),
        load.path("kv_blocks_used").asInt(),
        load.path("kv_evictions").asLong(),
        load.path("prefix_lookup_tokens").asLong(),
        load.path("prefix_hit_tokens").asLong(),
        load.path("prompt_tokens").asLong(),
        load.path("generated_tokens").asLong(),
        load.path("preemptions").asLong(),
        load.path("step").asLong(),
        memory.path("weight_bytes").asLong(),
        memory.path("kv_bytes").asLong(),
        memory.path("scratch_bytes").asLong(),
        state.path("topology").path("stages").asInt(),
        state.path("topology").path("ranks").asInt(),
        ranks(state.path("health")));
  }

  /** The lists of a worker name the same ranks in the same order; what is missing says nothing. */
  private static List<RankReport> ranks(JsonNode health) {
    List<RankReport> ranks = new ArrayList<>();
    for (JsonNode beat : health.path("ranks")) {
      int at = ranks.size();
      int stage = beat.path("stage").asInt();
      int rank = beat.path("rank").asInt();
      if (at == MOST * MOST || stage < 0 || stage >= MOST || rank < 0 || rank >= MOST) {
        break;
      }
      ranks.add(
          rank(
              beat,
              same(health.path("skew").path(at), beat),
              same(health.path("times").path(at), beat)));
    }
    return ranks;
  }

  private static JsonNode same(JsonNode other, JsonNode beat) {
    boolean same =
        other.path("stage").asInt() == beat.path("stage").asInt()
            && other.path("rank").asInt() == beat.path("rank").asInt();
    return same ? other : MissingNode.getInstance();
  }

  private static RankReport rank(JsonNode beat, JsonNode skew, JsonNode times) {
    return new RankReport(
        beat.path("stage").asInt(),
        beat.path("rank").asInt(),
        beat.path("age_ms").asDouble(),
        beat.path("current_ms").asDouble(),
        skew.path("score").asDouble(1),
        skew.path("straggler").asBoolean(),
        skew.path("late_ms").asDouble(),
        skew.path("waited_ms").asDouble(),
        times.path("steps").asLong(),
        times.path("compute_ms").asDouble(),
        times.path("all_reduce_wait_ms").asDouble(),
        times.path("receive_wait_ms").asDouble(),
        times.path("send_ms").asDouble(),
        times.path("sample_ms").asDouble(),
        times.path("copy_ms").asDouble(),
        times.path("bytes").asLong());
  }
}
