package dev.switchboard.gateway.admission;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class ConcurrencyLimitTest {
  private static final long MS = 1_000_000L;

  private final ConcurrencyLimit learned = new ConcurrencyLimit(0, 50 * MS);

  private static void firstTokens(ConcurrencyLimit limit, int count, long nanos, boolean atLimit) {
    for (int i = 0; i < count; i++) {
      limit.firstToken(100, nanos, 0, false, atLimit);
    }
  }

  @Test
  void aFixedLimitStays() {
    ConcurrencyLimit fixed = new ConcurrencyLimit(5, 50 * MS);

    firstTokens(fixed, 1000, 10_000 * MS, true);
    fixed.reported(100, 0, true);
    fixed.reported(0, 100, true);
    fixed.refused();

    assertEquals(5, fixed.limit());
  }

  @Test
  void itDoublesUntilFirstTokensComeLate() {
    firstTokens(learned, 8, 100 * MS, true);
    assertEquals(32, learned.limit());
    firstTokens(learned, 16, 300 * MS, true);
    assertEquals(26, learned.limit());
    firstTokens(learned, 13, 100 * MS, true);
    assertEquals(27, learned.limit());
  }

  @Test
  void whatUsesUpItsTargetAtTheReplicaIsLate() {
    for (int i = 0; i < 8; i++) {
      learned.firstToken(100, 100 * MS, 0, true, true);
    }

    assertEquals(13, learned.limit());
  }

  @Test
  void itDoesNotGrowWhileNobodyWaits() {
    firstTokens(learned, 1000, 100 * MS, false);

    assertEquals(16, learned.limit());
  }

  @Test
  void whatAReplicaSaysOfItselfCounts() {
    learned.reported(2, 0, true);
    assertEquals(16, learned.limit());
    learned.reported(3, 0, true);
    assertEquals(13, learned.limit());
    learned.refused();
    assertEquals(11, learned.limit());
  }

  @Test
  void whatRunsWhileNobodyWaitsThereIsTaken() {
    learned.reported(0, 40, false);
    assertEquals(16, learned.limit());
    learned.reported(0, 40, true);
    assertEquals(40, learned.limit());
    learned.reported(0, 40, true);
    assertEquals(42, learned.limit());
    learned.reported(1, 0, true);
    assertEquals(42, learned.limit());
  }

  @Test
  void itNeverGoesBelowEight() {
    for (int i = 0; i < 100; i++) {
      learned.refused();
    }

    assertEquals(ConcurrencyLimit.LEAST, learned.limit());
  }

  @Test
  void promptsAndAnswersAreComparedWithTheirLike() {
    for (int i = 0; i < 100; i++) {
      learned.firstToken(10, 10 * MS, 0, false, true);
      learned.firstToken(10_000, 2000 * MS, 0, false, true);
      learned.wholeAnswer(10, 100 * MS, 0, true);
      learned.wholeAnswer(1000, 9000 * MS, 0, true);
      learned.wholeAnswer(-1, 90_000 * MS, 0, true);
    }

    assertTrue(learned.limit() > 200, () -> "limit " + learned.limit());
  }

  @Test
  void aReplicaThatBecameSlowerForGoodIsBelieved() {
    learned.firstToken(100, 100 * MS, 0, false, true);
    long later = 1_500_000 * MS;
    for (int i = 0; i < 7; i++) {
      learned.firstToken(100, 300 * MS, later, false, true);
    }

    assertEquals(32, learned.limit());
  }

  @Test
  void requestsWithoutATokenAreFewerAndGrowOneByOne() {
    ConcurrencyLimit waiting = ConcurrencyLimit.ofFirstTokens(50 * MS);

    assertEquals(8, waiting.limit());
    firstTokens(waiting, 8, 100 * MS, true);
    assertEquals(9, waiting.limit());
    firstTokens(waiting, 800, 300 * MS, true);
    assertEquals(2, waiting.limit());
  }

  @Test
  void halfOfThemGoesWhereNearlyAllAreLateAndAFifthWhereSomeAre() {
    ConcurrencyLimit waiting = ConcurrencyLimit.ofFirstTokens(50 * MS);
    firstTokens(waiting, 8, 100 * MS, true);

    firstTokens(waiting, 8, 300 * MS, true);
    assertEquals(5, waiting.limit());
    firstTokens(waiting, 5, 100 * MS, true);
    firstTokens(waiting, 3, 300 * MS, true);
    assertEquals(4, waiting.limit());
  }

  @Test
  void whatIsServedLetsItGrowWhereItHoldsOthersBack() {
    for (int i = 0; i < 8; i++) {
      learned.served(true);
    }

    assertEquals(32, learned.limit());
  }
}
