package dev.switchboard.gateway.telemetry;

import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.slo.Objective;
import dev.switchboard.gateway.slo.Slo;
import dev.switchboard.gateway.telemetry.SloCheck.Kept;
import java.util.EnumSet;
import java.util.Set;

/** Why a request's trace is told in full, even where nothing had sampled it. */
public enum KeepReason {
  /** A metric points to it. */
  EXEMPLAR("exemplar"),
  /** Its client asked for it, and may. */
  ASKED("asked"),
  /** It was not answered, and that was the service's fault. */
  FAILED("failed"),
  /** Its first token, or those after it, came later than its class promises. */
  SLO("slo"),
  /** Its stream went on at another replica. */
  MIGRATED("migrated"),
  /** It was at a replica that was being emptied. */
  DRAINED("drained"),
  /** It was sent to a second replica as well. */
  HEDGED("hedged"),
  /** It took long. */
  SLOW("slow");

  private final String label;

  KeepReason(String label) {
    this.label = label;
  }

  /** The word for it in metrics and spans. */
  public String label() {
    return label;
  }

  /** Whether every step is of interest. */
  boolean breach() {
    return this == FAILED || this == SLO;
  }

  /** Why a finished request is of interest by itself; empty where it is not. */
  public static Set<KeepReason> of(FlightRecord record, Slo slo, boolean slow) {
    Set<KeepReason> reasons = EnumSet.noneOf(KeepReason.class);
    judge(record, slo, slow, reasons);
    return reasons;
  }

  /** Adds what a finished request tells of itself. */
  static void judge(FlightRecord record, Slo slo, boolean slow, Set<KeepReason> to) {
    if (SloCheck.of(Objective.AVAILABILITY, record, slo) == Kept.MISSED) {
      to.add(FAILED);
    }
    if (SloCheck.of(Objective.TTFT, record, slo) == Kept.MISSED
        || SloCheck.of(Objective.TPOT, record, slo) == Kept.MISSED) {
      to.add(SLO);
    }
    if (record.moves() > 0) {
      to.add(MIGRATED);
    }
    if (slow) {
      to.add(SLOW);
    }
  }
}
