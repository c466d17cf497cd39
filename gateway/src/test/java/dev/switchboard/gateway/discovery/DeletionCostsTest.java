package dev.switchboard.gateway.discovery;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.switchboard.gateway.discovery.DeletionCosts.Change;
import dev.switchboard.gateway.discovery.DeletionCosts.Use;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class DeletionCostsTest {
  private static final long SECOND = 1_000_000_000L;

  private final DeletionCosts costs = new DeletionCosts();

  private List<Change> turn(long atSeconds, Use... uses) {
    return costs.turn(List.of(uses), 30 * SECOND, atSeconds * SECOND);
  }

  @Test
  void theEmptiestCostsLeastAndOneThatTakesNothingLessThanThat() {
    assertEquals(
        List.of(new Change("c", -100), new Change("b", 0), new Change("a", 8)),
        turn(1, use("a", 13, ""), use("b", 0, ""), new Use("c", 5, false, "")));
  }

  @Test
  void whatStandsThereAlreadyIsLeft() {
    assertEquals(List.of(), turn(1, use("a", 9, "8")));
  }

  @Test
  void onePodIsChangedOnceInAPeriod() {
    assertEquals(List.of(new Change("a", 1)), turn(1, use("a", 1, "")));

    assertEquals(List.of(), turn(30, use("a", 4, "1")));
    assertEquals(List.of(new Change("a", 4)), turn(31, use("a", 4, "1")));
  }

  @Test
  void onlyAFewAreChangedAtOnce() {
    Use[] many = IntStream.range(0, 50).mapToObj(i -> use("p" + i, i, "")).toArray(Use[]::new);

    assertEquals(DeletionCosts.MOST_AT_ONCE, turn(1, many).size());
    assertEquals(DeletionCosts.MOST_AT_ONCE, turn(2, many).size());
  }

  private static Use use(String pod, int requests, String now) {
    return new Use(pod, requests, true, now);
  }
}
