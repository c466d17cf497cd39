package dev.switchboard.gateway.http;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.switchboard.gateway.flight.Failure;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.stream.EventRelay;
import io.vertx.core.buffer.Buffer;
import org.junit.jupiter.api.Test;

class FailuresTest {
  @Test
  void whatTheGatewayItselfBrokeIsNotSaidOfTheReplica() {
    Failure own = Failures.broken(broken(true));
    Failure theirs = Failures.broken(broken(false));

    assertEquals("internal_error", own.error().code());
    assertEquals(Outcome.INTERNAL, own.outcome());
    assertEquals("upstream_failed", theirs.error().code());
    assertEquals("The replica failed: why.", theirs.error().message());
  }

  private static EventRelay.Break broken(boolean own) {
    return new EventRelay.Break("why", false, false, Buffer.buffer(), 0, null, own);
  }
}
