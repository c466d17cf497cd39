package dev.switchboard.console.fleet;

import dev.switchboard.console.live.Gateways;
import dev.switchboard.console.live.LiveGateway;
import dev.switchboard.console.live.Ring;
import dev.switchboard.console.live.Series;
import dev.switchboard.console.live.Snapshot;
import dev.switchboard.console.ui.Badge;
import dev.switchboard.console.ui.Format;
import dev.switchboard.console.ui.GatewayState;
import dev.switchboard.console.ui.Tone;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import tools.jackson.databind.JsonNode;

/** What the fleet's view shows, of all gateways together. */
public final class FleetPresenter {
  static final int MINUTE = 60 / Ring.STEP_SECONDS;
  private static final int TREND = 10 * MINUTE;

  /** The order in which objectives are told. */
  private static final Comparator<SloRow> WORST_FIRST =
      Comparator.comparingDouble(SloRow::budgetLeft).thenComparing(SloRow::name);

  /**
   * A service class over the last hour.
   *
   * @param objective its worst one
   * @param attained share of requests that met it; NaN where there were none
   * @param target share that should
   * @param budgetLeft of what may be missed in an hour, below 0 where more was
   * @param requests that had the objective
   */
  public record SloRow(
      String name,
      String objective,
      double attained,
      double target,
      double budgetLeft,
      double requests) {}

  private final Gateways gateways;
  private final Clock clock;

  public FleetPresenter(Gateways gateways, Clock clock) {
    this.gateways = gateways;
    this.clock = clock;
  }

  /** Whether any gateway was ever heard. */
  public boolean knowsAnything() {
    return gateways.all().stream().anyMatch(g -> g.snapshot().lastSeen() != null);
  }

  /** Why no gateway was heard yet, in a sentence. */
  public String whyNothing() {
    StringBuilder why = new StringBuilder();
    for (LiveGateway gateway : gateways.all()) {
      String failure = gateway.snapshot().failure();
      why.append(gateway.name()).append(": ");
      why.append(failure == null ? "connecting" : failure).append(". ");
    }
    return why.toString().strip();
  }

  /** Gateways, models and replicas in a line. */
  public String line() {
    Map<String, Integer> states = new TreeMap<>();
    Set<String> models = new TreeSet<>();
    int replicas = 0;
    for (LiveGateway gateway : gateways.all()) {
      for (JsonNode replica : gateway.snapshot().replicas()) {
        replicas++;
        models.add(replica.path("model").asString(""));
        states.merge(replica.path("state").asString(""), 1, Integer::sum);
      }
    }
    int ready = states.getOrDefault("READY", 0);
    long lost = gateways.all().stream().filter(g -> !g.snapshot().reached()).count();
    return count(gateways.all().size(), "gateway")
        + ", "
        + count(models.size(), "model")
        + ", "
        + count(replicas, "replica")
        + (ready == replicas ? ", all ready" : ", " + ready + " ready")
        + (lost == 0 ? "" : "; " + count((int) lost, "gateway") + " not reached");
  }

  private static String count(int count, String what) {
    return count + " " + what + (count == 1 ? "" : "s");
  }

  /** The tree, parents before their children. */
  public Map<FleetNode, FleetRow> rows() {
    Map<FleetNode, FleetRow> rows = new LinkedHashMap<>();
    for (LiveGateway gateway : gateways.all()) {
      Map<String, List<JsonNode>> byModel = new TreeMap<>();
      for (JsonNode replica : gateway.snapshot().replicas()) {
        byModel
            .computeIfAbsent(replica.path("model").asString(""), _ -> new ArrayList<>())
            .add(replica);
      }
      add(rows, gatewayRow(gateway));
      byModel.forEach(
          (model, replicas) -> {
            add(rows, modelRow(gateway, model, replicas));
            replicas.forEach(replica -> add(rows, replicaRow(gateway, model, replica)));
          });
    }
    return rows;
  }

  private static void add(Map<FleetNode, FleetRow> rows, FleetRow row) {
    rows.put(row.node(), row);
  }

