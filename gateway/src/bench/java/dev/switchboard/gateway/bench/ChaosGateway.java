package dev.switchboard.gateway.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;

/** A gateway process with real workers, and what can be done to them. */
final class ChaosGateway implements AutoCloseable {
  static final String MODEL = "chaos";
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int POLL_MS = 10;

  private final ServerProcess process;
  private final RequestLog log;
  private final HttpClient client = HttpClient.newHttpClient();
  private final URI api;
  private final URI admin;

  private ChaosGateway(ServerProcess process, JsonNode event) {
    this.process = process;
    this.log = new RequestLog(process.log());
    this.api = URI.create(event.path("api").asText());
    this.admin = URI.create(event.path("admin").asText());
  }

  /**
   * Starts it as the launcher does.
   *
   * @param name of its state and log under the directory; a second start of a name goes on with its
   *     state
   * @param event the line of its standard output that is waited for
   */
  static ChaosGateway start(
      Path directory, String name, String yaml, String event, String... arguments)
      throws IOException {
    Path home = Path.of(System.getProperty("switchboard.home", ".")).toAbsolutePath().normalize();
    Path config = Files.writeString(directory.resolve(name + ".yaml"), yaml);
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("@" + home.resolve("gateway/jvm.options"));
    command.add("-Dswitchboard.home=" + home);
    command.add("-Dswitchboard.state=" + directory.resolve(name));
    command.add("-Dswitchboard.library=" + System.getProperty("switchboard.library", ""));
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.addAll(List.of("dev.switchboard.gateway.boot.GatewayMain", "--config"));
    command.add(config.toString());
    command.addAll(List.of(arguments));
    ServerProcess process =
        ServerProcess.start("", directory.resolve(name + ".log"), Map.of(), command);
    String line = process.await(said -> said.startsWith("{\"event\":\"" + event + "\""));
    return new ChaosGateway(process, JSON.readTree(line));
  }

  /** Workers of the small model, ports that are free, and a record of every request. */
  static String yaml(Path model, int workers, String more) {
    return yaml(model, workers, 1024, more);
  }

  /** The same with so many sequences in a worker's batch. */
  static String yaml(Path model, int workers, int sequences, String more) {
    return "http: {port: 0}\nadmin: {port: 0}\n"
        + ("models: [{file: " + model + ", name: " + MODEL + ", workers: " + workers + "}]\n")
        + "admission: {replica-concurrency: 1024}\n"
        + "telemetry: {log-requests: true}\n"
        + "workers: {threads: 1, restart-first-ms: 0, crash-loop-exits: 1000,"
        + " arguments: [--allow-fault-injection, --max-sequences, '"
        + sequences
        + "', --kv-memory, 128MiB]}\n"
        + more;
  }

  InetSocketAddress address() {
    return new InetSocketAddress(api.getHost(), api.getPort());
  }

  ServerProcess process() {
    return process;
  }

  MetricsText metrics() throws IOException {
    return MetricsText.scrape(client, admin);
  }

  /** Requests that have ended, by its log. */
  List<RequestEnd> ended() throws IOException {
    return log.ends();
  }

  /** How often a replica was ejected, by its log. */
  long ejections(String id) throws IOException {
    String event = "replica_state replica=" + id + " ";
    try (Stream<String> lines = Files.lines(process.log())) {
      return lines.filter(line -> line.contains(event) && line.contains(" to=EJECTED ")).count();
    }
  }

  /** What its API answers to whoever has this key. */
  int asked(String key) throws IOException {
    return answer(
            HttpRequest.newBuilder(api.resolve("/v1/models"))
                .header("Authorization", "Bearer " + key)
                .build())
        .statusCode();
  }

  /** The status that a change is answered with, whatever it is. */
  int adminStatus(String method, String path) throws IOException {
    return answer(
            HttpRequest.newBuilder(admin.resolve(path))
                .header("Content-Type", "application/json")
                .method(method, HttpRequest.BodyPublishers.noBody())
                .build())
        .statusCode();
  }

  JsonNode admin(String path) throws IOException {
    return send(HttpRequest.newBuilder(admin.resolve(path)).build());
  }

  JsonNode adminPost(String path, String body) throws IOException {
    return post(admin.resolve(path), body);
  }

