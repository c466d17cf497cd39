package dev.switchboard.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.switchboard.timeline.RequestTimeline;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class FinishedRequestsTest {

  private static RequestTimeline timeline(int steps) {
    List<RequestTimeline.Step> list =
        IntStream.range(0, steps)
            .mapToObj(
                i ->
                    new RequestTimeline.Step(
                        i, 0, 0, 0, RequestTimeline.Calls.NONE, 1, 1, 1, List.of(), List.of()))
            .toList();
    return new RequestTimeline("id", 0, 0, 0, 0, 0, 0, 0, null, null, list);
  }

  @Test
  void theOldestIsForgottenFirst() {
    FinishedRequests finished = new FinishedRequests(2, 1 << 20);

    finished.add("a", 0, List.of(timeline(0)));
    finished.add("b", 0, List.of(timeline(0)));
    finished.add("c", 0, List.of(timeline(0)));

    assertNull(finished.find("a"));
    assertNotNull(finished.find("b"));
    assertNotNull(finished.find("c"));
  }

  @Test
  void memoryIsBoundedToo() {
    FinishedRequests finished = new FinishedRequests(1000, 100_000);

    for (int i = 0; i < 100; i++) {
      finished.add("r" + i, 0, List.of(timeline(100)));
    }

    assertEquals(10, finished.size());
  }

  @Test
  void aRepeatedIdFindsTheLaterRequestEvenWhenTheEarlierIsForgotten() {
    FinishedRequests finished = new FinishedRequests(2, 1 << 20);

    finished.add("same", 1, List.of(timeline(0)));
    finished.add("same", 2, List.of(timeline(0)));
    finished.add("other", 3, List.of(timeline(0)));

    FinishedRequests.Finished found = finished.find("same");
    assertNotNull(found);
    assertEquals(2, found.receivedNanos());
  }
}
