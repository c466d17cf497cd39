package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.framing.MediaType;
import dev.switchboard.gateway.http.BodyReader;
import dev.switchboard.gateway.http.Connections;
import dev.switchboard.gateway.http.ProtocolGuard;
import dev.switchboard.gateway.identity.Caller;
import dev.switchboard.gateway.identity.Caller.Role;
import dev.switchboard.gateway.store.AuditEntry;
import dev.switchboard.gateway.store.StoreException;
import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import dev.switchboard.openai.NearPath;
import dev.switchboard.timers.VertxTimers;
import io.vertx.core.Future;
import io.vertx.core.Handler;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Registers the admin API's routes, so that none is without a role and no change goes unaudited:
 * there are four ways to add a route, and all see to it. A path that nobody registered is denied.
 * So is in the log whoever was denied something, at a bounded rate.
 */
final class AdminRouter {
  private static final Logger LOG = LoggerFactory.getLogger(AdminRouter.class);
  private static final int MOST_BODY_BYTES = 64 << 10;
  private static final int BODY_MS = 10_000;
  private static final int MOST_TARGET_CHARS = 256;
  private static final String CALLER = "caller";

  /** Parameters by which a change is only told of. */
  private static final List<String> DRY_RUNS = List.of("plan", "preview");

  private static final ApiError NOT_JSON =
      ApiError.forbidden("Send Content-Type: application/json or the header X-Switchboard-Admin.");

  /** Does something; may throw {@link ApiException}. */
  @FunctionalInterface
  interface Action {
    Future<Change> run(RoutingContext context, byte[] body);
  }

  private final Router router;
  private final Function<AuditEntry, CompletionStage<Void>> log;
  private final LongSupplier epochMs;
  private final DeniedRequests denied;
  private final List<AdminRoute> routes = new ArrayList<>();

  /**
   * @param log keeps what was changed, or was to be; done when that is kept
   */
  AdminRouter(
      Router router, Function<AuditEntry, CompletionStage<Void>> log, LongSupplier epochMs) {
    this.router = router;
    this.log = log;
    this.epochMs = epochMs;
    this.denied =
        new DeniedRequests(
            entry -> {
              CompletionStage<Void> _ = log.apply(entry);
            },
            epochMs);
  }

  /** What was denied so far; to be asked now and then, and at the end. */
  DeniedRequests denied() {
    return denied;
  }

  /**
   * Answers a request that nobody known sent, or whose key is of no use any more.
   *
   * @param holder whose key it was; null where that is not known
   */
  void deny(RoutingContext context, ApiError error, @Nullable Caller holder) {
    denied(context, holder, action(context), "", error);
    error(context, error);
  }

  /** The route that was asked for; a path of none may hold anything, and is not told. */
  private String action(RoutingContext context) {
    String method = context.request().method().name();
    String[] path = context.normalizedPath().split("/", -1);
    for (AdminRoute route : routes) {
      if (route.method().equals(method) && matches(route.path().split("/", -1), path)) {
        return route.action();
      }
    }
    return "no route";
  }

  private static boolean matches(String[] route, String[] path) {
    boolean same = route.length == path.length;
    for (int i = 0; same && i < route.length; i++) {
      same = route[i].startsWith(":") || route[i].equals(path[i]);
    }
    return same;
  }

  private void denied(
      RoutingContext context, @Nullable Caller who, String action, String target, ApiError error) {
    denied.denied(
        new DeniedRequests.Kind(
            who == null ? DeniedRequests.NOBODY : who.key(),
            who == null ? "none" : who.role().label(),
            source(context),
            action,
            error.status(),
            String.valueOf(error.code())),
        target);
  }

  private static String source(RoutingContext context) {
    return String.valueOf(context.request().remoteAddress().hostAddress());
  }

  private static String target(RoutingContext context) {
    return clipped(String.join("/", context.pathParams().values()), MOST_TARGET_CHARS);
  }

  /** Whoever was let in; to be called before any of the routes. */
  static void caller(RoutingContext context, Caller caller) {
    context.put(CALLER, caller);
  }

  List<AdminRoute> routes() {
    return List.copyOf(routes);
  }

  /** A route that only reads. */
  void read(String path, Handler<RoutingContext> handler) {
    AdminRoute route = add(HttpMethod.GET, path, Role.VIEWER, false);
    router
        .get(path)
        .handler(
            context -> {
              if (permitted(context, route)) {
                guarded(context, handler);
              }
            });
  }

  /** A route that only reads, and is asked with a body. */
  void ask(String path, BiFunction<RoutingContext, byte[], JsonNode> answer) {
    AdminRoute route = add(HttpMethod.POST, path, Role.VIEWER, false);
    router
        .post(path)
        .handler(
            context -> {
              if (permitted(context, route)) {
                body(context)
                    .map(body -> answer.apply(context, body.getBytes()))
                    .onSuccess(json -> json(context, json.toString()))
                    .onFailure(cause -> error(context, error(cause)));
              }
            });
  }

