package dev.switchboard.gateway.identity;

import java.time.LocalDate;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Holds tenants to their tokens per day and month of UTC. What is spent is known from the requests
 * that ended here and from the store, which also knows what other gateways have written; both only
 * grow within a period, so the larger one counts. A request that runs is not counted yet: a quota
 * can be passed by what is in flight. Safe on any thread.
 */
public final class Quotas {
  private static final long DAY_MS = 86_400_000;

  private final Map<String, Account> accounts = new ConcurrentHashMap<>();
  private volatile Map<String, Tenant> tenants = Map.of();

  /**
   * What the store knows of a tenant.
   *
   * @param dayMs beginning of the day, epoch milliseconds
   * @param monthMs beginning of the month, epoch milliseconds
   */
  public record Spent(String tenant, long dayMs, long dayTokens, long monthMs, long monthTokens) {}

  /**
   * A quota that is spent.
   *
   * @param period {@code day} or {@code month}
   * @param usedTokens in it so far
   * @param tokens that it allows
   * @param retryAfterSeconds until the next one begins
   */
  public record Exhausted(String period, long usedTokens, long tokens, int retryAfterSeconds) {}

  private static final class Account {
    private long dayMs;
    private long dayTokens;
    private long monthMs;
    private long monthTokens;

    synchronized void add(long day, long month, long tokens) {
      turn(day, month);
      dayTokens += tokens;
      monthTokens += tokens;
    }

    synchronized void atLeast(Spent spent) {
      turn(spent.dayMs(), spent.monthMs());
      if (dayMs == spent.dayMs()) {
        dayTokens = Math.max(dayTokens, spent.dayTokens());
      }
      if (monthMs == spent.monthMs()) {
        monthTokens = Math.max(monthTokens, spent.monthTokens());
      }
    }

    synchronized long ofDay(long day) {
      return dayMs == day ? dayTokens : 0;
    }

    synchronized long ofMonth(long month) {
      return monthMs == month ? monthTokens : 0;
    }

    /** Begins anew with a later day or month. */
    private void turn(long day, long month) {
      if (day > dayMs) {
        dayMs = day;
        dayTokens = 0;
      }
      if (month > monthMs) {
        monthMs = month;
        monthTokens = 0;
      }
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

  /** A request of a tenant has ended. */
  void spend(String tenant, long nowMs, long tokens) {
    if (tenants.containsKey(tenant)) {
      account(tenant).add(day(nowMs), month(nowMs), tokens);
    }
  }

  /** The store says what it knows. */
  public void known(Spent spent) {
    if (tenants.containsKey(spent.tenant())) {
      account(spent.tenant()).atLeast(spent);
    }
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
    return limit > 0 && used >= limit ? new Exhausted(period, used, limit, seconds(restMs)) : null;
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
