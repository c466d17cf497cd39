package dev.switchboard.console.slo;

import dev.switchboard.console.action.Change;
import dev.switchboard.console.action.Current;
import dev.switchboard.console.api.AdminClient;
import dev.switchboard.console.api.ApiFailure;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.live.Latest;
import dev.switchboard.console.live.LiveGateway;
import dev.switchboard.console.live.Shared;
import dev.switchboard.console.ui.Format;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.MissingNode;
import tools.jackson.databind.node.ObjectNode;

/** Service classes of one gateway: budgets, hours, and how to set a class. */
public final class SloPresenter {
  /** As the admin API calls them. */
  private static final int HOURS_OF_A_DAY = 24;

  public static final List<String> OBJECTIVES = List.of("availability", "ttft", "tpot", "deadline");

  /** Why requests miss an objective. */
  static final List<String> CAUSES =
      List.of(
          "queue",
          "prefill",
          "decode",
          "neighbours",
          "straggler",
          "machine",
          "client",
          "migration",
          "failure",
          "other");

  private static final JsonMapper JSON = new JsonMapper();

  /** How many requests that missed are read for the worst of them. */
  static final int MISSED_READ = 500;

  private static final String CLASSES = "/admin/v1/slo-classes";
  private static final String BUDGETS = "/admin/v1/slo/budgets";

  /**
   * An hour of one objective, over all models.
   *
   * @param missed requests, by cause
   * @param lateMs by how much they were later than their targets together, by cause; without a
   *     cause of which the gateway tells none
   */
  public record Hour(String hour, long met, Map<String, Long> missed, Map<String, Double> lateMs) {
    /** Copies the maps. */
    public Hour {
      missed = Map.copyOf(missed);
      lateMs = Map.copyOf(lateMs);
    }

    /** By all causes. */
    public long allMissed() {
      return missed.values().stream().mapToLong(Long::longValue).sum();
    }

    /** For all causes that tell it. */
    public double allLateMs() {
      return lateMs.values().stream().mapToDouble(Double::doubleValue).sum();
    }
  }

  private final LiveGateway gateway;
  private final Latest missed = new Latest();

  public SloPresenter(LiveGateway gateway) {
    this.gateway = gateway;
  }

  private JsonNode answer(String path) {
    return answer(gateway.shared(path));
  }

  private static JsonNode answer(Shared read) {
    JsonNode answer = read.answer();
    return answer == null ? MissingNode.getInstance() : answer;
  }

  private Shared allClasses() {
    return gateway.sharedList(CLASSES, "slo_classes");
  }

  /** Whether it told its classes. */
  public boolean asked() {
    return allClasses().answer() != null;
  }

  /** Whether it is known that no budget is kept yet. */
  public boolean withoutBudgets() {
    return gateway.shared(BUDGETS).answer() != null && budgets().isEmpty();
  }

  public @Nullable String failure() {
    String classes = allClasses().failure();
    return classes != null ? classes : gateway.shared(BUDGETS).failure();
  }

  public List<ClassRow> classes() {
    List<ClassRow> rows = new ArrayList<>();
    answer(allClasses()).path("slo_classes").forEach(c -> rows.add(ClassRow.of(c)));
    return rows;
  }

  /** Those that had requests. */
  public List<BudgetRow> budgets() {
    List<BudgetRow> rows = new ArrayList<>();
    for (JsonNode c : answer(BUDGETS).path("classes")) {
      for (String objective : OBJECTIVES) {
        BudgetRow row = BudgetRow.of(c, objective, c.path("objectives").path(objective));
        if (row.used()) {
          rows.add(row);
        }
      }
    }
    return rows;
  }

  private static String missedPath(Instant now) {
    // To the minute, so that the same question is asked again and not another one each time.
    long since = now.minus(Duration.ofDays(1)).getEpochSecond() / 60 * 60;
    Map<String, String> query = new LinkedHashMap<>();
    query.put("limit", "" + MISSED_READ);
    query.put("slo", "missed");
    query.put("since", "" + Instant.ofEpochSecond(since));
    return "/admin/v1/requests" + AdminClient.query(query);
  }

  private JsonNode missed(Instant now) {
    JsonNode answer = missed.of(gateway.shared(missedPath(now))).answer();
    return answer == null ? MissingNode.getInstance() : answer;
  }

