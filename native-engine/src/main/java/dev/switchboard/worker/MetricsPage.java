package dev.switchboard.worker;

import dev.switchboard.scheduler.EngineHealth;
import dev.switchboard.scheduler.EngineHealth.RankHeartbeat;
import dev.switchboard.scheduler.EngineHealth.RankScore;
import dev.switchboard.scheduler.EngineHealth.RankTimes;
import dev.switchboard.scheduler.EngineLoad;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * {@code /metrics}: Prometheus' text format 0.0.4. Names that begin with {@code vllm:} are those of
 * vLLM, with its labels, types and buckets, for dashboards, autoscalers and endpoint pickers that
 * know these; the others are ours. On the event loop.
 */
final class MetricsPage {
  static final String CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

  private static final String OWN = "switchboard_worker_";
  private static final String THEIRS = "vllm:";

  private final StringBuilder page = new StringBuilder(16 << 10);
  private String labels = "";

  private MetricsPage() {}

  /** While no model is loaded: the phase alone. */
  static String of(WorkerPhase phase) {
    MetricsPage page = new MetricsPage();
    page.phase(phase);
    return page.page.toString();
  }

  static String of(String replica, WorkerPhase phase, Serving serving, int connections) {
    MetricsPage page = new MetricsPage();
    page.phase(phase);
    page.model(replica, serving.model());
    page.own(serving, connections);
    page.ranks(serving.model().engine().health());
    page.labels = "model_name=\"" + escaped(serving.model().id()) + "\",engine=\"0\"";
    page.load(serving.model());
    page.served(serving.completions().metrics());
    return page.page.toString();
  }

  /**
   * The lines of some of a page's metrics.
   *
   * @param names of metrics or of their samples; empty for all
   */
  static String only(List<String> names, String page) {
    if (names.isEmpty()) {
      return page;
    }
    StringBuilder kept = new StringBuilder();
    boolean wanted = false;
    for (String line : page.lines().toList()) {
      if (line.startsWith("# HELP ")) {
        wanted = wants(names, line.split(" ", 4)[2]);
      }
      if (wanted) {
        kept.append(line).append('\n');
      }
    }
    return kept.toString();
  }

  /** Samples of a histogram have more than its name. */
  private static boolean wants(List<String> names, String metric) {
    return names.contains(metric)
        || Stream.of("_bucket", "_sum", "_count").anyMatch(part -> names.contains(metric + part))
        || (metric.endsWith("_total")
            && names.contains(metric.substring(0, metric.length() - "_total".length())));
  }

  private void phase(WorkerPhase now) {
    head(OWN + "phase", "gauge", "1 for the phase that it is in.");
    for (WorkerPhase phase : WorkerPhase.values()) {
      line(OWN + "phase", "phase=\"" + phase.word() + "\"", phase == now ? 1 : 0);
    }
  }

  private void model(String replica, ServedModel model) {
    head(OWN + "info", "gauge", "1; its labels say who it is and what it serves.");
    line(
        OWN + "info",
        "replica=\"%s\",model=\"%s\",architecture=\"%s\",quantisation=\"%s\",device=\"%s\""
            .formatted(
                escaped(replica),
                escaped(model.id()),
                escaped(model.facts().architecture()),
                escaped(model.facts().quantisation()),
                escaped(model.topology().isa())),
        1);
  }

  private void own(Serving serving, int connections) {
    EngineLoad load = serving.model().engine().load();
    Completions completions = serving.completions();
    gauge(OWN + "requests", "Requests whose answer is not over.", completions.activeRequests());
    gauge(OWN + "connections", "Open connections.", connections);
    gauge(OWN + "sequences_running", "Sequences that own KV blocks.", load.running());
    gauge(OWN + "sequences_waiting", "Sequences in the queue.", load.waiting());
    gauge(OWN + "waiting_tokens", "Prompt tokens of those not computed.", load.waitingTokens());
    head(OWN + "kv_blocks", "gauge", "Blocks of the KV pool by use.");
    line(OWN + "kv_blocks", "use=\"free\"", load.kvBlocksFree());
    line(OWN + "kv_blocks", "use=\"cached\"", load.kvBlocksCached());
    line(OWN + "kv_blocks", "use=\"used\"", load.kvBlocksUsed());
    counter(OWN + "kv_evictions", "Cached blocks taken for something else.", load.kvEvictions());
    counter(OWN + "steps", "Steps of the engine.", load.step());
    counter(OWN + "prompt_tokens", "Prompt tokens of what began.", load.promptTokens());
    counter(OWN + "generated_tokens", "Tokens generated.", load.generatedTokens());
    counter(OWN + "preemptions", "Sequences put back for others.", load.preemptions());
    head(OWN + "events_total", "counter", "What happened how often.");
    for (WorkerCounter counter : WorkerCounter.values()) {
      String name = counter.name().toLowerCase(Locale.ROOT);
      line(OWN + "events_total", "event=\"" + name + "\"", completions.counted(counter));
    }
  }

