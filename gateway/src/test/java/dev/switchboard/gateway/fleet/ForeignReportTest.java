package dev.switchboard.gateway.fleet;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Pages of each server as they are, and pages that are none. */
class ForeignReportTest {
  private static ReplicaReport read(ForeignEngine engine, String page) {
    return ForeignReport.read(engine, "m", page.getBytes(StandardCharsets.UTF_8), 7);
  }

  @ParameterizedTest
  @CsvSource({
    // engine, tokens that wait, blocks used, of all, tokens of a block, share
    "VLLM, 2000, 500, 2000, 16, 0.25",
    "SGLANG, 2000, 10000, 40000, 1, 0.25",
    "LLAMA_SERVER, 1024, 0, 0, 0, NaN",
    "TRITON, 1024, 250, 1000, 64, 0.25"
  })
  void queueAndKvAreWhatTheServerSays(
      ForeignEngine engine, long tokens, int used, int all, int blockTokens, double share) {
    ReplicaReport report = read(engine, ForeignPages.of(engine, 3, 4, 0.25));

    assertEquals(7, report.atNanos());
    assertEquals(3, report.running());
    assertEquals(4, report.waiting());
    assertEquals(tokens, report.waitingTokens());
    assertEquals(used, report.kvBlocksUsed());
    assertEquals(all, report.kvBlocksUsed() + report.kvBlocksFree());
    assertEquals(blockTokens, report.kvBlockTokens());
    assertEquals(share, report.kvUsedRatio());
  }

  @Test
  void enginesOfDataParallelismAreOneServer() {
    String second = ForeignPages.vllm(5, 6, 0.5).replace("engine=\"0\"", "engine=\"1\"");

    ReplicaReport report = read(ForeignEngine.VLLM, ForeignPages.vllm(3, 4, 0.25) + second);

    assertEquals(8, report.running());
    assertEquals(10, report.waiting());
    assertEquals(0.5, report.kvUsedRatio());
    assertEquals(4000, report.kvBlocksUsed() + report.kvBlocksFree());
    assertEquals(96_000, report.promptTokens());
    assertEquals(32_000, report.prefixHitTokens());
  }

  @Test
  void schedulersOfSglangAreSummedAndTheirRanksAreNot() {
    String page =
        """
        sglang:num_running_reqs{dp_rank="0",tp_rank="0"} 2
        sglang:num_running_reqs{dp_rank="0",tp_rank="1"} 2
        sglang:num_running_reqs{dp_rank="1",tp_rank="0"} 5
        sglang:num_queue_reqs{dp_rank="0",tp_rank="0"} 1
        sglang:num_queue_reqs{dp_rank="1",tp_rank="0"} 1
        """;

    ReplicaReport report = read(ForeignEngine.SGLANG, page);

    assertEquals(7, report.running());
    assertEquals(2, report.waiting());
  }

  @Test
  void aTritonWithoutABatcherTellsTheQueueOfItsModel() {
    String page =
        """
        nv_inference_pending_request_count{model="m",version="1"} 6
        nv_inference_pending_request_count{model="other",version="1"} 9
        """;

    assertEquals(6, read(ForeignEngine.TRITON, page).waiting());
    assertEquals(
        9,
        read(ForeignEngine.TRITON, page.replace("\"m\"", "\"x\"").replace(" 6", " 0")).waiting());
  }

  @Test
  void olderNamesOfTheSameAreRead() {
    String page =
        ForeignPages.vllm(1, 0, 0.75).replace("kv_cache_usage_perc", "gpu_cache_usage_perc");

    assertEquals(0.75, read(ForeignEngine.VLLM, page).kvUsedRatio());
  }

  @ParameterizedTest
  @EnumSource(ForeignEngine.class)
  void thePageOfAnotherServerIsRefusedByWhatItLacks(ForeignEngine engine) {
    IllegalArgumentException refused =
        assertThrows(
            IllegalArgumentException.class, () -> read(engine, "<html>404</html>\nup 1\n"));

    assertTrue(String.valueOf(refused.getMessage()).startsWith("it has no "), refused::getMessage);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "llamacpp:requests_processing{a=\"x | line 1 has a label that does not end",
        "llamacpp:requests_processing{a=\"x\" | line 1 has labels that do not end",
        "llamacpp:requests_processing{a=x} 1 | line 1 has a label without quotes",
        "llamacpp:requests_processing{a} 1 | line 1 has labels that are none",
        "llamacpp:requests_processing one | line 1 has no value",
        "llamacpp:requests_processing | line 1 has no value",
        "llamacpp:requests_processing NaN | it has no llamacpp:requests_processing",
        "llamacpp:requests_processing -4 | it has no llamacpp:requests_processing"
      })
  void aBrokenLineIsNamed(String line, String complaint) {
    IllegalArgumentException refused =
        assertThrows(
            IllegalArgumentException.class,
            () -> read(ForeignEngine.LLAMA_SERVER, line + "\nllamacpp:requests_deferred 1\n"));

    assertEquals(complaint, refused.getMessage());
  }

  @Test
  void labelsMayHaveAnythingInQuotesAndLinesAnythingBehindTheirValue() {
    String page =
        "llamacpp:requests_processing{ a=\"}{,\\\"\\\\ \\n"
            + "\", b=\"\" , } 2 1762200000 # {x=\"y\"} 1\r\n"
            + "llamacpp:requests_deferred\t3\n";

    ReplicaReport report = read(ForeignEngine.LLAMA_SERVER, page);

    assertEquals(2, report.running());
    assertEquals(3, report.waiting());
  }

  @Test
  void whatIsTooMuchIsRefused() {
    String line = "llamacpp:requests_processing{a=\"" + "x".repeat(9000) + "\"} 1\n";
    String many = "llamacpp:requests_processing 1\n".repeat(5000);
    String large = "# x\n".repeat(300_000);

    for (String page : new String[] {line, many, large}) {
      IllegalArgumentException refused =
          assertThrows(
              IllegalArgumentException.class, () -> read(ForeignEngine.LLAMA_SERVER, page));
      assertTrue(String.valueOf(refused.getMessage()).contains("more than"), refused::getMessage);
    }
  }
}
