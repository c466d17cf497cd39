package dev.switchboard.gateway.stream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ReplayTest {
  private final Replay replay = new Replay(10);

  private void note(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
    replay.note(bytes, 0, bytes.length);
  }

  @Test
  void commentsAreGatheredIntoTheAnswerSoFar() {
    note(":answer chatcmpl-1 17 -3 9\n:tokens 0/4o:1,2 1/0:7\n\n");
    note(":tokens 0/4os:3\r\n\r\n");
    note(":tokens 1/0osf:\n\n");

    assertEquals(
        "chatcmpl-1 17 -3 9\n0/4os:1,2,3\n1/0osf:7\n",
        replay.toBuffer().toString(StandardCharsets.US_ASCII));
    assertTrue(replay.complete());
    assertEquals(4, replay.tokens());
    assertEquals(9, replay.promptTokens());
    assertEquals(4, replay.cachedTokens());
  }

  @Test
  void whoeverGoesOnDoesNotChangeWhoseAnswerItIs() {
    note(":answer chatcmpl-1 17 -3 9\n:tokens 0/4o:1\n\n");
    note(":answer chatcmpl-2 18 -4 9\n:tokens 0/4o:2\n\n");

    assertEquals(
        "chatcmpl-1 17 -3 9\n0/4o:1,2\n", replay.toBuffer().toString(StandardCharsets.US_ASCII));
  }

  @Test
  void whatEachWorkerComputedToGoOnIsAddedUp() {
    note(":answer chatcmpl-1 17 -3 9\n:tokens 0/4o:1 1/4o:1\n\n");
    int before = replay.computedAgain();
    note(":answer chatcmpl-1 17 -3 9\n:tokens 0/4:2\n:again 10\n\n");
    note(":tokens 1/4:2\r\n:again 7\r\n\r\n");
    note(":again x\n\n:again -5\n\n");
    note(":tokens 0/4:3\n:again 11\n\n");

    assertEquals(0, before);
    assertEquals(28, replay.computedAgain());
    assertEquals(
        "chatcmpl-1 17 -3 9\n0/4:1,2,3\n1/4:1,2\n",
        replay.toBuffer().toString(StandardCharsets.US_ASCII));
  }

  @Test
  void anAnswerThatBeginsAnewForgetsTheOldOne() {
    note(":answer chatcmpl-1 17 -3 9\n:tokens 0/4o:1\n\n");

    replay.reset();
    boolean complete = replay.complete();
    note(":answer chatcmpl-2 18 -4 9\n:tokens 0/0o:2\n\n");

    assertFalse(complete);
    assertEquals(
        "chatcmpl-2 18 -4 9\n0/0o:2\n", replay.toBuffer().toString(StandardCharsets.US_ASCII));
  }

  @Test
  void tooLongAnAnswerIsNotRemembered() {
    note(":answer a 1 2 3\n:tokens 0/0o:1,2,3,4,5,6,7,8,9,10\n\n");
    boolean before = replay.complete();
    note(":tokens 0/0o:11\n\n");

    assertTrue(before);
    assertFalse(replay.complete());
    assertTrue(replay.lost());
  }

  @ParameterizedTest
  @ValueSource(strings = {"x", "0", "0/", "0/1o", "-1/0:1", "0/0o:x", "0/0o:1,-2", "99999/0:1"})
  void whatCannotBeReadIsNotGuessed(String line) {
    note(":answer a 1 2 3\n:tokens " + line + "\n\n");

    assertFalse(replay.complete());
  }
}
