package dev.switchboard.gateway.http;

import dev.switchboard.gateway.edge.EdgeLink;
import dev.switchboard.gateway.edge.EdgeReason;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.Usage;
import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.timers.Timers.Timer;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One request for a model in a region: has a local model answer too when the region is late, and
 * tells the link what came of it, once.
 */
final class EdgeWatch {
  private final Call call;
  private final Flight flight;
  private final EdgeLink link;
  private final String region;
  private final String local;
  private Timer timer = Timer.NONE;

  private boolean told;

  /**
   * @param region the model there
   */
  EdgeWatch(Call call, EdgeLink link, String region) {
    this.call = call;
    this.flight = call.flight();
    this.link = link;
    this.region = region;
    this.local = link.config().local();
  }

  String local() {
    return local;
  }

  private boolean there(Attempt attempt) {
    return attempt.replica().model().equals(region);
  }

  /**
   * An attempt begins.
   *
   * @param late run when it is in the region and late
   */
  void watch(Attempt begun, Consumer<Attempt> late) {
    if (told || !there(begun)) {
      return;
    }
    cancel();
    long allowedMs = link.config().lateAfterMs(call.streams());
    long leftMs = allowedMs - (flight.now() - flight.at(Mark.ACCEPTED)) / 1_000_000;
    timer = call.loop().timers().after(Math.max(1, leftMs), () -> late.accept(begun));
  }

  void cancel() {
    timer.cancel();
  }

  /** The region answered nothing in time. */
  void late() {
    bad(EdgeReason.LATE);
  }

  /** The attempt has something for the client. */
  void speaks(Attempt attempt) {
    cancel();
    if (there(attempt) && !told) {
      told = true;
      link.good(nowMs());
    }
  }

  /**
   * An attempt is over without an answer.
   *
   * @return whether it was in the region
   */
  boolean failed(Attempt attempt) {
    if (!there(attempt)) {
      return false;
    }
    cancel();
    bad(EdgeReason.UNREACHABLE);
    return true;
  }

  private void bad(EdgeReason reason) {
    if (!told) {
      told = true;
      link.bad(reason, nowMs());
    }
  }

  /** The request is over. */
  void ended(@Nullable FlightRecord record) {
    cancel();
    if (record != null && record.model().equals(region)) {
      Usage used = record.usage();
      long tokens = (long) Math.max(0, used.promptTokens()) + Math.max(0, used.completionTokens());
      link.spent(tokens, nowMs());
    }
  }

  /** A decision for the local model. */
  Decision inPlace(Decision decision, EdgeReason reason) {
    return decision.withFallback(new Decision.Fallback(region, local, reason.label()));
  }

  private long nowMs() {
    return call.nowNanos() / 1_000_000;
  }
}
