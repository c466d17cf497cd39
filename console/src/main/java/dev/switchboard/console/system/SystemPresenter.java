package dev.switchboard.console.system;

import dev.switchboard.console.action.Change;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.live.LiveGateway;
import dev.switchboard.console.ui.Format;
import java.time.Clock;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What a gateway is, what its telemetry costs, and how it is configured. */
public final class SystemPresenter {
  /** The levels of traces, by their numbers. */
  static final List<String> LEVELS = List.of("0: none", "1: requests", "2: ranks", "3: every step");

  private static final String CONFIG = "/admin/v1/config";
  private static final Duration CONFIG_EVERY = Duration.ofSeconds(10);

  private final LiveGateway gateway;
  private final Clock clock;

  public SystemPresenter(LiveGateway gateway, Clock clock) {
    this.gateway = gateway;
    this.clock = clock;
  }

  /** Every key of the configuration; none before the first answer. */
  public List<ConfigRow> config() {
    JsonNode answer = gateway.shared(CONFIG, CONFIG_EVERY).answer();
    return answer == null ? List.of() : ConfigRow.all(answer);
  }

  /** Why there is none; empty where there is one, or none was asked for yet. */
  public String configFailure() {
    String failure = gateway.shared(CONFIG, CONFIG_EVERY).failure();
    return failure == null ? "" : failure;
  }

  private JsonNode info() {
    return gateway.snapshot().info();
  }

  /** Names and values. */
  public Map<String, String> facts() {
    JsonNode i = info();
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put("Version", i.path("version").asString(Format.NONE));
    facts.put("Commit", i.path("commit").asString("not told by its launcher"));
    facts.put("Started", started(i.path("started").asString("")));
    facts.put("Host", i.path("host").asString(Format.NONE) + ", pid " + i.path("pid").asLong(0));
    facts.put("API", i.path("addresses").path("api").asString(Format.NONE));
    facts.put("Admin API", i.path("addresses").path("admin").asString(Format.NONE));
    facts.put("In flight", Format.number(i.path("in_flight").asDouble(Double.NaN)));
    JsonNode c = i.path("connections");
    facts.put(
        "Connections",
        c.path("api").asInt(0)
            + " of "
            + c.path("api_limit").asInt(0)
            + ", admin "
            + c.path("admin").asInt(0));
    JsonNode store = i.path("store");
    String down = store.path("why").asString("");
    facts.put(
        "Store",
        store.path("kind").asString(Format.NONE)
            + (store.path("up").asBoolean(false) ? ", up" : ", down: " + down));
    JsonNode valkey = i.path("valkey");
    facts.put(
        "Valkey",
        valkey.isObject()
            ? valkey.path("address").asString("")
                + (valkey.path("reached").asBoolean(false) ? ", reached" : ", not reached")
            : "none: this gateway shares no limits");
    return facts;
  }

  private String started(String text) {
    try {
      Instant at = Instant.parse(text);
      return Format.full(at) + ", " + Format.ago(at, clock.instant());
    } catch (DateTimeException _) {
      return Format.NONE;
    }
  }

  /** What traces tell now, with what the governor holds back. */
  public int level() {
    return info().path("telemetry").path("level").asInt(0);
  }

  /** What they were set to tell. */
  int wantedLevel() {
    int wanted = info().path("telemetry").path("wanted_level").asInt(level());
    return Math.clamp(wanted, 0, LEVELS.size() - 1);
  }

  /** What telemetry tells and costs, in a sentence. */
  public String telemetry() {
    JsonNode t = info().path("telemetry");
    JsonNode cpu = t.path("cpu");
    StringBuilder text = new StringBuilder("Traces tell ");
    text.append(LEVELS.get(Math.clamp(level(), 0, 3)).substring(3)).append(". ");
    if (cpu.isObject()) {
      text.append("Telemetry takes ").append(Format.percent(cpu.path("share").asDouble(0)));
      text.append(" of all cores, of ").append(Format.percent(cpu.path("allowed").asDouble(0)));
      text.append(" that it may. ");
    }
    if (t.path("held_back").size() > 0) {
      List<String> held = new ArrayList<>();
      t.path("held_back").forEach(h -> held.add(h.asString("")));
      text.append("Held back: ").append(String.join(", ", held));
      text.append(", since ").append(t.path("why").asString("")).append(" was too much.");
    } else {
      text.append("Nothing is held back.");
    }
    return text.toString();
  }

  /** Parts of the processor time, as shares of all cores. */
  public Map<String, Double> costs() {
    JsonNode cpu = info().path("telemetry").path("cpu");
    Map<String, Double> costs = new LinkedHashMap<>();
    costs.put("Recording requests", cpu.path("recording").asDouble(Double.NaN));
    costs.put("Scrapes", cpu.path("scrapes").asDouble(Double.NaN));
    costs.put("Export of spans", cpu.path("export").asDouble(Double.NaN));
    return costs;
  }

  public double allowed() {
    return info().path("telemetry").path("cpu").path("allowed").asDouble(Double.NaN);
  }

  /** Sets how much the traces of all models tell. */
  public Change level(int level) {
    int before = wantedLevel();
    return new Change(
        "Set trace level " + level,
        Role.OPERATOR,
        "PUT",
        "/admin/v1/trace-levels",
        JsonMapper.shared().createObjectNode().put("level", level),
        null,
        List.of(
            "Traces of all models without a level of their own go from "
                + LEVELS.get(before)
                + " to "
                + LEVELS.get(level)
                + ".",
            "In force from the next request on, until this gateway ends.",
            "The governor takes detail back where telemetry costs too much."),
        false,
        _ -> level(before));
  }

  /** Reads the configuration again. */
  public Change reload() {
    return new Change(
        "Reload configuration",
        Role.ADMIN,
        "POST",
        "/admin/v1/config/reload",
        JsonMapper.shared().createObjectNode(),
        null,
        List.of(
            "The gateway reads its configuration again, and takes it as a whole or not at all.",
            "Workers whose options changed are restarted one after another; models that are gone"
                + " are emptied first."),
        true);
  }
}
