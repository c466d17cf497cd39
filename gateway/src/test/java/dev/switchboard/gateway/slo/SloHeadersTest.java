package dev.switchboard.gateway.slo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.switchboard.openai.ApiException;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SloHeadersTest {
  private final SloHeaders headers = new SloHeaders(SloConfig.DEFAULTS);

  @Test
  void aRequestThatSaysNothingIsOfTheDefaultClass() {
    assertEquals(new Slo("standard", 2000, 100, 0, 0), read(Map.of()));
  }

  @Test
  void aTargetOfTheRequestStandsOverThatOfItsClass() {
    Slo slo = read(Map.of("X-SLO-Class", "interactive", "X-SLO-TPOT-Ms", "12.5"));

    assertEquals(new Slo("interactive", 300, 12.5, 0, 50), slo);
  }

  @Test
  void theNamesOfLlmDAreTakenWhereOursAreMissing() {
    Slo slo =
        read(
            Map.of(
                "x-llm-d-slo-ttft-ms", "700",
                "x-llm-d-slo-tpot-ms", "70",
                "X-SLO-TPOT-Ms", "60"));

    assertEquals(700, slo.ttftMs());
    assertEquals(60, slo.tpotMs());
  }

  @Test
  void anObjectiveIsAClassAndAFairnessIdChangesNothing() {
    assertEquals(
        "interactive", read(Map.of("x-gateway-inference-objective", "interactive")).name());
    assertEquals(
        "batch",
        read(Map.of(
                "x-gateway-inference-objective", "interactive",
                "x-llm-d-inference-objective", "batch"))
            .name());
    assertEquals(
        "standard",
        read(Map.of("X-SLO-Class", "standard", "x-llm-d-inference-objective", "batch")).name());
    assertEquals(read(Map.of()), read(Map.of("x-llm-d-inference-fairness-id", "user-7")));
  }

  @ParameterizedTest
  @CsvSource({
    "X-SLO-Class, urgent",
    "X-SLO-TTFT-Ms, 0",
    "X-SLO-TTFT-Ms, 1.5",
    "X-SLO-TTFT-Ms, 86400001",
    "X-SLO-TPOT-Ms, -1",
    "X-SLO-TPOT-Ms, NaN",
    "X-SLO-TPOT-Ms, 1e3",
    "X-SLO-Deadline-Ms, soon",
    "X-Priority, 101",
    "x-llm-d-slo-ttft-ms, many",
    "x-llm-d-inference-objective, urgent",
    "x-gateway-inference-objective, urgent",
    "x-llm-d-inference-fairness-id, a b",
    "x-gateway-inference-fairness-id, ''"
  })
  void whatIsOutOfBoundsIsRefusedByTheNameOfItsHeader(String header, String value) {
    ApiException refused = assertThrows(ApiException.class, () -> read(Map.of(header, value)));

    assertEquals(header, refused.error().param());
  }

  @Test
  void nothingIsMoreUrgentThanItsTenantMayBe() {
    assertEquals(10, headers.read(Map.of("X-Priority", "100")::get, 10).priority());
    assertEquals(10, headers.read(Map.of("X-SLO-Class", "interactive")::get, 10).priority());
    assertEquals(-7, headers.read(Map.of("X-Priority", "-7")::get, 10).priority());
  }

  @Test
  void aDeadlineCountsFromAcceptance() {
    assertEquals(5_000_000, read(Map.of("X-SLO-Deadline-Ms", "4")).deadlineNanos(1_000_000));
    assertEquals(Long.MAX_VALUE, Slo.NONE.deadlineNanos(1));
  }

  private Slo read(Map<String, String> sent) {
    return headers.read(sent::get, Slo.MAX_PRIORITY);
  }
}
