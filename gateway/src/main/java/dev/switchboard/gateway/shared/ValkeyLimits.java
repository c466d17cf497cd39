package dev.switchboard.gateway.shared;

import dev.switchboard.gateway.admission.RateLimitHeaders;
import dev.switchboard.gateway.admission.Refusal.Reason;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.redis.client.Command;
import io.vertx.redis.client.Redis;
import io.vertx.redis.client.RedisOptions;
import io.vertx.redis.client.Request;
import io.vertx.redis.client.Response;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Holds the limits in a Valkey. Each request is one call of a script that reads, decides and writes
 * in one step, by the server's clock, so gateways neither race nor need clocks that agree.
 *
 * <p>A request that is counted here is not held to the gateway's own limits per minute as well:
 * they estimate tokens that this counts when they are known, and know nothing of the other
 * gateways.
 *
 * <p>When the server does not answer in time the request goes on under those, since a limit is not
 * worth an outage, and for a while nobody asks, so that not every request waits for the time-out.
 * Tenants without limits are never asked about.
 */
public final class ValkeyLimits implements SharedLimits, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ValkeyLimits.class);
  private static final String ENTER = script("enter.lua");
  private static final String BACK = script("back.lua");
  private static final String SPEND = script("spend.lua");
  private static final long MINUTE_MICROS = 60_000_000;

  private final SharedConfig config;
  private final Function<String, PerMinute> limits;
  private final LongSupplier nowNanos;
  private final Runnable failed;
  private final Redis redis;
  private volatile long askAgainNanos = Long.MIN_VALUE;

  /**
   * @param limits of a tenant, from memory
   * @param failed counts answers that did not come
   */
  public ValkeyLimits(
      Vertx vertx,
      SharedConfig config,
      Function<String, PerMinute> limits,
      LongSupplier nowNanos,
      Runnable failed) {
    this.config = config;
    this.limits = limits;
    this.nowNanos = nowNanos;
    this.failed = failed;
    this.redis =
        Redis.createClient(
            vertx,
            new RedisOptions()
                .setConnectionString(config.url())
                .setMaxPoolSize(4)
                .setMaxPoolWaiting(4096)
                .setMaxWaitingHandlers(4096));
  }

  @Override
  public Future<Entry> enter(String name) {
    PerMinute limit = limits.apply(name);
    if ((limit.requests() == 0 && limit.tokens() == 0) || away()) {
      return Future.succeededFuture(Entry.UNCOUNTED);
    }
    Request request =
        Request.cmd(Command.EVAL)
            .arg(ENTER)
            .arg(2)
            .arg(key(name, "requests"))
            .arg(key(name, "tokens"))
            .arg(limit.requests())
            .arg(limit.tokens());
    return ask(request)
        .map(told -> entry(limit, told))
        .otherwise(
            cause -> {
              lost(cause);
              return Entry.UNCOUNTED;
            });
  }

  /** What the script says: how long to wait, how far each cell is ahead of now, and who refuses. */
  private static Entry entry(PerMinute limit, Response told) {
    Map<String, String> headers = new LinkedHashMap<>();
    put(headers, "requests", limit.requests(), number(told, 1));
    put(headers, "tokens", limit.tokens(), number(told, 2));
    return new Entry(spent(number(told, 3)), number(told, 0) * 1000, true, headers);
  }

  private static @Nullable Reason spent(long cell) {
    if (cell == 0) {
      return null;
    }
    return cell == 1 ? Reason.TENANT_REQUESTS : Reason.TENANT_TOKENS;
  }

  private static void put(Map<String, String> headers, String what, int limit, long aheadMicros) {
    // The cell is kept in whole microseconds; one more makes up for what that rounds off.
    double free = MINUTE_MICROS - aheadMicros + 1;
    long remaining = (long) Math.clamp(free * limit / MINUTE_MICROS, 0, limit);
    RateLimitHeaders.put(headers, what, limit, remaining, aheadMicros * 1000);
  }

  private static long number(Response told, int index) {
    return Objects.requireNonNull(told.get(index).toLong(), "the script answers with numbers");
  }

  @Override
  public void giveBack(String name) {
    PerMinute limit = limits.apply(name);
    if (limit.requests() == 0 || away()) {
      return;
    }
    Future<Response> _ =
        ask(Request.cmd(Command.EVAL)
                .arg(BACK)
                .arg(1)
                .arg(key(name, "requests"))
                .arg(limit.requests()))
            .onFailure(this::lost);
  }

  @Override
  public void spend(String name, long tokens) {
    PerMinute limit = limits.apply(name);
    if (limit.tokens() == 0 || tokens == 0 || away()) {
      return;
    }
    Future<Response> _ =
        ask(Request.cmd(Command.EVAL)
                .arg(SPEND)
                .arg(1)
                .arg(key(name, "tokens"))
                .arg(limit.tokens())
                .arg(tokens))
            .onFailure(this::lost);
  }

  private Future<Response> ask(Request request) {
    return redis
        .send(request)
        .timeout(config.timeoutMs(), TimeUnit.MILLISECONDS)
        .map(answer -> Objects.requireNonNull(answer, "a script answers"));
  }

  private boolean away() {
    return nowNanos.getAsLong() < askAgainNanos;
  }

  private void lost(Throwable cause) {
    failed.run();
    if (!away()) {
      LOG.warn("shared_limits_lost reason=\"{}\"", cause.getMessage());
    }
    askAgainNanos = nowNanos.getAsLong() + config.retryMs() * 1_000_000L;
  }

  /** Both keys of a tenant have one slot, as a cluster wants it. */
  private static String key(String tenant, String what) {
    return "switchboard:{" + tenant + "}:" + what;
  }

  private static String script(String name) {
    try (InputStream file = ValkeyLimits.class.getResourceAsStream(name)) {
      return new String(Objects.requireNonNull(file, name).readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    redis.close();
  }
}