  private void ranks(EngineHealth health) {
    head(OWN + "rank_step_age_seconds", "gauge", "Since the rank's last finished step.");
    for (RankHeartbeat rank : health.ranks()) {
      line(OWN + "rank_step_age_seconds", lane(rank.stage(), rank.rank()), rank.ageMillis() / 1e3);
    }
    head(OWN + "rank_late_seconds_total", "counter", "Time that other ranks waited for this one.");
    for (RankScore rank : health.scores()) {
      line(
          OWN + "rank_late_seconds_total", lane(rank.stage(), rank.rank()), rank.lateNanos() / 1e9);
    }
    head(OWN + "rank_seconds_total", "counter", "Where a rank's time went.");
    for (RankTimes rank : health.times()) {
      times(rank);
    }
  }

  private void times(RankTimes rank) {
    String lane = lane(rank.stage(), rank.rank());
    time(lane, "compute", rank.computeNanos());
    time(lane, "all_reduce_wait", rank.allReduceWaitNanos());
    time(lane, "receive_wait", rank.receiveWaitNanos());
    time(lane, "send", rank.sendNanos());
    time(lane, "sample", rank.sampleNanos());
    time(lane, "copy", rank.copyNanos());
    time(lane, "off_cpu", rank.offCpuNanos());
  }

  private void time(String lane, String kind, long nanos) {
    line(OWN + "rank_seconds_total", lane + ",kind=\"" + kind + "\"", nanos / 1e9);
  }

  private static String lane(int stage, int rank) {
    return "stage=\"" + stage + "\",rank=\"" + rank + "\"";
  }

  private void load(ServedModel model) {
    EngineLoad load = model.engine().load();
    gauge(THEIRS + "num_requests_running", "Sequences in the engine's batches.", load.running());
    gauge(THEIRS + "num_requests_waiting", "Sequences that wait to be begun.", load.waiting());
    head(THEIRS + "kv_cache_usage_perc", "gauge", "Share of KV blocks in use, 0 to 1.");
    double used = load.kvBlocks() == 0 ? 0 : (double) load.kvBlocksUsed() / load.kvBlocks();
    line(THEIRS + "kv_cache_usage_perc", labels, used);
    counter(
        THEIRS + "prefix_cache_queries",
        "Prompt tokens looked up in the prefix cache.",
        load.prefixLookupTokens());
    counter(THEIRS + "prefix_cache_hits", "Of these, found there.", load.prefixHitTokens());
    counter(THEIRS + "num_preemptions", "Sequences put back for others.", load.preemptions());
    head(THEIRS + "cache_config_info", "gauge", "1; its labels say how the KV pool is laid out.");
    line(
        THEIRS + "cache_config_info",
        "block_size=\"%d\",num_gpu_blocks=\"%d\",enable_prefix_caching=\"True\",engine=\"0\""
            .formatted(model.memory().kvBlockTokens(), load.kvBlocks()),
        1);
  }

  private void served(ServingMetrics served) {
    counter(THEIRS + "prompt_tokens", "Prompt tokens processed.", served.prompt());
    counter(THEIRS + "generation_tokens", "Tokens generated.", served.generation());
    head(THEIRS + "request_success_total", "counter", "Sequences by how they ended.");
    for (ServingMetrics.End end : ServingMetrics.End.values()) {
      String how = labels + ",finished_reason=\"" + end.word() + "\"";
      line(THEIRS + "request_success_total", how, served.ended(end));
    }
    histogram("time_to_first_token_seconds", "To the first token.", served.firstToken());
    histogram("inter_token_latency_seconds", "From token to token.", served.interToken());
    histogram("e2e_request_latency_seconds", "To the end of the answer.", served.endToEnd());
    histogram("request_prompt_tokens", "Prompt tokens of a sequence.", served.promptTokens());
    histogram("request_generation_tokens", "Tokens generated of one.", served.generationTokens());
  }

  private void histogram(String suffix, String help, ServingHistogram histogram) {
    String name = THEIRS + suffix;
    head(name, "histogram", help);
    long below = 0;
    for (int bucket = 0; bucket < histogram.buckets(); bucket++) {
      below += histogram.count(bucket);
      double bound = histogram.bound(bucket);
      String le = Double.isInfinite(bound) ? "+Inf" : Double.toString(bound);
      line(name + "_bucket", labels + ",le=\"" + le + "\"", below);
    }
    line(name + "_sum", labels, histogram.sum());
    line(name + "_count", labels, below);
  }

  private void gauge(String name, String help, long value) {
    head(name, "gauge", help);
    line(name, labels, value);
  }

  private void counter(String name, String help, long value) {
    head(name + "_total", "counter", help);
    line(name + "_total", labels, value);
  }

  private void head(String name, String type, String help) {
    page.append("# HELP ").append(name).append(' ').append(help).append('\n');
    page.append("# TYPE ").append(name).append(' ').append(type).append('\n');
  }

  private void line(String name, String given, long value) {
    sample(name, given).append(value).append('\n');
  }

  private void line(String name, String given, double value) {
    sample(name, given).append(value).append('\n');
  }

  private StringBuilder sample(String name, String given) {
    page.append(name);
    if (!given.isEmpty()) {
      page.append('{').append(given).append('}');
    }
    return page.append(' ');
  }

  /** As the format wants it in a label's value. */
  private static String escaped(String value) {
    return value.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n");
  }
}
