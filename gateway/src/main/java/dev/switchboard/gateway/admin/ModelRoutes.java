package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.admin.ConfigControl.ModelState;
import dev.switchboard.gateway.fleet.Fleet;
import dev.switchboard.gateway.fleet.ModelSpec;
import dev.switchboard.gateway.identity.Caller.Role;
import dev.switchboard.gateway.models.ModelFolder;
import dev.switchboard.gateway.models.ModelFolder.Found;
import dev.switchboard.gateway.models.ModelHeader;
import dev.switchboard.gateway.models.ModelInspector;
import dev.switchboard.gateway.store.ModelSetting;
import dev.switchboard.gateway.store.Store;
import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import io.vertx.core.Future;
import io.vertx.core.http.HttpMethod;
import io.vertx.ext.web.RoutingContext;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Models: what is served, the files that could be, and changes of it by {@link ModelChanges}. On
 * the admin listener's event loop; files are read off it.
 */
final class ModelRoutes {
  private static final String BASE = "/admin/v1/models";

  private final Fleet fleet;
  private final Store store;
  private final ConfigControl control;
  private final ModelJson json;
  private final ModelInspector inspector;
  private final ModelChanges changes;

  private ModelRoutes(Fleet fleet, Store store, ConfigControl control) {
    this.fleet = fleet;
    this.store = store;
    this.control = control;
    this.json = new ModelJson(fleet);
    this.inspector = new ModelInspector(fleet.localModels()::inspectLaunch);
    this.changes = new ModelChanges(fleet, inspector);
  }

  /** How a model is to be served; what is left out stays, or is as the configuration has it. */
  record Wanted(
      @Nullable String file,
      @Nullable String name,
      @Nullable Integer workers,
      @Nullable Integer standby,
      @Nullable Integer stages,
      @Nullable Integer ranks) {}

  /** An action that needs nothing more. */
  record Plainly() {}

  /** What becomes of a model: the setting to keep, or none to have the configuration's. */
  private record Step(String name, @Nullable ModelSpec spec, boolean forget) {}

  static void add(AdminRouter router, Fleet fleet, Store store, ConfigControl control) {
    ModelRoutes routes = new ModelRoutes(fleet, store, control);
    router.read(BASE, routes::list);
    router.read(BASE + "/:id", routes::get);
    router.read("/admin/v1/model-files", routes::files);
    change(router, HttpMethod.POST, BASE, routes::load);
    change(router, HttpMethod.PATCH, BASE + "/:id", routes::patch);
    change(router, HttpMethod.DELETE, BASE + "/:id", routes::unload);
    change(router, HttpMethod.POST, BASE + "/:id/reset", routes::reset);
  }

  private static void change(
      AdminRouter router, HttpMethod method, String path, AdminRouter.Action action) {
    router.change(method, path, Role.ADMIN, Set.of("plan", "confirm"), action);
  }

  // ------------------------------------------------------------------ reads

  private void list(RoutingContext context) {
    List<ModelState> states = control.models();
    Set<String> names = new TreeSet<>(fleet.models());
    states.forEach(each -> names.add(each.name()));
    ObjectNode answer = JsonNodeFactory.instance.objectNode();
    ArrayNode array = answer.putArray("models");
    names.forEach(name -> array.add(json.of(name, named(states, name))));
    AdminServer.answer(context, answer);
  }

  private void get(RoutingContext context) {
    AdminServer.answer(context, told(JsonInput.path(context, "id")));
  }

  private ObjectNode told(String name) {
    ModelState state = named(control.models(), name);
    if (state == null && !fleet.has(name)) {
      throw new ApiException(ApiError.modelNotFound(name));
    }
    return json.of(name, state);
  }

  private static @Nullable ModelState named(List<ModelState> states, String name) {
    return states.stream().filter(each -> each.name().equals(name)).findFirst().orElse(null);
  }

