package dev.switchboard.gateway.admission;

import dev.switchboard.gateway.admission.Refusal.Reason;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.DoubleSupplier;
import java.util.function.IntSupplier;
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
  private static final long NANOS_PER_SECOND_LONG = 1_000_000_000L;

  /** Who begins when one comes back so many times of a hold later has mostly ended by then. */
  private static final long HOLDS = 3;

  /** An hour: what a bucket that is in debt may need. */
  private static final double MOST_SECONDS = 3600;

  private volatile TenantLimits limits;
  private final IntSupplier leastRetrySeconds;
  private final DoubleSupplier random;
  private final Map<String, Use> uses = new ConcurrentHashMap<>();
  private final AtomicLong sweptNanos = new AtomicLong(Long.MIN_VALUE);

  TenantGate(TenantLimits limits, IntSupplier leastRetrySeconds, DoubleSupplier random) {
    this.limits = limits;
    this.leastRetrySeconds = leastRetrySeconds;
    this.random = random;
  }

  /** What a tenant uses now. */
  private static final class Use {
    final TokenBucket requests;
    final TokenBucket tokens;
    final Map<Reason, RetryTurns> promises = new EnumMap<>(Reason.class);
    int concurrent;

    /** For how long each of them stays, as was told last. */
    long holdNanos;

    Use(TenantLimits.Limit limit, long now) {
      requests = new TokenBucket(limit.requestsPerMinute(), now);
      tokens = new TokenBucket(limit.tokensPerMinute(), now);
    }

    RetryTurns promised(Reason reason) {
      return promises.computeIfAbsent(reason, first -> new RetryTurns());
    }

    /** Whether it was told to come now. */
    boolean comesBack(Reason reason, Asker asker, long now) {
      RetryTurns promised = promises.get(reason);
      return promised != null && promised.redeem(asker.request(), now) != null;
    }

    /** Places that are kept for those who come back before one that begins now would end. */
    int kept(int most, long now) {
      RetryTurns promised = promises.get(Reason.TENANT_CONCURRENCY);
      return promised == null ? 0 : promised.due(HOLDS * holdNanos, now, most);
    }

    boolean idle(long now) {
      promises.values().forEach(promised -> promised.lapse(now));
      requests.advance(requests.limit(), now);
      tokens.advance(tokens.limit(), now);
      return concurrent == 0
          && promises.values().stream().allMatch(promised -> promised.size() == 0)
          && requests.nanosUntilFull() == 0
          && tokens.nanosUntilFull() == 0;
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
  Word enter(Demand demand, boolean countedElsewhere, long nowNanos) {
    return enter(demand.tenant(), demand, demand.places(), countedElsewhere, nowNanos);
  }

  /**
   * The same where others count.
   *
   * @param tenant in whose name
   * @param places that it takes
   */
  Word enter(String tenant, Demand demand, int places, boolean countedElsewhere, long nowNanos) {
    TenantLimits.Limit limit = limits.of(tenant);
    sweep(nowNanos);
    Word[] word = new Word[1];
    uses.compute(
        tenant,
        (name, known) -> {
          Use use = known == null ? new Use(limit, nowNanos) : known;
          Refusal refused = enter(use, limit, demand, places, countedElsewhere, nowNanos);
          word[0] = new Word(refused, limit.weight(), headers(use, limit));
          return use;
        });
    return word[0];
  }

  /**
   * Who was told to come now may: its minute's share is taken in advance where it is not there yet,
   * up to a bound, and not by the client that was told the most turns.
   */
  private @Nullable Refusal enter(
      Use use, TenantLimits.Limit limit, Demand demand, int places, boolean elsewhere, long now) {
    long tokens = demand.tokens();
    Asker asker = demand.asker();
    use.requests.advance(limit.requestsPerMinute(), now);
    use.tokens.advance(limit.tokensPerMinute(), now);
    int most = limit.maxConcurrency();
    if (most > 0 && !hasPlace(use, most, asker, places, now)) {
      return refusal(Reason.TENANT_CONCURRENCY, 0);
    }
    if (!elsewhere && !holds(use, use.requests, 1, Reason.TENANT_REQUESTS, asker, now)) {
      return spent(use, use.requests, 1, Reason.TENANT_REQUESTS, asker, now);
    }
    if (!elsewhere && !holds(use, use.tokens, (double) tokens, Reason.TENANT_TOKENS, asker, now)) {
      return spent(use, use.tokens, (double) tokens, Reason.TENANT_TOKENS, asker, now);
    }
    use.requests.take(1);
    use.tokens.take((double) tokens);
    use.concurrent += places;
    return null;
  }

  /** One that has more answers than the tenant may have at once begins when it has none. */
  private static boolean hasPlace(Use use, int most, Asker asker, int places, long now) {
    // Who comes as told is known to come, whether there is a place or not.
    boolean promised = use.comesBack(Reason.TENANT_CONCURRENCY, asker, now);
    long then = (long) use.concurrent + Math.min(places, most);
    return then <= most && (promised || then + use.kept(most, now) <= most);
  }

  private static boolean holds(
      Use use, TokenBucket bucket, double amount, Reason reason, Asker asker, long now) {
    boolean promised = use.comesBack(reason, asker, now);
    return bucket.holds(amount)
        || (promised && bucket.mayOwe() && use.promised(reason).modest(asker));
  }

  /** So much is missing, and what those need who were told to come back before. */
  private Refusal spent(
      Use use, TokenBucket bucket, double amount, Reason reason, Asker asker, long now) {
    RetryTurns promised = use.promised(reason);
    promised.lapse(now);
    long wait = bucket.nanosUntil(amount);
    long each = bucket.nanosFor(amount);
    double nanos = wait + promised.before(Band.SHEDDABLE, asker) * each;
    int seconds = told(nanos);
    return promised.add(asker, Band.SHEDDABLE, now, now + seconds * NANOS_PER_SECOND_LONG)
        ? Refusal.plain(reason, seconds)
        : refusal(reason, (long) nanos);
  }

  private int told(double nanos) {
    double seconds = Math.max(nanos / NANOS_PER_SECOND, leastRetrySeconds.getAsInt());
    return (int) Math.ceil(Math.min(seconds, MOST_SECONDS) - 1e-9);
  }

  /**
   * When one of a tenant's is to come back that has as many as it may: nobody waits here, so a
   * place must be free at that very moment.
   *
   * @param asker by what it is known
   * @param holdNanos for how long each of them stays
   * @return seconds; 0 where nobody knows
   */
  int comeBack(String tenant, Asker asker, long holdNanos, long nowNanos) {
    int most = Math.max(1, limit(tenant).maxConcurrency());
    // Each may stay longer than most do, which matters less the more of them there are.
    double apart = (1 + 2.0 / most) * holdNanos / most;
    double least =
        Math.max((double) holdNanos / most, leastRetrySeconds.getAsInt() * NANOS_PER_SECOND);
    int[] seconds = new int[1];
    uses.computeIfPresent(
        tenant,
        (name, use) -> {
          RetryTurns told = use.promised(Reason.TENANT_CONCURRENCY);
          told.lapse(nowNanos);
          int free = told.free(least, apart, nowNanos);
          long at = nowNanos + free * NANOS_PER_SECOND_LONG;
          use.holdNanos = holdNanos;
          seconds[0] = free > 0 && told.add(asker, Band.SHEDDABLE, nowNanos, at) ? free : 0;
          return use;
        });
    return seconds[0];
  }

  Refusal refusal(Reason reason, long waitNanos) {
    double seconds = Math.max(waitNanos / NANOS_PER_SECOND, leastRetrySeconds.getAsInt());
    return Refusal.plain(reason, Spread.seconds(seconds, random));
  }

  /**
   * A request that passed has ended.
   *
   * @param demand what it was let in with
   * @param used what it read and generated
   * @param served whether a replica saw it; else it costs no request either
   */
  void leave(Demand demand, long used, boolean served) {
    leave(demand.tenant(), demand, demand.places(), used, served);
  }

  /** The same where others count. */
  void leave(String tenant, Demand demand, int places, long used, boolean served) {
    uses.computeIfPresent(
        tenant,
        (name, use) -> {
          use.concurrent -= places;
          use.tokens.take((double) used - demand.tokens());
          use.requests.take(served ? 0 : -1);
          return use;
        });
  }

  /** What a tenant uses now. */
  TenantUse use(String tenant, long nowNanos) {
    TenantLimits.Limit limit = limits.of(tenant);
    TenantUse[] told = new TenantUse[1];
    Use _ =
        uses.computeIfPresent(
            tenant,
            (name, use) -> {
              use.requests.advance(limit.requestsPerMinute(), nowNanos);
              use.tokens.advance(limit.tokensPerMinute(), nowNanos);
              told[0] = told(use, limit);
              return use;
            });
    return told[0] == null ? told(new Use(limit, nowNanos), limit) : told[0];
  }

  private static TenantUse told(Use use, TenantLimits.Limit limit) {
    return new TenantUse(
        TenantUse.Minute.of(use.requests),
        TenantUse.Minute.of(use.tokens),
        use.concurrent,
        limit.maxConcurrency());
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
