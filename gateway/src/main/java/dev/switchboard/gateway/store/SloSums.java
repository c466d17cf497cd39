package dev.switchboard.gateway.store;

import dev.switchboard.gateway.slo.Objective;
import dev.switchboard.gateway.slo.SloFigures;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import java.util.TreeMap;

/** How many requests of each service class met and missed its objectives, since a moment. */
public final class SloSums {
  /** Both of an objective. */
  public record Kept(long met, long missed) {
    public static final Kept NONE = new Kept(0, 0);

    Kept plus(long metMore, long missedMore) {
      return new Kept(met + metMore, missed + missedMore);
    }
  }

  private final long fromMs;
  private final Map<String, Map<Objective, Kept>> classes = new TreeMap<>();

  /**
   * @param fromMs is taken back to where a twelfth of an hour begins
   */
  SloSums(long fromMs) {
    this.fromMs = Math.floorDiv(fromMs, SloFigures.SLOT_MS) * SloFigures.SLOT_MS;
  }

  /** From when on it counts, epoch milliseconds. */
  public long fromMs() {
    return fromMs;
  }

  /** The hour of which it may not count all. */
  long firstHourMs() {
    return Math.floorDiv(fromMs, SloFigures.HOUR_MS) * SloFigures.HOUR_MS;
  }

  public Kept of(String sloClass, Objective objective) {
    return classes.getOrDefault(sloClass, Map.of()).getOrDefault(objective, Kept.NONE);
  }

  /** Adds an hour as a whole; {@code met} and {@code missed} by the objective's place. */
  void add(String sloClass, long hourMs, long[] met, long[] missed) {
    if (hourMs > firstHourMs()) {
      for (Objective objective : Objective.values()) {
        add(sloClass, objective, met[place(objective)], missed[place(objective)]);
      }
    }
  }

  /** Adds the part of its first hour that it counts. */
  void addFirst(SloHour hour) {
    if (hour.hourMs() == firstHourMs()) {
      int slot = (int) ((fromMs - hour.hourMs()) / SloFigures.SLOT_MS);
      hour.figures()
          .kept()
          .forEach(
              (objective, kept) ->
                  add(hour.sloClass(), objective, kept.met(slot), kept.missed(slot)));
    }
  }

  private void add(String sloClass, Objective objective, long met, long missed) {
    classes
        .computeIfAbsent(sloClass, first -> new EnumMap<>(Objective.class))
        .merge(objective, new Kept(met, missed), (a, b) -> a.plus(b.met(), b.missed()));
  }

  static int place(Objective objective) {
    return Arrays.asList(Objective.values()).indexOf(objective);
  }
}
