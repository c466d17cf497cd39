package dev.switchboard.gateway.admin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.events.EventFeed;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.FlightQuery;
import dev.switchboard.gateway.flight.FlightRecorder;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.telemetry.Metrics;
import dev.switchboard.testing.HandRequest;
import dev.switchboard.testing.HandTimers;
import io.prometheus.metrics.model.snapshots.CounterSnapshot;
import java.util.List;
import org.junit.jupiter.api.Test;

class RequestTailTest {
  private static final int HEARTBEAT_MS = 5000;

  /** Within which a listener is told, where there is not much to tell. */
  private static final int TELL_MS = 100;

  private final HandTimers time = new HandTimers();
  private final FlightRecorder recorder = new FlightRecorder(FlightRecorder.Limits.DEFAULTS);
  private final EventFeed feed = new EventFeed(() -> time.nanos() / 1_000_000);
  private final Metrics metrics = new Metrics("m"::equals, "1", true);
  private boolean allowed = true;
  private final RequestTail tail =
      new RequestTail(
          time,
          time,
          new RequestLines(recorder, ""),
          feed,
          metrics,
          HEARTBEAT_MS,
          request -> allowed);

  private HandRequest listens() {
    HandRequest client = new HandRequest();
    tail.listen(client.request(), FlightQuery.newest(1), 1);
    assertTrue(client.answer().startsWith(": listening"));
    return client;
  }

  private void ends(String id) {
    recorder.tail().ended(new Flight(id, time::nanos).finish(Outcome.OK, 200, null), List.of());
  }

  private double counted(String name) {
    return metrics.registry().scrape().stream()
        .filter(one -> one.getMetadata().getName().equals(name))
        .flatMap(one -> ((CounterSnapshot) one).getDataPoints().stream())
        .mapToDouble(CounterSnapshot.CounterDataPointSnapshot::getValue)
        .sum();
  }

  @Test
  void whileNobodyListensNothingIsLookedAt() {
    assertEquals(0, time.waiting());

    HandRequest client = listens();
    assertEquals(2, time.waiting());
    client.leaves();

    assertEquals(0, time.waiting());
  }

  @Test
  void whatEndsIsToldTogetherWithinAMoment() {
    HandRequest client = listens();
    ends("a");
    ends("b");
    time.advance(TELL_MS - 1);
    assertEquals("", client.answer());

    time.advance(1);

    String told = client.answer();
    assertTrue(told.indexOf("\"a\"") > 0 && told.indexOf("\"b\"") > told.indexOf("\"a\""), told);
    time.advance(TELL_MS);
    assertEquals("", client.answer());
  }

  @Test
  void aListenerHearsNowAndThenThatTheGatewayIsThere() {
    HandRequest client = listens();
    time.advance(HEARTBEAT_MS - 1);
    assertEquals("", client.answer());

    time.advance(1);
    assertEquals(": alive\n\n", client.answer());

    time.advance(HEARTBEAT_MS);
    assertEquals(": alive\n\n", client.answer());
  }

  @Test
  void whatFindsNoRoomIsLeftOutAndToldAtTheNextHeartbeat() {
    HandRequest client = listens();
    client.full(true);
    ends("a");
    ends("b");
    time.advance(TELL_MS);
    client.full(false);

    time.advance(HEARTBEAT_MS - TELL_MS);

    assertEquals(": alive\n\nevent: left_out\ndata: {\"left_out\":2}\n\n", client.answer());
    assertEquals(2, counted("switchboard_request_tail_dropped"));
  }

  @Test
  void whoTakesNothingBetweenTwoHeartbeatsIsCutOff() {
    HandRequest client = listens();
    client.full(true);
    time.advance(HEARTBEAT_MS);
    assertEquals(0, counted("switchboard_event_listeners_cut"));

    // What is cut is a channel, which the connection of a test has not.
    assertThrows(ClassCastException.class, () -> time.advance(HEARTBEAT_MS));

    assertEquals(1, counted("switchboard_event_listeners_cut"));
    assertEquals(0, time.waiting());
  }

  @Test
  void whoTakesSomethingBetweenTwoHeartbeatsStays() {
    HandRequest client = listens();
    for (int i = 0; i < 3; i++) {
      client.full(true);
      time.advance(HEARTBEAT_MS);
      client.full(false);
      time.advance(HEARTBEAT_MS);
      assertEquals(": alive\n\n", client.answer());
    }
    assertFalse(client.ended());
  }

  @Test
  void whoMayNotListenAnyMoreIsToldNoMoreThanTheNextHeartbeat() {
    HandRequest client = listens();
    allowed = false;
    time.advance(HEARTBEAT_MS - 1);
    assertFalse(client.ended());

    time.advance(1);

    assertTrue(client.ended());
    assertEquals("", client.answer());
    assertEquals(0, time.waiting());
  }

  @Test
  void theEndOfTheGatewayEndsWhatItTells() {
    HandRequest client = listens();
    HandRequest other = listens();

    feed.close();
    assertFalse(client.ended());
    time.advance(0);

    assertTrue(client.ended() && other.ended());
    assertEquals(0, time.waiting());
  }
}
