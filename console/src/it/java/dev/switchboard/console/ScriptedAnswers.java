package dev.switchboard.console;

import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ThreadLocalRandom;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * What the scripted gateway says of its fleet, in the shapes of the real one. Rates and times are
 * about those of a busy fleet; they waver so that everything is drawn anew.
 */
final class ScriptedAnswers {
  static final int REPLICAS = ScriptedGateway.REPLICAS;
  static final int PARTS = ScriptedGateway.PARTS;

  private static final String MODEL = "switchboard-demo";

  /** Replicas whose ranks are in the metrics: as many as the console's points have room for. */
  private static final int WITH_RANKS = 60;

  private static final int STEPS = 24;
  private static final int RECENT_EVENTS = 60;
  private static final int HAPPEN_EVERY_SECONDS = 55;
  private static final long STEP_US = 42_000;

  /** Requests per second of each class, and the share of them that meets its objectives. */
  private record Traffic(String name, int perSecond, double good) {}

  private static final List<Traffic> CLASSES =
      List.of(
          new Traffic("interactive", 6000, 0.97),
          new Traffic("standard", 3500, 0.99),
          new Traffic("batch", 500, 1));

  private static final List<String> BOUNDS =
      List.of("0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "+Inf");

  private static final double[] TTFT = {0, 0.02, 0.2, 0.55, 0.8, 0.94, 0.985, 0.998, 1};
  private static final double[] TPOT = {0.3, 0.7, 0.92, 0.98, 0.995, 1, 1, 1, 1};
  private static final double[] QUEUE = {0.6, 0.75, 0.88, 0.95, 0.98, 0.995, 0.999, 1, 1};

  private ScriptedAnswers() {}

  static String name(int replica) {
    return String.format(Locale.ROOT, "r%03d", replica);
  }

  private static double around(double value) {
    return value * (0.9 + 0.2 * ThreadLocalRandom.current().nextDouble());
  }

  /** The rank that is slow, of every replica the same. */
  private static boolean slow(int stage, int rank) {
    return stage == 2 && rank == 5;
  }

  /** Of a worker: topology, heartbeats and skew of every rank. */
  static String state() {
    ObjectNode state = JsonMapper.shared().createObjectNode();
    state.putObject("topology").put("stages", PARTS).put("ranks", PARTS).put("threads", 1);
    ObjectNode health = state.putObject("health").putNull("failure");
    ArrayNode ranks = health.putArray("ranks");
    ArrayNode skew = health.putArray("skew");
    for (int i = 0; i < PARTS * PARTS; i++) {
      int stage = i / PARTS;
      int rank = i % PARTS;
      boolean slow = slow(stage, rank);
      place(ranks, stage, rank)
          .put("finished_step", 19_449)
          .put("age_ms", 5)
          .put("current_step", 0)
          .put("current_ms", 0);
      place(skew, stage, rank)
          .put("score", slow ? around(1.7) : 1 + around(0.03))
          .put("straggler", slow)
          .put("late_ms", slow ? around(9000) : around(40))
          .put("waited_ms", slow ? around(10) : around(1300));
    }
    return state.toString();
  }

  private static ObjectNode place(ArrayNode all, int stage, int rank) {
    return all.addObject().put("stage", stage).put("rank", rank);
  }

  /** Its latest steps, with a lane of each rank. */
  static String steps() {
    long now = Instant.now().toEpochMilli() * 1_000_000;
    ObjectNode answer = JsonMapper.shared().createObjectNode();
    answer.put("stages", PARTS).put("ranks", PARTS);
    ArrayNode steps = answer.putArray("steps");
    for (int i = 0; i < STEPS; i++) {
      long start = now - (STEPS - i) * STEP_US * 1000;
      ObjectNode step = steps.addObject();
      step.put("step", now / (STEP_US * 1000) + i);
      step.put("submit_ns", start - 500_000).put("start_ns", start);
      step.put("end_ns", start + (STEP_US - 1000) * 1000);
      step.put("requests", 24).put("tokens", 24).put("prompt_tokens", 0).put("gap_off_cpu_us", 0);
      lanes(step.putArray("lanes"));
    }
    return answer.toString();
  }

  /** Fields as in lane_fields of the worker: each stage waits for the one before it. */
  private static void lanes(ArrayNode lanes) {
    long part = STEP_US / PARTS;
    for (int i = 0; i < PARTS * PARTS; i++) {
      int stage = i / PARTS;
      int rank = i % PARTS;
      boolean slow = slow(stage, rank);
      long compute = (long) around(slow ? part * 0.8 : part * 0.5);
      long start = stage * part;
      lanes
          .addArray()
          .add(stage)
          .add(rank)
          .add(start)
          .add(start + part - 100)
          .add(compute)
          .add(Math.max(0, part - 200 - compute))
          .add(start)
          .add(40)
          .add(0)
          .add(0)
          .add(20)
          .add(slow ? (long) (part * 0.3) : 10)
          .add(compute * 900_000);
    }
  }

  /** What happened in the last hour, the newest first: replicas that left and came back. */
  static String events() {
    Instant now = Instant.now();
    ObjectNode answer = JsonMapper.shared().createObjectNode();
    ArrayNode events = answer.putArray("events");
    for (int i = 0; i < RECENT_EVENTS; i++) {
      String at = now.minusSeconds((long) i * HAPPEN_EVERY_SECONDS).toString();
      boolean back = i % 2 == 0;
      ObjectNode event = events.addObject().put("id", 1_000_000 - i).put("gateway", "scripted");
      event.put("at", at).put("type", "replica_state");
      event
          .putObject("data")
          .put("at", at)
          .put("replica", name(300 + i / 2))
          .put("model", MODEL)
          .put("from", back ? "WARMING" : "READY")
          .put("to", back ? "READY" : "EJECTED")
          .put("reason", back ? "every rank answered" : "a rank did not answer for 1500 ms");
    }
    return answer.toString();
  }

  /** The newest requests, as a page of the flight recorder. */
  static String requests(String query) {
    int rows = query.contains("running=true") ? 0 : ScriptedGateway.number(query, "limit", 100);
    StringBuilder json = new StringBuilder("{\"requests\":[");
    for (int i = 0; i < rows; i++) {
      json.append(i == 0 ? "" : ",").append(ScriptedGateway.request(0));
    }
    return json.append("],\"next\":\"1\"}").toString();
  }

  /** A scrape: counters go on with the time, as if since the day's begin. */
  static String metrics() {
    long seconds = Instant.now().getEpochSecond() % 86_400;
    StringBuilder text = new StringBuilder(1 << 20);
    for (Traffic each : CLASSES) {
      classes(text, each, (double) seconds * each.perSecond());
    }
    String of = "{model=\"" + MODEL + "\"";
    double all = seconds * 10_000.0;
    line(text, "requests_total", of + ",endpoint=\"chat\",outcome=\"ok\"}", all * 0.998);
    line(text, "requests_total", of + ",endpoint=\"chat\",outcome=\"shed\"}", all * 0.002);
    line(text, "requests_in_flight", of + "}", around(9000));
    line(text, "queue_depth", of + ",band=\"normal\"}", around(120));
    line(text, "tokens_total", of + ",direction=\"completion\",cache=\"none\"}", all * 150);
    line(text, "tokens_total", of + ",direction=\"prompt\",cache=\"miss\"}", all * 300);
    line(text, "tokens_total", of + ",direction=\"prompt\",cache=\"hit\"}", all * 500);
    line(text, "telemetry_cpu_ratio", "", around(0.004));
    for (int i = 0; i < REPLICAS; i++) {
      replica(text, i, seconds);
    }
    return text.toString();
  }

  private static void classes(StringBuilder text, Traffic each, double count) {
    String of = "{class=\"" + each.name() + "\",model=\"" + MODEL + "\"";
    line(text, "request_seconds_count", of + ",endpoint=\"chat\"}", count);
    line(text, "slo_good_requests_total", of + "}", count * each.good());
    line(text, "slo_good_tokens_total", of + "}", count * each.good() * 150);
    for (String objective : List.of("availability", "ttft", "tpot")) {
      String objectives = of + ",objective=\"" + objective + "\",result=\"";
      line(text, "slo_requests_total", objectives + "met\"}", count * each.good());
      line(text, "slo_requests_total", objectives + "missed\"}", count * (1 - each.good()));
    }
    for (int i = 0; i < BOUNDS.size(); i++) {
      String bucket = of + ",le=\"" + BOUNDS.get(i) + "\"}";
      line(text, "ttft_seconds_bucket", bucket, count * TTFT[i]);
      line(text, "tpot_seconds_bucket", bucket, count * TPOT[i]);
      line(text, "queue_seconds_bucket", bucket, count * QUEUE[i]);
    }
  }

  private static void replica(StringBuilder text, int replica, long seconds) {
    String of = "{replica=\"" + name(replica) + "\"";
    double used = around(2000);
    line(text, "replica_in_flight", of + "}", around(18));
    line(text, "replica_sequences", of + ",state=\"running\"}", around(18));
    line(text, "replica_sequences", of + ",state=\"waiting\"}", around(1));
    line(text, "replica_kv_blocks", of + ",state=\"used\"}", used);
    line(text, "replica_kv_blocks", of + ",state=\"cached\"}", 23);
    line(text, "replica_kv_blocks", of + ",state=\"free\"}", 4073 - used);
    line(text, "replica_steps_total", of + "}", seconds * 23.8);
    line(text, "replica_tokens_total", of + ",direction=\"completion\"}", seconds * 3000.0);
    line(text, "replica_tokens_total", of + ",direction=\"prompt\"}", seconds * 6000.0);
    line(text, "replica_prefix_tokens_total", of + ",result=\"hit\"}", seconds * 10_000.0);
    line(text, "replica_prefix_tokens_total", of + ",result=\"miss\"}", seconds * 6000.0);
    for (int i = 0; i < (replica < WITH_RANKS ? PARTS * PARTS : 0); i++) {
      boolean slow = slow(i / PARTS, i % PARTS);
      String rank = of + ",stage=\"" + i / PARTS + "\",rank=\"" + i % PARTS + "\"";
      line(text, "rank_score_ratio", rank + "}", slow ? around(1.7) : 1 + around(0.03));
      line(text, "rank_late_seconds_total", rank + "}", seconds * (slow ? 0.2 : 0.002));
      line(text, "rank_seconds_total", rank + ",kind=\"compute\"}", seconds * 0.5);
    }
  }

  private static void line(StringBuilder text, String metric, String labels, double value) {
    text.append("switchboard_").append(metric).append(labels).append(' ');
    text.append(String.format(Locale.ROOT, "%.3f", value)).append('\n');
  }
}
