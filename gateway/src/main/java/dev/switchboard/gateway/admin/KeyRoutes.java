package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.identity.ApiKey;
import dev.switchboard.gateway.identity.AuthConfig;
import dev.switchboard.gateway.identity.Caller;
import dev.switchboard.gateway.identity.Caller.Role;
import dev.switchboard.gateway.identity.KeySecret;
import dev.switchboard.gateway.store.Store;
import dev.switchboard.openai.ApiException;
import io.vertx.core.Future;
import io.vertx.core.http.HttpMethod;
import io.vertx.ext.web.RoutingContext;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** API keys: made once and shown once, listed without what would open anything, revoked at once. */
final class KeyRoutes {
  private static final int ID_BYTES = 8;
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
      @Nullable Long expiresInSeconds) {
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
  }

  private void list(RoutingContext context) {
    Page.answer(
        context,
        "keys",
        store.snapshot().keys().stream().sorted(Comparator.comparing(ApiKey::name)).toList(),
        ApiKey::name,
        KeyRoutes::json);
  }

  private Future<Change> create(RoutingContext context, byte[] body) {
    Wanted wanted = JsonInput.read(body, Wanted.class);
    String secret = KeySecret.fresh(random);
    String sha256 = HexFormat.of().formatHex(KeySecret.sha256(secret));
    AuthConfig.Key checked = checked(wanted, sha256);
    byte[] id = new byte[ID_BYTES];
    random.nextBytes(id);
    long now = epochMs.getAsLong();
    Long seconds = wanted.expiresInSeconds();
    ApiKey key =
        new ApiKey(
            "key-" + HexFormat.of().formatHex(id),
            checked.name(),
            checked.tenant(),
            checked.role(),
            sha256,
            now,
            seconds == null ? null : now + seconds * 1000);
    return Future.fromCompletionStage(store.create(key), context.vertx().getOrCreateContext())
        .map(made -> new Change(201, json(made).put("key", secret), null, json(made)));
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
          wanted.role() == null ? Role.APP : Role.of(wanted.role()));
    } catch (IllegalArgumentException e) {
      throw JsonInput.refused(e);
    }
  }

  private Future<Change> revoke(RoutingContext context, byte[] body) {
    String id = JsonInput.path(context, "id");
    return Future.fromCompletionStage(store.deleteKey(id), context.vertx().getOrCreateContext())
        .map(
            before -> {
              if (before == null) {
                throw new ApiException(AdminServer.noSuch("key"));
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
    return json.put(
        "expires_at", expires == null ? null : Instant.ofEpochMilli(expires).toString());
  }
}
