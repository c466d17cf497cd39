package dev.switchboard.gateway.boot;

import dev.switchboard.gateway.drill.DrillKind;
import dev.switchboard.gateway.drill.DrillReport;
import dev.switchboard.gateway.drill.Drills;
import dev.switchboard.gateway.telemetry.Metrics;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;

/** Counts drills by their kinds, each from 0 on, and passes on that they began and ended. */
final class DrillCount implements Drills.Listener {
  private final Map<DrillKind, Runnable> begun = new EnumMap<>(DrillKind.class);
  private final Map<DrillKind, Runnable> healed = new EnumMap<>(DrillKind.class);
  private final Drills.Listener next;

  DrillCount(Metrics metrics, Drills.Listener next) {
    this.next = next;
    for (DrillKind kind : DrillKind.values()) {
      begun.put(kind, metrics.drills(kind.label(), "begun"));
      healed.put(kind, metrics.drills(kind.label(), "healed"));
    }
  }

  @Override
  public void started(DrillReport report) {
    count(begun, report);
    next.started(report);
  }

  @Override
  public void ended(DrillReport report) {
    count(healed, report);
    next.ended(report);
  }

  private static void count(Map<DrillKind, Runnable> counters, DrillReport report) {
    Objects.requireNonNull(counters.get(report.plan().kind()), "one for each").run();
  }
}
