package dev.switchboard.fetch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.testing.Await;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The init container's process, as a pod starts, kills and repeats it. */
final class FetchModelIT {
  private static final byte[] CONTENT = new byte[300_000];

  static {
    new Random(2).nextBytes(CONTENT);
  }

  @TempDir private Path folder;
  private final CountDownLatch ended = new CountDownLatch(1);
  private final List<Process> started = new ArrayList<>();
  private ModelServer server;
  private Path to;

  @BeforeEach
  void start() throws IOException {
    server = new ModelServer(CONTENT);
    to = folder.resolve("m.gguf");
  }

  @AfterEach
  void stop() {
    ended.countDown();
    started.forEach(Process::destroyForcibly);
    server.close();
  }

  @Test
  void whoWaitsForAProcessThatIsKilledGoesOnWhereThatWas() throws Exception {
    server.then(
        exchange -> {
          exchange.sendResponseHeaders(200, CONTENT.length);
          exchange.getResponseBody().write(CONTENT, 0, 100_000);
          exchange.getResponseBody().flush();
          awaitEnd();
        });
    Process first = fetch(sum());
    awaitLine(first, " MiB");
    Process second = fetch(sum());
    awaitLine(second, "another process downloads");

    first.destroyForcibly();

    assertEquals(0, exit(second));
    assertArrayEquals(CONTENT, Files.readAllBytes(to));
    String range = String.valueOf(server.requests().get(1).get("Range"));
    assertTrue(range.startsWith("bytes=") && !range.equals("bytes=0-"), range);

    Process third = fetch(sum());
    awaitLine(third, "is there, with the right sum");
    assertEquals(0, exit(third));
    assertEquals(2, server.requests().size());
  }

  @Test
  void anotherSumIsAFailureWithItsOwnCode() throws Exception {
    Process process = fetch("0".repeat(64));

    awaitLine(process, "has another SHA-256 sum");
    assertEquals(5, exit(process));
    assertFalse(Files.exists(to));
  }

  @Test
  void aWrongCommandLineIsTold() throws Exception {
    assertEquals(2, exit(fetch("abc")));
    assertEquals(List.<Map<String, String>>of(), server.requests());
  }

  private Process fetch(String sum) throws IOException {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                "dev.switchboard.worker.FetchModelMain",
                "--url",
                server.url().toString(),
                "--sha256",
                sum,
                "--to",
                to.toString())
            .redirectErrorStream(true)
            .start();
    started.add(process);
    return process;
  }

  private void awaitEnd() {
    try {
      ended.await();
    } catch (InterruptedException stopped) {
      Thread.currentThread().interrupt();
    }
  }

  private static void awaitLine(Process process, String part) throws IOException {
    BufferedReader lines = process.inputReader(StandardCharsets.UTF_8);
    List<String> seen = new ArrayList<>();
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      seen.add(line);
      if (line.contains(part)) {
        return;
      }
    }
    throw new AssertionError("no line with '" + part + "': " + seen);
  }

  private static int exit(Process process) throws InterruptedException {
    assertTrue(process.waitFor(Await.LIMIT_SECONDS, TimeUnit.SECONDS), "it does not end");
    return process.exitValue();
  }

  private static String sum() throws Exception {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(CONTENT));
  }
}
