package dev.switchboard.gateway.shared;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class SilenceTest {
  private final Silence silence = new Silence(0);

  @Test
  void threeQuestionsOneAfterTheOtherSayThatNobodyIsThere() {
    onlyTheThirdSaysSo(silence, 0);
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

    onlyTheThirdSaysSo(silence, 100);
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
    onlyTheThirdSaysSo(fresh, 1100);
  }

  @Test
  void aServerThatNeverAnsweredHasNoStart() {
    Silence fresh = new Silence(1000);
    assertFalse(fresh.begins(0));

    onlyTheThirdSaysSo(fresh, 0);
  }

  @Test
  void theStartBeginsWithTheFirstRequest() {
    Silence idle = new Silence(1000);
    idle.heard();

    onlyTheThirdSaysSo(idle, 0);
    assertTrue(idle.begins(5000));
    assertTrue(idle.begins(5999));
    assertFalse(idle.begins(6000));
  }

  /** Of three questions one after the other, each given up after 50. */
  private static void onlyTheThirdSaysSo(Silence silence, long asked) {
    assertFalse(silence.missed(asked, asked + 50));
    assertFalse(silence.missed(asked + 50, asked + 100));
    assertTrue(silence.missed(asked + 100, asked + 150));
  }
}