  private static Future<Buffer> body(RoutingContext context) {
    return crossOrigin(context)
        ? Future.failedFuture(new ApiException(NOT_JSON))
        : BodyReader.read(
                new VertxTimers(context.vertx()), context.request(), MOST_BODY_BYTES, BODY_MS)
            .recover(AdminRouter::unreadable);
  }

  /** A route that changes something. */
  void change(HttpMethod method, String path, Role role, Action action) {
    change(method, path, role, Set.of(), action);
  }

  /**
   * A route that changes something.
   *
   * @param parameters of its query; of {@link #DRY_RUNS} nothing is changed
   */
  void change(HttpMethod method, String path, Role role, Set<String> parameters, Action action) {
    AdminRoute route = add(method, path, role, true);
    router
        .route(method, path)
        .handler(
            context -> {
              if (permitted(context, route)) {
                perform(context, route, parameters, action);
              }
            });
  }

  /**
   * What refuses {@code If-Match}: there is no version of what it changes, and who names one must
   * not believe that it was held to it.
   */
  static Action unversioned(Action action) {
    return (context, body) -> {
      if (context.request().getHeader("If-Match") != null) {
        throw JsonInput.refused("If-Match", "is for what has a version, which this has not");
      }
      return action.run(context, body);
    };
  }

  /** Answers other methods on known paths, then everything else; called last. */
  void close() {
    for (String path : routes.stream().map(AdminRoute::path).distinct().toList()) {
      String allowed =
          routes.stream()
              .filter(route -> route.path().equals(path))
              .map(AdminRoute::method)
              .collect(Collectors.joining(", "));
      router
          .route(path)
          .handler(
              context -> {
                context.response().putHeader("Allow", allowed);
                error(context, ApiError.methodNotAllowed(allowed));
              });
    }
    NearPath paths =
        new NearPath(
            routes.stream().map(AdminRoute::path).filter(path -> !path.contains(":")).toList());
    router.route().handler(context -> unknownPath(context, paths));
    // A target that is no path comes to no route.
    router.errorHandler(404, context -> unknownPath(context, paths));
    router.errorHandler(400, context -> error(context, ApiError.invalid(null, "Malformed path.")));
    router.errorHandler(
        500,
        context -> {
          LOG.error("admin_failed path={}", context.normalizedPath(), context.failure());
          error(context, ApiError.internal());
        });
  }

  private static void unknownPath(RoutingContext context, NearPath paths) {
    error(context, paths.notFound(context.normalizedPath()));
  }

  private AdminRoute add(HttpMethod method, String path, Role role, boolean mutating) {
    AdminRoute route = new AdminRoute(method.name(), path, role, mutating);
    routes.add(route);
    return route;
  }

  private boolean permitted(RoutingContext context, AdminRoute route) {
    Caller caller = caller(context);
    if (caller.role().may(route.role())) {
      return true;
    }
    ApiError refused =
        ApiError.forbidden(
            "This needs a key of the role " + route.role().label() + " or of a higher one.");
    denied(context, caller, route.action(), target(context), refused);
    error(context, refused);
    return false;
  }

  /** Who was let in. */
  static Caller caller(RoutingContext context) {
    return Objects.requireNonNull(context.<Caller>get(CALLER), "let in before");
  }

  /** Does something whose refusals are answers. */
  static void guarded(RoutingContext context, Handler<RoutingContext> handler) {
    try {
      handler.handle(context);
    } catch (ApiException refused) {
      error(context, refused.error());
    }
  }

  private void perform(
      RoutingContext context, AdminRoute route, Set<String> parameters, Action action) {
    AuditEntry.Why why;
    try {
      why = ChangeHeaders.read(context.request(), caller(context));
      JsonInput.only(context, parameters);
    } catch (ApiException said) {
      refused(context, route, said.error(), AuditEntry.Why.UNSAID);
      return;
    }
    body(context)
        .compose(body -> action.run(context, body.getBytes()))
        .onSuccess(
            change ->
                audit(context, route, change.status(), null, change, why)
                    .onComplete(kept -> changed(context, change)))
        .onFailure(cause -> refused(context, route, error(cause), why));
  }

  /** A route whose answer is a file that tells much: who asked is in the audit log. */
  void export(String path, Role role, Handler<RoutingContext> answer) {
    AdminRoute route = add(HttpMethod.POST, path, role, true);
    router
        .post(path)
        .handler(
            context -> {
              if (permitted(context, route)) {
                told(context, route, answer);
              }
            });
  }