  private void files(RoutingContext context) {
    JsonInput.only(context, Set.of("limit", "after"));
    int limit = Page.limit(context);
    String after = JsonInput.query(context, "after");
    Path folder = control.modelFolder();
    context
        .vertx()
        .executeBlocking(() -> files(folder, after, limit), false)
        .onSuccess(answer -> AdminServer.answer(context, answer))
        .onFailure(cause -> AdminRouter.error(context, AdminRouter.error(cause)));
  }

  private ObjectNode files(@Nullable Path folder, @Nullable String after, int limit) {
    ModelFolder.Listing listing =
        folder == null
            ? new ModelFolder.Listing(List.of(), true)
            : listing(new ModelFolder(folder));
    List<Found> some =
        listing.files().stream()
            .filter(file -> after == null || file.name().compareTo(after) > 0)
            .toList();
    List<Found> page = some.subList(0, Math.min(limit, some.size()));
    Map<Found, ModelHeader> headers = inspector.headers(page);
    List<ModelState> states = control.models();
    ObjectNode answer = JsonNodeFactory.instance.objectNode();
    answer.put("folder", folder == null ? null : folder.toString());
    ArrayNode array = answer.putArray("files");
    page.forEach(file -> array.add(ModelJson.file(file, headers.get(file), states)));
    answer.put("complete", listing.complete());
    if (some.size() > page.size()) {
      answer.put("next", page.getLast().name());
    }
    return answer;
  }

  private static ModelFolder.Listing listing(ModelFolder folder) {
    try {
      return folder.list();
    } catch (IOException e) {
      throw new ApiException(
          new ApiError(
              409,
              "invalid_request_error",
              "no_model_folder",
              null,
              "The folder of model-files.folder cannot be read."));
    }
  }

  private ModelFolder folder() {
    Path folder = control.modelFolder();
    if (folder == null) {
      throw new ApiException(
          new ApiError(
              409,
              "invalid_request_error",
              "no_model_folder",
              null,
              "There is no folder whose models may be loaded: model-files.folder is not set."));
    }
    return new ModelFolder(folder);
  }

  // ------------------------------------------------------------------ changes

  private Future<Change> load(RoutingContext context, byte[] body) {
    Wanted wanted = JsonInput.read(body, Wanted.class);
    if (wanted.file() == null) {
      throw JsonInput.refused("file", "is missing");
    }
    ModelSpec spec = checked(wanted, found(wanted.file()), wanted.name(), null);
    return change(
        context,
        spec.servedName(),
        state -> {
          if (state != null && state.spec() != null) {
            throw new ApiException(
                new ApiError(
                    409,
                    "invalid_request_error",
                    "already_exists",
                    "name",
                    "A model of this name is served already: PATCH changes it."));
          }
          return new Step(spec.servedName(), spec, false);
        });
  }

  private Future<Change> patch(RoutingContext context, byte[] body) {
    String name = JsonInput.path(context, "id");
    Wanted wanted = JsonInput.read(body, Wanted.class);
    if (wanted.name() != null) {
      throw JsonInput.refused("name", "cannot be changed");
    }
    Path file = wanted.file() == null ? null : found(wanted.file());
    return change(
        context,
        name,
        state -> {
          ModelSpec now = served(state, name);
          return new Step(
              name, checked(wanted, file == null ? now.file() : file, name, now), false);
        });
  }

  private Future<Change> unload(RoutingContext context, byte[] body) {
    Plainly _ = JsonInput.readIfAny(body, Plainly.class);
    String name = JsonInput.path(context, "id");
    return change(
        context,
        name,
        state -> {
          ModelSpec _ = served(state, name);
          return new Step(name, null, state != null && state.configured() == null);
        });
  }

  private Future<Change> reset(RoutingContext context, byte[] body) {
    Plainly _ = JsonInput.readIfAny(body, Plainly.class);
    String name = JsonInput.path(context, "id");
    return change(
        context,
        name,
        state -> {
          if (state == null || state.setting() == null) {
            throw new ApiException(AdminServer.noSuch("model that was set by this API", "id"));
          }
          return new Step(name, state.configured(), true);
        });
  }