  /** Changes something by any method. */
  JsonNode adminSend(String method, String path, String body) throws IOException {
    return send(
        HttpRequest.newBuilder(admin.resolve(path))
            .header("Content-Type", "application/json")
            .method(method, HttpRequest.BodyPublishers.ofString(body))
            .build());
  }

  private JsonNode post(URI uri, String body) throws IOException {
    return send(
        HttpRequest.newBuilder(uri)
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(body))
            .build());
  }

  private JsonNode send(HttpRequest request) throws IOException {
    HttpResponse<String> answer = answer(request);
    if (answer.statusCode() >= 300) {
      throw new IOException(request.uri() + ": " + answer.statusCode() + " " + answer.body());
    }
    return answer.body().isEmpty() ? JSON.nullNode() : JSON.readTree(answer.body());
  }

  private HttpResponse<String> answer(HttpRequest request) throws IOException {
    try {
      return client.send(request, HttpResponse.BodyHandlers.ofString());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }

  List<String> replicas() throws IOException {
    List<String> ids = new ArrayList<>();
    admin("/admin/v1/replicas").path("replicas").forEach(one -> ids.add(one.path("id").asText()));
    return ids;
  }

  private JsonNode replica(String id) throws IOException {
    return admin("/admin/v1/replicas/" + id);
  }

  String state(String id) throws IOException {
    return replica(id).path("state").asText();
  }

  long pid(String id) throws IOException {
    return replica(id).path("pid").asLong();
  }

  int inFlight(String id) throws IOException {
    return replica(id).path("in_flight").asInt();
  }

  /** What a worker itself says of its load. */
  JsonNode load(String id) throws IOException {
    return worker(id, "GET", "/engine/v1/load", "");
  }

  /** Makes each step of a worker's engine take so much longer. */
  void slow(String id, int stepMs) throws IOException {
    fault(id, "{\"kind\":\"delay\",\"amount\":" + stepMs * 1_000_000L + "}");
  }

  /** Breaks something in a worker's engine, or mends it. */
  void fault(String id, String fault) throws IOException {
    JsonNode _ = worker(id, "POST", "/engine/v1/faults", fault);
  }

  /** Asks a worker itself, by its socket. */
  private JsonNode worker(String id, String method, String path, String body) throws IOException {
    Path socket = Path.of(replica(id).path("socket").asText());
    SocketRequest.Answer answer = SocketRequest.send(socket, method, path, body);
    if (answer.status() >= 300) {
      throw new IOException(id + " " + path + ": " + answer.status() + " " + answer.body());
    }
    return JSON.readTree(answer.body());
  }

  /**
   * Waits until a replica is in a state.
   *
   * @return after how many milliseconds; −1 when that was not within the seconds
   */
  long await(String id, String state, int seconds) {
    return await(() -> state.equals(stateOrNone(id)), seconds);
  }

  /** Waits until every replica is ready. */
  void awaitAllReady() throws IOException {
    for (String id : replicas()) {
      if (await(id, "READY", 60) < 0) {
        throw new IOException(id + " is not ready but " + state(id));
      }
    }
  }

  /** Waits until every replica takes requests, but for one that is cordoned. */
  void awaitAllServing(String cordoned) throws IOException {
    for (String id : replicas()) {
      if (await(id, id.equals(cordoned) ? "CORDONED" : "READY", 60) < 0) {
        throw new IOException(id + " is not serving but " + state(id));
      }
    }
  }

  private String stateOrNone(String id) {
    try {
      return state(id);
    } catch (IOException e) {
      return "";
    }
  }

  /**
   * Waits for something.
   *
   * @return after how many milliseconds; −1 when that was not within the seconds
   */
  static long await(BooleanSupplier condition, int seconds) {
    long begin = System.nanoTime();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() - begin > seconds * 1_000_000_000L) {
        return -1;
      }
      Target.pause(POLL_MS);
    }
    return (System.nanoTime() - begin) / 1_000_000;
  }

  /** Sends a signal, such as {@code KILL}. */
  static void signal(String name, long pid) throws IOException {
    Process kill = new ProcessBuilder("kill", "-" + name, Long.toString(pid)).start();
    try {
      if (kill.waitFor() != 0) {
        throw new IOException("cannot send " + name + " to " + pid);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }

  @Override
  public void close() {
    process.close();
    client.close();
  }
}
