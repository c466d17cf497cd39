package dev.switchboard.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Workers of an emulated device with some memory. */
class DeviceMemoryIT {
  private static final long MEBIBYTE = 1 << 20;

  private static WorkerProcess worker(long mebibytes, String... options) {
    String[] all = new String[options.length + 4];
    System.arraycopy(options, 0, all, 4, options.length);
    System.arraycopy(
        new String[] {"--model", WorkerProcess.MODEL.toString(), "--device", "cuda"}, 0, all, 0, 4);
    Path library = Path.of(System.getProperty("switchboard.library"));
    return WorkerProcess.within(
        Map.of(
            "SWITCHBOARD_CUDA_LIBRARY",
            library.resolveSibling("libswitchboard_emulated.so").toString(),
            "SWITCHBOARD_EMULATED_BYTES",
            Long.toString(mebibytes * MEBIBYTE)),
        all);
  }

  @Test
  void thePoolIsWhatTheDeviceHasLeftAndTheStateTellsThePlan() throws Exception {
    try (WorkerProcess worker = worker(64);
        HttpClient client = HttpClient.newHttpClient()) {
      URI uri = URI.create("http://127.0.0.1:" + worker.await("listening").path("port").asInt());
      worker.await("ready");

      HttpRequest request = HttpRequest.newBuilder(uri.resolve("/engine/v1/state")).build();
      JsonNode memory =
          WorkerFixture.json(client.send(request, HttpResponse.BodyHandlers.ofString()).body())
              .path("memory");

      JsonNode devices = memory.path("devices");
      assertEquals(64 * MEBIBYTE, devices.path("tightest_free_bytes").asLong(), memory::toString);
      assertEquals(devices.path("bytes"), devices.path("tightest_bytes"));
      long left = 64 * MEBIBYTE - devices.path("bytes").asLong();
      assertTrue(left >= 2 * MEBIBYTE && left < 3 * MEBIBYTE, memory::toString);
      assertTrue(memory.path("kv_bytes").asLong() > 32 * MEBIBYTE, memory::toString);
    }
  }

  @Test
  void whatDoesNotFitIsRefusedWithASmallerPlan() {
    try (WorkerProcess worker = worker(64, "--kv-memory", "100MiB")) {
      JsonNode failed = worker.await("failed");

      String message = failed.path("message").asText();
      assertEquals("out-of-memory", failed.path("reason").asText());
      assertTrue(message.startsWith("a device has 64 MiB free, but 1"), message);
      assertTrue(message.matches(".*: --kv-memory [345]\\dMiB fits"), message);
      assertEquals(3, worker.exitCode());
    }
    try (WorkerProcess worker = worker(16)) {
      String message = worker.await("failed").path("message").asText();

      assertTrue(message.startsWith("a device has 16 MiB free, but "), message);
      assertTrue(message.matches(".*: --step-tokens 64( .*)? fits"), message);
      assertEquals(3, worker.exitCode());
    }
  }

  @Test
  void whyThereIsNoDeviceHasTheCodeOfTheInventory() {
    try (WorkerProcess worker =
        WorkerProcess.within(
            Map.of("SWITCHBOARD_CUDA_LIBRARY", "/nowhere/libswitchboard_cuda.so"),
            "--model",
            WorkerProcess.MODEL.toString(),
            "--device",
            "cuda")) {
      JsonNode failed = worker.await("failed");

      assertEquals("no_library", failed.path("reason").asText(), failed::toString);
      assertEquals(6, worker.exitCode());
    }
  }
}