  /**
   * Of the newest requests of the last day that missed an objective the latest, the worst first.
   */
  public List<WorstRow> worst(Instant now, int most) {
    Map<String, ClassRow> held = new TreeMap<>();
    classes().forEach(c -> held.put(c.name(), c));
    List<WorstRow> rows = new ArrayList<>();
    missed(now).path("requests").forEach(r -> rows.add(WorstRow.of(r, held)));
    rows.sort(Comparator.comparingDouble(WorstRow::lateMs).reversed());
    return List.copyOf(rows.subList(0, Math.min(most, rows.size())));
  }

  /** Of how many the worst are told; NaN where nobody answered yet. */
  public double missedRead(Instant now) {
    JsonNode requests = missed(now).path("requests");
    return requests.isArray() ? requests.size() : Double.NaN;
  }

  /** An hour of each model is one: of 42 models a day's are more than a page. */
  private Shared allHours(String serviceClass) {
    return gateway.sharedList(
        "/admin/v1/slo" + AdminClient.query(Map.of("class", serviceClass)), "hours");
  }

  /** Whether the hours were read once. */
  boolean hoursRead(String serviceClass) {
    return allHours(serviceClass).answer() != null;
  }

  /** Why the hours cannot be read; null where they can. */
  public @Nullable String hoursFailure(String serviceClass) {
    return allHours(serviceClass).failure();
  }

  /** The last day's hours that had requests, the oldest first. */
  public List<Hour> hours(String serviceClass, String objective) {
    Map<String, Hour> hours = new TreeMap<>();
    for (JsonNode hour : answer(allHours(serviceClass)).path("hours")) {
      JsonNode kept = hour.path("objectives").path(objective);
      if (kept.isObject()) {
        hours.merge(hour.path("hour").asString(""), hour(hour, kept), SloPresenter::together);
      }
    }
    return List.copyOf(hours.values());
  }

  /** With those of the last day that had none. */
  static List<Hour> wholeDay(List<Hour> hours, Instant now) {
    Map<String, Hour> all = new TreeMap<>();
    Instant last = now.truncatedTo(ChronoUnit.HOURS);
    for (int ago = HOURS_OF_A_DAY - 1; ago >= 0; ago--) {
      String hour = last.minus(Duration.ofHours(ago)).toString();
      all.put(hour, new Hour(hour, 0, Map.of(), Map.of()));
    }
    hours.forEach(hour -> all.put(hour.hour(), hour));
    return List.copyOf(all.values());
  }

  private static Hour hour(JsonNode hour, JsonNode kept) {
    Map<String, Long> missed = new TreeMap<>();
    Map<String, Double> late = new TreeMap<>();
    kept.path("causes").properties().forEach(c -> missed.put(c.getKey(), c.getValue().asLong(0)));
    kept.path("late_ms").properties().forEach(c -> late.put(c.getKey(), c.getValue().asDouble(0)));
    return new Hour(hour.path("hour").asString(""), kept.path("met").asLong(0), missed, late);
  }

  private static Hour together(Hour one, Hour other) {
    Map<String, Long> missed = new TreeMap<>(one.missed());
    other.missed().forEach((cause, count) -> missed.merge(cause, count, Long::sum));
    Map<String, Double> late = new TreeMap<>(one.lateMs());
    other.lateMs().forEach((cause, ms) -> late.merge(cause, ms, Double::sum));
    return new Hour(one.hour(), one.met() + other.met(), missed, late);
  }

  /** Of each cause how many requests missed the objective, and by how much: the most time first. */
  static List<CauseRow> causes(List<Hour> hours) {
    List<CauseRow> rows = new ArrayList<>();
    for (String cause : CAUSES) {
      long requests = hours.stream().mapToLong(h -> h.missed().getOrDefault(cause, 0L)).sum();
      List<Hour> tell = hours.stream().filter(h -> h.lateMs().containsKey(cause)).toList();
      double late = tell.stream().mapToDouble(h -> h.lateMs().getOrDefault(cause, 0.0)).sum();
      if (requests > 0) {
        rows.add(new CauseRow(cause, requests, tell.isEmpty() ? Double.NaN : late));
      }
    }
    rows.sort(
        Comparator.comparingDouble((CauseRow row) -> Double.isNaN(row.lateMs()) ? -1 : row.lateMs())
            .thenComparingLong(CauseRow::requests)
            .reversed());
    return rows;
  }

  /** What the last day would have come to with the class as wanted, and the change that sets it. */
  public Preview set(@Nullable ClassRow before, ClassRow wanted, Role role) {
    List<String> day = new ArrayList<>();
    try {
      ObjectNode body = JSON.createObjectNode();
      wanted.put(body);
      JsonNode preview =
          gateway.client().ask("PUT", path(wanted.name()) + "?preview=true", body, role);
      day.addAll(sentences(preview));
    } catch (ApiFailure e) {
      return new Preview.Refused(e.sentence());
    }
    return new Preview.Possible(put(before, wanted, day));
  }

