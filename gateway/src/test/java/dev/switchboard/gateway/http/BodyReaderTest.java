package dev.switchboard.gateway.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.stream.BodyMemory;
import dev.switchboard.openai.ApiException;
import dev.switchboard.testing.HandRequest;
import dev.switchboard.testing.HandTimers;
import io.vertx.core.Future;
import io.vertx.core.VertxException;
import io.vertx.core.buffer.Buffer;
import java.util.List;
import org.junit.jupiter.api.Test;

class BodyReaderTest {
  private static final int MOST_BYTES = 10;
  private static final int MOST_MS = 500;

  private final HandTimers time = new HandTimers();
  private final HandRequest client = new HandRequest();
  private final BodyMemory memory = new BodyMemory(MOST_BYTES, time::nanos);
  private long lateMs;

  private Future<Buffer> read() {
    return BodyReader.read(
        time,
        client.request(),
        MOST_BYTES,
        new BodyReader.Limit(MOST_MS, () -> lateMs * 1_000_000),
        memory.open());
  }

  private static String code(Future<Buffer> body) {
    return String.valueOf(assertInstanceOf(ApiException.class, body.cause()).error().code());
  }

  @Test
  void aBodyThatIsThereInTimeIsReadAndNothingWaitsForItAnyMore() {
    Future<Buffer> body = read();

    time.advance(MOST_MS - 1);
    client.sends("12345");
    client.sends("67890");
    client.ends();

    assertEquals("1234567890", body.result().toString());
    assertEquals(0, time.waiting());
  }

  @Test
  void aBodyThatComesTooSlowlyFailsHoweverOftenAByteOfItComes() {
    Future<Buffer> body = read();

    for (int i = 0; i < 9; i++) {
      client.sends("x");
      time.advance(MOST_MS / 10);
    }
    assertFalse(body.isComplete());
    time.advance(MOST_MS / 10);

    assertEquals("request_timeout", code(body));
    assertEquals(0, time.waiting());
  }

  @Test
  void whileTheLoopDoesNotRunAClientLosesNoTime() {
    Future<Buffer> body = read();

    lateMs = 3000;
    time.hold(3000);
    time.advance(0);
    assertFalse(body.isComplete());

    time.advance(2999);
    assertFalse(body.isComplete());
    client.sends("12");
    client.ends();

    assertEquals("12", body.result().toString());
  }

  @Test
  void aLoopThatRunsAgainExcusesEachMomentOnce() {
    Future<Buffer> body = read();

    lateMs = 200;
    time.advance(MOST_MS);
    assertFalse(body.isComplete());
    lateMs = 250;
    time.advance(200);
    assertFalse(body.isComplete());
    time.advance(50);

    assertEquals("request_timeout", code(body));
  }

  @Test
  void whatIsTooLargeIsRefusedBeforeItIsWaitedFor() {
    client.header("Content-Length", "11");

    Future<Buffer> body = read();

    assertEquals("request_too_large", code(body));
    assertEquals(0, time.waiting());
  }

  @Test
  void whatGrowsTooLargeIsWaitedForNoMore() {
    Future<Buffer> body = read();

    client.sends("12345678901");

    assertEquals("request_too_large", code(body));
    assertEquals(0, time.waiting());
  }

  @Test
  void aBodyWithoutRoomBesideOthersIsWaitedForNoMore() {
    assertTrue(memory.open().take(6));
    Future<Buffer> body = read();

    client.sends("12345");

    assertInstanceOf(BodyReader.NoMemory.class, body.cause());
    assertEquals(0, time.waiting());
  }

  @Test
  void aClientThatLeavesIsWaitedForNoMore() {
    Future<Buffer> body = read();

    client.breaks(new VertxException("left"));

    assertEquals("left", body.cause().getMessage());
    assertEquals(0, time.waiting());
  }

  @Test
  void whoAsksWhetherToGoOnIsToldSo() {
    client.header("Expect", "100-continue");

    Future<Buffer> _ = read();

    assertEquals(List.of("continue"), client.done());
  }
}
