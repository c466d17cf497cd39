package dev.switchboard.gateway.admin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.slo.Objective;
import dev.switchboard.gateway.slo.SloCause;
import dev.switchboard.gateway.slo.SloConfig.SloClass;
import dev.switchboard.gateway.slo.SloFigures;
import dev.switchboard.gateway.slo.SloMeter;
import dev.switchboard.gateway.slo.SloResult;
import dev.switchboard.gateway.slo.SloResult.Judged;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class SloPreviewTest {
  private final SloMeter meter = new SloMeter();

  private void answered(int ttftMs, int wallMs, @Nullable SloCause ttftMissedFor) {
    add(true, ttftMs, wallMs, new Judged(Objective.TTFT, ttftMissedFor, 0));
  }

  private void add(boolean answered, int ttftMs, int wallMs, Judged judged) {
    meter.add(
        "m",
        "live",
        1,
        new SloResult(answered, ttftMs * 1_000_000L, -1, wallMs * 1_000_000L, List.of(judged)));
  }

  private JsonNode preview(SloClass wanted, @Nullable SloClass present) {
    SloFigures figures = new SloFigures();
    meter.changed().forEach(part -> figures.add(part.figures()));
    return SloPreview.of(figures, wanted, present);
  }

  private static SloClass targets(int ttftMs, int deadlineMs) {
    return new SloClass("live", ttftMs, 0, deadlineMs, 0, 0.99, 30);
  }

  private static void assertShare(double least, double most, JsonNode share) {
    assertEquals(least, share.path("least").asDouble(), 1e-12, share::toString);
    assertEquals(most, share.path("most").asDouble(), 1e-12, share::toString);
  }

  @Test
  void aTargetAtABoundIsExactAndOneBetweenIsBounded() {
    answered(100, 200, null);
    answered(101, 200, SloCause.QUEUE);
    answered(300, 400, SloCause.PREFILL);
    answered(900, 999, SloCause.PREFILL);

    JsonNode exact = preview(targets(250, 0), targets(100, 0)).path("objectives").path("ttft");
    JsonNode between = preview(targets(102, 0), targets(100, 0)).path("objectives").path("ttft");

    assertShare(0.5, 0.5, exact.path("would_meet"));
    assertShare(0.25, 0.5, between.path("would_meet"));
    assertEquals(4, exact.path("requests").asInt());
    assertEquals(1, exact.path("did_meet").path("met").asInt());
    assertEquals(0.25, exact.path("did_meet").path("share").asDouble());
    assertEquals(250, exact.path("target_ms").asInt());
    assertEquals(100, exact.path("present_target_ms").asInt());
  }

  @Test
  void whatWasBrokenOffAtItsDeadlineMayHaveMetALaterOne() {
    answered(100, 200, null);
    add(false, 100, 1000, new Judged(Objective.DEADLINE, SloCause.DECODE, 0));

    JsonNode later = preview(targets(0, 5000), targets(0, 1000));
    JsonNode earlier = preview(targets(0, 500), targets(0, 1000));

    assertShare(0.5, 1, later.path("objectives").path("deadline").path("would_meet"));
    assertShare(0.5, 0.5, earlier.path("objectives").path("deadline").path("would_meet"));
    assertEquals(2, later.path("requests").asInt());
  }

  @Test
  void allTargetsTogetherAreMetByNoMoreThanEachAndNoLessThanTheSumOfMissesLeaves() {
    answered(100, 900, null);
    answered(900, 1000, null);
    answered(100, 100, null);
    answered(100, 100, null);

    JsonNode both = preview(targets(250, 500), null).path("would_meet");

    // The two that are late for one are one or two requests.
    assertShare(0.25, 0.5, both);
  }

  @Test
  void whatWasRefusedOrFailedIsNotCounted() {
    answered(100, 200, null);
    add(false, 100, 1, new Judged(Objective.AVAILABILITY, SloCause.FAILURE, 0));

    JsonNode told = preview(targets(250, 0), null);

    assertEquals(1, told.path("requests").asInt());
    assertShare(1, 1, told.path("objectives").path("ttft").path("would_meet"));
  }

  @Test
  void withoutRequestsNoShareIsTold() {
    JsonNode told = preview(targets(250, 0), null);

    assertTrue(told.path("would_meet").path("least").isNull(), told::toString);
    assertTrue(told.path("objectives").path("tpot").path("would_meet").isNull());
  }
}
