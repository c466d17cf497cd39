package dev.switchboard.gateway.identity;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Counts usage by tenant and hour until the store takes it. What {@link #drain} hands out is
 * counted nowhere else any more, and what is added at the same time is in the next drain. Safe on
 * any thread.
 */
public final class UsageMeter {
  private static final long HOUR_MS = 3_600_000;

  private record Cell(String tenant, long hourMs) {}

  private final ConcurrentHashMap<Cell, Consumption> cells = new ConcurrentHashMap<>();
  private final Quotas quotas = new Quotas();

  /** What tenants may use in all; it hears of everything that is counted here. */
  public Quotas quotas() {
    return quotas;
  }

  /**
   * Counts a request that ended.
   *
   * @param nowMs epoch milliseconds
   * @param promptTokens negative when nobody told
   * @param cachedTokens negative when nobody told
   * @param outputTokens negative when nobody told
   */
  public void add(String tenant, long nowMs, int promptTokens, int cachedTokens, int outputTokens) {
    long hour = nowMs - Math.floorMod(nowMs, HOUR_MS);
    int prompt = Math.max(0, promptTokens);
    Consumption one =
        new Consumption(
            tenant,
            hour,
            1,
            prompt,
            Math.clamp(cachedTokens, 0, prompt),
            Math.max(0, outputTokens));
    Consumption _ = cells.merge(new Cell(tenant, hour), one, Consumption::plus);
    quotas.spend(tenant, nowMs, one.promptTokens() + one.outputTokens());
  }

  /** Takes out everything that was counted. */
  public List<Consumption> drain() {
    List<Consumption> taken = new ArrayList<>();
    for (Cell cell : List.copyOf(cells.keySet())) {
      Consumption removed = cells.remove(cell);
      if (removed != null) {
        taken.add(removed);
      }
    }
    return taken;
  }
}
