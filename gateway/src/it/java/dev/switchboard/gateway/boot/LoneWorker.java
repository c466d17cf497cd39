package dev.switchboard.gateway.boot;

import java.io.BufferedReader;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A worker that no gateway runs, on a port of loopback that it keeps when it is started again. */
final class LoneWorker implements AutoCloseable {
  private final List<String> command = new ArrayList<>();
  private final int port;
  private Process process;

  /** Starts one that can serve a model, and injects faults. */
  LoneWorker(Path model, String... options) throws IOException {
    port = freePort();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("-Xmx224m");
    command.addAll(GatewayProcess.WORKER_OPTIONS);
    command.addAll(List.of("-cp", StartupCache.classPath(), "dev.switchboard.worker.WorkerMain"));
    command.addAll(List.of("--library", System.getProperty("switchboard.library")));
    command.addAll(List.of("--model", model.toString(), "--port", Integer.toString(port)));
    command.addAll(List.of("--exit-with-parent", "--allow-fault-injection"));
    command.addAll(List.of(options));
    process = started();
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  private Process started() throws IOException {
    Process begun =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    BufferedReader events = begun.inputReader(StandardCharsets.UTF_8);
    for (String line = events.readLine(); line != null; line = events.readLine()) {
      if (line.contains("\"event\":\"ready\"")) {
        return begun;
      }
    }
    throw new AssertionError("the worker ended before it was ready");
  }

  String url() {
    return "http://127.0.0.1:" + port;
  }

  /** Makes every step of its engine take longer. */
  void slow(HttpClient client, long delayMs) throws Exception {
    String fault = "{\"kind\":\"delay\",\"amount\":" + delayMs * 1_000_000 + "}";
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(url() + "/engine/v1/faults"))
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(fault))
            .build();
    HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString());
    if (answer.statusCode() != 200) {
      throw new AssertionError(answer.body());
    }
  }

  /** As the kernel does when memory is short. */
  void kill() throws InterruptedException {
    process.destroyForcibly().waitFor();
  }

  void startAgain() throws IOException {
    process = started();
  }

  @Override
  public void close() {
    process.destroyForcibly();
  }
}
