package dev.switchboard.gateway.fleet;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import dev.switchboard.gateway.fleet.ReplicaReport.RankReport;
import dev.switchboard.gateway.fleet.ReplicaReport.Spread;
import dev.switchboard.timeline.AttemptId;
import dev.switchboard.timeline.Collective;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Reads {@code /engine/v1/state}. */
final class StateReader {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** An engine has at most so many stages, and a stage so many ranks. */
  private static final int MOST = 16;

  /** A machine has fewer. */
  private static final int MOST_DEVICES = 64;

  private static final int BUCKETS = Collective.spreadBounds().length + 1;
  private static final Map<String, Collective.Kind> KINDS =
      Arrays.stream(Collective.Kind.values())
          .collect(Collectors.toMap(Collective.Kind::word, kind -> kind));

  private StateReader() {}

  /**
   * Reads the answer of a worker.
   *
   * @param gateway any attempt of this gateway
   * @throws IllegalStateException if it is not ready, or not JSON
   */
  static ReplicaReport read(byte[] body, long nowNanos, AttemptId gateway) {
    JsonNode state = json(body);
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
        state.path("progress").path("load_ms").asDouble(),
        digest(state.path("in_flight"), gateway),
        ranks(state.path("health")),
        spreads(state.path("health").path("spreads")),
        used(load),
        memory.path("kv_block_tokens").asInt(),
        devices(state.path("devices")),
        state.path("topology").path("isa").asText(),
        state.path("model").path("fingerprint").asText());
  }

  /** Those that it may compute on; the others of its machine are not its own. */
  private static List<DeviceReport> devices(JsonNode told) {
    Map<Integer, DeviceReport> devices = new LinkedHashMap<>();
    for (JsonNode each : told) {
      int number = each.path("device").asInt(-1);
      if (number >= 0 && number < MOST_DEVICES) {
        devices.put(number, device(number, each));
      }
    }
    return List.copyOf(devices.values());
  }

  private static DeviceReport device(int number, JsonNode told) {
    Set<String> throttles = new HashSet<>();
    told.path("throttles").forEach(reason -> throttles.add(reason.asText()));
    return new DeviceReport(
        number,
        told.path("utilisation_ratio").asDouble(Double.NaN),
        told.path("memory_utilisation_ratio").asDouble(Double.NaN),
        told.path("memory_bytes").asDouble(Double.NaN),
        told.path("memory_used_bytes").asDouble(Double.NaN),
        told.path("temperature_celsius").asDouble(Double.NaN),
        told.path("power_watts").asDouble(Double.NaN),
        told.path("power_limit_watts").asDouble(Double.NaN),
        told.path("clock_mhz").asDouble(Double.NaN),
        throttles,
        told.path("ecc_corrected").asLong(-1),
        told.path("ecc_uncorrected").asLong(-1),
        told.path("row_remap_pending").asBoolean());
  }

  private static double used(JsonNode load) {
    int used = load.path("kv_blocks_used").asInt();
    int all = used + load.path("kv_blocks_free").asInt() + load.path("kv_blocks_cached").asInt();
    return all == 0 ? Double.NaN : (double) used / all;
  }

  private static JsonNode json(byte[] body) {
    try {
      return JSON.readTree(body);
    } catch (IOException e) {
      throw new IllegalStateException("not JSON", e);
    }
  }

  private static @Nullable Long digest(JsonNode inFlight, AttemptId gateway) {
    if (!inFlight.isArray()) {
      return null;
    }
    for (JsonNode each : inFlight) {
      if (each.path("gateway").asText().equals(AttemptId.digits(gateway.gateway()))) {
        return AttemptId.number(each.path("digest").asText());
      }
    }
    return AttemptId.digest(List.of());
  }

  /** Reads from {@code /engine/v1/requests} the numbers of this gateway's. */
  static Set<Long> attempts(byte[] body, AttemptId gateway) {
    Set<Long> numbers = new HashSet<>();
    for (JsonNode each : json(body).path("attempts")) {
      AttemptId attempt = AttemptId.of(each.asText());
      if (attempt != null && attempt.gateway() == gateway.gateway()) {
        numbers.add(attempt.number());
      }
    }
    return numbers;
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

  /** Of a worker with other bounds, none. */
  private static List<Spread> spreads(JsonNode told) {
    Map<List<Object>, Spread> spreads = new LinkedHashMap<>();
    for (JsonNode each : told) {
      int stage = each.path("stage").asInt(-1);
      Collective.Kind kind = KINDS.get(each.path("collective").asText());
      List<Long> counts = each.path("counts").valueStream().map(JsonNode::asLong).toList();
      boolean known = stage >= 0 && stage < MOST && counts.size() == BUCKETS;
      if (kind != null && known && counts.stream().allMatch(count -> count >= 0)) {
        spreads.put(
            List.of(stage, kind), new Spread(stage, kind, each.path("sum_ms").asDouble(), counts));
      }
    }
    return List.copyOf(spreads.values());
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
        times.path("off_cpu_ms").asDouble(),
        times.path("bytes").asLong());
  }
}
