package dev.switchboard.gateway.shared;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class SilenceTest {
  private final Silence silence = new Silence();

  @Test
  void threeQuestionsOneAfterTheOtherSayThatNobodyIsThere() {
    assertFalse(silence.missed(0, 50));
    assertFalse(silence.missed(50, 100));
    assertTrue(silence.missed(100, 150));
  }

  @Test
  void aBurstThatMissesItsTimeCountsOnce() {
    for (int i = 0; i < 100; i++) {
      assertFalse(silence.missed(i, 50 + i));
    }
  }

  @Test
  void anAnswerBetweenThemSaysThatSomebodyIs() {
    silence.missed(0, 50);
    silence.missed(50, 100);
    silence.answered();

    assertFalse(silence.missed(100, 150));
    assertFalse(silence.missed(150, 200));
    assertTrue(silence.missed(200, 250));
  }
}
