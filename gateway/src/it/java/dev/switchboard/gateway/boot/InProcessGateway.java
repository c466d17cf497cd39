package dev.switchboard.gateway.boot;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.fleet.Fleet;
import dev.switchboard.gateway.fleet.ModelSpec;
import dev.switchboard.gateway.fleet.ReplicaState;
import dev.switchboard.gateway.fleet.WorkerCommand;
import dev.switchboard.gateway.flight.NanoClock;
import dev.switchboard.gateway.store.StateFolder;
import dev.switchboard.log.LogFormat;
import dev.switchboard.testing.Await;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;

/** A gateway in the test's process, before fake upstreams; ports are free ones. */
final class InProcessGateway implements AutoCloseable {
  static final String CHAT = "/v1/chat/completions";
  static final ObjectMapper JSON = new ObjectMapper();

  /** Limits of production take a machine whose cores are busy for a dead one. */
  static final String PATIENT =
      """
      workers: {unresponsive-ms: 60000, state-timeout-ms: 60000, canary-timeout-ms: 60000}
      deadlines: {connect-ms: 60000, header-ms: 60000, body-ms: 60000}
      """;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final Gateway gateway;
  private final Fleet fleet;
  private final Await.Scene scene;
  private volatile String changedYaml = "";
  private final HttpClient client = HttpClient.newHttpClient();

  private InProcessGateway(String yaml, List<ModelSpec> models, Path worker) throws Exception {
    this(yaml, models, worker, new SystemClock(), StateFolder.NONE);
  }

  private InProcessGateway(
      String yaml, List<ModelSpec> models, Path worker, NanoClock clock, StateFolder state)
      throws Exception {
    ObjectNode tree = ConfigReader.defaults();
    ConfigReader.overlay(tree, PATIENT);
    ConfigReader.overlay(
        tree,
        "{http: {port: 0, hosts: [a, x]}, admin: {port: 0}, workers: {state-poll-ms: 50}, shutdown:"
            + " {linger-ms: 0}}");
    ConfigReader.overlay(tree, "store: {url: \"jdbc:h2:mem:" + UUID.randomUUID() + "\"}");
    ConfigReader.overlay(tree, yaml);
    GatewayConfig config = ConfigReader.read(tree);
    LauncherEvents events =
        new LauncherEvents(new PrintStream(out, true, StandardCharsets.UTF_8), replica -> "m");
    fleet =
        new Fleet(
            config.workers(),
            config.circuit(),
            models,
            config.upstreams(),
            new WorkerCommand(worker, "", Path.of("none"), null, null, LogFormat.TEXT),
            clock,
            events,
            System.err);
    fleet.expect(config.discovery().kubernetes().names());
    fleet.start();
    gateway =
        Gateway.start(
            config,
            state,
            fleet,
            events,
            clock,
            0,
            () -> {},
            () -> true,
            () -> reread(tree),
            wanted -> wanted.models().isEmpty() ? models : wanted.models());
    scene = Await.showing(this::scene);
  }

  private String scene() {
    return events()
        + "\nthe replicas of the gateway in this process: "
        + fleet.replicas().stream().map(each -> each.id() + " " + each.state()).toList();
  }

  /** What a reload finds: the same, and the file over it. */
  private GatewayConfig reread(ObjectNode tree) {
    ObjectNode again = tree.deepCopy();
    ConfigReader.overlay(again, changedYaml);
    return ConfigReader.read(again);
  }

  /** Changes the configuration file, which nobody has read again yet. */
  void rewrite(String yaml) {
    changedYaml = yaml;
  }

  /** Starts before upstreams that all serve the model {@code m}, and waits for each of them. */
  static InProcessGateway before(String yaml, FakeUpstream... upstreams) throws Exception {
    return started(yaml + upstreams(upstreams)).awaitEveryReplica();
  }

  /** The same, on a machine with this clock. */
  static InProcessGateway before(String yaml, NanoClock clock, FakeUpstream... upstreams)
      throws Exception {
    return new InProcessGateway(
            yaml + upstreams(upstreams), List.of(), Path.of("none"), clock, StateFolder.NONE)
        .awaitEveryReplica();
  }

  /** Starts before the upstreams that the configuration itself names. */
  static InProcessGateway of(String yaml) throws Exception {
    InProcessGateway started = started(yaml);
    Await.until("a replica of every model", started.fleet::everyModelReady);
    return started;
  }

  /** The same over the state of an earlier start. */
  static InProcessGateway over(StateFolder state, String yaml) throws Exception {
    return new InProcessGateway(yaml, List.of(), Path.of("none"), new SystemClock(), state);
  }

  /** The same, without waiting until any is ready. */
  static InProcessGateway started(String yaml) throws Exception {
    return new InProcessGateway(yaml, List.of(), Path.of("none"));
  }

  /**
   * Starts with one local worker of the model {@code m}, whose process is a script.
   *
   * @param script gets a worker's arguments and speaks its events
   */
  static InProcessGateway withWorker(String yaml, Path script) throws Exception {
    return withWorkers(yaml, script, new ModelSpec(Path.of("m.gguf"), "m", 1));
  }

  /** The same with as many as the model says. */
  static InProcessGateway withWorkers(String yaml, Path script, ModelSpec model) throws Exception {
    return new InProcessGateway(yaml, List.of(model), script);
  }

  /** The same, without waiting until they are ready. */
  static InProcessGateway unready(String yaml, URI upstream) throws Exception {
    return started(yaml + "\nupstreams:\n  - {url: \"" + upstream + "\", models: [m]}\n");
  }

