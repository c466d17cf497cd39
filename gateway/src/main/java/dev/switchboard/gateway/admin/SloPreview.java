package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.slo.Objective;
import dev.switchboard.gateway.slo.SloConfig.SloClass;
import dev.switchboard.gateway.slo.SloFigures;
import dev.switchboard.gateway.slo.SloFigures.Spread;
import dev.switchboard.gateway.slo.SloFigures.Time;
import dev.switchboard.gateway.slo.TimeBuckets;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Which share of requests would have met other targets. Told as bounds: a histogram does not say
 * where in the bucket of the target its requests lie, and nobody knows how long those would have
 * taken that were broken off at their deadline, nor whether a request that missed one objective is
 * one of those that missed another. Pure.
 */
final class SloPreview {
  private final SloFigures figures;

  /** Broken off at their deadline. */
  private final long cut;

  private SloPreview(SloFigures figures) {
    this.figures = figures;
    this.cut =
        Math.min(
            missed(figures, Objective.DEADLINE),
            total(figures.times(Time.WALL).unanswered().values()));
  }

  /** How many would have been in time, at least and at most, of so many. */
  record Share(long least, long most, long of) {}

  /**
   * Tells it.
   *
   * @param wanted the class with other targets
   * @param present null where there is none
   */
  static ObjectNode of(SloFigures figures, SloClass wanted, @Nullable SloClass present) {
    return new SloPreview(figures).json(wanted, present);
  }

  private ObjectNode json(SloClass wanted, @Nullable SloClass present) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    Spread wall = figures.times(Time.WALL);
    long requests = wall.count() - total(wall.unanswered().values()) + cut;
    json.put("requests", requests);
    ObjectNode objectives = json.putObject("objectives");
    long fewestMissed = 0;
    long mostMissed = 0;
    for (Objective objective : Objective.values()) {
      if (objective == Objective.AVAILABILITY) {
        continue;
      }
      double now = present == null ? 0 : targetMs(objective, present);
      Share share = share(objective, targetMs(objective, wanted), now);
      objectives.set(objective.label(), json(objective, share, targetMs(objective, wanted), now));
      if (share != null) {
        fewestMissed = Math.max(fewestMissed, share.of - share.most);
        mostMissed += share.of - share.least;
      }
    }
    ObjectNode all = json.putObject("would_meet");
    bounds(all, Math.max(0, requests - mostMissed), requests - fewestMissed, requests);
    return json;
  }

  private ObjectNode json(
      Objective objective, @Nullable Share share, double wantedMs, double presentMs) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("target_ms", wantedMs).put("present_target_ms", presentMs);
    json.put("requests", share == null ? 0 : share.of);
    if (share == null) {
      json.putNull("would_meet");
    } else {
      bounds(json.putObject("would_meet"), share.least, share.most, share.of);
    }
    SloFigures.Kept kept = figures.kept().get(objective);
    long met = kept == null ? 0 : kept.met(0);
    long missed = kept == null ? 0 : kept.missed(0);
    json.putObject("did_meet")
        .put("met", met)
        .put("missed", missed)
        .put("share", met + missed == 0 ? null : (double) met / (met + missed));
    return json;
  }

  private static void bounds(ObjectNode to, long least, long most, long of) {
    to.put("least", of == 0 ? null : (double) least / of);
    to.put("most", of == 0 ? null : (double) most / of);
  }

  /** Null where nothing is wanted. */
  private @Nullable Share share(Objective objective, double targetMs, double presentMs) {
    if (targetMs == 0) {
      return null;
    }
    return switch (objective) {
      case TTFT -> within(figures.times(Time.TTFT), targetMs);
      case TPOT -> within(figures.times(Time.TPOT), targetMs);
      case DEADLINE -> {
        Share answered = within(figures.times(Time.WALL), targetMs);
        long saved = targetMs > presentMs ? cut : 0;
        yield new Share(answered.least, answered.most + saved, answered.of + cut);
      }
      case AVAILABILITY -> null;
    };
  }

  /** Of those that ended well. */
  private static Share within(Spread spread, double targetMs) {
    double target = targetMs * 1000;
    long least = 0;
    long most = 0;
    long all = 0;
    for (Map.Entry<Long, Long> bucket : spread.all().entrySet()) {
      long bound = bucket.getKey();
      long count = bucket.getValue() - spread.unanswered().getOrDefault(bound, 0L);
      all += count;
      least += bound <= target ? count : 0;
      most += TimeBuckets.above(bound) < target ? count : 0;
    }
    return new Share(least, most, all);
  }

  private static double targetMs(Objective objective, SloClass of) {
    return switch (objective) {
      case TTFT -> of.ttftMs();
      case TPOT -> of.tpotMs();
      case DEADLINE -> of.deadlineMs();
      case AVAILABILITY -> 0;
    };
  }

  private static long missed(SloFigures figures, Objective objective) {
    SloFigures.Kept kept = figures.kept().get(objective);
    return kept == null ? 0 : kept.missed(0);
  }

  private static long total(Iterable<Long> counts) {
    long total = 0;
    for (long count : counts) {
      total += count;
    }
    return total;
  }
}
