package dev.switchboard.console.models;

import dev.switchboard.console.action.Change;
import dev.switchboard.console.action.Current;
import dev.switchboard.console.api.AdminClient;
import dev.switchboard.console.api.ApiFailure;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.live.LiveGateway;
import dev.switchboard.console.live.Shared;
import dev.switchboard.console.ui.Format;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.MissingNode;
import tools.jackson.databind.node.ObjectNode;

/** Models, splits and the rolling restart of one gateway, and how to change them. */
public final class ModelsPresenter {
  private static final JsonMapper JSON = new JsonMapper();
  private static final String MODELS = "/admin/v1/models";
  private static final String SPLITS = "/admin/v1/splits";
  private static final String RESTART = "/admin/v1/replicas/restart";

  /**
   * A worker in a rolling restart.
   *
   * @param step as the gateway names it
   */
  public record Step(String worker, String step, double seconds) {}

  /** A rolling restart. */
  public record Rolling(boolean done, boolean failed, double seconds, List<Step> steps) {
    /** Copies the list. */
    public Rolling {
      steps = List.copyOf(steps);
    }
  }

  private final LiveGateway gateway;

  public ModelsPresenter(LiveGateway gateway) {
    this.gateway = gateway;
  }

  private JsonNode answer(String path) {
    return answer(gateway.shared(path));
  }

  private static JsonNode answer(Shared read) {
    JsonNode answer = read.answer();
    return answer == null ? MissingNode.getInstance() : answer;
  }

  /** Whether it told its models. */
  public boolean asked() {
    return gateway.shared(MODELS).answer() != null;
  }

  private Shared allSplits() {
    return gateway.sharedList(SPLITS, "splits");
  }

  /** Whether it told what becomes of names, and there is none. */
  public boolean withoutSplits() {
    return allSplits().answer() != null && splits().isEmpty();
  }

  public @Nullable String failure() {
    String models = gateway.shared(MODELS).failure();
    return models != null ? models : allSplits().failure();
  }

  public List<ModelRow> models() {
    List<ModelRow> rows = new ArrayList<>();
    answer(MODELS).path("models").forEach(model -> rows.add(model(model)));
    return rows;
  }

  static ModelRow model(JsonNode model) {
    List<String> replicas = new ArrayList<>();
    model.path("replicas").forEach(r -> replicas.add(r.asString("")));
    return new ModelRow(
        text(model, "id"),
        replicas,
        model.path("ready").asInt(0),
        about(model.path("metadata")),
        served(model.path("spec")),
        model.path("spec").path("loaded").asBoolean(true),
        spec(model.path("spec")),
        loading(model.path("loading")),
        text(model, "version"));
  }

  private static ModelRow.@Nullable Spec spec(JsonNode s) {
    if (!s.isObject()) {
      return null;
    }
    String file = text(s, "file");
    return new ModelRow.Spec(
        text(s, "origin").equals("api"),
        file.substring(file.lastIndexOf('/') + 1),
        s.path("workers").asInt(0),
        s.path("standby").asInt(0),
        s.path("stages").asInt(1),
        s.path("ranks").asInt(1),
        !s.path("groups").isEmpty());
  }

  private static ModelRow.@Nullable Loading loading(JsonNode l) {
    if (!l.isObject()) {
      return null;
    }
    double total = l.path("total_bytes").asDouble(0);
    double done = l.path("done_bytes").asDouble(0);
    String ready = text(l, "expected_ready");
    String when = ready.isEmpty() ? "" : ", ready about " + Format.clock(Instant.parse(ready));
    return new ModelRow.Loading(
        total > 0 ? done / total : Double.NaN,
        Format.bytes(done) + " of " + Format.bytes(total) + when);
  }

  private static String about(JsonNode m) {
    if (!m.isObject()) {
      return "";
    }
    return text(m, "architecture")
        + ", "
        + Format.number(m.path("parameters").asDouble(Double.NaN))
        + " parameters, "
        + text(m, "quantisation")
        + ", context "
        + Format.number(m.path("context").asDouble(Double.NaN));
  }

  private static String served(JsonNode s) {
    if (!s.isObject()) {
      return "";
    }
    if (!s.path("groups").isEmpty()) {
      List<String> groups = new ArrayList<>();
      s.path("groups").forEach(group -> groups.add(alike(group) + " on " + text(group, "device")));
      return String.join("; ", groups);
    }
    return alike(s);
  }

  /** Workers that are started alike. */
  private static String alike(JsonNode s) {
    int standby = s.path("standby").asInt(0);
    int workers = s.path("workers").asInt(0);
    return workers
        + (workers == 1 ? " worker" : " workers")
        + (standby > 0 ? ", " + standby + " standby" : "")
        + ", "
        + s.path("stages").asInt(1)
        + " × "
        + s.path("ranks").asInt(1);
  }

  private static String text(JsonNode node, String field) {
    return node.path(field).asString("");
  }

  public List<SplitRow> splits() {
    List<SplitRow> rows = new ArrayList<>();
    answer(allSplits()).path("splits").forEach(split -> rows.add(split(split)));
    return rows;
  }

  private static SplitRow split(JsonNode split) {
    List<SplitRow.Target> targets = new ArrayList<>();
    split
        .path("targets")
        .forEach(
            t -> targets.add(new SplitRow.Target(text(t, "model"), t.path("weight").asDouble(1))));
    List<String> fallbacks = new ArrayList<>();
    split.path("fallbacks").forEach(f -> fallbacks.add(f.asString("")));
    return new SplitRow(
        text(split, "name"),
        split.path("version").asString("*"),
        split.path("stored").asBoolean(true),
        targets,
        fallbacks,
        text(split, "policy"),
        text(split, "shadow"),
        results(split.path("shadow_results")));
  }

