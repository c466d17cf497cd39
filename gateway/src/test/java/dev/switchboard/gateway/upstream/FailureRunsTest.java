package dev.switchboard.gateway.upstream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.upstream.FailureRuns.Place;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class FailureRunsTest {
  private final FailureRuns runs = new FailureRuns();

  /** What became of each request, in the order in which they began. */
  private enum Known {
    RUNS,
    FAILED,
    SERVED,
    LEFT
  }

  @Test
  void anyOrderOfEndsGivesTheRowsOfTheOrderOfBeginnings() {
    SplittableRandom random = new SplittableRandom(7);
    List<Place> places = new ArrayList<>();
    List<Known> known = new ArrayList<>();
    List<Integer> running = new ArrayList<>();
    int longest = 0;
    for (int i = 0; i < 20_000; i++) {
      if (running.isEmpty() || (running.size() < 12 && random.nextInt(2) == 0)) {
        running.add(places.size());
        places.add(runs.begin());
        known.add(Known.RUNS);
      } else {
        int at = random.nextInt(running.size());
        int which = running.set(at, running.getLast());
        running.removeLast();
        Known end = Known.values()[1 + Math.min(2, random.nextInt(5) / 2)];
        known.set(which, end);
        int row = ends(places.get(which), end);
        if (end == Known.FAILED) {
          assertEquals(rowAround(known, which), row, "row");
          longest = Math.max(longest, row);
        }
        assertTrue(runs.length() <= 4 * running.size() + 3, () -> runs.length() + " places");
      }
    }
    assertTrue(longest >= 5, "the rows were too short to show anything");
  }

  private int ends(Place place, Known how) {
    switch (how) {
      case SERVED -> runs.served(place);
      case LEFT -> runs.left(place);
      case FAILED -> {
        return runs.failed(place);
      }
      case RUNS -> throw new AssertionError("that is no end");
    }
    return 0;
  }

  /** The definition itself, counted over all that ever was. */
  private static int rowAround(List<Known> known, int which) {
    int row = 1;
    for (int step : new int[] {-1, 1}) {
      for (int i = which + step; i >= 0 && i < known.size(); i += step) {
        if (known.get(i) == Known.RUNS || known.get(i) == Known.SERVED) {
          break;
        }
        row += known.get(i) == Known.FAILED ? 1 : 0;
      }
    }
    return row;
  }

  @Test
  void anEndThatIsToldTwiceCountsOnce() {
    Place failed = runs.begin();
    Place gone = runs.begin();

    assertEquals(1, runs.failed(failed));
    assertEquals(0, runs.failed(failed));
    runs.left(gone);
    runs.left(gone);
    runs.served(gone);
    assertEquals(2, runs.failed(runs.begin()));
  }
}
