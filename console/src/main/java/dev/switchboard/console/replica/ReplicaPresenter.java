package dev.switchboard.console.replica;

import dev.switchboard.console.action.Change;
import dev.switchboard.console.action.Current;
import dev.switchboard.console.action.Revert;
import dev.switchboard.console.api.AdminClient;
import dev.switchboard.console.api.ApiFailure;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.auth.Person;
import dev.switchboard.console.live.LiveGateway;
import dev.switchboard.console.live.Ring;
import dev.switchboard.console.live.Series;
import dev.switchboard.console.live.Shared;
import dev.switchboard.console.ui.Badge;
import dev.switchboard.console.ui.Format;
import java.time.Clock;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.DoubleFunction;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.MissingNode;
import tools.jackson.databind.node.ObjectNode;

/** What is known of one replica, and which changes its state allows. */
public final class ReplicaPresenter {
  private static final JsonMapper JSON = new JsonMapper();
  private static final int STEPS = 200;
  private static final int LOG_LINES = 200;

  /** What can be done with a replica. */
  public enum Command {
    DRAIN("Drain", "drain"),
    CANCEL_DRAIN("Cancel drain", "play"),
    RESUME("Resume", "play"),
    CORDON("Cordon", "cordon"),
    UNCORDON("Uncordon", "play"),
    PROMOTE("Promote", "up"),
    WEIGHT("Set weight", "weight"),
    RESTART("Restart", "restart");

    private final String title;
    private final String icon;

    Command(String title, String icon) {
      this.title = title;
      this.icon = icon;
    }

    public String title() {
      return title;
    }

    public String icon() {
      return icon;
    }
  }

  private final LiveGateway gateway;
  private final String id;
  private final Clock clock;
  private JsonNode plan = MissingNode.getInstance();

  public ReplicaPresenter(LiveGateway gateway, String id, Clock clock) {
    this.gateway = gateway;
    this.id = id;
    this.clock = clock;
  }

  public Optional<JsonNode> replica() {
    return gateway.snapshot().replica(id);
  }

  private JsonNode known() {
    return replica().orElse(MissingNode.getInstance());
  }

  private String path(String rest) {
    return "/admin/v1/replicas/" + AdminClient.encode(id) + rest;
  }

  public String state() {
    return known().path("state").asString("");
  }

  /** Why it is in its state and since when. */
  public String about() {
    JsonNode r = known();
    String reason = r.path("reason").asString("");
    String since = time(r.path("since").asString(""));
    return (reason.isEmpty() ? "" : reason + ", ") + "for " + since;
  }

  private String time(String text) {
    try {
      return Format.duration(java.time.Duration.between(Instant.parse(text), clock.instant()));
    } catch (DateTimeException _) {
      return Format.NONE;
    }
  }

  /** Whether it serves, held up by a rank. */
  public boolean held() {
    return state().equals("READY") && !known().path("report").path("stragglers").isEmpty();
  }

  /**
   * A rank that holds up its stage.
   *
   * @param requests how many waited for it since the gateway began
   * @param minutes how long those took in all that missed an objective
   */
  public record Slow(int stage, int rank, int requests, double minutes) {
    String where() {
      return "stage " + stage + ", rank " + rank;
    }

    /** As a filter of requests has it. */
    String rankOfStage() {
      return stage + "." + rank;
    }

    String waited() {
      return requests + (requests == 1 ? " request waited for it" : " requests waited for it");
    }

    String cost() {
      return requests == 0
          ? "No request waited for it yet."
          : " since the gateway began; those that missed an objective took "
              + Format.millis(minutes * 60_000)
              + " in all.";
    }
  }

  /** Ranks that hold up their stage now, and what they cost. */
  public List<Slow> slow() {
    List<Slow> slow = new ArrayList<>();
    for (JsonNode s : known().path("report").path("stragglers")) {
      slow.add(blamed(s.path("stage").asInt(0), s.path("rank").asInt(0)));
    }
    return slow;
  }

  private Slow blamed(int stage, int rank) {
    for (JsonNode b : known().path("blame")) {
      if (b.path("stage").asInt(-1) == stage && b.path("rank").asInt(-1) == rank) {
        int requests = b.path("requests").asInt(0);
        return new Slow(stage, rank, requests, b.path("slo_minutes").asDouble(0));
      }
    }
    return new Slow(stage, rank, 0, 0);
  }

  public double number(String field) {
    return known().path(field).asDouble(Double.NaN);
  }

  public double reported(String field) {
    return known().path("report").path(field).asDouble(Double.NaN);
  }

  public float[] history(String what) {
    return gateway.ring().last(Series.replica(id, what), Ring.SLOTS);
  }

