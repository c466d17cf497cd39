package dev.switchboard.worker;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.switchboard.executor.ExecutorInfo;
import dev.switchboard.openai.SamplingDefaults;
import dev.switchboard.scheduler.EngineHealth;
import dev.switchboard.scheduler.EngineHealth.RankHeartbeat;
import dev.switchboard.scheduler.EngineHealth.RankScore;
import dev.switchboard.scheduler.EngineHealth.RankTimes;
import dev.switchboard.scheduler.EngineHealth.Spread;
import dev.switchboard.scheduler.EngineLoad;
import dev.switchboard.timeline.AttemptId;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** The documents of {@code /engine/v1/*}. */
final class StateJson {
  private StateJson() {}

  /** Of each gateway how many attempts are here, and their digest. */
  static void inFlight(JsonGenerator json, Set<AttemptId> attempts) throws IOException {
    Map<Long, List<Long>> numbers = new TreeMap<>();
    for (AttemptId attempt : attempts) {
      numbers.computeIfAbsent(attempt.gateway(), id -> new ArrayList<>()).add(attempt.number());
    }
    json.writeArrayFieldStart("in_flight");
    for (Map.Entry<Long, List<Long>> gateway : numbers.entrySet()) {
      json.writeStartObject();
      json.writeStringField("gateway", AttemptId.digits(gateway.getKey()));
      json.writeNumberField("attempts", gateway.getValue().size());
      json.writeStringField("digest", AttemptId.digits(AttemptId.digest(gateway.getValue())));
      json.writeEndObject();
    }
    json.writeEndArray();
  }

  static void model(JsonGenerator json, ServedModel model) throws IOException {
    ServedModel.Facts facts = model.facts();
    json.writeObjectFieldStart("model");
    json.writeStringField("id", model.id());
    json.writeStringField("architecture", facts.architecture());
    json.writeStringField("task", facts.task().word());
    json.writeNumberField("parameters", facts.parameters());
    json.writeStringField("quantisation", facts.quantisation());
    json.writeNumberField("context", facts.context());
    json.writeNumberField("vocabulary", facts.vocabulary());
    json.writeStringField("fingerprint", facts.fingerprint());
    json.writeBooleanField("chat_template", model.chatTemplate() != null);
    sampling(json, model.sampling());
    json.writeEndObject();
  }

  private static void sampling(JsonGenerator json, SamplingDefaults sampling) throws IOException {
    json.writeObjectFieldStart("sampling");
    json.writeNumberField("temperature", sampling.temperature());
    json.writeNumberField("top_p", sampling.topP());
    json.writeNumberField("top_k", sampling.topK());
    json.writeNumberField("min_p", sampling.minP());
    json.writeNumberField("repetition_penalty", sampling.repetitionPenalty());
    json.writeEndObject();
  }

  static void topology(JsonGenerator json, ServedModel.Topology topology) throws IOException {
    json.writeObjectFieldStart("topology");
    json.writeNumberField("stages", topology.stages());
    json.writeNumberField("ranks", topology.ranks());
    json.writeNumberField("threads", topology.threads());
    json.writeStringField("isa", topology.isa());
    json.writeEndObject();
  }

  static void memory(JsonGenerator json, ServedModel.Memory memory) throws IOException {
    json.writeObjectFieldStart("memory");
    json.writeNumberField("weight_bytes", memory.weightBytes());
    json.writeNumberField("kv_bytes", memory.kvBytes());
    json.writeNumberField("scratch_bytes", memory.scratchBytes());
    json.writeNumberField("heap_bytes", memory.heapBytes());
    json.writeNumberField("kv_block_tokens", memory.kvBlockTokens());
    ExecutorInfo.OnDevices devices = memory.devices();
    if (devices != null) {
      json.writeObjectFieldStart("devices");
      json.writeNumberField("bytes", devices.bytes());
      json.writeNumberField("tightest_bytes", devices.tightestBytes());
      json.writeNumberField("tightest_free_bytes", devices.tightestFreeBytes());
      json.writeEndObject();
    }
    json.writeEndObject();
  }

  static void health(JsonGenerator json, EngineHealth health) throws IOException {
    json.writeObjectFieldStart("health");
    json.writeStringField("failure", health.failure());
    json.writeArrayFieldStart("ranks");
    for (RankHeartbeat rank : health.ranks()) {
      json.writeStartObject();
      heartbeat(json, rank);
      json.writeEndObject();
    }
    json.writeEndArray();
    json.writeArrayFieldStart("skew");
    for (RankScore score : health.scores()) {
      json.writeStartObject();
      json.writeNumberField("stage", score.stage());
      json.writeNumberField("rank", score.rank());
      json.writeNumberField("score", Math.round(score.score() * 1000) / 1000.0);
      json.writeBooleanField("straggler", score.straggler());
      json.writeNumberField("late_ms", score.lateNanos() / 1_000_000.0);
      json.writeNumberField("waited_ms", score.waitedNanos() / 1_000_000.0);
      json.writeEndObject();
    }
    json.writeEndArray();
    json.writeArrayFieldStart("times");
    for (RankTimes times : health.times()) {
      json.writeStartObject();
      times(json, times);
      json.writeEndObject();
    }
    json.writeEndArray();
    json.writeArrayFieldStart("spreads");
    for (Spread spread : health.spreads()) {
      json.writeStartObject();
      json.writeNumberField("stage", spread.stage());
      json.writeStringField("collective", spread.kind().word());
      json.writeNumberField("sum_ms", spread.sumNanos() / 1e6);
      json.writeFieldName("counts");
      json.writeArray(
          spread.counts().stream().mapToLong(Long::longValue).toArray(), 0, spread.counts().size());
      json.writeEndObject();
    }
    json.writeEndArray();
    json.writeEndObject();
  }

  private static void times(JsonGenerator json, RankTimes times) throws IOException {
    json.writeNumberField("stage", times.stage());
    json.writeNumberField("rank", times.rank());
    json.writeNumberField("steps", times.steps());
    json.writeNumberField("compute_ms", times.computeNanos() / 1e6);
    json.writeNumberField("all_reduce_wait_ms", times.allReduceWaitNanos() / 1e6);
    json.writeNumberField("receive_wait_ms", times.receiveWaitNanos() / 1e6);
    json.writeNumberField("send_ms", times.sendNanos() / 1e6);
    json.writeNumberField("sample_ms", times.sampleNanos() / 1e6);
    json.writeNumberField("copy_ms", times.copyNanos() / 1e6);
    json.writeNumberField("off_cpu_ms", times.offCpuNanos() / 1e6);
    json.writeNumberField("bytes", times.bytes());
  }

  private static void heartbeat(JsonGenerator json, RankHeartbeat rank) throws IOException {
    json.writeNumberField("stage", rank.stage());
    json.writeNumberField("rank", rank.rank());
    json.writeNumberField("finished_step", rank.finishedStep());
    json.writeNumberField("age_ms", rank.ageMillis());
    json.writeNumberField("current_step", rank.currentStep());
    json.writeNumberField("current_ms", rank.currentMillis());
  }

  static void load(JsonGenerator json, EngineLoad load, Completions completions, int connections)
      throws IOException {
    json.writeNumberField("requests", completions.activeRequests());
    json.writeNumberField("connections", connections);
    json.writeNumberField("running", load.running());
    json.writeNumberField("waiting", load.waiting());
    json.writeNumberField("waiting_tokens", load.waitingTokens());
    json.writeNumberField("kv_blocks_free", load.kvBlocksFree());
    json.writeNumberField("kv_blocks_cached", load.kvBlocksCached());
    json.writeNumberField("kv_blocks_used", load.kvBlocksUsed());
    json.writeNumberField("kv_blocks_total", load.kvBlocks());
    json.writeNumberField("kv_evictions", load.kvEvictions());
    json.writeNumberField("step", load.step());
    json.writeNumberField("generated_tokens", load.generatedTokens());
    json.writeNumberField("prompt_tokens", load.promptTokens());
    json.writeNumberField("prefix_lookup_tokens", load.prefixLookupTokens());
    json.writeNumberField("prefix_hit_tokens", load.prefixHitTokens());
    json.writeNumberField("preemptions", load.preemptions());
    json.writeObjectFieldStart("counters");
    for (WorkerCounter counter : WorkerCounter.values()) {
      json.writeNumberField(counter.name().toLowerCase(Locale.ROOT), completions.counted(counter));
    }
    json.writeEndObject();
  }

  static String canary(Canary.Outcome outcome) {
    return Json.object(
        json -> {
          json.writeBooleanField("ok", outcome.ok());
          json.writeNumberField("duration_ms", outcome.durationNanos() / 1e6);
          json.writeStringField("failure", outcome.failure());
          json.writeArrayFieldStart("ranks");
          for (Canary.Rank rank : outcome.ranks()) {
            json.writeStartObject();
            json.writeBooleanField("answered", rank.answered());
            heartbeat(json, rank.heartbeat());
            json.writeEndObject();
          }
          json.writeEndArray();
        });
  }
}