  private static ModelSpec served(@Nullable ModelState state, String name) {
    ModelSpec spec = state == null ? null : state.spec();
    if (spec == null) {
      throw new ApiException(ApiError.modelNotFound(name));
    }
    return spec;
  }

  /** What is left out stays; of a new model it is as the configuration has it for all. */
  private static ModelSpec checked(
      Wanted wanted, Path file, @Nullable String name, @Nullable ModelSpec now) {
    try {
      return new ModelSpec(
          file,
          name == null ? new ModelSpec(file, null, null).servedName() : name,
          or(wanted.workers(), now == null ? null : now.workers()),
          or(wanted.standby(), now == null ? null : now.standby()),
          or(wanted.stages(), now == null ? null : now.stages()),
          or(wanted.ranks(), now == null ? null : now.ranks()),
          now == null ? List.of() : now.groups());
    } catch (IllegalArgumentException e) {
      throw JsonInput.refused(e);
    }
  }

  private static @Nullable Integer or(@Nullable Integer wanted, @Nullable Integer otherwise) {
    return wanted == null ? otherwise : wanted;
  }

  private Path found(String name) {
    try {
      return folder().find(name).path();
    } catch (ModelFolder.RefusedException refused) {
      String message = "file " + refused.getMessage() + ".";
      throw new ApiException(
          refused.missing()
              ? new ApiError(404, "invalid_request_error", "file_not_found", "file", message)
              : ApiError.invalid("file", message));
    }
  }

  /**
   * Plans a change and, unless only the plan is wanted, makes it: it is kept first, and the fleet
   * is another one when that is done.
   */
  private Future<Change> change(
      RoutingContext context, String name, Function<@Nullable ModelState, Step> chosen) {
    boolean only = JsonInput.flag(context, "plan");
    boolean confirmed = JsonInput.flag(context, "confirm");
    return changes.inTurn(
        () -> {
          ModelState state = named(control.models(), name);
          ObjectNode before = state == null ? null : json.settings(state);
          Step step = chosen.apply(state);
          Versions.check(context, before);
          refuseUnreachable(step);
          return changes
              .plan(context.vertx(), step.name(), step.spec())
              .compose(
                  plan ->
                      only
                          ? Future.succeededFuture(Change.of(plan.json(), null, null))
                          : make(context, step, plan, confirmed, state, before));
        });
  }

  private void refuseUnreachable(Step step) {
    try {
      control.check(step.name(), step.spec());
    } catch (IllegalArgumentException e) {
      throw new ApiException(
          new ApiError(
              409,
              "invalid_request_error",
              "model_in_use",
              null,
              "A name leads to this model, which nobody would serve: " + e.getMessage() + "."));
    }
  }

  private Future<Change> make(
      RoutingContext context,
      Step step,
      ModelPlan plan,
      boolean confirmed,
      @Nullable ModelState state,
      @Nullable ObjectNode before) {
    changes.refuseUnfit(plan, confirmed);
    ModelSpec configured = state == null ? null : state.configured();
    String origin = state == null ? "api" : state.configuredOrigin();
    return Future.fromCompletionStage(
            step.forget()
                ? store.deleteModel(
                    step.name(), was -> check(context, step.name(), was, configured, origin))
                : store.put(
                    new ModelSetting(step.name(), step.spec()),
                    was -> check(context, step.name(), was, configured, origin)),
            context.vertx().getOrCreateContext())
        .map(
            was -> {
              changes.begun(plan);
              ModelState now = named(control.models(), step.name());
              ObjectNode answer = JsonNodeFactory.instance.objectNode();
              answer.set("model", json.of(step.name(), now));
              answer.set("plan", plan.json());
              return new Change(202, answer, before, now == null ? null : json.settings(now));
            });
  }

  /** In the transaction that changes it: somebody may have been faster at another gateway. */
  private void check(
      RoutingContext context,
      String name,
      @Nullable ModelSetting was,
      @Nullable ModelSpec configured,
      String origin) {
    boolean there = was != null || configured != null;
    Versions.check(
        context, there ? json.settings(new ModelState(name, configured, origin, was)) : null);
  }
}
