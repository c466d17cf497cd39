package dev.switchboard.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.testing.HandRequest;
import dev.switchboard.testing.HandTimers;
import dev.switchboard.worker.BodyReader.Body;
import io.vertx.core.VertxException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class BodyReaderTest {
  private static final int ROOM_BYTES = 400_000;
  private static final int MOST_BYTES = 200_000;
  private static final int MOST_MS = 500;
  private static final String LARGE = "x".repeat(BodyRoom.SMALL_BYTES + 1);

  private final HandTimers time = new HandTimers();
  private final HandRequest client = new HandRequest();
  private final BodyRoom room = new BodyRoom(ROOM_BYTES);
  private final BodyReader reader =
      new BodyReader(time, MOST_BYTES, Duration.ofMillis(MOST_MS), room);
  private final List<Body> bodies = new ArrayList<>();

  private void read(HandRequest from) {
    reader.read(new Exchange(from.request(), "w0", "r", 1), bodies::add);
  }

  private void refused(String code) {
    assertTrue(client.ended());
    String answer = client.answer();
    assertTrue(answer.contains(code), answer);
    assertEquals("close", client.done().getLast());
    assertEquals(0, time.waiting());
  }

  @Test
  void aBodyThatIsThereInTimeIsReadAndNothingWaitsForItAnyMore() {
    read(client.header("Content-Length", "3"));

    time.advance(MOST_MS - 1);
    client.sends("123");
    client.ends();

    assertEquals("123", bodies.getFirst().bytes().toString());
    assertEquals(0, time.waiting());
  }

  @Test
  void aBodyThatComesTooSlowlyIsRefusedHoweverOftenAByteOfItComes() {
    read(client.header("Content-Length", "100"));

    for (int i = 0; i < 9; i++) {
      client.sends("x");
      time.advance(MOST_MS / 10);
    }
    assertFalse(client.ended());
    time.advance(MOST_MS / 10);

    refused("request_timeout");
    assertEquals(408, client.status());
    assertEquals(List.of(), bodies);
  }

  @Test
  void whatComesBehindARefusalIsNoBody() {
    read(client.header("Content-Length", "3"));
    time.advance(MOST_MS);

    client.sends("123");
    client.ends();

    assertEquals(List.of(), bodies);
  }

  /** Its sender waits, unread, for others; that is no time of its own. */
  @Test
  void noTimeRunsWhileABodyWaitsForRoom() {
    List<BodyRoom.Place> others = fillTheRoom();
    read(client.header("Content-Length", "" + LARGE.length()));
    assertEquals(List.of("pause"), client.done());

    time.advance(100L * MOST_MS);
    assertFalse(client.ended());
    others.forEach(BodyRoom.Place::leave);

    assertEquals(List.of("pause", "resume"), client.done());
    time.advance(MOST_MS - 1);
    assertFalse(client.ended());
    time.advance(1);
    refused("request_timeout");
  }

  private List<BodyRoom.Place> fillTheRoom() {
    List<BodyRoom.Place> places = new ArrayList<>();
    for (int i = 0; i < ROOM_BYTES / LARGE.length(); i++) {
      places.add(room.enter(LARGE.length(), () -> {}));
    }
    return places;
  }

  /** A body whose length nobody told asks for more room on its way. */
  @Test
  void noTimeRunsWhileABodyWaitsForMoreRoom() {
    read(client.header("Transfer-Encoding", "chunked"));
    List<BodyRoom.Place> others = fillTheRoom();

    client.sends(LARGE);
    assertEquals("pause", client.done().getLast());
    time.advance(100L * MOST_MS);
    assertFalse(client.ended());

    others.forEach(BodyRoom.Place::leave);
    assertEquals("resume", client.done().getLast());
    time.advance(MOST_MS - 1);
    client.ends();

    assertEquals(LARGE, bodies.getFirst().bytes().toString());
    assertEquals(0, time.waiting());
  }

  @Test
  void aClientThatLeavesIsWaitedForNoMore() {
    read(client.header("Content-Length", "3"));

    client.breaks(new VertxException("closed"));

    assertFalse(client.ended());
    assertEquals(0, time.waiting());
  }
}
