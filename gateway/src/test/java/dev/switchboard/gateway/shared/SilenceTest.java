package dev.switchboard.gateway.shared;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class SilenceTest {
  private final Silence silence = new Silence(0);

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

  @Test
  void whatIsLateAtTheStartSaysNothing() {
    Silence fresh = new Silence(1000);
    fresh.heard();
    assertTrue(fresh.begins(100));

    // The last one was asked at the start, and given up after it.
    for (int asked = 100; asked < 1100; asked += 50) {
      assertFalse(fresh.missed(asked, asked + 50));
    }

    assertFalse(fresh.begins(1100));
    assertFalse(fresh.missed(1100, 1150));
    assertFalse(fresh.missed(1150, 1200));
    assertTrue(fresh.missed(1200, 1250));
  }

  @Test
  void aServerThatNeverAnsweredHasNoStart() {
    Silence fresh = new Silence(1000);
    assertFalse(fresh.begins(0));

    assertFalse(fresh.missed(0, 50));
    assertFalse(fresh.missed(50, 100));
    assertTrue(fresh.missed(100, 150));
  }

  @Test
  void theStartBeginsWithTheFirstRequest() {
    Silence idle = new Silence(1000);
    idle.heard();

    assertFalse(idle.missed(0, 50));
    assertFalse(idle.missed(50, 100));
    assertTrue(idle.missed(100, 150));
    assertTrue(idle.begins(5000));
    assertTrue(idle.begins(5999));
    assertFalse(idle.begins(6000));
  }
}