  private FleetRow gatewayRow(LiveGateway gateway) {
    Snapshot is = gateway.snapshot();
    String version = is.info().path("version").asString("");
    String about = version.isEmpty() ? "" : "version " + version + ", up " + uptime(is);
    double inFlight = is.info().path("in_flight").asDouble(Double.NaN);
    return new FleetRow(
        FleetNode.gateway(gateway.name()),
        gateway.name(),
        GatewayState.tone(gateway),
        capital(GatewayState.words(gateway)),
        about,
        inFlight,
        sum(is.replicas(), "running"),
        sum(is.replicas(), "waiting"),
        Double.NaN,
        Double.NaN,
        Double.NaN,
        "",
        new float[0]);
  }

  private String uptime(Snapshot is) {
    try {
      Instant started = Instant.parse(is.info().path("started").asString(""));
      return Format.duration(Duration.between(started, clock.instant()));
    } catch (java.time.DateTimeException _) {
      return Format.NONE;
    }
  }

  private static String capital(String text) {
    return Character.toUpperCase(text.charAt(0)) + text.substring(1);
  }

  /** Unknown where no replica is known, which is not none. */
  private static double sum(List<JsonNode> replicas, String what) {
    return replicas.isEmpty()
        ? Double.NaN
        : replicas.stream().mapToDouble(r -> r.path("report").path(what).asDouble(0)).sum();
  }

  private static FleetRow modelRow(LiveGateway gateway, String model, List<JsonNode> replicas) {
    long ready =
        replicas.stream().filter(r -> r.path("state").asString("").equals("READY")).count();
    Ring ring = gateway.ring();
    Tone tone = ready == replicas.size() ? Tone.GOOD : ready == 0 ? Tone.BAD : Tone.WARN;
    return new FleetRow(
        new FleetNode(gateway.name(), model, ""),
        model,
        tone,
        ready + " of " + replicas.size() + " ready",
        "",
        ring.latest(Series.model(model, "in_flight")),
        sum(replicas, "running"),
        sum(replicas, "waiting"),
        Double.NaN,
        Double.NaN,
        Double.NaN,
        "",
        ring.last(Series.model(model, "tokens_completion"), TREND));
  }

  private static FleetRow replicaRow(LiveGateway gateway, String model, JsonNode r) {
    String id = r.path("id").asString("");
    JsonNode report = r.path("report");
    String state = r.path("state").asString("");
    int stragglers = report.path("stragglers").size();
    Tone tone = state.equals("READY") && stragglers > 0 ? Tone.WARN : Tone.ofReplica(state);
    String ranks =
        report.path("stages").isNumber()
            ? report.path("stages").asInt(0) + " × " + report.path("ranks").asInt(0)
            : "";
    Ring ring = gateway.ring();
    return new FleetRow(
        new FleetNode(gateway.name(), model, id),
        id,
        tone,
        word(state, stragglers),
        r.path("reason").asString(""),
        r.path("in_flight").asDouble(Double.NaN),
        report.path("running").asDouble(Double.NaN),
        report.path("waiting").asDouble(Double.NaN),
        kv(report),
        mean(ring.last(Series.replica(id, "prefix_hit"), MINUTE)),
        r.path("weight").asDouble(Double.NaN),
        ranks,
        ring.last(Series.replica(id, "tokens_completion"), TREND));
  }

  private static String word(String state, int stragglers) {
    return stragglers > 0 ? Badge.word(state) + ", slow rank" : Badge.word(state);
  }

  static double kv(JsonNode report) {
    double used = report.path("kv_blocks_used").asDouble(Double.NaN);
    double all =
        used
            + report.path("kv_blocks_free").asDouble(Double.NaN)
            + report.path("kv_blocks_cached").asDouble(Double.NaN);
    return all > 0 ? used / all : Double.NaN;
  }

  static double mean(float[] points) {
    double sum = 0;
    int count = 0;
    for (float point : points) {
      sum += Float.isNaN(point) ? 0 : point;
      count += Float.isNaN(point) ? 0 : 1;
    }
    return count == 0 ? Double.NaN : sum / count;
  }

  /** What happened in the last hour, the newest first. */
  public List<Happening> happenings(int most) {
    Instant since = clock.instant().minus(Duration.ofHours(1));
    return gateways.all().stream()
        .flatMap(gateway -> gateway.events().stream())
        .filter(event -> event.at().isAfter(since))
        .flatMap(event -> Happening.of(event).stream())
        .sorted(Comparator.comparing(Happening::at).reversed())
        .limit(most)
        .toList();
  }

  /** Every model that any gateway has. */
  private Set<String> models() {
    Set<String> models = new TreeSet<>();
    gateways
        .all()
        .forEach(
            g -> g.snapshot().replicas().forEach(r -> models.add(r.path("model").asString(""))));
    return models;
  }

