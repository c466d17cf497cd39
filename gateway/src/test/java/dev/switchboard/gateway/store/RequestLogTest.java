package dev.switchboard.gateway.store;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.switchboard.gateway.flight.StoredFlight;
import java.util.List;
import org.junit.jupiter.api.Test;

class RequestLogTest {
  private final RequestLog log = new RequestLog();

  private static StoredFlight flight(String id, int bytes, String... waitedFor) {
    return new StoredFlight(
        id,
        "m",
        "c",
        "t",
        "ok",
        200,
        List.of(),
        1,
        2,
        1,
        false,
        null,
        List.of(waitedFor),
        new byte[bytes]);
  }

  @Test
  void whatIsToldAgainIsWrittenAsItWasToldLast() {
    log.add(flight("a", 1), 0);
    List<StoredFlight> first = log.oldest(9);
    log.add(flight("a", 1, "0.1"), 0);
    log.written(first);

    assertEquals(List.of("0.1"), log.oldest(9).getFirst().waitedFor());
    log.written(log.oldest(9));
    assertEquals(List.of(), log.oldest(9));
    assertEquals(0, log.leftOut());
  }

  @Test
  void ofOneSecondSomeAreTaken() {
    for (int i = 0; i < RequestLog.MOST_PER_SECOND + 7; i++) {
      log.add(flight("r" + i, 1), 1000);
    }
    log.add(flight("r0", 2), 1500);
    log.add(flight("later", 1), 2000);

    assertEquals(RequestLog.MOST_PER_SECOND + 1, log.oldest(999).size());
    assertEquals(7, log.leftOut());
    assertEquals(0, log.leftOut());
  }

  @Test
  void whatWaitsHasItsBound() {
    log.add(flight("too large", RequestLog.MOST_BYTES + 1), 0);
    int most = (int) (RequestLog.MOST_WAITING_BYTES / RequestLog.MOST_BYTES);
    for (int i = 0; i < most + 1; i++) {
      log.add(flight("r" + i, RequestLog.MOST_BYTES), i * 1000L);
    }

    assertEquals(most, log.oldest(999).size());
    assertEquals(2, log.leftOut());
    log.written(log.oldest(1));
    log.add(flight("again", RequestLog.MOST_BYTES), 0);
    assertEquals(0, log.leftOut());
  }
}
