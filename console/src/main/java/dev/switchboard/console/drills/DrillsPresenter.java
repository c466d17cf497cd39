package dev.switchboard.console.drills;

import dev.switchboard.console.action.Change;
import dev.switchboard.console.api.AdminClient;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.live.LiveGateway;
import dev.switchboard.console.ui.Format;
import java.time.Clock;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.MissingNode;
import tools.jackson.databind.node.ObjectNode;

/** The drills of one gateway, and how to begin and end one. */
public final class DrillsPresenter {
  private static final JsonMapper JSON = new JsonMapper();
  private static final String PATH = "/admin/v1/drills";
  private static final double LONGEST_MS = 300_000;

  /**
   * A drill that somebody wants.
   *
   * @param stage null for all, where the kind allows that
   */
  public record Wanted(
      String replica,
      Kind kind,
      Duration time,
      @Nullable Integer stage,
      @Nullable Integer rank,
      double factor,
      int delayMs) {}

  private final LiveGateway gateway;
  private final Clock clock;

  public DrillsPresenter(LiveGateway gateway, Clock clock) {
    this.gateway = gateway;
    this.clock = clock;
  }

  private JsonNode answer() {
    JsonNode answer = gateway.shared(PATH).answer();
    return answer == null ? MissingNode.getInstance() : answer;
  }

  /** Whether it told its drills. */
  public boolean asked() {
    return gateway.shared(PATH).answer() != null;
  }

  public @Nullable String failure() {
    return gateway.shared(PATH).failure();
  }

  /** Whether the gateway allows drills. */
  public boolean enabled() {
    return answer().path("enabled").asBoolean(false);
  }

  /** How long one may last. */
  public Duration longest() {
    return Duration.ofMillis((long) answer().path("max_ms").asDouble(LONGEST_MS));
  }

  public List<DrillRow> running() {
    return rows().stream().filter(DrillRow::goesOn).toList();
  }

  public List<DrillRow> ended() {
    return rows().stream().filter(row -> !row.goesOn()).toList();
  }

  private List<DrillRow> rows() {
    List<DrillRow> rows = new ArrayList<>();
    answer().path("drills").forEach(drill -> rows.add(row(drill)));
    return rows;
  }

  private static DrillRow row(JsonNode d) {
    Instant started = time(d, "started_at");
    Instant ended = time(d, "ended_at");
    JsonNode lasts = d.path("duration_ms");
    Instant ends =
        ended == null && started != null && lasts.isNumber()
            ? started.plusMillis(lasts.asLong(0))
            : ended;
    JsonNode n = d.path("noticed");
    DrillRow.Noticed noticed =
        n.isObject()
            ? new DrillRow.Noticed(
                n.path("requests").asLong(0),
                n.path("missed").asLong(0),
                n.path("moved").asLong(0),
                n.path("broken").asLong(0),
                n.path("longest_pause_ms").asDouble(0))
            : null;
    return new DrillRow(
        text(d, "id"),
        text(d, "replica"),
        Kind.title(text(d, "kind")),
        about(d),
        d.path("phase").asString("ended"),
        text(d, "outcome"),
        text(d, "message"),
        started,
        ends,
        d.path("left_after_ms").asDouble(Double.NaN),
        d.path("back_after_ms").asDouble(Double.NaN),
        d.path("named_after_ms").asDouble(Double.NaN),
        noticed);
  }

  private static String about(JsonNode d) {
    List<String> words = new ArrayList<>();
    if (d.path("stage").isNumber()) {
      words.add("stage " + d.path("stage").asInt(0));
    }
    if (d.path("rank").isNumber()) {
      words.add("rank " + d.path("rank").asInt(0));
    }
    if (d.path("factor").isNumber()) {
      words.add("× " + Format.number(d.path("factor").asDouble(0)));
    }
    if (d.path("delay_ms").isNumber()) {
      words.add(Format.millis(d.path("delay_ms").asDouble(0)) + " later");
    }
    if (d.path("duration_ms").isNumber()) {
      words.add("for " + Format.millis(d.path("duration_ms").asDouble(0)));
    }
    return String.join(", ", words);
  }