  public double minute(String what) {
    float[] points = gateway.ring().last(Series.replica(id, what), 12);
    double sum = 0;
    int count = 0;
    for (float point : points) {
      sum += Float.isNaN(point) ? 0 : point;
      count += Float.isNaN(point) ? 0 : 1;
    }
    return count == 0 ? Double.NaN : sum / count;
  }

  public long newestSeconds() {
    return gateway.ring().newestSeconds();
  }

  private Shared workerState() {
    return gateway.shared(path("/state"));
  }

  /** Stages by ranks, as far as the worker told. */
  Ranks ranks() {
    return new Ranks(told(workerState()), told(gateway.shared(path("/steps?last=" + STEPS))));
  }

  /** Why nothing is known of its ranks; null where something is, or is being asked. */
  public @Nullable String whyNoRanks() {
    Shared state = workerState();
    return told(state).isMissingNode() ? state.failure() : null;
  }

  /**
   * Of a lost gateway what it told last. One that is there says when its worker does not answer.
   */
  private static JsonNode told(Shared read) {
    boolean holds = read.failure() == null || !read.heard();
    return holds ? node(read.answer()) : MissingNode.getInstance();
  }

  private static JsonNode node(@Nullable JsonNode node) {
    return node == null ? MissingNode.getInstance() : node;
  }

  /** The last lines of its log, or why there are none. */
  public String log() {
    Shared log = gateway.shared(path("/log?lines=" + LOG_LINES));
    JsonNode lines = told(log);
    if (lines.isMissingNode()) {
      return log.failure() == null ? "" : "The log cannot be read: " + log.failure();
    }
    StringBuilder text = new StringBuilder();
    lines.path("lines").forEach(line -> text.append(line.asString("")).append('\n'));
    return text.toString();
  }

  /** Names and values, in the order in which they are shown. */
  public Map<String, String> facts() {
    JsonNode r = known();
    JsonNode state = told(workerState());
    JsonNode model = state.path("model");
    Map<String, String> facts = new LinkedHashMap<>();
    put(facts, "Model", r.path("model").asString(""));
    put(facts, "Architecture", model.path("architecture").asString(""));
    put(facts, "Parameters", amount(model.path("parameters"), Format::number));
    put(facts, "Quantisation", model.path("quantisation").asString(""));
    put(facts, "Context", amount(model.path("context"), v -> Format.number(v) + " tokens"));
    put(facts, "Fingerprint", model.path("fingerprint").asString(""));
    put(
        facts,
        "Kind",
        r.path("kind").asString("") + (r.path("local").asBoolean(false) ? ", local" : ""));
    put(facts, "Process", amount(r.path("pid"), v -> "pid " + (long) v));
    put(facts, "Address", r.path("socket").asString(r.path("url").asString("")));
    put(facts, "Restarts", amount(r.path("restarts"), Format::number));
    put(facts, "Last exit", lastExit(r.path("last_exit")));
    return facts;
  }

  /** What it computes on, and how fast it reads; names and values. */
  public Map<String, String> device() {
    JsonNode state = told(workerState());
    JsonNode topology = state.path("topology");
    JsonNode memory = state.path("memory");
    Map<String, String> facts = new LinkedHashMap<>();
    put(facts, "Computes on", computesOn(known()));
    put(facts, "Device", topology.path("isa").asString(""));
    put(facts, "Threads per rank", amount(topology.path("threads"), Format::number));
    double read = ranks().bandwidth();
    put(
        facts,
        "Read and moved, all ranks, latest steps",
        Double.isNaN(read) ? "" : Format.number(read) + " GB/s");
    put(facts, "Weights", amount(memory.path("weight_bytes"), Format::bytes));
    put(facts, "KV cache", amount(memory.path("kv_bytes"), Format::bytes));
    put(facts, "Scratch", amount(memory.path("scratch_bytes"), Format::bytes));
    put(facts, "Heap of the JVM", amount(memory.path("heap_bytes"), Format::bytes));
    facts.putAll(Devices.facts(state));
    return facts;
  }

  private static String amount(JsonNode node, DoubleFunction<String> how) {
    return node.isNumber() ? how.apply(node.asDouble(0)) : "";
  }

  /** With the devices that its group gives it. */
  private static String computesOn(JsonNode replica) {
    String visible = replica.path("visible_devices").asString("");
    return replica.path("device").asString("")
        + (visible.isEmpty() ? "" : ", sees devices " + visible);
  }

  private static String lastExit(JsonNode exit) {
    String reason = exit.path("reason").asString("");
    return exit.isObject()
        ? exit.path("cause").asString("").replace('_', ' ')
            + (reason.isEmpty() ? "" : " (" + reason + ")")
            + ": "
            + exit.path("message").asString("")
        : "";
  }

  private static void put(Map<String, String> facts, String name, String value) {
    if (!value.isEmpty()) {
      facts.put(name, value);
    }
  }

