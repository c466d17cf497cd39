package dev.switchboard.console.models;

import dev.switchboard.console.action.Change;
import dev.switchboard.console.action.Current;
import dev.switchboard.console.api.AdminClient;
import dev.switchboard.console.api.ApiFailure;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.live.LiveGateway;
import dev.switchboard.console.replica.Forecast;
import dev.switchboard.console.ui.Badge;
import dev.switchboard.console.ui.Format;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Loads, changes and unloads models: asks the gateway for its plan first. */
public final class ModelPlans {
  private static final JsonMapper JSON = new JsonMapper();
  private static final String MODELS = "/admin/v1/models";

  /**
   * How local workers are to serve a model; null where the gateway's default, or what is, holds.
   *
   * @param name what clients call it; empty where the file's name does
   */
  public record Wanted(
      @Nullable String file,
      String name,
      @Nullable Integer workers,
      @Nullable Integer standby,
      @Nullable Integer stages,
      @Nullable Integer ranks) {}

  private final LiveGateway gateway;

  public ModelPlans(LiveGateway gateway) {
    this.gateway = gateway;
  }

  /** What the gateway's folder holds. */
  public List<ModelFile> files(Role role) throws ApiFailure {
    List<ModelFile> files = new ArrayList<>();
    gateway
        .client()
        .list("/admin/v1/model-files", "files", role)
        .forEach(f -> files.add(ModelFile.of(f)));
    return files;
  }

  /** Loads a file under a name that nobody has. */
  public Planned load(Wanted wanted, Role role) {
    ObjectNode body = body(wanted);
    if (!wanted.name().isBlank()) {
      body.put("name", wanted.name().strip());
    }
    String name = wanted.name().isBlank() ? String.valueOf(wanted.file()) : wanted.name().strip();
    return plan("Load " + name, "POST", MODELS, body, Current.NONE, role)
        .revertedBy(answer -> possible(unload(now(text(answer, name)), role)))
        .remadeBy(_ -> possible(loadAgain(wanted, name, role)));
  }

  /** The path is of all models, so that what is read there is not the model. */
  private Planned loadAgain(Wanted wanted, String name, Role role) throws ApiFailure {
    return Current.read(gateway, MODELS + "/" + AdminClient.encode(name)).isMissingNode()
        ? load(wanted, role)
        : new Planned.Refused("there is a model " + name + " now: change that one");
  }

  /** Serves a model otherwise. */
  public Planned change(ModelRow model, Wanted wanted, Role role) {
    ModelRow.Spec was = model.spec();
    Planned planned =
        plan("Change " + model.id(), "PATCH", path(model), body(wanted), version(model), role)
            .remadeBy(now -> possible(change(still(model.id(), now), wanted, role)));
    return was == null
        ? planned
        : planned.revertedBy(_ -> possible(change(now(model.id()), was.wanted(wanted), role)));
  }

  /** Serves it no more. */
  public Planned unload(ModelRow model, Role role) {
    Planned planned =
        plan("Unload " + model.id(), "DELETE", path(model), null, version(model), role)
            .remadeBy(now -> possible(unload(still(model.id(), now), role)));
    ModelRow.Spec was = model.spec();
    // What the configuration has is loaded again by its word; what was loaded here, by its file.
    return was == null || was.stored()
        ? planned
        : planned.revertedBy(_ -> possible(reset(now(model.id()), role)));
  }

  private static String text(JsonNode answer, String otherwise) {
    JsonNode model = answer.path("model").isObject() ? answer.path("model") : answer;
    return model.path("id").asString(model.path("name").asString(otherwise));
  }

  private ModelRow now(String id) throws ApiFailure {
    return still(id, Current.read(gateway, MODELS + "/" + AdminClient.encode(id)));
  }

  private static ModelRow still(String id, JsonNode now) throws ApiFailure {
    return ModelsPresenter.model(Current.still(now, "model " + id));
  }

  private static Change possible(Planned planned) throws ApiFailure {
    return switch (planned) {
      case Planned.Possible possible -> possible.change();
      case Planned.Refused refused -> throw ApiFailure.of(ApiFailure.Kind.REFUSED, refused.why());
    };
  }

  /** Has the configuration's word again. */
  public Planned reset(ModelRow model, Role role) {
    return plan(
            "Reset " + model.id(),
            "POST",
            path(model) + "/reset",
            JSON.createObjectNode(),
            version(model),
            role)
        .remadeBy(now -> possible(reset(still(model.id(), now), role)));
  }

