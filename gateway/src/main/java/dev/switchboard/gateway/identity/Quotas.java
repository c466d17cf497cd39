package dev.switchboard.gateway.identity;

import java.time.LocalDate;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Holds tenants to their tokens per day and month of UTC. What is spent is known from the requests
 * that ended here and from the store, which also knows what other gateways have written; both only
 * grow within a period, so the larger one counts.
 *
 * <p>A request that runs holds what it may take ({@link #hold}) until what it took is counted, so
 * however many run at once they pass no quota. Holds are of this gateway alone: gateways that share
 * a store can pass a quota by what is in flight at the others. Safe on any thread.
 */
public final class Quotas {
  private static final long DAY_MS = 86_400_000;
  private static final long MOST = Long.MAX_VALUE / 4;

  private final Map<String, Account> accounts = new ConcurrentHashMap<>();
  private volatile Map<String, Tenant> tenants = Map.of();
  private volatile Runnable spent = () -> {};

  /**
   * What the store knows of a tenant.
   *
   * @param dayMs beginning of the day, epoch milliseconds
   * @param monthMs beginning of the month, epoch milliseconds
   */
  public record Spent(String tenant, long dayMs, long dayTokens, long monthMs, long monthTokens) {}

  /** What a request that asks for tokens is told. */
  public sealed interface Word permits Hold, Exhausted {}

  /**
   * A quota that is spent, or too short for what a request may take.
   *
   * @param period {@code day} or {@code month}
   * @param usedTokens in it so far
   * @param tokens that it allows
   * @param heldTokens for requests that run
   * @param wantedTokens by the request; 0 where nothing is left for any
   * @param resetSeconds until the next period begins
   * @param retryAfterSeconds the same, or less where requests that run may leave enough
   */
  public record Exhausted(
      String period,
      long usedTokens,
      long tokens,
      long heldTokens,
      long wantedTokens,
      int resetSeconds,
      int retryAfterSeconds)
      implements Word {}

  /** Tokens that are held for a request. Safe on any thread. */
  public final class Hold implements Word {
    private final String tenant;
    private final @Nullable Account account;
    private long tokens;

    private Hold(String tenant, @Nullable Account account, long tokens) {
      this.tenant = tenant;
      this.account = account;
      this.tokens = tokens;
    }

    /** Whether its tenant has a quota. */
    public boolean limited() {
      return account != null;
    }

    /** Tokens that are held now. */
    public synchronized long tokens() {
      return tokens;
    }

    /** Holds up to so many more; says how many there were. */
    public synchronized long more(long wanted, long nowMs) {
      Tenant limits = tenants.get(tenant);
      if (account == null || limits == null) {
        return wanted;
      }
      long got = account.holdUpTo(limits, wanted, nowMs);
      tokens += got;
      return got;
    }

    /** Holds so many more, whether they are there or not: they were taken already. */
    public synchronized void taken(long more) {
      if (account != null) {
        account.hold(more);
        tokens += more;
      }
    }

    /** What it took is counted, or it took nothing. Twice does nothing more. */
    public synchronized void release() {
      if (account != null) {
        account.hold(-tokens);
      }
      tokens = 0;
    }
  }

  /**
   * Tokens by day, or by month. A wall clock that was stepped forward by mistake is put right
   * again, and what was used before that counts then; so do tokens that were booked on later days,
   * which a clock that was ahead must have done.
   */
  private static final class Periods {
    /** The newest: as many as a clock that wanders may have shown of late. */
    private static final int KEPT = 8;

    private final TreeMap<Long, Long> tokens = new TreeMap<>();

    void add(long startMs, long more) {
      tokens.merge(startMs, more, Long::sum);
      forget();
    }

    /** The store says how many there were since a period began, in later ones as well. */
    void atLeast(long startMs, long known) {
      long missing = known - since(startMs);
      if (missing > 0) {
        add(startMs, missing);
      }
    }

    private void forget() {
      while (tokens.size() > KEPT) {
        tokens.pollFirstEntry();
      }
    }

    long since(long startMs) {
      return tokens.tailMap(startMs).values().stream().mapToLong(Long::longValue).sum();
    }
  }

  private static final class Account {
    private final Periods days = new Periods();
    private final Periods months = new Periods();

    /** For requests that run. */
    private long held;

    synchronized void hold(long tokens) {
      held += tokens;
    }

    synchronized long held() {
      return held;
    }

    /** Tokens that are neither used nor held; a large number where there is no limit. */
    synchronized long free(Tenant limits, long nowMs) {
      long ofDay = limits.tokensPerDay() == 0 ? MOST : limits.tokensPerDay() - ofDay(day(nowMs));
      long ofMonth =
          limits.tokensPerMonth() == 0 ? MOST : limits.tokensPerMonth() - ofMonth(month(nowMs));
      return Math.min(ofDay, ofMonth) - held;
    }

    synchronized long holdUpTo(Tenant limits, long wanted, long nowMs) {
      long got = Math.clamp(free(limits, nowMs), 0, wanted);
      held += got;
      return got;
    }

    synchronized void add(long day, long month, long tokens) {
      days.add(day, tokens);
      months.add(month, tokens);
    }

    synchronized void atLeast(Spent spent) {
      days.atLeast(spent.dayMs(), spent.dayTokens());
      months.atLeast(spent.monthMs(), spent.monthTokens());
    }

    synchronized long ofDay(long day) {
      return days.since(day);
    }

    synchronized long ofMonth(long month) {
      return months.since(month);
    }
  }

  /** Takes tenants instead of those it had. */
  public void tenants(List<Tenant> limited) {
    Map<String, Tenant> byName = new HashMap<>();
    for (Tenant tenant : limited) {
      if (tenant.tokensPerDay() > 0 || tenant.tokensPerMonth() > 0) {
        byName.put(tenant.name(), tenant);
      }
    }
    tenants = byName;
    accounts.keySet().retainAll(byName.keySet());
  }

  /** Has something done, soon, whenever a request has ended of a tenant whose quota is spent. */
  public void whenSpent(Runnable told) {
    spent = told;
  }

  /** A request of a tenant has ended. */
  void spend(String tenant, long nowMs, long tokens) {
    if (tenants.containsKey(tenant)) {
      account(tenant).add(day(nowMs), month(nowMs), tokens);
      if (exhausted(tenant, nowMs) != null) {
        spent.run();
      }
    }
  }

  /** The store says what it knows, also of a tenant whose quota is told next. */
  public void known(Spent spent) {
    account(spent.tenant()).atLeast(spent);
  }

  private Account account(String tenant) {
    return accounts.computeIfAbsent(tenant, none -> new Account());
  }

  /** The quota of a tenant that is spent; null when it may go on. */
  public @Nullable Exhausted exhausted(String name, long nowMs) {
    Tenant tenant = tenants.get(name);
    Account account = tenant == null ? null : accounts.get(name);
    if (tenant == null || account == null) {
      return null;
    }
    Exhausted month =
        spent(
            "month",
            account.ofMonth(month(nowMs)),
            tenant.tokensPerMonth(),
            nextMonth(nowMs) - nowMs);
    return month != null
        ? month
        : spent(
            "day", account.ofDay(day(nowMs)), tenant.tokensPerDay(), day(nowMs) + DAY_MS - nowMs);
  }

  private static @Nullable Exhausted spent(String period, long used, long limit, long restMs) {
    return limit > 0 && used >= limit
        ? new Exhausted(period, used, limit, 0, 0, seconds(restMs), seconds(restMs))
        : null;
  }

  /** Tokens that a tenant has left beside those that are held; a large number without a quota. */
  public long free(String name, long nowMs) {
    Tenant tenant = tenants.get(name);
    return tenant == null ? MOST : account(name).free(tenant, nowMs);
  }

  /**
   * Holds tokens for a request of a tenant, all that it may take, or says which quota is too short.
   *
   * @param retryAfterSeconds said where requests that run may leave enough
   */
  public Word hold(String name, long tokens, long nowMs, int retryAfterSeconds) {
    Tenant tenant = tenants.get(name);
    if (tenant == null) {
      return new Hold(name, null, 0);
    }
    Account account = account(name);
    synchronized (account) {
      if (tokens <= account.free(tenant, nowMs)) {
        account.hold(tokens);
        return new Hold(name, account, tokens);
      }
      return tooShort(tenant, account, tokens, nowMs, retryAfterSeconds);
    }
  }

  /**
   * How it stands with a quota.
   *
   * @param period {@code day} or {@code month}
   * @param limit tokens that it allows
   * @param used in it so far
   * @param held for requests that run at this gateway
   * @param renewsMs when the next period begins, epoch milliseconds
   */
  public record Standing(String period, long limit, long used, long held, long renewsMs) {
    public long left() {
      return Math.max(0, limit - used - held);
    }
  }

  /** How it stands with each quota that a tenant has. */
  public List<Standing> standings(String name, long nowMs) {
    Tenant tenant = tenants.get(name);
    if (tenant == null) {
      return List.of();
    }
    Account account = account(name);
    List<Standing> standings = new ArrayList<>();
    if (tenant.tokensPerDay() > 0) {
      long day = day(nowMs);
      standings.add(
          new Standing(
              "day", tenant.tokensPerDay(), account.ofDay(day), account.held(), day + DAY_MS));
    }
    if (tenant.tokensPerMonth() > 0) {
      standings.add(
          new Standing(
              "month",
              tenant.tokensPerMonth(),
              account.ofMonth(month(nowMs)),
              account.held(),
              nextMonth(nowMs)));
    }
    return standings;
  }

  /** The quota that is shorter, for a request that may not go on; null where there is none. */
  public @Nullable Exhausted usedUp(String name, long nowMs) {
    Tenant tenant = tenants.get(name);
    return tenant == null ? null : tooShort(tenant, account(name), 0, nowMs, Integer.MAX_VALUE);
  }

  /** Of two quotas the one that is shorter. */
  private static Exhausted tooShort(
      Tenant tenant, Account account, long wanted, long nowMs, int retryAfterSeconds) {
    long ofDay = account.ofDay(day(nowMs));
    long ofMonth = account.ofMonth(month(nowMs));
    boolean month =
        tenant.tokensPerMonth() > 0
            && (tenant.tokensPerDay() == 0
                || tenant.tokensPerMonth() - ofMonth <= tenant.tokensPerDay() - ofDay);
    long used = month ? ofMonth : ofDay;
    long limit = month ? tenant.tokensPerMonth() : tenant.tokensPerDay();
    int reset = seconds((month ? nextMonth(nowMs) : day(nowMs) + DAY_MS) - nowMs);
    int retry = used + wanted <= limit ? Math.min(reset, retryAfterSeconds) : reset;
    return new Exhausted(
        month ? "month" : "day", used, limit, account.held(), wanted, reset, retry);
  }

  /** Beginning of the day, epoch milliseconds. */
  public static long day(long nowMs) {
    return Math.floorDiv(nowMs, DAY_MS) * DAY_MS;
  }

  /** Beginning of the month, epoch milliseconds. */
  public static long month(long nowMs) {
    return date(nowMs).withDayOfMonth(1).toEpochDay() * DAY_MS;
  }

  private static long nextMonth(long nowMs) {
    return date(nowMs).withDayOfMonth(1).plusMonths(1).toEpochDay() * DAY_MS;
  }

  private static LocalDate date(long nowMs) {
    return LocalDate.ofEpochDay(Math.floorDiv(nowMs, DAY_MS));
  }

  private static int seconds(long ms) {
    return (int) Math.max(1, Math.ceilDiv(ms, 1000L));
  }
}
