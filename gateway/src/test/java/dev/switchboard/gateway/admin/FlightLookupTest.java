package dev.switchboard.gateway.admin;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.FlightRecorder;
import dev.switchboard.gateway.flight.FlightTail;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.testing.HandTimers;
import io.vertx.core.Future;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class FlightLookupTest {
  private static final int WAIT_MS = 1000;

  private final HandTimers time = new HandTimers();
  private final FlightRecorder recorder = new FlightRecorder(FlightRecorder.Limits.DEFAULTS);
  private final FlightLookup lookup = new FlightLookup(time, time, recorder, this::archived);
  private final List<String> told = new ArrayList<>();

  private Future<Optional<FlightTail.Ended>> archived(String id) {
    return Future.succeededFuture(
        Optional.ofNullable(recorder.look(id))
            .map(record -> new FlightTail.Ended(record, List.of())));
  }

  private void find() {
    lookup.find(
        "r", there -> told.add(there.record().id()), missing -> told.add(missing.code() + ""));
    time.advance(0);
  }

  private void ends() {
    FlightRecord record = new Flight("r", time::nanos).finish(Outcome.OK, 200, null);
    recorder.add(record);
    time.advance(0);
  }

  @Test
  void oneThatIsOverIsToldAtOnce() {
    recorder.begin("r");
    ends();

    find();

    assertEquals(List.of("r"), told);
    assertEquals(0, time.waiting());
  }

  @Test
  void oneThatNobodyKnowsIsMissingAtOnce() {
    find();

    assertEquals(List.of("not_found"), told);
    assertEquals(0, time.waiting());
  }

  @Test
  void oneThatEndsWithinAMomentIsToldThen() {
    recorder.begin("r");
    find();
    time.advance(WAIT_MS - 1);
    assertEquals(List.of(), told);

    ends();

    assertEquals(List.of("r"), told);
    assertEquals(0, time.waiting());
  }

  @Test
  void oneThatStillRunsAfterAMomentIsSaidToAndIsWaitedForNoMore() {
    recorder.begin("r");
    find();

    time.advance(WAIT_MS);
    assertEquals(List.of("still_running"), told);

    ends();
    assertEquals(List.of("still_running"), told);
  }

  /** The end was handed over before the time was up, and is read after it. */
  @Test
  void anEndThatComesWithTheLastMomentIsToldOnce() {
    recorder.begin("r");
    find();
    time.hold(3 * WAIT_MS);

    ends();
    time.advance(WAIT_MS);

    assertEquals(List.of("r"), told);
  }
}