  private static String results(JsonNode r) {
    if (!r.isObject()) {
      return "";
    }
    return "agrees on "
        + Format.percent(Math.rint(1000 * r.path("agree").asDouble(Double.NaN)) / 1000)
        + " of "
        + Format.number(r.path("decisions").asDouble(0))
        + ", regret "
        + Format.millis(r.path("regret_ms").asDouble(Double.NaN));
  }

  /** How the last rolling restart goes or went; null where there was none. */
  public @Nullable Rolling rolling() {
    JsonNode answer = answer(RESTART);
    if (!answer.path("workers").isArray()) {
      return null;
    }
    List<Step> steps = new ArrayList<>();
    answer
        .path("workers")
        .forEach(
            w ->
                steps.add(new Step(text(w, "id"), text(w, "step"), w.path("seconds").asDouble(0))));
    return new Rolling(
        answer.path("done").asBoolean(false),
        answer.path("failed").asBoolean(false),
        answer.path("seconds").asDouble(0),
        steps);
  }

  /** Restarts the model's workers, one after another. */
  public Change restart(ModelRow model) {
    long local =
        gateway.snapshot().replicas().stream()
            .filter(r -> model.replicas().contains(text(r, "id")))
            .filter(r -> r.path("local").asBoolean(true))
            .count();
    return new Change(
        "Restart workers of " + model.id(),
        Role.OPERATOR,
        "POST",
        RESTART,
        JSON.createObjectNode().put("model", model.id()),
        null,
        List.of(
            local + " workers are emptied and restarted, one after another",
            "Streams end there within the grace, or go on elsewhere",
            model.ready() > 1
                ? (model.ready() - 1) + " replicas take requests meanwhile"
                : "No other replica is ready: requests are refused meanwhile"),
        model.ready() <= 1);
  }

  /** Sets what becomes of a name, as a whole. */
  public Change set(@Nullable SplitRow before, SplitRow wanted) {
    ObjectNode body = JSON.createObjectNode();
    var targets = body.putArray("targets");
    wanted
        .targets()
        .forEach(t -> targets.addObject().put("model", t.model()).put("weight", t.weight()));
    var fallbacks = body.putArray("fallbacks");
    wanted.fallbacks().forEach(fallbacks::add);
    if (!wanted.policy().isBlank()) {
      body.put("policy", wanted.policy());
    }
    if (!wanted.shadow().isBlank()) {
      body.put("shadow", wanted.shadow());
    }
    return new Change(
            "Set " + (wanted.name().isBlank() ? "a name" : wanted.name()),
            Role.ADMIN,
            "PUT",
            path(wanted.name()),
            body,
            before == null ? Current.NONE : before.version(),
            differences(before, wanted),
            true,
            _ -> back(before, wanted))
        .remadeBy(now -> set(row(now), wanted));
  }

  private static @Nullable SplitRow row(JsonNode now) {
    return now.isMissingNode() ? null : split(now);
  }

  /** Has a name as it was before it was set to that. */
  private Change back(@Nullable SplitRow before, SplitRow set) throws ApiFailure {
    SplitRow now = row(Current.read(gateway, path(set.name())));
    return before != null && before.stored() ? set(now, before) : forget(now == null ? set : now);
  }

  private static List<String> differences(@Nullable SplitRow before, SplitRow wanted) {
    List<String> lines = new ArrayList<>();
    List<SplitRow.Target> old = before == null ? List.of() : before.targets();
    Set<String> models = new LinkedHashSet<>();
    old.forEach(t -> models.add(t.model()));
    wanted.targets().forEach(t -> models.add(t.model()));
    for (String model : models) {
      double was = SplitRow.share(old, model);
      double will = SplitRow.share(wanted.targets(), model);
      if (was != will) {
        lines.add(model + ": " + share(was) + " → " + share(will) + " of requests");
      }
    }
    differs(
        lines,
        "Fallbacks",
        before == null ? "" : String.join(", ", before.fallbacks()),
        String.join(", ", wanted.fallbacks()));
    differs(lines, "Policy", before == null ? "" : before.policy(), wanted.policy());
    differs(lines, "Shadow", before == null ? "" : before.shadow(), wanted.shadow());
    if (lines.isEmpty()) {
      return List.of("Nothing changes");
    }
    lines.add("Requests that run keep the model they began with");
    return lines;
  }

  private static void differs(List<String> lines, String what, String was, String will) {
    if (!was.equals(will)) {
      lines.add(
          what + ": " + (was.isEmpty() ? "none" : was) + " → " + (will.isEmpty() ? "none" : will));
    }
  }

  private static String share(double share) {
    return Format.percent(Math.rint(share * 1000) / 1000);
  }

  /** Forgets what was set here. */
  public Change forget(SplitRow row) {
    return new Change(
            "Delete " + row.name(),
            Role.ADMIN,
            "DELETE",
            path(row.name()),
            null,
            row.version(),
            List.of(
                "The configuration's word on " + row.name() + " holds again, where it has one",
                "Else requests for it are answered 404, unless a model is called so"),
            true,
            _ -> back(row, row))
        .remadeBy(now -> forget(split(Current.still(now, "name " + row.name()))));
  }

  private static String path(String name) {
    return "/admin/v1/splits/" + AdminClient.encode(name);
  }
}