  /** How it is emptied, or was last; null where it never was. */
  public @Nullable JsonNode drain() {
    JsonNode drain = known().path("drain");
    if (state().equals("DRAINING")) {
      // Only told with the replica alone: who stays, and for how long.
      JsonNode alone = node(gateway.shared(path("")).answer()).path("drain");
      drain = alone.isObject() ? alone : drain;
    }
    return drain.isObject() ? drain : null;
  }

  /** Who is there, as the newest forecast of a drain or a restart says. */
  public List<Forecast.Request> planned() {
    return Forecast.requests(plan.path("forecasts"));
  }

  /** What its state allows, as the gateway has it. */
  public List<Command> commands() {
    List<Command> commands = new ArrayList<>();
    if (state().isEmpty()) {
      return commands;
    }
    commands.addAll(ofState());
    boolean cordoned = known().path("cordoned").asBoolean(false);
    if (cordoned) {
      commands.add(Command.UNCORDON);
    } else if (List.of("READY", "STANDBY", "CORDONED").contains(state())) {
      commands.add(Command.CORDON);
    }
    commands.add(Command.WEIGHT);
    if (restarts()) {
      commands.add(Command.RESTART);
    }
    if (known().path("leaving").asBoolean(false)) {
      commands.removeAll(List.of(Command.RESUME, Command.PROMOTE, Command.RESTART));
    }
    return commands;
  }

  private List<Command> ofState() {
    return switch (state()) {
      case "READY", "CORDONED", "WARMING" -> List.of(Command.DRAIN);
      case "EJECTED" -> List.of(Command.RESUME, Command.DRAIN);
      case "DRAINING" -> List.of(Command.CANCEL_DRAIN);
      case "DRAINED", "STOPPED", "FAILED" -> List.of(Command.RESUME);
      case "STANDBY" -> List.of(Command.PROMOTE, Command.DRAIN);
      default -> List.of();
    };
  }

  /** Only whose process this gateway starts, and not while that starts or is emptied. */
  private boolean restarts() {
    JsonNode r = known();
    return r.path("kind").asString("").equals("worker")
        && r.path("local").asBoolean(false)
        && !List.of("STARTING", "DRAINING", "RESTARTING").contains(state());
  }

  /** The change that a command asks for; a weight takes {@link #weigh}. */
  public Change change(Command command, Person person) {
    Change once = once(command, person).agreed(lossOf(command));
    Change change =
        once.remake() == null
            ? once.remadeBy(now -> again(command, person, Current.still(now, "replica " + id)))
            : once;
    Revert back = revert(command, person);
    return back == null ? change : change.revertedBy(back);
  }

  /** With what comes of it now: of a drain the gateway is asked again who is there. */
  private Change again(Command command, Person person, JsonNode now) {
    Change change = change(command, person);
    List<String> effects = new ArrayList<>();
    effects.add("It is now " + now.path("state").asString(""));
    effects.addAll(change.effects());
    return change.at(Current.version(now), effects);
  }

  /** What takes a command back; null where nothing does. */
  private @Nullable Revert revert(Command command, Person person) {
    return switch (command) {
      case DRAIN ->
          _ -> change(state().equals("DRAINED") ? Command.RESUME : Command.CANCEL_DRAIN, person);
      case CANCEL_DRAIN -> _ -> change(Command.DRAIN, person);
      case RESUME -> state().equals("DRAINED") ? _ -> change(Command.DRAIN, person) : null;
      case CORDON -> _ -> change(Command.UNCORDON, person);
      case UNCORDON -> _ -> change(Command.CORDON, person);
      case WEIGHT -> weigh(number("weight")).revert();
      case PROMOTE, RESTART -> null;
    };
  }

  private Change once(Command command, Person person) {
    return switch (command) {
      case DRAIN -> make("Drain " + id, "POST", "/drain", true, forecast(person));
      case CANCEL_DRAIN ->
          make(
              "Cancel drain of " + id,
              "DELETE",
              "/drain",
              false,
              List.of(
                  "Requests that were moved stay where they are.",
                  "It takes new requests again once it has passed the canary."));
      case RESUME -> make("Resume " + id, "POST", "/resume", false, resumed());
      case CORDON ->
          make(
              "Cordon " + id,
              "POST",
              "/cordon",
              true,
              List.of(
                  "It takes no new requests; the "
                      + Format.number(number("in_flight"))
                      + " it has end there.",
                  othersReady(),
                  "This outlives restarts of the gateway. Undo it by Uncordon."));
      case UNCORDON ->
          make(
              "Uncordon " + id,
              "POST",
              "/uncordon",
              false,
              List.of("It takes new requests again."));
      case PROMOTE ->
          make(
              "Promote " + id,
              "POST",
              "/promote",
              false,
              List.of(
                  "The worker stands by with its model loaded, and takes requests from now on."));
      case RESTART -> make("Restart " + id, "POST", "/restart", true, restart(person));
      case WEIGHT -> weigh(number("weight"));
    };
  }

