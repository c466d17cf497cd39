package dev.switchboard.gateway.slo;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Counts what became of requests by hour, model and service class until the store has it.
 *
 * <p>Each cell has a number of its own and is handed out whole, not what was added: so whoever
 * writes it under that number may do so twice, and need not know whether the first time succeeded.
 * A cell whose hour is over is let go once it was written as it is; what comes later still begins
 * another one. Models and classes are labels of metrics, so cells are few. Safe on any thread.
 */
public final class SloMeter {
  private record Key(long hourMs, String model, String sloClass) {}

  /**
   * A cell as it is now.
   *
   * @param number no other cell of this meter has it
   * @param changes made to it so far
   */
  public record Part(
      long number, long hourMs, String model, String sloClass, SloFigures figures, long changes) {
    private Key key() {
      return new Key(hourMs, model, sloClass);
    }
  }

  private static final class Cell {
    private final long number;
    private final SloFigures figures = new SloFigures();
    private long changes;
    private long written;
    private boolean over;

    Cell(long number) {
      this.number = number;
    }

    synchronized boolean add(SloResult result, int slot) {
      if (!over) {
        figures.add(result, slot);
        changes++;
      }
      return !over;
    }

    synchronized @Nullable Part changed(Key key) {
      return changes == written
          ? null
          : new Part(number, key.hourMs, key.model, key.sloClass, figures.copy(), changes);
    }

    synchronized void written(long upTo) {
      written = upTo;
    }

    synchronized boolean end() {
      over = changes == written;
      return over;
    }
  }

  private final Map<Key, Cell> cells = new ConcurrentHashMap<>();
  private final AtomicLong numbers = new AtomicLong();

  /**
   * Counts a request that ended.
   *
   * @param model and sloClass: as metrics say them
   * @param endedMs epoch milliseconds
   */
  public void add(String model, String sloClass, long endedMs, SloResult result) {
    long hour = Math.floorDiv(endedMs, SloFigures.HOUR_MS) * SloFigures.HOUR_MS;
    int slot = (int) ((endedMs - hour) / SloFigures.SLOT_MS);
    Key key = new Key(hour, model, sloClass);
    boolean added = false;
    while (!added) {
      added = cell(key).add(result, slot);
    }
  }

  private Cell cell(Key key) {
    Cell found = cells.get(key);
    return found != null
        ? found
        : cells.computeIfAbsent(key, first -> new Cell(numbers.incrementAndGet()));
  }

  /** Every cell that is not written as it is. */
  public List<Part> changed() {
    List<Part> changed = new ArrayList<>();
    cells.forEach(
        (key, cell) -> {
          Part part = cell.changed(key);
          if (part != null) {
            changed.add(part);
          }
        });
    return changed;
  }

  /** These are written now; cells of hours before the present one are let go. */
  public void written(List<Part> parts, long nowMs) {
    for (Part part : parts) {
      Cell cell = cells.get(part.key());
      if (cell != null) {
        cell.written(part.changes);
      }
    }
    cells
        .entrySet()
        .removeIf(
            each -> each.getKey().hourMs + SloFigures.HOUR_MS <= nowMs && each.getValue().end());
  }
}
