package dev.switchboard.gateway.events;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** What listeners get of a feed: everything, or word of what they did not get. */
class EventListenerTest {
  private static final long START_MS = 1_700_000_000_000L;
  private static final long FIRST = START_MS * 1000;

  private final EventFeed feed = new EventFeed(() -> START_MS, 8, 100_000);
  private boolean allowed = true;

  /** Takes so much, and keeps it. */
  private static final class Taker implements EventListener.Outlet {
    private final StringBuilder text = new StringBuilder();
    private int room = Integer.MAX_VALUE;
    private String end = "";
    private long dropped;

    @Override
    public boolean full() {
      return room <= 0;
    }

    @Override
    public void write(String more) {
      text.append(more);
      room -= more.length();
    }

    @Override
    public void dropped(long events) {
      dropped += events;
    }

    @Override
    public void end() {
      end += "end";
    }

    @Override
    public void cut() {
      end += "cut";
    }

    List<String> found(String expression) {
      List<String> found = new ArrayList<>();
      Pattern.compile(expression)
          .matcher(text)
          .results()
          .forEach(match -> found.add(match.group(1)));
      return found;
    }

    List<String> types() {
      return found("\nevent: (\\w+)\n");
    }

    List<String> numbers() {
      return found("\"n\":(\\d+)");
    }
  }

  private EventListener listener(Taker taker, Set<EventType> types) {
    return new EventListener(feed, types, () -> allowed, taker);
  }

  private void happens(int from, int to) {
    for (int n = from; n <= to; n++) {
      EventType type = n % 2 == 0 ? EventType.AUDIT : EventType.REQUEST;
      feed.add(type, JsonNodeFactory.instance.objectNode().put("n", n));
    }
  }

  private Taker taken(Long lastId) {
    Taker taker = new Taker();
    listener(taker, EventType.all()).begin(lastId);
    return taker;
  }

  @Test
  void anEventHasItsIdItsTypeAndItsTimeInDataOfOneLine() {
    feed.add(EventType.AUDIT, JsonNodeFactory.instance.objectNode().put("a", "x\ny\n\nid: 7"));

    Taker taker = taken(0L);

    assertTrue(
        taker
            .text
            .toString()
            .endsWith(
                "id: "
                    + FIRST
                    + "\nevent: audit\ndata: {\"at\":\"2023-11-14T22:13:20Z\","
                    + "\"a\":\"x\\ny\\n\\nid: 7\"}\n\n"),
        taker.text::toString);
  }

  @Test
  void whoNamesNoEventGetsWhatComes() {
    happens(0, 2);
    Taker taker = new Taker();
    EventListener listener = listener(taker, EventType.all());
    listener.begin(null);
    happens(3, 4);
    listener.push();

    assertEquals(List.of("3", "4"), taker.numbers());
    assertTrue(taker.text.toString().startsWith(": listening\nretry: 2000\nid: " + (FIRST + 2)));
  }

  @Test
  void whoNamesTheLastOneItHasGetsEachThatFollowsOnce() {
    happens(0, 5);

    assertEquals(List.of("3", "4", "5"), taken(FIRST + 2).numbers());
    assertEquals(List.of("0", "1", "2", "3", "4", "5"), taken(0L).numbers());
    assertEquals(List.of(), taken(FIRST + 5).numbers());
    assertFalse(taken(FIRST - 1).types().contains("gap"));
  }

  @Test
  void howManyAreForgottenIsTold() {
    happens(0, 19);

    Taker taker = taken(FIRST + 4);

    assertEquals("gap", taker.types().getFirst());
    assertEquals(List.of("7"), taker.found("\"lost\":(\\d+)"));
    assertEquals(List.of("12", "13", "14", "15", "16", "17", "18", "19"), taker.numbers());
    assertEquals(List.of("12"), taken(0L).found("\"lost\":(\\d+)"));
    assertEquals(List.of("" + (FIRST + 11)), taker.found("id: (\\d+)\nevent: gap"));
  }

  @Test
  void anIdOfAnotherGatewayIsAGapOfUnknownSize() {
    happens(0, 1);

    for (long id : new long[] {1, FIRST - 2, FIRST + 2, Long.MAX_VALUE}) {
      Taker taker = taken(id);

      assertEquals(List.of("gap", "audit", "request"), taker.types(), "" + id);
      assertTrue(taker.text.toString().contains("\"lost\":null"), taker.text::toString);
    }
  }

  @Test
  void largeEventsAreForgottenSooner() {
    EventFeed small = new EventFeed(() -> START_MS, 1000, 2000);
    for (int n = 0; n < 9; n++) {
      small.add(
          EventType.AUDIT,
          JsonNodeFactory.instance.objectNode().put("n", n).put("text", "x".repeat(500)));
    }
    Taker taker = new Taker();
    new EventListener(small, EventType.all(), () -> true, taker).begin(0L);

    assertEquals(List.of("6", "7", "8"), taker.numbers());
    assertEquals(List.of("6"), taker.found("\"lost\":(\\d+)"));
  }

