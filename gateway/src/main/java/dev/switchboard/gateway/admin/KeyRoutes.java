package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.identity.ApiKey;
import dev.switchboard.gateway.identity.AuthConfig;
import dev.switchboard.gateway.identity.Caller;
import dev.switchboard.gateway.identity.Caller.Role;
import dev.switchboard.gateway.identity.KeySecret;
import dev.switchboard.gateway.store.Store;
import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import io.vertx.core.Future;
import io.vertx.core.http.HttpMethod;
import io.vertx.ext.web.RoutingContext;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.function.LongSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** API keys: made once and shown once, listed without what would open anything, revoked at once. */
final class KeyRoutes {
  private static final int ID_BYTES = 8;
  private static final int TOLD_CHARS = 6;
  private static final long OVERLAP_SECONDS = 86_400;
  private static final long MOST_OVERLAP_SECONDS = 90L * 86_400;
  private static final Pattern NUMBERED = Pattern.compile("(.+)-([0-9]{1,6})");
  private static final long MOST_SECONDS = 10L * 366 * 86_400;

  private final Store store;
  private final LongSupplier epochMs;
  private final SecureRandom random = new SecureRandom();

  private KeyRoutes(Store store, LongSupplier epochMs) {
    this.store = store;
    this.epochMs = epochMs;
  }

  /** What a new key is asked for with. */
  record Wanted(
      @Nullable String name,
      @Nullable String tenant,
      @Nullable String role,
      @Nullable Long expiresInSeconds,
      @Nullable Boolean delegate) {
    Wanted {
      if (expiresInSeconds != null && (expiresInSeconds < 1 || expiresInSeconds > MOST_SECONDS)) {
        throw new IllegalArgumentException("expires_in_seconds must be 1 to " + MOST_SECONDS);
      }
    }
  }

  static void add(AdminRouter router, Store store, LongSupplier epochMs) {
    KeyRoutes routes = new KeyRoutes(store, epochMs);
    router.read("/admin/v1/keys", routes::list);
    router.change(HttpMethod.POST, "/admin/v1/keys", Role.ADMIN, routes::create);
    router.change(HttpMethod.DELETE, "/admin/v1/keys/:id", Role.ADMIN, routes::revoke);
    router.change(HttpMethod.POST, "/admin/v1/keys/:id/rotate", Role.ADMIN, routes::rotate);
  }

  /** How the key of a rotation is asked for. */
  record RotationWanted(@Nullable String name, @Nullable Long overlapSeconds) {
    RotationWanted {
      if (overlapSeconds != null && (overlapSeconds < 0 || overlapSeconds > MOST_OVERLAP_SECONDS)) {
        throw new IllegalArgumentException("overlap_seconds must be 0 to " + MOST_OVERLAP_SECONDS);
      }
    }
  }

  private void list(RoutingContext context) {
    List<ApiKey> keys =
        store.snapshot().keys().stream().sorted(Comparator.comparing(ApiKey::name)).toList();
    // Keys are told while the store is away, too.
    Future.fromCompletionStage(store.lastUses(), context.vertx().getOrCreateContext())
        .otherwise(Map.of())
        .onSuccess(
            uses ->
                AdminRouter.guarded(
                    context,
                    asked ->
                        Page.answer(
                            asked,
                            "keys",
                            keys,
                            ApiKey::name,
                            key -> Versions.with(json(key)).put("last_used", lastUsed(key, uses)))))
        .onFailure(context::fail);
  }

  private static @Nullable String lastUsed(ApiKey key, Map<String, Long> uses) {
    Long atMs = uses.get(key.id());
    return atMs == null ? null : Instant.ofEpochMilli(atMs).toString();
  }

  private Future<Change> create(RoutingContext context, byte[] body) {
    Wanted wanted = JsonInput.read(body, Wanted.class);
    String secret = KeySecret.fresh(random);
    String sha256 = HexFormat.of().formatHex(KeySecret.sha256(secret));
    AuthConfig.Key checked = checked(wanted, sha256);
    long now = epochMs.getAsLong();
    Long seconds = wanted.expiresInSeconds();
    ApiKey key =
        new ApiKey(
            freshId(),
            checked.name(),
            checked.tenant(),
            checked.role(),
            sha256,
            now,
            seconds == null ? null : now + seconds * 1000,
            facts(context, secret, checked.delegate()));
    return Future.fromCompletionStage(
            store.create(key, before -> check(context, before)),
            context.vertx().getOrCreateContext())
        .map(made -> new Change(201, json(made).put("key", secret), null, json(made)));
  }

