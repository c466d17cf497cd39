package dev.switchboard.timeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.NullAndEmptySource;
import org.junit.jupiter.params.provider.ValueSource;

class AttemptIdTest {

  @Test
  void whatIsWrittenIsRead() {
    AttemptId attempt = new AttemptId(-1, 18);

    assertEquals("ffffffffffffffff-0000000000000012", attempt.toString());
    assertEquals(attempt, AttemptId.of(attempt.toString()));
  }

  @ParameterizedTest
  @NullAndEmptySource
  @ValueSource(
      strings = {
        "ffffffffffffffff",
        "ffffffffffffffff-000000000000001",
        "ffffffffffffffff-00000000000000012",
        "ffffffffffffffff_0000000000000012",
        "fffffffffffffffg-0000000000000012",
        "ffffffffffffffff-00000000000000-1"
      })
  void anythingElseIsNone(String text) {
    assertNull(AttemptId.of(text));
  }

  @Test
  void digestsAreOfTheSetAlone() {
    assertEquals(AttemptId.digest(List.of(1L, 2L, 3L)), AttemptId.digest(List.of(3L, 1L, 2L)));
    assertEquals(0, AttemptId.digest(List.of()));
  }

  /** Numbers count up, so sets that differ are near each other: plain XOR would often be equal. */
  @Test
  void setsThatDifferHaveOtherDigests() {
    Random random = new Random(1);
    for (int i = 0; i < 10_000; i++) {
      Set<Long> one = new HashSet<>();
      Set<Long> other = new HashSet<>();
      for (int j = 0; j < 8; j++) {
        one.add(random.nextLong(32));
        other.add(random.nextLong(32));
      }
      if (!one.equals(other)) {
        assertNotEquals(AttemptId.digest(one), AttemptId.digest(other));
      }
    }
  }
}
