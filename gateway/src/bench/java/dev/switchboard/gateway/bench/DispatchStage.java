package dev.switchboard.gateway.bench;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** Engines, as a process apart, before which gateways are put, one after the other. */
final class DispatchStage implements AutoCloseable {
  /** So many requests compile the request path well enough for steps of tens of milliseconds. */
  private static final int WARM_UP_REQUESTS = 500;

  private static final int ASK_MS = 5;
  private static final String TRANSITIONS = "switchboard_replica_transitions_total";

  /** A service class without targets. */
  static final String PLAIN_CLASS =
      "{name: plain, ttft-ms: 0, tpot-ms: 0, deadline-ms: 0, priority: 0, objective: 0.9,"
          + " window-days: 30}";

  /** All engines are there, for a gateway that starts. */
  private static final DispatchScenario IDLE =
      new DispatchScenario("idle", "nothing", List.of(), List.of(), 0, 0, null);

  private final HttpClient client = HttpClient.newHttpClient();
  private final Path directory;
  private final int engines;
  private final ServerProcess process;
  private final List<Integer> ports;
  private int gateways;

  /**
   * Starts the engines.
   *
   * @param engines as many as any scenario has
   */
  DispatchStage(Path directory, int engines) throws IOException {
    this.directory = directory;
    this.engines = engines;
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-XX:+UseSerialGC", "-Xmx128m", "-XX:TieredStopAtLevel=1"));
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.add(ScriptedEngine.class.getName());
    for (int i = 0; i < engines; i++) {
      command.addAll(List.of("--engine", EngineScript.DEFAULT.text()));
    }
    process = ServerProcess.start("", directory.resolve("engines.log"), Map.of(), command);
    ports =
        Arrays.stream(process.await(line -> line.startsWith("listening ")).split(" "))
            .skip(1)
            .map(Integer::valueOf)
            .toList();
  }

  /** Runs a scenario straight at its first engine, with nobody between. */
  DispatchTrace direct(DispatchScenario scenario, long seed) throws IOException {
    begin(scenario);
    InetSocketAddress address =
        new InetSocketAddress(InetAddress.getLoopbackAddress(), ports.getFirst());
    return new DispatchLoad(address, scenario, seed).run();
  }

  /** Has the engines do what the scenario says, from now on. */
  private void begin(DispatchScenario scenario) throws IOException {
    List<String> scripts = new ArrayList<>(scenario.scripts().toList());
    while (scripts.size() < engines) {
      scripts.add(EngineScript.DEFAULT.text());
    }
    process.tell("begin " + String.join(" ", scripts));
    for (int i = 0; i < engines; i++) {
      while (!scripts.get(i).equals(script(ports.get(i)))) {
        process.requireAlive();
        Target.pause(ASK_MS);
      }
    }
  }

  /** What an engine does; empty for one that is gone, or has gone meanwhile. */
  private String script(int port) throws IOException {
    URI health = URI.create("http://127.0.0.1:" + port + "/health");
    try {
      return client
          .send(HttpRequest.newBuilder(health).build(), HttpResponse.BodyHandlers.ofString())
          .body();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    } catch (IOException e) {
      return "";
    }
  }

  /** Runs a scenario in front of a new gateway, which has learned nothing yet. */
  DispatchTrace run(DispatchScenario scenario, String policy, long seed) throws IOException {
    begin(IDLE);
    try (Target gateway = gateway(scenario, policy)) {
      begin(scenario);
      DispatchTrace trace = new DispatchLoad(gateway.address(), scenario, seed).run();
      process.requireAlive();
      return trace.ejected(ejections(gateway));
    }
  }

  /** Of a gateway that was started for one run; not a number where it counts no changes at all. */
  private double ejections(Target gateway) {
    MetricsText metrics = Objects.requireNonNull(gateway.metrics(client), "a gateway of ours");
    return metrics.sum(TRANSITIONS) > 0 ? metrics.sum(TRANSITIONS, "to=\"EJECTED\"") : Double.NaN;
  }

  private Target gateway(DispatchScenario scenario, String policy) throws IOException {
    String word = "gateway-" + gateways++;
    Path config = directory.resolve(word + ".yaml");
    StringBuilder yaml = new StringBuilder();
    yaml.append("http: {port: 0, warm-up-requests: ").append(WARM_UP_REQUESTS).append("}\n");
    yaml.append("admin: {port: 0}\n");
    yaml.append("routing: {policy: ").append(policy).append("}\n");
    // The usual classes have targets; here a request has those that its headers say.
    yaml.append("slo: {default-class: plain, classes: [").append(PLAIN_CLASS).append("]}\n");
    yaml.append("upstreams:\n");
    for (int i = 0; i < scenario.engines().size(); i++) {
      yaml.append("  - {url: \"http://127.0.0.1:").append(ports.get(i));
      yaml.append("\", models: [").append(ScriptedEngine.MODEL).append("]}\n");
    }
    Files.writeString(config, yaml.toString());
    return Target.ready(policy, Target.start("", directory, word, Target.jvm(false), config));
  }

  @Override
  public void close() {
    client.close();
    process.close();
  }
}