  private static String upstreams(FakeUpstream... upstreams) {
    StringBuilder yaml = new StringBuilder("\nupstreams:\n");
    for (FakeUpstream upstream : upstreams) {
      yaml.append("  - {url: \"").append(upstream.url()).append("\", models: [m]}\n");
    }
    return yaml.toString();
  }

  /** A model is ready as soon as one of its replicas is: what asks two of them waits for both. */
  InProcessGateway awaitEveryReplica() {
    Await.until(
        "every replica",
        () -> fleet.replicas().stream().allMatch(replica -> replica.state() == ReplicaState.READY));
    return this;
  }

  Fleet fleet() {
    return fleet;
  }

  Gateway gateway() {
    return gateway;
  }

  String events() {
    return out.toString(StandardCharsets.UTF_8);
  }

  HttpClient client() {
    return client;
  }

  URI api(String path) {
    return URI.create(gateway.urls().get("api") + path);
  }

  URI admin(String path) {
    return URI.create(gateway.urls().get("admin") + path);
  }

  static String chat(boolean stream) {
    return "{\"model\":\"m\",\"stream\":"
        + stream
        + ",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}";
  }

  HttpResponse<String> post(String path, String body, String... headers) throws Exception {
    return client.send(request(path, body, headers), HttpResponse.BodyHandlers.ofString());
  }

  HttpResponse<InputStream> open(String path, String body, String... headers) throws Exception {
    return client.send(request(path, body, headers), HttpResponse.BodyHandlers.ofInputStream());
  }

  private HttpRequest request(String path, String body, String... headers) {
    HttpRequest.Builder builder =
        HttpRequest.newBuilder(api(path)).POST(HttpRequest.BodyPublishers.ofString(body));
    if (headers.length > 0) {
      builder.headers(headers);
    }
    return builder.build();
  }

  HttpResponse<String> get(URI uri, String... headers) throws Exception {
    HttpRequest.Builder builder = HttpRequest.newBuilder(uri);
    if (headers.length > 0) {
      builder.headers(headers);
    }
    return client.send(builder.build(), HttpResponse.BodyHandlers.ofString());
  }

  String adminPost(String path, String contentType) throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(admin(path))
            .header("Content-Type", contentType)
            .POST(HttpRequest.BodyPublishers.noBody())
            .build();
    return client.send(request, HttpResponse.BodyHandlers.ofString()).body();
  }

  /** Asks the admin API for anything, with a JSON body. */
  HttpResponse<String> admin(String method, String path, String body, String... headers)
      throws Exception {
    HttpRequest.Builder builder =
        HttpRequest.newBuilder(admin(path))
            .header("Content-Type", "application/json")
            .method(method, HttpRequest.BodyPublishers.ofString(body));
    if (headers.length > 0) {
      builder.headers(headers);
    }
    return client.send(builder.build(), HttpResponse.BodyHandlers.ofString());
  }

  /** The status of the same; of what does not end too. */
  int adminStatus(String method, String path, String body, String... headers) throws Exception {
    HttpRequest.Builder builder =
        HttpRequest.newBuilder(admin(path))
            .header("Content-Type", "application/json")
            .method(method, HttpRequest.BodyPublishers.ofString(body));
    if (headers.length > 0) {
      builder.headers(headers);
    }
    HttpResponse<InputStream> answer =
        client.send(builder.build(), HttpResponse.BodyHandlers.ofInputStream());
    try (InputStream read = answer.body()) {
      if (!answer.headers().firstValue("Content-Type").orElse("").equals("text/event-stream")) {
        read.readAllBytes();
      }
    }
    return answer.statusCode();
  }

  JsonNode adminJson(String path) throws Exception {
    return JSON.readTree(get(admin(path)).body());
  }

  /** What an action with a JSON body answers. */
  JsonNode adminBody(String path, String body) throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(admin(path))
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(body))
            .build();
    return JSON.readTree(client.send(request, HttpResponse.BodyHandlers.ofString()).body());
  }

  /** The admin API's timeline of a request, once it is recorded. */
  JsonNode timeline(String id) throws Exception {
    String path = "/admin/v1/requests/" + id + "/timeline?full=true";
    return JSON.readTree(
        Await.until(
                "the timeline of " + id,
                () -> get(admin(path)),
                answer -> answer.statusCode() == 200)
            .body());
  }

  /** The value of a series as the scrape tells it; 0 when it is not there. */
  double metric(String series) throws Exception {
    return get(admin("/metrics"))
        .body()
        .lines()
        .filter(line -> line.startsWith(series + " "))
        .mapToDouble(line -> Double.parseDouble(line.substring(series.length() + 1)))
        .findFirst()
        .orElse(0);
  }

  /** Waits until a series has a value. */
  void awaitMetric(String series, double wanted) {
    Await.until(series, () -> metric(series), value -> value == wanted);
  }

  /** How many attempts at a replica ended so. */
  double attempts(String replica, String result) throws Exception {
    return metric(
        "switchboard_upstream_attempts_total{replica=\""
            + replica
            + "\",result=\""
            + result
            + "\"}");
  }

  /** Sends raw bytes and reads until the server closes or has sent a whole answer. */
  String raw(String bytes) throws Exception {
    return raw(api(""), bytes);
  }

  String raw(URI listener, String bytes) throws Exception {
    try (Socket socket = new Socket(listener.getHost(), listener.getPort())) {
      socket.setSoTimeout(Await.LIMIT_MS);
      socket.getOutputStream().write(bytes.getBytes(StandardCharsets.ISO_8859_1));
      socket.getOutputStream().flush();
      socket.shutdownOutput();
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  @Override
  public void close() {
    scene.close();
    gateway.stop();
    client.close();
  }
}
