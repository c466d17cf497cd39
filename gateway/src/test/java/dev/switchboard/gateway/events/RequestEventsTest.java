package dev.switchboard.gateway.events;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.flight.AnswerNames;
import dev.switchboard.gateway.flight.Engines;
import dev.switchboard.gateway.flight.Failure;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.flight.RequestParameters;
import dev.switchboard.gateway.flight.Usage;
import dev.switchboard.gateway.flight.Waits;
import dev.switchboard.gateway.slo.Slo;
import dev.switchboard.openai.ApiError;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Which requests become events, and which only their overload does. */
class RequestEventsTest {
  private static final long SECOND = 1_000_000_000L;

  private final EventFeed feed = new EventFeed(() -> 1);
  private final RequestEvents events = new RequestEvents(feed, "m"::equals);

  private static FlightRecord record(String model, Outcome outcome, @Nullable String code) {
    long first = outcome == Outcome.OK ? SECOND + 40_000_000 : 0;
    long end = SECOND + 70_000_000;
    // Accepted to answered, then the first token, the upstream's end and the end.
    long[] marks = {SECOND, SECOND, SECOND, SECOND, SECOND, SECOND, SECOND, first, end, end, end};
    Failure failure =
        code == null
            ? null
            : Failure.of(new ApiError(outcome.status(), "rate_limit_error", code, null, "no"));
    return new FlightRecord(
        "r",
        "chat",
        model,
        "default",
        new Slo("live", 0, 0, 0, 0),
        false,
        outcome,
        outcome.status(),
        failure,
        null,
        marks,
        null,
        List.of(),
        RequestParameters.NONE,
        Usage.NONE,
        null,
        AnswerNames.NONE,
        0,
        0,
        List.of(),
        Waits.NONE,
        Engines.NONE);
  }

  private void ends(Outcome outcome, @Nullable String code, long nowNanos) {
    events.ended(record("m", outcome, code), Slo.NONE, false, nowNanos, 0);
  }

  private String told() {
    return feed.after(feed.begin(0L, EventType.all()).place(), EventType.all(), 1 << 20).text();
  }

  private long count(String expression) {
    return Pattern.compile(expression).matcher(told()).results().count();
  }

  @Test
  void whatWentWellIsNoEvent() {
    ends(Outcome.OK, null, 0);
    ends(Outcome.INVALID_REQUEST, null, 0);
    ends(Outcome.CLIENT_GONE, null, 0);

    assertEquals("", told());
  }

  @Test
  void whatIsOfInterestSaysWhy() {
    ends(Outcome.UPSTREAM_BROKEN, null, 0);
    events.ended(record("m", Outcome.OK, null), new Slo("live", 30, 0, 0, 0), true, 0, 0);

    assertEquals(1, count("\"outcome\":\"upstream_broken\",\"status\":502,\"total_ms\":70,"));
    assertEquals(1, count("\"reasons\":\\[\"failed\"\\],\"left_out\":0"));
    assertEquals(1, count("\"reasons\":\\[\"slo\",\"slow\"\\]"));
  }

  @Test
  void noMoreAreToldThanCanBeReadAndTheOthersAreCounted() {
    for (int i = 0; i < 100; i++) {
      ends(Outcome.INTERNAL, null, SECOND);
    }
    ends(Outcome.INTERNAL, null, 2 * SECOND);

    assertEquals(21, count("event: request\n"));
    assertEquals(1, count("\"left_out\":80"));
  }

  @Test
  void anOverloadIsToldAtItsBeginningAndItsEndHoweverManyAreRefused() {
    for (int i = 0; i < 50; i++) {
      ends(Outcome.SHED, "overloaded", i * SECOND / 10);
      events.tick(i * SECOND / 10);
    }
    String before = told();
    events.tick(9 * SECOND);
    boolean early = told().contains("overload_ended");
    events.tick(10 * SECOND);
    ends(Outcome.SHED, "overloaded", 20 * SECOND);

    assertEquals(1, before.split("event: ", -1).length - 1, before);
    assertTrue(before.contains("event: overload_began\n"), before);
    assertFalse(early);
    assertEquals(1, count("\"model\":\"m\",\"shed\":50,\"lasted_ms\":4900"));
    assertEquals(2, count("event: overload_began\n"));
  }

  @Test
  void aLimitOfATenantIsNoOverload() {
    ends(Outcome.SHED, "rate_limit_exceeded", 0);

    assertEquals("", told());
  }

  @Test
  void namesThatClientsMadeUpAreNotTold() {
    for (String model : List.of("made up", "x")) {
      events.ended(record(model, Outcome.SHED, "overloaded"), Slo.NONE, false, 0, 0);
      events.ended(record(model, Outcome.INTERNAL, null), Slo.NONE, false, 0, 0);
    }

    assertEquals(1, count("event: overload_began\n"));
    assertEquals(3, count("\"model\":\"other\""));
    assertFalse(told().contains("made up"));
  }
}
