package dev.switchboard.console.fleet;

import dev.switchboard.console.live.Event;
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
import tools.jackson.databind.node.MissingNode;

/** What the fleet's view shows, of all gateways together. */
public final class FleetPresenter {
  static final int MINUTE = 60 / Ring.STEP_SECONDS;
  private static final int TREND = 10 * MINUTE;
  private static final int CLASSES_SHOWN = 6;
  private static final String NEWEST = "/admin/v1/requests?limit=1000";
  private static final Duration NEWEST_EVERY = Duration.ofSeconds(10);

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
  private long at;

  public FleetPresenter(Gateways gateways, Clock clock) {
    this.gateways = gateways;
    this.clock = clock;
  }

  /** Shows how it was at that time, in seconds since 1970; 0 for now. */
  public void at(long epochSeconds) {
    at = epochSeconds;
  }

  /** Whether a time before now is shown. */
  public boolean past() {
    return at > 0;
  }

  /** How many points before the newest ones are shown; beyond those that are kept all are blank. */
  private int back() {
    long newest = gateways.all().stream().mapToLong(g -> g.ring().newestSeconds()).max().orElse(-1);
    return past() ? Math.clamp((newest - at) / Ring.STEP_SECONDS, 0, Integer.MAX_VALUE) : 0;
  }

  /** The last points of a series of a gateway, up to the time that is shown. */
  private float[] last(Ring ring, String series, int points) {
    return aligned(ring, series, points, newestSeconds());
  }

  /** The state that a replica had at the time that is shown, as far as its events tell. */
  private String stateOf(LiveGateway gateway, JsonNode replica) {
    String is = replica.path("state").asString("");
    if (!past()) {
      return is;
    }
    String id = replica.path("id").asString("");
    String state = is;
    // The newest first: each that came later is taken back.
    for (Event event : gateway.events()) {
      boolean its =
          event.type().equals("replica_state")
              && event.data().path("replica").asString("").equals(id);
      if (its && event.at().getEpochSecond() > at) {
        state = event.data().path("from").asString("");
      }
    }
    return state;
  }

  /** Ranks of a replica, as stage.rank. */
  public List<String> ranks(FleetNode replica) {
    List<String> ranks = new ArrayList<>();
    JsonNode report = report(replica);
    for (int stage = 0; stage < report.path("stages").asInt(0); stage++) {
      for (int rank = 0; rank < report.path("ranks").asInt(0); rank++) {
        ranks.add(stage + "." + rank);
      }
    }
    return ranks;
  }

  private JsonNode report(FleetNode node) {
    return gateways
        .find(node.gateway())
        .flatMap(g -> g.snapshot().replica(node.replica()))
        .map(r -> r.path("report"))
        .orElse(MissingNode.getInstance());
  }

  /** A rank's line, from the ring: what it computed and how long others waited for it. */
  public FleetRow rankRow(FleetNode node) {
    Ring ring = gateways.find(node.gateway()).map(LiveGateway::ring).orElseGet(Ring::new);
    String stage = node.rank().substring(0, node.rank().indexOf('.'));
    String rank = node.rank().substring(stage.length() + 1);
    double compute = mean(last(ring, Series.rank(node.replica(), stage, rank, "compute"), MINUTE));
    double late = mean(last(ring, Series.rank(node.replica(), stage, rank, "late"), MINUTE));
    boolean slow = !past() && straggles(node, stage, rank);
    String state =
        Double.isNaN(compute)
            ? "No numbers"
            : "Computes " + share(compute) + (late > 0.005 ? ", late " + share(late) : "");
    return FleetRow.bare(
        node,
        "stage " + stage + ", rank " + rank,
        slow ? Tone.WARN : Double.isNaN(compute) ? Tone.IDLE : Tone.GOOD,
        slow ? "Holds up its stage" : state,
        state + ", of the last minute");
  }

  private static String share(double share) {
    return Format.percent(Math.rint(share * 100) / 100);
  }