  private void told(RoutingContext context, AdminRoute route, Handler<RoutingContext> answer) {
    AuditEntry.Why why;
    try {
      JsonInput.only(context, Set.of());
      if (context.request().getHeader("If-Match") != null) {
        throw JsonInput.refused("If-Match", "is for what has a version, which this has not");
      }
      why = ChangeHeaders.read(context.request(), caller(context));
    } catch (ApiException said) {
      refused(context, route, said.error(), AuditEntry.Why.UNSAID);
      return;
    }
    body(context)
        .map(body -> JsonInput.readIfAny(body.getBytes(), Nothing.class))
        .onSuccess(
            read ->
                audit(context, route, 200, null, null, why)
                    .onComplete(kept -> answer.handle(context)))
        .onFailure(cause -> refused(context, route, error(cause), why));
  }

  /** A body that says nothing. */
  record Nothing() {}

  private static void changed(RoutingContext context, Change change) {
    context.response().setStatusCode(change.status());
    json(context, change.answer().toString());
  }

  private static Future<Buffer> unreadable(Throwable cause) {
    return Future.failedFuture(
        cause instanceof ApiException refused
            ? refused
            : new ApiException(ProtocolGuard.unreadableBody()));
  }

  /** A form or plain-text request is what a foreign web page can send without asking. */
  private static boolean crossOrigin(RoutingContext context) {
    return context.request().getHeader("X-Switchboard-Admin") == null
        && !MediaType.isJson(context.request().getHeader("Content-Type"));
  }

  private void refused(
      RoutingContext context, AdminRoute route, ApiError error, AuditEntry.Why why) {
    String code = error.code() == null ? "invalid" : error.code();
    Future<Void> kept = audit(context, route, error.status(), code, null, why);
    if (context.request().isEnded()) {
      kept.onComplete(done -> error(context, error));
    } else {
      // The connection ends with what could not be read of the request: an answer would be late.
      error(context, error);
    }
  }

  /** Done when the entry outlives a crash, or waits for the store. */
  private Future<Void> audit(
      RoutingContext context,
      AdminRoute route,
      int status,
      @Nullable String code,
      @Nullable Change change,
      AuditEntry.Why why) {
    Caller caller = caller(context);
    AuditEntry entry =
        new AuditEntry(
            0,
            UUID.randomUUID().toString(),
            epochMs.getAsLong(),
            caller.key(),
            caller.role().label(),
            source(context),
            route.action() + dryRun(context),
            target(context),
            status,
            code,
            change == null || change.before() == null
                ? null
                : clipped(change.before().toString(), AuditEntry.MOST_JSON_CHARS),
            change == null || change.after() == null
                ? null
                : clipped(change.after().toString(), AuditEntry.MOST_JSON_CHARS),
            why);
    return Future.fromCompletionStage(log.apply(entry), context.vertx().getOrCreateContext());
  }

  /** What changes nothing is told apart from what would. */
  private static String dryRun(RoutingContext context) {
    for (String name : DRY_RUNS) {
      if (context.queryParams().contains(name, "true", false)) {
        return "?" + name + "=true";
      }
    }
    return "";
  }

  private static String clipped(String text, int most) {
    return text.length() <= most ? text : text.substring(0, most);
  }

  // ------------------------------------------------------------------ answers

  /** What a failure is to the caller. */
  static ApiError error(Throwable cause) {
    Throwable reason =
        cause instanceof CompletionException && cause.getCause() != null ? cause.getCause() : cause;
    if (reason instanceof ApiException refused) {
      return refused.error();
    }
    if (reason instanceof StoreException failed) {
      return switch (failed.kind()) {
        case UNAVAILABLE -> storeTrouble(failed, "The store cannot be reached");
        case BUSY -> storeTrouble(failed, "The store is busy with changes of other gateways");
        case FULL -> storeTrouble(failed, "The store's disk is full");
        case MISSING ->
            storeTrouble(failed, "The store's file is gone or another one, or its keys are gone");
        case CONFLICT ->
            new ApiError(
                409, "invalid_request_error", "already_exists", null, "This exists already.");
        case REFUSED -> ApiError.invalid(null, "The store takes no such value.");
      };
    }
    LOG.error("admin_failed", reason);
    return ApiError.internal();
  }

  private static ApiError storeTrouble(StoreException failed, String what) {
    return new ApiError(
        503,
        "server_error",
        failed.kind().code(),
        null,
        what + "; nothing is known to have changed.");
  }

  static void json(RoutingContext context, String body) {
    context.response().putHeader("Content-Type", "application/json").end(body);
  }

  static void error(RoutingContext context, ApiError error) {
    if (context.response().ended() || context.response().closed()) {
      return;
    }
    if (error.status() == 401) {
      context.response().putHeader("WWW-Authenticate", "Bearer");
    }
    context.response().setStatusCode(error.status()).putHeader("Content-Type", "application/json");
    Future<Void> _ = Connections.answer(context.request(), error.toJson());
  }
}
