package dev.switchboard.gateway.identity;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;

/**
 * Counts usage by tenant and hour until the store takes it. What {@link #drain} hands out is
 * counted nowhere else any more, and what is added at the same time is in the next drain. Safe on
 * any thread.
 */
public final class UsageMeter {
  private static final long HOUR_MS = 3_600_000;

  private record Cell(String tenant, long hourMs) {}

  /**
   * What was counted of all tenants.
   *
   * @param requests that ended, whatever way they ended
   */
  public record Total(long requests, long promptTokens, long outputTokens) {}

  /** Changed and read under the lock that the map has for its cell, until it is taken out. */
  private static final class Sums {
    private long requests;
    private long promptTokens;
    private long cachedTokens;
    private long outputTokens;

    Sums with(long prompt, long cached, long output) {
      requests++;
      promptTokens += prompt;
      cachedTokens += cached;
      outputTokens += output;
      return this;
    }

    Consumption of(Cell cell) {
      return new Consumption(
          cell.tenant, cell.hourMs, requests, promptTokens, cachedTokens, outputTokens);
    }
  }

  private final ConcurrentHashMap<Cell, Sums> cells = new ConcurrentHashMap<>();
  private final Quotas quotas = new Quotas();
  private final LongAdder requests = new LongAdder();
  private final LongAdder promptTokens = new LongAdder();
  private final LongAdder outputTokens = new LongAdder();

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
    int cached = Math.clamp(cachedTokens, 0, prompt);
    int output = Math.max(0, outputTokens);
    Sums _ =
        cells.compute(
            new Cell(tenant, hour),
            (cell, sums) -> (sums == null ? new Sums() : sums).with(prompt, cached, output));
    quotas.spend(tenant, nowMs, (long) prompt + output);
    requests.increment();
    this.promptTokens.add(prompt);
    this.outputTokens.add(output);
  }

  /** Everything since the start, drained or not; exact while nothing ends. */
  public Total total() {
    return new Total(requests.sum(), promptTokens.sum(), outputTokens.sum());
  }

  /**
   * Takes out everything that was counted, by tenant and hour: gateways that write their own to one
   * database take its rows in the same order.
   */
  public List<Consumption> drain() {
    List<Consumption> taken = new ArrayList<>();
    for (Cell cell : List.copyOf(cells.keySet())) {
      Sums removed = cells.remove(cell);
      if (removed != null) {
        // Nobody changes it any more.
        taken.add(removed.of(cell));
      }
    }
    taken.sort(Comparator.comparing(Consumption::tenant).thenComparingLong(Consumption::hourMs));
    return taken;
  }
}