  private boolean straggles(FleetNode node, String stage, String rank) {
    for (JsonNode s : report(node).path("stragglers")) {
      if (s.path("stage").asString("").equals(stage) && s.path("rank").asString("").equals(rank)) {
        return true;
      }
    }
    return false;
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
      Headroom headroom = headroom(gateway);
      byModel.forEach(
          (model, replicas) -> {
            FleetRow row = modelRow(gateway, model, replicas);
            add(rows, row.withHeadroom(headroom.ofModel(model)));
            replicas.forEach(
                replica ->
                    add(
                        rows,
                        replicaRow(gateway, model, replica)
                            .withHeadroom(headroom.ofReplica(replica.path("id").asString("")))));
          });
    }
    return rows;
  }

  /** Of the newest requests; nothing of a time before now, which nobody keeps. */
  private Headroom headroom(LiveGateway gateway) {
    JsonNode answer = past() ? null : gateway.shared(NEWEST, NEWEST_EVERY).answer();
    return new Headroom(
        answer == null ? MissingNode.getInstance() : answer.path("requests"),
        gateway.snapshot().classes(),
        clock.instant());
  }

  private static void add(Map<FleetNode, FleetRow> rows, FleetRow row) {
    rows.put(row.node(), row);
  }

  private FleetRow gatewayRow(LiveGateway gateway) {
    Snapshot is = gateway.snapshot();
    String version = is.info().path("version").asString("");
    String about = version.isEmpty() ? "" : "version " + version + ", up " + uptime(is);
    double inFlight = past() ? Double.NaN : is.info().path("in_flight").asDouble(Double.NaN);
    return new FleetRow(
        FleetNode.gateway(gateway.name()),
        gateway.name(),
        GatewayState.tone(gateway),
        capital(GatewayState.words(gateway)),
        about,
        inFlight,
        past() ? then(gateway, is.replicas(), "running") : sum(is.replicas(), "running"),
        past() ? then(gateway, is.replicas(), "waiting") : sum(is.replicas(), "waiting"),
        Double.NaN,
        Double.NaN,
        Double.NaN,
        "",
        new float[0],
        Double.NaN);
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

  private FleetRow modelRow(LiveGateway gateway, String model, List<JsonNode> replicas) {
    long ready = replicas.stream().filter(r -> stateOf(gateway, r).equals("READY")).count();
    Ring ring = gateway.ring();
    Tone tone = ready == replicas.size() ? Tone.GOOD : ready == 0 ? Tone.BAD : Tone.WARN;
    return new FleetRow(
        new FleetNode(gateway.name(), model, ""),
        model,
        tone,
        ready + " of " + replicas.size() + " ready",
        "",
        last(ring, Series.model(model, "in_flight"), 1)[0],
        past() ? then(gateway, replicas, "running") : sum(replicas, "running"),
        past() ? then(gateway, replicas, "waiting") : sum(replicas, "waiting"),
        Double.NaN,
        Double.NaN,
        Double.NaN,
        "",
        last(ring, Series.model(model, "tokens_completion"), TREND),
        Double.NaN);
  }

  /** The sum of what the ring has of that time; unknown where it has nothing. */
  private double then(LiveGateway gateway, List<JsonNode> replicas, String what) {
    double sum = Double.NaN;
    for (JsonNode replica : replicas) {
      String series = Series.replica(replica.path("id").asString(""), what);
      float point = last(gateway.ring(), series, 1)[0];
      sum = Float.isNaN(point) ? sum : point + (Double.isNaN(sum) ? 0 : sum);
    }
    return sum;
  }

  private FleetRow replicaRow(LiveGateway gateway, String model, JsonNode r) {
    String id = r.path("id").asString("");
    JsonNode report = r.path("report");
    String state = stateOf(gateway, r);
    int stragglers = past() ? 0 : report.path("stragglers").size();
    Tone tone = state.equals("READY") && stragglers > 0 ? Tone.WARN : Tone.ofReplica(state);
    String ranks =
        report.path("stages").isNumber()
            ? report.path("stages").asInt(0) + " × " + report.path("ranks").asInt(0)
            : "";
    Ring ring = gateway.ring();
    return new FleetRow(
        new FleetNode(gateway.name(), model, id),
        r.path("device").asString("").equals("cuda") ? id + " · cuda" : id,
        tone,
        word(state, stragglers),
        past() ? "" : r.path("reason").asString(""),
        point(ring, id, "in_flight", r.path("in_flight")),
        point(ring, id, "running", report.path("running")),
        point(ring, id, "waiting", report.path("waiting")),
        past() ? last(ring, Series.replica(id, "kv"), 1)[0] : kv(report),
        mean(last(ring, Series.replica(id, "prefix_hit"), MINUTE)),
        past() ? Double.NaN : r.path("weight").asDouble(Double.NaN),
        ranks,
        last(ring, Series.replica(id, "tokens_completion"), TREND),
        Double.NaN);
  }

  /** What the snapshot says now, and the ring of earlier. */
  private double point(Ring ring, String id, String what, JsonNode now) {
    return past() ? last(ring, Series.replica(id, what), 1)[0] : now.asDouble(Double.NaN);
  }

  private static String word(String state, int stragglers) {
    if (state.isEmpty()) {
      return "Not there";
    }
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
  public List<EventLine> recentEvents(int most) {
    Instant since = clock.instant().minus(Duration.ofHours(1));
    return gateways.all().stream()
        .flatMap(gateway -> gateway.events().stream())
        .filter(event -> event.at().isAfter(since))
        .filter(event -> !past() || event.at().getEpochSecond() <= at)
        .flatMap(event -> EventLine.of(event).stream())
        .sorted(Comparator.comparing(EventLine::at).reversed())
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
    return combine(models().stream().map(m -> Series.model(m, what)).toList(), points, largest);
  }

  /** Of a service class the sum over gateways, point by point; NaN where none has one. */
  public float[] ofClass(String name, String what, int points) {
    return combine(List.of(Series.ofClass(name, what)), points, false);
  }

  /** Of a service class the largest over gateways, point by point. */
  public float[] worstOfClass(String name, String what, int points) {
    return combine(List.of(Series.ofClass(name, what)), points, true);
  }

  private float[] combine(List<String> series, int points, boolean largest) {
    float[] all = new float[points];
    java.util.Arrays.fill(all, Float.NaN);
    long newest = newestSeconds();
    for (LiveGateway gateway : gateways.all()) {
      for (String one : series) {
        merge(all, aligned(gateway.ring(), one, points, newest), largest);
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
    float[] all = new float[points];
    java.util.Arrays.fill(all, Float.NaN);
    if (ring.newestSeconds() < 0) {
      return all;
    }
    // Positive where the ring ends earlier than what is shown, negative where it goes on.
    int behind = (int) ((newest - ring.newestSeconds()) / Ring.STEP_SECONDS);
    float[] has = ring.last(series, Math.clamp(points - (long) behind, 0, Ring.SLOTS));
    for (int i = 0; i < points; i++) {
      int from = has.length - (points - i) + behind;
      if (from >= 0 && from < has.length) {
        all[i] = has[from];
      }
    }
    return all;
  }

  /** Of the newest points that are shown. */
  public long newestSeconds() {
    long newest = gateways.all().stream().mapToLong(g -> g.ring().newestSeconds()).max().orElse(-1);
    return newest < 0 ? -1 : newest - (long) back() * Ring.STEP_SECONDS;
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
    double sum = 0;
    for (LiveGateway gateway : gateways.all()) {
      for (float point : last(gateway.ring(), series, Ring.SLOTS)) {
        sum += Float.isNaN(point) ? 0 : point * Ring.STEP_SECONDS;
      }
    }
    return sum;
  }

  /** What a class has now, as the mean of the last minute; empty where nothing came. */
  public String now(String name) {
    List<String> parts = new ArrayList<>();
    part(parts, mean(ofClass(name, "requests", MINUTE)), "requests/s");
    part(parts, mean(ofClass(name, "good_requests", MINUTE)), "good/s");
    part(parts, mean(ofClass(name, "good_tokens", MINUTE)), "good tokens/s");
    double queue = mean(worstOfClass(name, "queue_p95", MINUTE));
    if (!Double.isNaN(queue)) {
      parts.add("queue p95 " + Format.millis(queue));
    }
    return String.join(", ", parts);
  }

  private static void part(List<String> parts, double value, String what) {
    if (!Double.isNaN(value)) {
      parts.add(Format.number(value) + " " + what);
    }
  }

  /** The names of the classes that charts show. */
  public List<String> classNames() {
    return slos().stream().map(SloRow::name).sorted().limit(CLASSES_SHOWN).toList();
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
