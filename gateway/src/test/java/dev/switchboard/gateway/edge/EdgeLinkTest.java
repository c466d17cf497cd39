package dev.switchboard.gateway.edge;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.edge.EdgeLink.Way;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.IntPredicate;
import org.junit.jupiter.api.Test;

/** Virtual time. */
class EdgeLinkTest {
  private static final EdgeConfig CONFIG =
      new EdgeConfig("big", "small", 500, 5000, 3, 10, 1000, 10, 1000L);

  private final List<String> switches = new ArrayList<>();
  private final EdgeLink link =
      new EdgeLink(CONFIG, (name, reason) -> switches.add(reason == null ? "region" : "local"));

  /** A request each 100 ms, of which those that go to the region find it well or late. */
  private int local(int fromSeconds, int toSeconds, IntPredicate wellInSecond) {
    int local = 0;
    for (int ms = 1000 * fromSeconds; ms < 1000 * toSeconds; ms += 100) {
      if (link.choose(true, ms) == Way.LOCAL) {
        local++;
      } else if (wellInSecond.test(ms / 1000)) {
        link.good(ms);
      } else {
        link.bad(EdgeReason.LATE, ms);
      }
    }
    return local;
  }

  @Test
  void theLocalModelServesOnceTheRegionWasLateTooOftenOfLate() {
    assertEquals(Way.REGION, link.choose(true, 0));
    link.bad(EdgeReason.LATE, 0);
    link.bad(EdgeReason.LATE, 1);
    assertEquals(Way.REGION, link.choose(true, 2));

    link.bad(EdgeReason.UNREACHABLE, 3);

    assertEquals(Way.LOCAL, link.choose(true, 4));
    assertEquals(EdgeReason.UNREACHABLE, link.local());
  }

  @Test
  void failuresThatAreFarApartChangeNothing() {
    for (int i = 0; i < 100; i++) {
      for (int good = 0; good < 5; good++) {
        link.good(i);
      }
      link.bad(EdgeReason.LATE, i);
    }

    assertNull(link.local());
  }

  @Test
  void oneRequestAtATimeTriesTheRegionWhileTheLocalModelServes() {
    local(0, 1, second -> false);

    int before = local(1, 11, second -> false);

    assertEquals(90, before);
    assertEquals(Way.LOCAL, link.choose(true, 11_050 - 100));
    assertEquals(Way.TRY, link.choose(true, 12_100));
  }

  @Test
  void theRegionServesAgainAfterItWasWellForLong() {
    local(0, 1, second -> false);
    local(1, 20, second -> second >= 5);

    assertNull(link.local());
    assertEquals(List.of("local", "region"), switches);
  }

  @Test
  void aRegionThatFlapsHasToBeWellForLongerEachTime() {
    local(0, 600, second -> second % 15 > 1);
    int changes = switches.size();

    // Forty outages in ten minutes.
    assertTrue(changes <= 14, switches::toString);
    local(600, 1200, second -> true);
    assertNull(link.local());
  }

  @Test
  void withoutAReplicaThereTheLocalModelServesAtOnce() {
    assertEquals(Way.LOCAL, link.choose(false, 0));
    assertEquals(EdgeReason.UNREACHABLE, link.local());

    assertEquals(Way.LOCAL, link.choose(true, 500));
    assertEquals(Way.TRY, link.choose(true, 1000));
  }

  @Test
  void theTokensOfAnHourAreABound() {
    link.spent(999, 1000);
    assertEquals(Way.REGION, link.choose(true, 1000));

    link.spent(1, 2000);

    assertEquals(Way.LOCAL, link.choose(true, 3000));
    assertEquals(EdgeReason.BUDGET, link.local());
    assertEquals(Way.LOCAL, link.choose(true, 3_599_999));
    assertEquals(Way.REGION, link.choose(true, 3_600_000));
  }

  @Test
  void wrongEntriesAreRefusedByName() {
    assertEquals(
        "failures must be 1 to 10, not 11",
        assertThrows(
                IllegalArgumentException.class,
                () -> new EdgeConfig("a", "b", null, null, 11, null, null, null, null))
            .getMessage());
    assertEquals(
        "edge[0].local: nobody serves small",
        assertThrows(
                IllegalArgumentException.class,
                () -> Edges.check(List.of(CONFIG), Set.of("big"), Set.of("big")))
            .getMessage());
    assertEquals(
        "edge[0].name: nobody serves big, and no route is called so",
        assertThrows(
                IllegalArgumentException.class,
                () -> Edges.check(List.of(CONFIG), Set.of("small"), Set.of("small")))
            .getMessage());
  }
}