  private static String text(JsonNode node, String field) {
    return node.path(field).asString("");
  }

  private static @Nullable Instant time(JsonNode node, String field) {
    try {
      return Instant.parse(node.path(field).asString(""));
    } catch (DateTimeException _) {
      return null;
    }
  }

  /** How long it still is broken; what it waits for where its time is over. */
  public String countdown(DrillRow row) {
    Instant ends = row.ends();
    if (row.phase().equals("recovering") || ends == null) {
      return "waiting for " + row.replica() + " to be ready";
    }
    Duration left = Duration.between(clock.instant(), ends);
    return left.isNegative() ? "ending" : Format.duration(left.plusMillis(999)) + " left";
  }

  /** What share of its time is over. */
  public double progress(DrillRow row) {
    Instant ends = row.ends();
    Instant started = row.started();
    if (ends == null || started == null || !row.phase().equals("running")) {
      return 1;
    }
    double all = Duration.between(started, ends).toMillis();
    return all <= 0 ? 1 : Duration.between(started, clock.instant()).toMillis() / all;
  }

  /** Replicas that can be broken: those that are ready. */
  public List<String> replicas() {
    return gateway.snapshot().replicas().stream()
        .filter(r -> r.path("state").asString("").equals("READY"))
        .map(r -> r.path("id").asString(""))
        .toList();
  }

  /** Stages or ranks of a replica; 1 where it does not tell. */
  public int count(String replica, String what) {
    return gateway
        .snapshot()
        .replica(replica)
        .map(r -> r.path("report").path(what).asInt(1))
        .orElse(1);
  }

  /** Begins one. */
  public Change start(Wanted wanted) {
    ObjectNode body = JSON.createObjectNode().put("kind", wanted.kind().word());
    if (wanted.kind() != Kind.KILL) {
      body.put("duration_ms", wanted.time().toMillis());
    }
    if (wanted.kind().ranked() && wanted.stage() != null && wanted.rank() != null) {
      body.put("stage", wanted.stage()).put("rank", wanted.rank());
    }
    if (wanted.kind() == Kind.SLOW_RANK) {
      body.put("factor", wanted.factor());
    }
    if (wanted.kind() == Kind.DELAY_RANK) {
      body.put("delay_ms", wanted.delayMs());
    }
    String path = "/admin/v1/replicas/" + AdminClient.encode(wanted.replica()) + "/drill";
    return new Change(
        "Start drill",
        Role.OPERATOR,
        "POST",
        path,
        body,
        null,
        effects(wanted),
        true,
        answer -> end(answer.path("id").asString(""), wanted.replica()));
  }

  private List<String> effects(Wanted wanted) {
    List<String> effects = new ArrayList<>();
    effects.add(wanted.kind().effect());
    String now =
        gateway
            .snapshot()
            .replica(wanted.replica())
            .map(r -> Format.number(r.path("in_flight").asDouble(Double.NaN)))
            .orElse(Format.NONE);
    effects.add("Requests at " + wanted.replica() + " now: " + now);
    long others = replicas().stream().filter(id -> !id.equals(wanted.replica())).count();
    effects.add(
        others == 0
            ? "No other replica is ready: requests may be refused meanwhile"
            : "Other replicas that are ready: " + others);
    effects.add(
        wanted.kind() == Kind.KILL
            ? "It ends when the replica is ready again"
            : "It ends by itself after " + Format.duration(wanted.time()));
    return effects;
  }

  /** Ends one before its time. */
  public Change end(DrillRow row) {
    return end(row.id(), row.replica());
  }

  private static Change end(String id, String replica) {
    return new Change(
        "End drill",
        Role.OPERATOR,
        "DELETE",
        PATH + "/" + AdminClient.encode(id),
        null,
        null,
        List.of(
            replica + " is whole again at once",
            "It takes requests when the canary has passed",
            "The drill is kept as cut short"),
        false);
  }
}
