package dev.switchboard.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BenchReportTest {
  private static final int[] BATCHES = {1, 4};

  private static BenchReport report() {
    ModelResult result = new ModelResult("m", BATCHES.length, true);
    result.bytesPerToken = 100 << 20;
    result.loadSeconds.add(0.5);
    for (double speed : new double[] {300, 100, 200}) {
      result.ours.prefill.add(speed);
      result.ours.decode[0].add(speed / 10);
      result.ours.decode[1].add(speed / 5);
    }
    result.shareOfRead.add(0.876);
    result.shareOfInt8.add(0.334);
    result.shareOfBf16.add(0.72);
    result.firstTokenMs.add(2560);
    result.ours.decodeBesideBusyCore.add(9);
    result.ours.busyShare.add(0.47);
    Speeds peer = result.peer;
    if (peer != null) {
      peer.prefill.add(50);
      peer.decode[0].add(16);
      peer.decode[1].add(20);
      peer.decodeBesideBusyCore.add(4);
      peer.busyShare.add(0.4);
    }
    BenchReport report = new BenchReport("the machine", BATCHES);
    report.add(result);
    return report;
  }

  @Test
  void tablesShowMediansSharesAndRatios() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    report().print(new PrintStream(bytes, true, StandardCharsets.UTF_8));

    List<String> lines = lines(bytes);
    assertEquals("the machine", lines.getFirst());
    assertEquals(
        "| model | MiB per token | load to first token | prefill | first token | of int8 peak"
            + " | of BF16 peak | decode | GB/s | of read | batch 4 | beside a busy core |",
        lines.get(2));
    assertEquals(
        "| m | 100.0 | 0.50 s | 200 t/s | 2560 ms | 33 % | 72 % | 20.0 t/s | 2.1 | 88 % | 40 t/s"
            + " | 9.0 t/s, 47 % |",
        lines.get(4));
    assertEquals(
        "| model | prefill | decode | batch 4 | ours beside a busy core | its |", lines.get(8));
    assertEquals(
        "| m | 200 / 50 = 4.00 | 20 / 16 = 1.25 | 40 / 20 = 2.00 | 9.0 t/s, 47 % | 4.0 t/s, 40 % |",
        lines.get(10));
  }

  @Test
  void whatWasNotMeasuredHasNoColumnAndNoNumber() {
    ModelResult result = new ModelResult("m", BATCHES.length, false);
    BenchReport report = new BenchReport("the machine", BATCHES);
    report.add(result);
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    report.print(new PrintStream(bytes, true, StandardCharsets.UTF_8));

    List<String> lines = lines(bytes);
    assertEquals(5, lines.size());
    assertFalse(lines.get(2).contains("busy core"), lines.get(2));
    assertEquals("| m | 0.0 | ? s | ? t/s | ? ms | | | ? t/s | ? | | ? t/s |", lines.get(4));
  }

  /** Without what aligns columns. */
  private static List<String> lines(ByteArrayOutputStream bytes) {
    return bytes
        .toString(StandardCharsets.UTF_8)
        .lines()
        .map(line -> line.replaceAll(" +", " "))
        .toList();
  }

  @Test
  void theFileHasEverySample(@TempDir Path folder) throws IOException {
    Path file = folder.resolve("bench.json");

    report().write(file);

    JsonNode model = new ObjectMapper().readTree(file.toFile()).path("models").path(0);
    assertEquals("m", model.path("model").asText());
    assertEquals(20, model.path("engine").path("decode_1").path("median").asDouble());
    assertEquals(3, model.path("engine").path("decode_4").path("samples").size());
    assertEquals(50, model.path("llama_cpp").path("prefill").path("median").asDouble());
    assertEquals(9, model.at("/engine/decode_beside_busy_core/median").asDouble());
    assertEquals(2560, model.at("/first_token_ms/samples/0").asDouble());
    assertEquals(0.334, model.at("/prefill_share_of_int8/median").asDouble());
    assertTrue(model.path("int8_peak").isMissingNode());
  }
}
