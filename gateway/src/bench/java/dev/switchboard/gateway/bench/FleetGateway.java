package dev.switchboard.gateway.bench;

import dev.switchboard.bench.Samples;
import java.io.IOException;
import java.io.PrintStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * A gateway process before workers that tell the state of so many ranks, each at a port of its own,
 * and a client that reads the list of replicas from it. All that a real fleet makes a gateway do is
 * in it: reading every worker's state again and again, beside the pages.
 */
final class FleetGateway implements AutoCloseable {
  private static final int PAGES = 100;
  private static final double REST_SECONDS = 20;
  private static final double READY_SECONDS = 120;
  private static final int BETWEEN_MS = 100;
  private static final String LAG = "switchboard_event_loop_lag_seconds";
  private static final String REPORTED = "switchboard_replica_report_age_seconds";
  private static final double LATE_SECONDS = 0.005;

  /** The gateway has the last core alone, so that a late turn is of its own making. */
  private final int cores = Runtime.getRuntime().availableProcessors();

  private final Path directory = Files.createTempDirectory("switchboard-fleet");
  private final HttpClient client = HttpClient.newHttpClient();
  private final List<ServerProcess> processes = new ArrayList<>();
  private final ServerProcess gateway;
  private final URI admin;

  FleetGateway(int replicas, int ranks) throws IOException {
    ServerProcess workers = workers(replicas, ranks);
    String ports = workers.await(line -> line.startsWith("listening ")).substring(10);
    StringBuilder yaml = new StringBuilder("http: {port: 0}\nadmin: {port: 0}\nupstreams:\n");
    for (String port : ports.split(" ", -1)) {
      yaml.append("  - {url: \"http://127.0.0.1:").append(port);
      yaml.append("\", worker: true, models: [").append(FakeWorker.MODEL).append("]}\n");
    }
    Path config = Files.writeString(directory.resolve("gateway.yaml"), yaml);
    gateway = Target.start(lastCore(), directory, "gateway", Target.jvm(false), config);
    processes.add(gateway);
    admin = Objects.requireNonNull(Target.ready("gateway", gateway).admin());
    awaitReady(replicas);
  }

  private String lastCore() {
    return cores == 1 ? "" : Integer.toString(cores - 1);
  }

  private String otherCores() {
    return cores == 1 ? "" : "0-" + (cores - 2);
  }

  private ServerProcess workers(int replicas, int ranks) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-XX:+UseSerialGC", "-Xmx512m"));
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.add(FakeWorker.class.getName());
    command.addAll(List.of("--ports", Integer.toString(replicas)));
    command.addAll(List.of("--ranks", Integer.toString(ranks)));
    ServerProcess workers =
        ServerProcess.start(otherCores(), directory.resolve("workers.log"), Map.of(), command);
    processes.add(workers);
    return workers;
  }

  private void awaitReady(int replicas) throws IOException {
    long until = System.nanoTime() + (long) (READY_SECONDS * 1e9);
    double reported = 0;
    while (reported < replicas) {
      if (System.nanoTime() > until) {
        throw new IOException((int) reported + " of " + replicas + " workers were read");
      }
      Target.pause(500);
      reported = metric(REPORTED).by(REPORTED, "replica").size();
    }
  }

  /** What it took meanwhile. */
  private record Meter(double cpuSeconds, double ticks, double late, long nanos) {
    double cpuSince(Meter before) {
      return cpuSeconds - before.cpuSeconds;
    }

    double seconds(Meter before) {
      return (nanos - before.nanos) / 1e9;
    }

    double lateShare(Meter before) {
      return (late - before.late) / Math.max(1, ticks - before.ticks);
    }
  }

  /** All of them, of so many ranks, would take longer than what is measured. */
  private MetricsText metric(String name) throws IOException {
    URI one = admin.resolve("/metrics?name%5B%5D=" + name);
    byte[] told = answered(HttpRequest.newBuilder(one).build()).body();
    return new MetricsText(new String(told, StandardCharsets.UTF_8));
  }

  private Meter meter() throws IOException {
    MetricsText told = metric(LAG);
    double ticks = told.sum(LAG + "_count");
    double inTime = told.sum(LAG + "_bucket", "le=\"" + LATE_SECONDS + "\"");
    return new Meter(gateway.cpuSeconds(), ticks, ticks - inTime, System.nanoTime());
  }

  /**
   * Reads pages, and tells what one takes beyond what the gateway takes at rest.
   *
   * @return whether a page has at most so many bytes and takes at most so much of a core
   */
  boolean measured(PrintStream to, int mostBytes, double mostCpuMs) throws IOException {
    pages(PAGES, new Samples());
    Meter began = meter();
    Target.pause((long) (REST_SECONDS * 1e3));
    Meter rested = meter();
    Samples wall = new Samples();
    int bytes = pages(PAGES, wall);
    Meter ended = meter();
    double rest = rested.cpuSince(began) / rested.seconds(began);
    double cpuMs = (ended.cpuSince(rested) - rest * ended.seconds(rested)) / PAGES * 1e3;
    to.printf(
        "%n| through a gateway | bytes | ms of a core | answered after ms p50 | p99 | late turns at"
            + " rest | with pages | core at rest |%n|---|---|---|---|---|---|---|---|%n");
    to.printf(
        "| summary | %d | %.2f | %.2f | %.2f | %.2f %% | %.2f %% | %.1f %% |%n",
        bytes,
        cpuMs,
        wall.median(),
        FleetPageBench.at(wall, 0.99),
        rested.lateShare(began) * 100,
        ended.lateShare(rested) * 100,
        rest * 100);
    return bytes <= mostBytes && cpuMs <= mostCpuMs;
  }

  private int pages(int count, Samples wallMs) throws IOException {
    HttpRequest page =
        HttpRequest.newBuilder(admin.resolve("/admin/v1/replicas?form=summary&limit=1000")).build();
    int bytes = 0;
    for (int i = 0; i < count; i++) {
      Target.pause(BETWEEN_MS);
      long begun = System.nanoTime();
      HttpResponse<byte[]> answer = answered(page);
      wallMs.add((System.nanoTime() - begun) / 1e6);
      if (answer.statusCode() != 200) {
        throw new IOException("a page was answered " + answer.statusCode());
      }
      bytes = Math.max(bytes, answer.body().length);
    }
    return bytes;
  }

  private HttpResponse<byte[]> answered(HttpRequest request) throws IOException {
    try {
      return client.send(request, HttpResponse.BodyHandlers.ofByteArray());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }

  @Override
  public void close() {
    processes.reversed().forEach(ServerProcess::close);
    client.close();
    TestBed.delete(directory);
  }
}