  private List<String> resumed() {
    String again = "It takes new requests again once it has passed the canary.";
    return state().equals("EJECTED")
        ? List.of(
            "It is tried with its next good health check, however long it was to wait.", again)
        : List.of(again);
  }

  /** Gives it another share of requests. */
  public Change weigh(double weight) {
    return weighing().apply(weight);
  }

  /** The same of the weight that it has now, however long somebody thinks about another one. */
  DoubleFunction<Change> weighing() {
    double before = number("weight");
    String seen = version();
    return weight -> weigh(weight, before, seen);
  }

  private Change weigh(double weight, double before, @Nullable String seen) {
    ObjectNode body = JSON.createObjectNode().put("weight", weight);
    return new Change(
            "Set weight of " + id,
            Role.OPERATOR,
            "POST",
            path("/weight"),
            body,
            seen,
            List.of(
                "Weight " + Format.number(before) + " becomes " + Format.number(weight) + ".",
                share(before, weight)),
            weight == 0,
            Double.isNaN(before) ? null : _ -> weigh(before))
        .remadeBy(now -> weighAgain(weight, now));
  }

  private Change weighAgain(double weight, JsonNode now) throws ApiFailure {
    Current.still(now, "replica " + id);
    return weigh(weight, now.path("weight").asDouble(Double.NaN), Current.version(now));
  }

  private String share(double before, double weight) {
    double others = 0;
    for (JsonNode r : gateway.snapshot().replicas()) {
      boolean peer = r.path("model").equals(known().path("model"));
      if (peer && !r.path("id").asString("").equals(id) && ready(r)) {
        others += r.path("weight").asDouble(0);
      }
    }
    return "Its share of new requests goes from about "
        + Format.percent(Math.rint(100 * before / Math.max(1e-9, before + others)) / 100)
        + " to "
        + Format.percent(Math.rint(100 * weight / Math.max(1e-9, weight + others)) / 100)
        + " where all are equally loaded.";
  }

  private static boolean ready(JsonNode replica) {
    return replica.path("state").asString("").equals("READY");
  }

  private Change make(
      String title, String method, String rest, boolean risky, List<String> effects) {
    JsonNode body =
        method.equals("POST") && !rest.endsWith("cordon") ? JSON.createObjectNode() : null;
    boolean takesBody = rest.equals("/drain") || rest.equals("/restart");
    return new Change(
        title,
        Role.OPERATOR,
        method,
        path(rest),
        takesBody ? body : null,
        version(),
        effects,
        risky);
  }

  private @Nullable String version() {
    String version = known().path("version").asString("");
    return version.isEmpty() ? null : version;
  }

  private List<String> restart(Person person) {
    List<String> effects = new ArrayList<>(forecast(person));
    effects.add("Then its process ends and another one starts; READY again after the canary.");
    return effects;
  }

  /** The gateway's own plan, in sentences. */
  private List<String> forecast(Person person) {
    List<String> effects = new ArrayList<>();
    plan = MissingNode.getInstance();
    try {
      ObjectNode none = JSON.createObjectNode();
      plan = gateway.client().ask(path("/drain?plan=true"), none, person.role());
      effects.addAll(Forecast.sentences(plan));
    } catch (ApiFailure e) {
      effects.add("There is no forecast: " + e.sentence());
    }
    effects.add(othersReady());
    return effects;
  }

  /** What goes with the last replica that serves its model; null where others do, or it did not. */
  private @Nullable String lossOf(Command command) {
    boolean last =
        switch (command) {
          case DRAIN, RESTART -> plan.path("last_ready").asBoolean(lastReady());
          case CORDON -> lastReady();
          case CANCEL_DRAIN, RESUME, UNCORDON, PROMOTE, WEIGHT -> false;
        };
    return last
        ? "It is the last ready replica of "
            + known().path("model").asString("its model")
            + ": requests for it are answered 503 then"
        : null;
  }

  private boolean lastReady() {
    return ready(known()) && othersReadyCount() == 0;
  }

  private long othersReadyCount() {
    return gateway.snapshot().replicas().stream()
        .filter(r -> r.path("model").equals(known().path("model")))
        .filter(r -> !r.path("id").asString("").equals(id) && ready(r))
        .count();
  }

  private String othersReady() {
    long others = othersReadyCount();
    String model = known().path("model").asString("the model");
    return others == 0
        ? "No other replica of " + model + " is ready: its requests will be refused."
        : others
            + (others == 1 ? " other replica of " : " other replicas of ")
            + model
            + (others == 1 ? " is ready." : " are ready.");
  }

  public String word() {
    return Badge.word(state()) + (held() ? ", slow rank" : "");
  }
}
