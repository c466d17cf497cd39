package dev.switchboard.worker;

import static dev.switchboard.worker.WorkerFixture.json;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.executor.FakeDriver;
import dev.switchboard.testing.Await;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Where operators look for devices: the worker's endpoints, and the command line. */
class DevicesIT {
  /** What a process said, and how it ended. */
  private record Said(int status, String text) {}

  private static Said devices(List<String> machine, Map<String, String> more, String... arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-XX:TieredStopAtLevel=1"));
    command.addAll(machine);
    command.addAll(
        List.of("-cp", System.getProperty("java.class.path"), DevicesMain.class.getName()));
    command.addAll(List.of(arguments));
    ProcessBuilder process = new ProcessBuilder(command).redirectErrorStream(true);
    process.environment().remove("CUDA_VISIBLE_DEVICES");
    process.environment().putAll(more);
    Process started = process.start();
    String text =
        new String(started.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
    return new Said(started.waitFor(), text);
  }

  @Test
  void aMachineWithoutDriverSaysSoInOneLine() throws Exception {
    Said said = devices(FakeDriver.absent(), Map.of());

    assertEquals(0, said.status());
    assertEquals(1, said.text().lines().count(), said::text);
    assertTrue(said.text().startsWith("no_driver: no NVIDIA driver (libcuda.so.1: "), said::text);
    assertTrue(said.text().endsWith("the CPU computes"), said::text);
  }

  @Test
  void peopleReadALineForEachDevice() throws Exception {
    FakeDriver.set("devices 2", "throttle 0x40");
    Said said = devices(FakeDriver.options(), Map.of());

    assertEquals(
        """
        device 0: NVIDIA H100 80GB HBM3, compute capability 9.0, 132 multiprocessors, 79.6 GiB (79.1 GiB free), 61 °C, 75 % in use, throttled: thermal
        device 1: NVIDIA H100 80GB HBM3, compute capability 9.0, 132 multiprocessors, 79.6 GiB (79.1 GiB free), 61 °C, 75 % in use, throttled: thermal
        devices 0 and 1 reach each other's memory\
        """
            .lines()
            .toList(),
        said.text().lines().toList());
    assertEquals(0, said.status());
  }

  @Test
  void aVariableThatHidesAllDevicesIsNamed() throws Exception {
    FakeDriver.set("devices 2");
    Said said = devices(FakeDriver.options(), Map.of("CUDA_VISIBLE_DEVICES", "-1"), "--json");
    JsonNode document = json(said.text());

    assertEquals(1, said.status());
    assertEquals("devices_hidden", document.at("/findings/0/code").asText());
    assertEquals("-1", document.path("visible_devices").asText());
    assertEquals(2, document.path("devices").size());
    assertFalse(document.at("/devices/0/usable").asBoolean(true));
    assertEquals(64, devices(List.of(), Map.of(), "--xml").status());
  }

  @Test
  void aWorkerTellsItsDevices() {
    FakeDriver.set("devices 2", "process 4711", "remap_pending 1");
    try (WorkerFixture worker = new WorkerFixture(WorkerFixture.answering("ok"))) {
      HttpResponse<String> early = worker.get("/engine/v1/devices");
      DeviceWatch watch = worker.worker().devices().start(Duration.ofMillis(50));
      Await.until("a look", () -> watch.last() != null);
      JsonNode document = json(worker.get("/engine/v1/devices").body());
      JsonNode state = json(worker.get("/engine/v1/state").body());

      assertEquals(503, early.statusCode());
      assertEquals("works", document.at("/driver/state").asText());
      assertEquals("13.0", document.at("/driver/cuda").asText());
      assertEquals("580.65.06", document.at("/driver/version").asText());
      assertTrue(document.path("age_ms").asDouble(-1) >= 0);
      assertEquals("row_remap_pending", document.at("/findings/1/code").asText());
      assertEquals("problem", document.at("/findings/1/level").asText());
      assertEquals(4711, document.at("/devices/1/processes/0/pid").asInt());
      assertEquals("9.0", document.at("/devices/1/compute_capability").asText());
      assertEquals(3352, document.at("/devices/1/bandwidth_gb_per_s").asInt());
      assertEquals(2, document.path("peers").size());
      assertEquals(0.75, state.at("/devices/0/utilisation_ratio").asDouble());
      assertEquals(512L << 20, state.at("/devices/0/memory_used_bytes").asLong());
      assertTrue(state.at("/devices/0/processes").isMissingNode());
      assertEquals(405, worker.post("/engine/v1/devices", "{}").statusCode());
    }
  }

  @Test
  void aWorkerThatStartsNamesTheTroubleOfItsDevices() throws IOException {
    FakeDriver.set("version 12020", "driver 535.104.05");
    Path log = Files.createTempFile("worker", ".log");
    try (WorkerProcess worker =
        WorkerProcess.logging(
            log,
            FakeDriver.options(),
            List.of("--port", "0", "--model", WorkerProcess.MODEL.toString()))) {
      worker.await("ready");
      Await.until("the finding", () -> lines(log), told -> told.contains("code=driver_too_old"));

      assertTrue(
          lines(log).contains("message=\"driver 535.104.05 supports CUDA 12.2 and 13.0 is needed"),
          () -> lines(log));
    } finally {
      Files.delete(log);
    }
  }

  private static String lines(Path log) {
    try {
      return Files.readString(log);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
