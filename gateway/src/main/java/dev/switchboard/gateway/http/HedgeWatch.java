package dev.switchboard.gateway.http;

import dev.switchboard.gateway.admission.AdmissionQueue;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.flight.HedgeResult;
import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.gateway.routing.HedgePolicy;
import dev.switchboard.gateway.slo.Slo;
import dev.switchboard.timers.Timers.Timer;
import org.jspecify.annotations.Nullable;

/** Looks whether a stream's first token is late, and has it sent to a second replica then. */
final class HedgeWatch {
  /** Sends it there as well. */
  @FunctionalInterface
  interface Sender {
    /** Says why not; null when it did. */
    @Nullable HedgeResult send(Decision second);
  }

  private final Call call;
  private final GatewayContext gateway;
  private final Flight flight;
  private final Slo slo;
  private final ReplicaChoice choice;
  private final ClientAnswer answer;
  private final Sender sender;
  private Timer timer = Timer.NONE;

  private boolean hedged;

  HedgeWatch(Call call, Slo slo, ReplicaChoice choice, ClientAnswer answer, Sender sender) {
    this.call = call;
    this.gateway = call.gateway();
    this.flight = call.flight();
    this.slo = slo;
    this.choice = choice;
    this.answer = answer;
    this.sender = sender;
  }

  /** An attempt begins; once a request has been late it is not looked at again. */
  void watch(Attempt begun, Decision decision) {
    HedgePolicy policy = gateway.retries().hedge();
    Decision.Candidate chosen = decision.winner();
    if (hedged
        || begun.over()
        || chosen == null
        || !call.streams()
        || begun.number() >= gateway.retries().attempts()) {
      return;
    }
    double lateMs = policy.lateAfterMs(chosen);
    if (!Double.isNaN(lateMs)) {
      cancel();
      timer =
          call.loop().timers().after((long) Math.ceil(lateMs), () -> firstTokenLate(begun, lateMs));
    }
  }

  void cancel() {
    timer.cancel();
  }

  private void firstTokenLate(Attempt current, double lateMs) {
    if (answer.over() || answer.begun() || current.over() || flight.at(Mark.FIRST_TOKEN) != 0) {
      return;
    }
    hedged = true;
    HedgeResult refused = hedge(current, lateMs);
    if (refused != null) {
      gateway.metrics().hedged(flight.model(), refused);
    }
  }

  /** Sends the request to a second replica, or says why not. */
  private @Nullable HedgeResult hedge(Attempt current, double lateMs) {
    AdmissionQueue.Snapshot queue =
        gateway.admission().queue(flight.model()).snapshot(call.nowNanos());
    if (gateway.admission().closing() || queue.full()) {
      return HedgeResult.OVERLOADED;
    }
    Decision second = choice.decideWithout(current.replica().id(), true);
    double elapsedMs = (flight.now() - flight.at(Mark.ACCEPTED)) / 1e6;
    return switch (HedgePolicy.judge(second, lateMs, slo, elapsedMs)) {
      case NO_REPLICA -> HedgeResult.NO_REPLICA;
      case OVERLOADED -> HedgeResult.OVERLOADED;
      case DRAINING -> HedgeResult.DRAINING;
      case SEND ->
          gateway.retries().spend(flight.model()) ? sender.send(second) : HedgeResult.NO_BUDGET;
    };
  }
}
