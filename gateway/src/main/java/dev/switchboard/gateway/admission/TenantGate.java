package dev.switchboard.gateway.admission;

import dev.switchboard.gateway.admission.Refusal.Reason;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.DoubleSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Holds each tenant to its requests and tokens per minute and its requests at once, over all
 * models. Tokens are estimated at the door and corrected at the end. Safe on any thread: what a
 * tenant uses is read and written only inside the map's {@code compute}.
 */
final class TenantGate {
  /** More tenants than this are swept, every now and then, for those that use nothing. */
  private static final int MANY_TENANTS = 10_000;

  private static final long SWEEP_NANOS = 1_000_000_000L;
  private static final double NANOS_PER_SECOND = 1e9;

  private volatile TenantLimits limits;
  private final int leastRetrySeconds;
  private final DoubleSupplier random;
  private final Map<String, Use> uses = new ConcurrentHashMap<>();
  private final AtomicLong sweptNanos = new AtomicLong(Long.MIN_VALUE);

  TenantGate(TenantLimits limits, int leastRetrySeconds, DoubleSupplier random) {
    this.limits = limits;
    this.leastRetrySeconds = leastRetrySeconds;
    this.random = random;
  }

  /** What a tenant uses now. */
  private static final class Use {
    final TokenBucket requests;
    final TokenBucket tokens;
    int concurrent;

    Use(TenantLimits.Limit limit, long now) {
      requests = new TokenBucket(limit.requestsPerMinute(), now);
      tokens = new TokenBucket(limit.tokensPerMinute(), now);
    }

    boolean idle(long now) {
      requests.advance(requests.limit(), now);
      tokens.advance(tokens.limit(), now);
      return concurrent == 0 && requests.nanosUntilFull() == 0 && tokens.nanosUntilFull() == 0;
    }
  }

  /**
   * What the gate says to a request.
   *
   * @param refused null where it may pass; it then ends with {@link #leave}
   * @param headers {@code x-ratelimit-*} for the answer; empty without limits
   */
  record Word(@Nullable Refusal refused, double weight, Map<String, String> headers) {}

  void limits(TenantLimits others) {
    limits = others;
  }

  TenantLimits.Limit limit(String tenant) {
    return limits.of(tenant);
  }

  /**
   * Lets a request of a tenant pass, or says which limit is spent.
   *
   * @param countedElsewhere its minutes are held elsewhere; here they are counted only
   */
  Word enter(String tenant, long tokens, boolean countedElsewhere, long nowNanos) {
    TenantLimits.Limit limit = limits.of(tenant);
    sweep(nowNanos);
    Word[] word = new Word[1];
    uses.compute(
        tenant,
        (name, known) -> {
          Use use = known == null ? new Use(limit, nowNanos) : known;
          Refusal refused = enter(use, limit, tokens, countedElsewhere, nowNanos);
          word[0] = new Word(refused, limit.weight(), headers(use, limit));
          return use;
        });
    return word[0];
  }

  private @Nullable Refusal enter(
      Use use, TenantLimits.Limit limit, long tokens, boolean countedElsewhere, long now) {
    use.requests.advance(limit.requestsPerMinute(), now);
    use.tokens.advance(limit.tokensPerMinute(), now);
    if (limit.maxConcurrency() > 0 && use.concurrent >= limit.maxConcurrency()) {
      return refusal(Reason.TENANT_CONCURRENCY, 0);
    }
    if (!countedElsewhere && !use.requests.holds(1)) {
      return refusal(Reason.TENANT_REQUESTS, use.requests.nanosUntil(1));
    }
    if (!countedElsewhere && !use.tokens.holds((double) tokens)) {
      return refusal(Reason.TENANT_TOKENS, use.tokens.nanosUntil((double) tokens));
    }
    use.requests.take(1);
    use.tokens.take((double) tokens);
    use.concurrent++;
    return null;
  }

  Refusal refusal(Reason reason, long waitNanos) {
    double seconds = Math.max(waitNanos / NANOS_PER_SECOND, leastRetrySeconds);
    return Refusal.plain(reason, Spread.seconds(seconds, random));
  }

  /**
   * A request that passed has ended.
   *
   * @param estimated what it was let in with
   * @param used what it read and generated
   * @param served whether a replica saw it; else it costs no request either
   */
  void leave(String tenant, long estimated, long used, boolean served) {
    uses.computeIfPresent(
        tenant,
        (name, use) -> {
          use.concurrent--;
          use.tokens.take((double) used - estimated);
          use.requests.take(served ? 0 : -1);
          return use;
        });
  }

  private void sweep(long now) {
    long before = sweptNanos.get();
    if (uses.size() <= MANY_TENANTS
        || (before != Long.MIN_VALUE && now - before < SWEEP_NANOS)
        || !sweptNanos.compareAndSet(before, now)) {
      return;
    }
    for (String tenant : uses.keySet()) {
      uses.computeIfPresent(tenant, (name, use) -> use.idle(now) ? null : use);
    }
  }

  private static Map<String, String> headers(Use use, TenantLimits.Limit limit) {
    if (use.requests.limit() == 0 && use.tokens.limit() == 0 && limit.maxConcurrency() == 0) {
      return Map.of();
    }
    Map<String, String> headers = new LinkedHashMap<>();
    RateLimitHeaders.concurrency(headers, limit.maxConcurrency(), use.concurrent);
    put(headers, "requests", use.requests);
    put(headers, "tokens", use.tokens);
    return headers;
  }

  private static void put(Map<String, String> headers, String what, TokenBucket bucket) {
    RateLimitHeaders.put(
        headers, what, bucket.limit(), bucket.remaining(), bucket.nanosUntilFull());
  }
}
