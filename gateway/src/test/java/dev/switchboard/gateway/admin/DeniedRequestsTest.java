package dev.switchboard.gateway.admin;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.switchboard.gateway.store.AuditEntry;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class DeniedRequestsTest {
  private final List<AuditEntry> log = new ArrayList<>();
  private long now = 1_000_000;
  private final DeniedRequests denied = new DeniedRequests(log::add, () -> now);

  private static DeniedRequests.Kind from(String source) {
    return new DeniedRequests.Kind(
        DeniedRequests.NOBODY, "none", source, "GET /metrics", 401, "invalid_api_key");
  }

  private List<String> said() {
    return log.stream().map(entry -> entry.source() + " " + entry.after()).toList();
  }

  @Test
  void theFirstIsWrittenAtOnceAndTheRestOfItsMinuteAsACount() {
    for (int i = 0; i < 1000; i++) {
      denied.denied(from("a"), "");
      now += 50;
    }
    assertEquals(List.of("a null"), said());

    now += DeniedRequests.WINDOW_MS;
    denied.tick();

    assertEquals(List.of("a null", "a {\"denied\":999}"), said());
    denied.denied(from("a"), "");
    assertEquals("a null", said().getLast());
  }

  @Test
  void whatCameOnceIsOneEntry() {
    denied.denied(from("a"), "r0");

    denied.flush();

    assertEquals(List.of("a null"), said());
    assertEquals("r0", log.getFirst().target());
    assertEquals(401, log.getFirst().status());
  }

  @Test
  void manyAddressesShareOneEntry() {
    for (int i = 0; i < 10_000; i++) {
      denied.denied(from("a" + i), "");
      denied.denied(from("a" + i), "");
    }

    now += DeniedRequests.WINDOW_MS;
    denied.tick();

    assertEquals(2 * DeniedRequests.MOST_UNKNOWN + 1, log.size());
    assertEquals("several {\"denied\":" + (20_000 - 16) + "}", said().getLast());
  }
}