  private static String path(String name) {
    return CLASSES + "/" + AdminClient.encode(name);
  }

  private static @Nullable ClassRow row(JsonNode now) {
    return now.isMissingNode() ? null : ClassRow.of(now);
  }

  /** What the last day would have come to is the same whatever the class was before. */
  private Change put(@Nullable ClassRow before, ClassRow wanted, List<String> day) {
    List<String> effects = new ArrayList<>(differences(before, wanted));
    effects.addAll(day);
    ObjectNode body = JSON.createObjectNode();
    wanted.put(body);
    return new Change(
            "Set class " + wanted.name(),
            Role.ADMIN,
            "PUT",
            path(wanted.name()),
            body,
            before == null ? Current.NONE : before.version(),
            effects,
            before != null,
            _ -> back(before, wanted))
        .remadeBy(now -> put(row(now), wanted, day));
  }

  /** Has the class as it was before it was set to that. */
  private Change back(@Nullable ClassRow before, ClassRow set) throws ApiFailure {
    ClassRow now = row(Current.read(gateway, path(set.name())));
    return before != null && before.stored()
        ? put(now, before, List.of())
        : forget(now == null ? set : now);
  }

  /** Has the configuration's word again. */
  public Change forget(ClassRow row) {
    return new Change(
            "Delete class " + row.name(),
            Role.ADMIN,
            "DELETE",
            path(row.name()),
            null,
            row.version(),
            List.of(
                "The configuration's class " + row.name() + " holds again, where it has one",
                "Else requests that name it are held to the default class"),
            true,
            _ -> back(row, row))
        .remadeBy(now -> forget(ClassRow.of(Current.still(now, "class " + row.name()))));
  }

  private static List<String> differences(@Nullable ClassRow before, ClassRow wanted) {
    if (before == null) {
      return List.of("The class " + wanted.name() + " is new");
    }
    List<String> lines = new ArrayList<>();
    differs(lines, "First token", target(before.ttftMs()), target(wanted.ttftMs()));
    differs(lines, "Per token", target(before.tpotMs()), target(wanted.tpotMs()));
    differs(lines, "Deadline", target(before.deadlineMs()), target(wanted.deadlineMs()));
    differs(lines, "Priority", "" + before.priority(), "" + wanted.priority());
    differs(
        lines, "Objective", Format.percent(before.objective()), Format.percent(wanted.objective()));
    differs(lines, "Window", before.windowDays() + " days", wanted.windowDays() + " days");
    return lines.isEmpty() ? List.of("Nothing changes") : lines;
  }

  private static String target(double ms) {
    return ClassRow.target(ms);
  }

  private static void differs(List<String> lines, String what, String was, String will) {
    if (!was.equals(will)) {
      lines.add(what + ": " + was + " → " + will);
    }
  }

  private static List<String> sentences(JsonNode preview) {
    List<String> lines = new ArrayList<>();
    long requests = preview.path("requests").asLong(0);
    if (requests == 0) {
      return List.of("No request of the last day tells what would come of it");
    }
    lines.add(
        "Of the last day's "
            + Format.number((double) requests)
            + " requests "
            + range(preview.path("would_meet"))
            + " would have met all targets");
    for (String objective : OBJECTIVES) {
      JsonNode o = preview.path("objectives").path(objective);
      if (o.path("target_ms").asDouble(0) > 0 && o.path("requests").asLong(0) > 0) {
        lines.add(
            Format.objective(objective)
                + " within "
                + Format.millis(o.path("target_ms").asDouble(0))
                + ": "
                + range(o.path("would_meet"))
                + " of "
                + Format.number(o.path("requests").asDouble(0))
                + did(o.path("did_meet").path("share")));
      }
    }
    return lines;
  }

  private static String did(JsonNode share) {
    return share.isNumber()
        ? "; " + rounded(share.asDouble(0)) + " met what they were held to"
        : "; they had no such target";
  }

  private static String range(JsonNode share) {
    String least = rounded(share.path("least").asDouble(Double.NaN));
    String most = rounded(share.path("most").asDouble(Double.NaN));
    return least.equals(most) ? least : least + " to " + most;
  }

  private static String rounded(double share) {
    return Format.percent(Math.rint(share * 1000) / 1000);
  }
}