  private static String path(ModelRow model) {
    return MODELS + "/" + AdminClient.encode(model.id());
  }

  private static @Nullable String version(ModelRow model) {
    return model.version().isEmpty() ? null : model.version();
  }

  private static ObjectNode body(Wanted wanted) {
    ObjectNode body = JSON.createObjectNode();
    if (wanted.file() != null) {
      body.put("file", wanted.file());
    }
    put(body, "workers", wanted.workers());
    put(body, "standby", wanted.standby());
    put(body, "stages", wanted.stages());
    put(body, "ranks", wanted.ranks());
    return body;
  }

  private static void put(ObjectNode body, String field, @Nullable Integer value) {
    if (value != null) {
      body.put(field, value);
    }
  }

  private Planned plan(
      String title,
      String method,
      String path,
      @Nullable ObjectNode body,
      @Nullable String version,
      Role role) {
    try {
      JsonNode plan = gateway.client().ask(method, path + "?plan=true", body, role);
      if (!plan.path("fits").asBoolean(true)) {
        return new Planned.Refused("It does not fit. " + memory(plan.path("memory")));
      }
      boolean confirm = plan.path("needs_confirmation").asBoolean(false);
      String to = confirm ? path + "?confirm=true" : path;
      boolean risky = plan.path("interrupts").asBoolean(false) || method.equals("DELETE");
      return new Planned.Possible(
          new Change(title, Role.ADMIN, method, to, body, version, effects(plan), risky));
    } catch (ApiFailure e) {
      return new Planned.Refused(e.sentence());
    }
  }

  static List<String> effects(JsonNode plan) {
    List<String> effects = new ArrayList<>();
    int starts = plan.path("starts").asInt(0);
    if (starts > 0) {
      effects.add(starts + (starts == 1 ? " worker starts." : " workers start."));
    }
    if (plan.path("memory").isObject()) {
      effects.add(memory(plan.path("memory")));
    }
    plan.path("leaves").forEach(w -> effects.add(worker(w, "leaves")));
    plan.path("restarts").forEach(w -> effects.add(worker(w, "restarts")));
    if (effects.isEmpty()) {
      effects.add("No worker starts, leaves or restarts.");
    }
    if (plan.path("interrupts").asBoolean(false)) {
      effects.add(
          "No replica of the model is ready meanwhile, or any more: its requests are refused.");
    }
    effects.add(time(plan));
    return effects;
  }

  private static String worker(JsonNode w, String what) {
    StringBuilder text = new StringBuilder(w.path("id").asString(""));
    text.append(' ').append(what).append(" (").append(Badge.word(w.path("state").asString("")));
    text.append(", holds ").append(Format.bytes(w.path("memory_bytes").asDouble(0))).append("). ");
    JsonNode drain = w.path("drain");
    if (drain.isObject()) {
      text.append(String.join(" ", Forecast.sentences(drain)));
    }
    return text.toString().strip();
  }

  private static String memory(JsonNode m) {
    double needed = m.path("needed_bytes").asDouble(Double.NaN);
    double free = m.path("free_bytes").asDouble(Double.NaN);
    String lack = needed > free ? ", " + Format.bytes(needed - free) + " too little" : "";
    return "Memory: "
        + Format.bytes(needed)
        + " needed, "
        + Format.bytes(free)
        + " free"
        + lack
        + ". A worker takes "
        + bytes(m, "worker_bytes")
        + ": weights "
        + bytes(m, "weight_bytes")
        + ", KV cache "
        + bytes(m, "kv_bytes")
        + " for "
        + Format.number(m.path("kv_tokens").asDouble(Double.NaN))
        + " tokens, scratch "
        + bytes(m, "scratch_bytes")
        + ", JVM "
        + bytes(m, "jvm_bytes")
        + ".";
  }

  private static String bytes(JsonNode m, String field) {
    return Format.bytes(m.path(field).asDouble(Double.NaN));
  }

  private static String time(JsonNode plan) {
    JsonNode expected = plan.path("expected_ms");
    if (!expected.isNumber()) {
      return "How long it takes is not known: no model was loaded here yet.";
    }
    JsonNode load = plan.path("load_ms");
    String each = load.isNumber() ? "; a worker loads in " + Format.millis(load.asDouble(0)) : "";
    return "All is done in about " + Format.millis(expected.asDouble(0)) + each + ".";
  }
}
