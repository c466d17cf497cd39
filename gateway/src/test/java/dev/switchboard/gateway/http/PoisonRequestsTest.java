package dev.switchboard.gateway.http;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.vertx.core.buffer.Buffer;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class PoisonRequestsTest {
  private static final long SECOND = 1_000_000_000L;
  private static final String PATH = "/v1/completions";

  private long nanos = SECOND;
  private final PoisonRequests poison = new PoisonRequests(() -> nanos);

  @Test
  void oneThatWasAloneIsHeldForAMinuteAndTwiceAsLongEachTime() {
    assertEquals(60, hold("a", true));
    assertEquals(60, held("a"));
    nanos += 59 * SECOND;
    assertEquals(1, held("a"));
    nanos += SECOND;
    assertEquals(0, held("a"));

    assertEquals(120, hold("a", true));
    assertEquals(240, hold("a", true));
    assertEquals(480, hold("a", true));
    assertEquals(600, hold("a", true));
    assertEquals(600, hold("a", true));
  }

  @Test
  void oneThatSharedItsWorkersIsHeldBrieflyHoweverOften() {
    for (int i = 0; i < 10; i++) {
      assertEquals(5, hold("a", false));
    }
    nanos += 5 * SECOND;

    assertEquals(0, held("a"));
  }

  @Test
  void onlyAnEqualBodyOnTheSamePathIsHeld() {
    hold("abc", true);

    assertEquals(0, held("abd"));
    assertEquals(0, held("abcd"));
    assertEquals(0, poison.heldSeconds("/v1/embeddings", Buffer.buffer("abc")));
    assertEquals(60, held("abc"));
  }

  @Test
  void anHourAfterItWasHeldItIsForgotten() {
    hold("a", true);
    nanos += (60 + 3600) * SECOND;
    assertEquals(120, hold("a", true));

    nanos += (120 + 3601) * SECOND;
    assertEquals(60, hold("a", true));
  }

  @Test
  void noMoreThanTheLastAreRemembered() {
    for (int i = 0; i <= PoisonRequests.MOST; i++) {
      hold("body %03d".formatted(i), true);
    }

    assertEquals(0, held("body 000"));
    assertEquals(60, held("body 001"));
  }

  private int hold(String body, boolean alone) {
    return poison.hold(PATH, body.getBytes(StandardCharsets.UTF_8), alone);
  }

  private int held(String body) {
    return poison.heldSeconds(PATH, Buffer.buffer(body));
  }
}
