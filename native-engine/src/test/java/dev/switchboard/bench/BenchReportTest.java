package dev.switchboard.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
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
    Speeds peer = result.peer;
    if (peer != null) {
      peer.prefill.add(50);
      peer.decode[0].add(16);
      peer.decode[1].add(20);
    }
    BenchReport report = new BenchReport("the machine", BATCHES);
    report.add(result);
    return report;
  }

  @Test
  void tablesShowMediansSharesAndRatios() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    report().print(new PrintStream(bytes, true, StandardCharsets.UTF_8));

    String text = bytes.toString(StandardCharsets.UTF_8);
    for (String part : List.of("the machine", "| 200 t/s", "| 20.0 t/s", "| 88 %", "| 40 t/s")) {
      assertTrue(text.contains(part), () -> part + " in " + text);
    }
    assertTrue(text.contains("| 200 / 50 = 4.00 | 20 / 16 = 1.25 | 40 / 20 = 2.00 |"), text);
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
    assertTrue(model.path("engine").path("decode_beside_busy_core").isMissingNode());
  }
}
