package dev.switchboard.gateway.boot;

import dev.switchboard.gateway.drill.DrillKind;
import dev.switchboard.gateway.drill.DrillReport;
import dev.switchboard.gateway.drill.Drills;
import dev.switchboard.gateway.telemetry.KindCounters;
import dev.switchboard.gateway.telemetry.Metrics;
import java.util.function.Consumer;

/** Counts drills by their kinds, each from 0 on, and passes on that they began and ended. */
final class DrillCount implements Drills.Listener {
  private final Consumer<DrillKind> begun;
  private final Consumer<DrillKind> healed;
  private final Drills.Listener next;

  DrillCount(Metrics metrics, Drills.Listener next) {
    this.next = next;
    this.begun =
        KindCounters.counted(DrillKind.class, kind -> metrics.drills(kind.label(), "begun"));
    this.healed =
        KindCounters.counted(DrillKind.class, kind -> metrics.drills(kind.label(), "healed"));
  }

  @Override
  public void started(DrillReport report) {
    begun.accept(report.plan().kind());
    next.started(report);
  }

  @Override
  public void ended(DrillReport report) {
    healed.accept(report.plan().kind());
    next.ended(report);
  }
}
