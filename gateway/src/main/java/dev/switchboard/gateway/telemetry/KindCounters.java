package dev.switchboard.gateway.telemetry;

import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.Function;

/** Counters of a closed set of kinds, which are all there from 0 on. */
public final class KindCounters {
  private KindCounters() {}

  /**
   * What counts one of a kind.
   *
   * @param counter of a kind; asked for each at once
   */
  public static <K extends Enum<K>> Consumer<K> counted(
      Class<K> kinds, Function<K, Runnable> counter) {
    Map<K, Runnable> counters = new EnumMap<>(kinds);
    for (K kind : kinds.getEnumConstants()) {
      counters.put(kind, counter.apply(kind));
    }
    return kind -> Objects.requireNonNull(counters.get(kind), "one for each").run();
  }
}
