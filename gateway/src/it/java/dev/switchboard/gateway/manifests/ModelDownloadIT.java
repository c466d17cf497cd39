package dev.switchboard.gateway.manifests;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.sun.net.httpserver.HttpServer;
import dev.switchboard.gateway.manifests.Rendered.Pods;
import dev.switchboard.testing.Await;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The init container's own program, with the arguments of the manifest, before another server. */
class ModelDownloadIT {
  private static final byte[] CONTENT = "another model".getBytes(StandardCharsets.UTF_8);

  /** As {@code images/options/worker/fetch-model} names it. */
  private static final Path OPTIONS = Rendered.HOME.resolve("images/options/worker/fetch-model");

  @TempDir private Path models;
  private HttpServer server;

  @BeforeEach
  void serve() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext(
        "/",
        exchange -> {
          exchange.sendResponseHeaders(200, CONTENT.length);
          try (var body = exchange.getResponseBody()) {
            body.write(CONTENT);
          }
        });
    server.start();
  }

  @AfterEach
  void stop() {
    server.stop(0);
  }

  @Test
  void whatHasAnotherSumEndsTheInitContainerAndIsNotLeftThere() throws Exception {
    assertEquals(5, fetch(arguments("")));

    try (var left = Files.list(models)) {
      assertFalse(left.anyMatch(each -> each.toString().endsWith(".gguf")));
    }
  }

  @Test
  void whatHasTheSumIsWhereTheWorkerLooksForIt() throws Exception {
    String sum = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(CONTENT));
    JsonNode worker = pods().mains().getFirst();

    assertEquals(0, fetch(arguments(sum)));

    assertArrayEquals(CONTENT, Files.readAllBytes(Path.of(here(option(worker, "--model=")))));
  }

  private static Pods pods() {
    return Rendered.of("gpu").pods("qwen3-0-6b-worker");
  }

  /** Only the server and the folder are others; and the sum, where one is given. */
  private List<String> arguments(String sum) {
    List<String> arguments = new ArrayList<>();
    for (JsonNode each : pods().spec().at("/initContainers/0/args")) {
      String argument = here(each.asText());
      if (argument.startsWith("--url=")) {
        argument = "--url=http://127.0.0.1:" + server.getAddress().getPort() + "/m.gguf";
      } else if (argument.startsWith("--sha256=") && !sum.isEmpty()) {
        argument = "--sha256=" + sum;
      }
      arguments.add(argument);
    }
    return arguments;
  }

  private String here(String argument) {
    return argument.replace("/models/", models + "/");
  }

  private static String option(JsonNode container, String name) {
    return container
        .path("args")
        .valueStream()
        .map(JsonNode::asText)
        .filter(each -> each.startsWith(name))
        .findFirst()
        .orElseThrow()
        .substring(name.length());
  }

  private static int fetch(List<String> arguments) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"));
    command.add(System.getProperty("java.class.path"));
    command.add(program());
    command.addAll(arguments);
    Process process = new ProcessBuilder(command).inheritIO().start();
    try {
      assertTrue(process.waitFor(Await.LIMIT_SECONDS, TimeUnit.SECONDS), "it does not end");
      return process.exitValue();
    } finally {
      process.destroyForcibly();
    }
  }

  /** The class that the container's command starts in the image. */
  private static String program() throws IOException {
    assertEquals("[\"fetch-model\"]", pods().spec().at("/initContainers/0/command").toString());
    return Files.readAllLines(OPTIONS).getLast();
  }
}