  /** The sum over gateways and models, point by point; NaN where none has one. */
  public float[] total(String what, int points) {
    return combine(what, points, false);
  }

  /** The largest over gateways and models, point by point. */
  public float[] worst(String what, int points) {
    return combine(what, points, true);
  }

  private float[] combine(String what, int points, boolean largest) {
    float[] all = new float[points];
    java.util.Arrays.fill(all, Float.NaN);
    long newest = newestSeconds();
    for (LiveGateway gateway : gateways.all()) {
      for (String model : models()) {
        merge(all, aligned(gateway.ring(), Series.model(model, what), points, newest), largest);
      }
    }
    return all;
  }

  private static void merge(float[] all, float[] one, boolean largest) {
    for (int i = 0; i < all.length; i++) {
      if (Float.isNaN(all[i])) {
        all[i] = one[i];
      } else if (!Float.isNaN(one[i])) {
        all[i] = largest ? Math.max(all[i], one[i]) : all[i] + one[i];
      }
    }
  }

  /** A lost gateway's points end earlier than the others'. */
  private static float[] aligned(Ring ring, String series, int points, long newest) {
    int behind = (int) ((newest - ring.newestSeconds()) / Ring.STEP_SECONDS);
    float[] all = new float[points];
    java.util.Arrays.fill(all, Float.NaN);
    if (ring.newestSeconds() >= 0 && behind < points) {
      float[] has = ring.last(series, points - behind);
      System.arraycopy(has, 0, all, 0, has.length);
    }
    return all;
  }

  public long newestSeconds() {
    return gateways.all().stream().mapToLong(g -> g.ring().newestSeconds()).max().orElse(-1);
  }

  /** Service classes over the last hour, that whose budget is nearest to its end first. */
  public List<SloRow> slos() {
    Map<String, JsonNode> classes = new HashMap<>();
    gateways
        .all()
        .forEach(
            g -> g.snapshot().classes().forEach(c -> classes.put(c.path("name").asString(""), c)));
    return classes.entrySet().stream()
        .map(each -> slo(each.getKey(), each.getValue().path("objective").asDouble(Double.NaN)))
        .sorted(WORST_FIRST)
        .toList();
  }

  private SloRow slo(String name, double target) {
    SloRow worst = new SloRow(name, "", Double.NaN, target, 1, 0);
    for (String objective : List.of("availability", "ttft", "tpot", "deadline")) {
      double met = hour(Series.slo(name, objective, "met"));
      double missed = hour(Series.slo(name, objective, "missed"));
      double all = met + missed;
      double left = all > 0 ? 1 - missed / all / (1 - target) : 1;
      if (all > 0 && (Double.isNaN(worst.attained()) || left < worst.budgetLeft())) {
        worst = new SloRow(name, objective, met / all, target, left, all);
      }
    }
    return worst;
  }

  private double hour(String series) {
    return gateways.all().stream()
        .mapToDouble(g -> g.ring().sum(series, Ring.SLOTS) * Ring.STEP_SECONDS)
        .sum();
  }

  /** Share of requests that met their worst objective, a minute at a time, of one class. */
  public float[] attainment(String name, int points) {
    float[] worst = new float[points];
    java.util.Arrays.fill(worst, Float.NaN);
    for (String objective : List.of("availability", "ttft", "tpot", "deadline")) {
      float[] met = smooth(Series.slo(name, objective, "met"), points);
      float[] missed = smooth(Series.slo(name, objective, "missed"), points);
      for (int i = 0; i < points; i++) {
        float all = met[i] + missed[i];
        if (all > 0) {
          float share = met[i] / all;
          worst[i] = Float.isNaN(worst[i]) ? share : Math.min(worst[i], share);
        }
      }
    }
    return worst;
  }

  private float[] smooth(String series, int points) {
    float[] sums = new float[points];
    long newest = newestSeconds();
    for (LiveGateway gateway : gateways.all()) {
      float[] one = aligned(gateway.ring(), series, points, newest);
      for (int i = 0; i < points; i++) {
        for (int j = Math.max(0, i - MINUTE + 1); j <= i; j++) {
          sums[i] += Float.isNaN(one[j]) ? 0 : one[j];
        }
      }
    }
    return sums;
  }
}
