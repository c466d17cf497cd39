package dev.switchboard.gateway.drill;

import dev.switchboard.gateway.fleet.Fleet;
import dev.switchboard.gateway.fleet.Replica;
import java.util.concurrent.CompletionStage;

/** How a replica is broken, and healed. */
public interface Faults {
  /** Breaks it. Fails where that did not happen. */
  CompletionStage<Void> strike(Replica replica, DrillPlan plan);

  /** Takes that back; nothing where there is nothing to be taken back any more. */
  CompletionStage<Void> heal(Replica replica, DrillPlan plan);

  /** Processes by signals, engines by what their workers offer. */
  static Faults of(Fleet fleet, EngineFaults engines) {
    return new Faults() {
      @Override
      public CompletionStage<Void> strike(Replica replica, DrillPlan plan) {
        return switch (plan.kind()) {
          case KILL -> fleet.drills().kill(replica);
          case STOP -> fleet.drills().suspend(replica, plan.durationMs());
          case SLOW_RANK, DELAY_RANK, HANG_RANK, FAIL_STEPS, OUT_OF_MEMORY ->
              engines.strike(replica, plan);
        };
      }

      @Override
      public CompletionStage<Void> heal(Replica replica, DrillPlan plan) {
        return plan.kind().process()
            ? fleet.drills().proceed(replica)
            : engines.heal(replica, plan);
      }
    };
  }
}