  @Test
  void onlyWantedTypesComeAndTheOthersNeedNotBeAskedForAgain() {
    Taker taker = new Taker();
    EventListener listener = listener(taker, EventType.named("audit"));
    listener.begin(null);
    happens(0, 3);
    listener.push();
    listener.beat();
    listener.beat();

    assertEquals(List.of("0", "2"), taker.numbers());
    assertTrue(
        taker.text.toString().endsWith("\n\n: alive\nid: " + (FIRST + 3) + "\n\n: alive\n\n"),
        taker.text::toString);
  }

  @Test
  void anUnknownTypeIsNamed() {
    Set<EventType> two = EventType.named("request,drain_ended");
    IllegalArgumentException wrong =
        assertThrows(IllegalArgumentException.class, () -> EventType.named("audit,drains"));

    assertEquals(Set.of(EventType.REQUEST, EventType.DRAIN_ENDED), two);
    assertTrue(String.valueOf(wrong.getMessage()).contains("'drains'"), wrong::getMessage);
    assertThrows(IllegalArgumentException.class, () -> EventType.named(""));
  }

  @Test
  void whoDoesNotReadHoldsNoMoreThanItsRoomAndHearsWhatItMissed() {
    Taker taker = new Taker();
    taker.room = 300;
    EventListener listener = listener(taker, EventType.all());
    listener.begin(null);
    for (int n = 0; n < 1000; n++) {
      happens(n, n);
      listener.push();
    }
    int held = taker.text.length();

    taker.room = Integer.MAX_VALUE;
    listener.drained();

    assertTrue(held < 500, () -> "held " + held);
    assertEquals(List.of("gap"), taker.types().stream().filter("gap"::equals).toList());
    int lost = Integer.parseInt(taker.found("\"lost\":(\\d+)").getFirst());
    assertEquals(1000, taker.numbers().size() + lost);
    assertEquals(lost, taker.dropped);
    assertEquals("999", taker.numbers().getLast());
  }

  @Test
  void onlyWhatIsWantedIsMissed() {
    happens(0, 3);
    Taker taker = new Taker();
    taker.room = 300;
    EventListener listener = listener(taker, EventType.named("audit"));
    listener.begin(FIRST + 1);
    happens(4, 1002);
    taker.room = 300;
    listener.push();
    long first = taker.numbers().size() + taker.dropped;
    happens(1003, 1999);
    taker.room = 0;
    listener.beat();
    listener.beat();

    // 2, 4, 6 … 1002, and on to 1998: each was told, or missed.
    assertEquals(501, first);
    assertEquals("cut", taker.end);
    assertEquals(999, taker.numbers().size() + taker.dropped);
    assertTrue(taker.numbers().size() > 2, taker.numbers()::toString);
  }

  @Test
  void whatWasForgottenBeforeItCameItWasNotTooSlowFor() {
    happens(0, 99);
    Taker taker = taken(FIRST + 4);

    assertEquals(List.of("87"), taker.found("\"lost\":(\\d+)"));
    assertEquals(0, taker.dropped);
  }

  @Test
  void whoTakesNothingBetweenTwoHeartbeatsIsCut() {
    Taker taker = new Taker();
    EventListener listener = listener(taker, EventType.all());
    listener.begin(null);
    taker.room = 0;
    listener.beat();
    listener.drained();
    listener.beat();
    String before = taker.end;
    happens(0, 2);
    listener.beat();
    happens(3, 3);
    taker.room = 1000;
    listener.push();

    assertEquals("", before);
    assertEquals("cut", taker.end);
    assertTrue(listener.over());
    assertEquals(3, taker.dropped);
    assertEquals(List.of(), taker.numbers());
  }

  @Test
  void whoMayNoLongerListenGetsNothingMore() {
    Taker taker = new Taker();
    EventListener listener = listener(taker, EventType.all());
    listener.begin(null);
    allowed = false;
    happens(0, 0);
    listener.push();
    listener.beat();

    assertEquals(List.of(), taker.numbers());
    assertEquals("end", taker.end);
  }

  @Test
  void theEndOfTheFeedEndsAStreamThatHasAll() {
    Taker taker = new Taker();
    EventListener listener = listener(taker, EventType.all());
    listener.begin(null);
    List<String> woken = new ArrayList<>();
    feed.wake(() -> woken.add("woken"));
    happens(0, 0);
    feed.close();
    listener.push();

    assertEquals(List.of("0"), taker.numbers());
    assertEquals("end", taker.end);
    assertEquals(2, woken.size());
  }
}