  private static void check(RoutingContext context, @Nullable ApiKey before) {
    Versions.check(context, before == null ? null : json(before));
  }

  private String freshId() {
    byte[] id = new byte[ID_BYTES];
    random.nextBytes(id);
    return "key-" + HexFormat.of().formatHex(id);
  }

  private static ApiKey.Facts facts(RoutingContext context, String secret, boolean delegate) {
    return new ApiKey.Facts(
        secret.substring(0, TOLD_CHARS), AdminRouter.caller(context).key(), delegate);
  }

  /** Another key in the place of one, which goes on for a while so that its holders can change. */
  private Future<Change> rotate(RoutingContext context, byte[] body) {
    RotationWanted wanted = JsonInput.readIfAny(body, RotationWanted.class);
    String id = JsonInput.path(context, "id");
    ApiKey old =
        store.snapshot().keys().stream()
            .filter(key -> key.id().equals(id))
            .findFirst()
            .orElseThrow(() -> new ApiException(AdminServer.noSuch("key", "id")));
    String secret = KeySecret.fresh(random);
    AuthConfig.Key checked =
        checked(
            new Wanted(
                wanted.name() == null ? successor(old.name()) : wanted.name(),
                old.tenant(),
                old.role().label(),
                null,
                old.facts().mayDelegate()),
            HexFormat.of().formatHex(KeySecret.sha256(secret)));
    long now = epochMs.getAsLong();
    Long overlap = wanted.overlapSeconds();
    long endsMs = now + (overlap == null ? OVERLAP_SECONDS : overlap) * 1000;
    ApiKey fresh =
        new ApiKey(
            freshId(),
            checked.name(),
            checked.tenant(),
            checked.role(),
            checked.sha256(),
            now,
            null,
            facts(context, secret, checked.delegate()));
    return Future.fromCompletionStage(
            store.rotate(id, endsMs, fresh, before -> checkLasts(context, before, now)),
            context.vertx().getOrCreateContext())
        .map(
            done -> {
              if (done == null) {
                throw new ApiException(AdminServer.noSuch("key", "id"));
              }
              ObjectNode made = json(done.fresh());
              return new Change(201, made.deepCopy().put("key", secret), json(done.old()), made);
            });
  }

  private static void checkLasts(RoutingContext context, @Nullable ApiKey before, long nowMs) {
    check(context, before);
    if (before != null && before.ended(nowMs)) {
      throw new ApiException(
          new ApiError(
              409,
              "invalid_request_error",
              "key_expired",
              "id",
              "The key ended at "
                  + json(before).path("expires_at").asText()
                  + ", so there is nothing to replace: make a new one."));
    }
  }

  /** {@code app} is followed by {@code app-2}, that by {@code app-3}. */
  static String successor(String name) {
    Matcher numbered = NUMBERED.matcher(name);
    return numbered.matches()
        ? numbered.group(1) + "-" + (Integer.parseInt(numbered.group(2)) + 1)
        : name + "-2";
  }

  private static AuthConfig.Key checked(Wanted wanted, String sha256) {
    try {
      if (wanted.name() == null) {
        throw new IllegalArgumentException("name is missing");
      }
      return new AuthConfig.Key(
          wanted.name(),
          sha256,
          wanted.tenant() == null ? Caller.DEFAULT_TENANT : wanted.tenant(),
          wanted.role() == null ? Role.APP : Role.of(wanted.role()),
          wanted.delegate() != null && wanted.delegate());
    } catch (IllegalArgumentException e) {
      throw JsonInput.refused(e);
    }
  }

  private Future<Change> revoke(RoutingContext context, byte[] body) {
    String id = JsonInput.path(context, "id");
    return Future.fromCompletionStage(
            store.deleteKey(id, before -> check(context, before)),
            context.vertx().getOrCreateContext())
        .map(
            before -> {
              if (before == null) {
                throw new ApiException(AdminServer.noSuch("key", "id"));
              }
              ObjectNode answer = JsonNodeFactory.instance.objectNode().put("id", id);
              return Change.of(answer.put("revoked", true), json(before), null);
            });
  }

  private static ObjectNode json(ApiKey key) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("id", key.id()).put("name", key.name());
    json.put("tenant", key.tenant()).put("role", key.role().label());
    json.put("created_at", Instant.ofEpochMilli(key.createdMs()).toString());
    Long expires = key.expiresMs();
    json.put("expires_at", expires == null ? null : Instant.ofEpochMilli(expires).toString());
    json.put("beginning", key.facts().beginning()).put("created_by", key.facts().createdBy());
    return json.put("delegate", key.facts().mayDelegate());
  }
}
