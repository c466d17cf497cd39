package dev.switchboard.gateway.boot;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.bench.SocketRequest;
import dev.switchboard.testing.Await;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;

/** A real gateway process with real workers, as the launcher starts it. */
final class GatewayProcess implements AutoCloseable {
  static final String MODEL = "switchboard-demo";
  private static final ObjectMapper JSON = new ObjectMapper();

  /** A failure that shows what a gateway says waits no longer for it. */
  private static final Duration SCENE_TIME = Duration.ofSeconds(2);

  private static final int SCENE_CHARACTERS = 1500;

  /** Processes of a few seconds spend most of their time on code that the second compiler makes. */
  private static final String FIRST_COMPILER_ONLY = "-XX:TieredStopAtLevel=1";

  static final List<String> WORKER_OPTIONS =
      List.of(
          "--enable-native-access=ALL-UNNAMED",
          "-XX:+UseSerialGC",
          "-XX:+ExitOnOutOfMemoryError",
          FIRST_COMPILER_ONLY);

  private final Process process;
  private final Path config;
  private final @Nullable File log;
  private final Queue<JsonNode> events = new ConcurrentLinkedQueue<>();
  private final Queue<String> printed = new ConcurrentLinkedQueue<>();
  private HttpClient client = HttpClient.newHttpClient();
  private @Nullable JsonNode ready;
  private volatile boolean closing;
  private final Thread reader;
  private final Await.Scene scene;

  private GatewayProcess(Process process, Path config, @Nullable File log) {
    this.process = process;
    this.config = config;
    this.log = log;
    reader = Thread.ofPlatform().daemon().start(this::readEvents);
    scene = Await.showing(this::scene);
  }

  private String scene() {
    return String.join("\n", "a gateway: " + process, end(printed()), replicasNow(), end(logged()));
  }

  private static String end(String text) {
    return text.substring(Math.max(0, text.length() - SCENE_CHARACTERS));
  }

  private String replicasNow() {
    if (ready == null) {
      return "not ready";
    }
    HttpRequest request =
        HttpRequest.newBuilder(uri("admin", "/admin/v1/replicas")).timeout(SCENE_TIME).build();
    try {
      JsonNode told =
          JSON.readTree(client.send(request, HttpResponse.BodyHandlers.ofString()).body());
      return told.path("replicas")
          .valueStream()
          .map(each -> each.path("id").asText() + " " + each.path("state").asText())
          .toList()
          .toString();
    } catch (IOException e) {
      return "its replicas are not known: " + e;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return "its replicas are not known: " + e;
    }
  }

  private String logged() {
    try {
      return log == null ? "" : Files.readString(log.toPath());
    } catch (IOException e) {
      return "its log is not known: " + e;
    }
  }

  static Path home() {
    return Path.of(System.getProperty("switchboard.home", "."));
  }

  /** Writes a configuration that serves the demonstration model, with more lines. */
  static void writeConfig(Path file, String more) throws IOException {
    Path model = home().resolve("native-engine/demo-model/switchboard-demo.gguf");
    Files.writeString(file, "models: [{file: " + model + "}]\n" + more);
  }

  /** Starts the process; ports are free ones. It does not warm up, since that takes a core. */
  static GatewayProcess start(List<String> javaOptions, String... arguments) throws Exception {
    return start(0, javaOptions, arguments);
  }

  /** Options that run it under the agent, which sends its spans to a collector soon. */
  static List<String> underAgent(OtlpReceiver collector) {
    return underAgent(collector.endpoint());
  }

  static List<String> underAgent(String collector) {
    Path home = home();
    Path agent = home.resolve("gateway/target/agent");
    return List.of(
        "-javaagent:" + agent.resolve("opentelemetry-javaagent.jar"),
        "-Dotel.javaagent.extensions=" + agent.resolve("extensions"),
        "-Dotel.javaagent.configuration-file=" + home.resolve("otel/agent.properties"),
        "-Dotel.traces.exporter=otlp",
        "-Dotel.exporter.otlp.endpoint=" + collector,
        "-Dotel.bsp.schedule.delay=100");
  }

  static GatewayProcess start(int warmUpRequests, List<String> javaOptions, String... arguments)
      throws Exception {
    return start(
        List.of(), warmUpRequests, ProcessBuilder.Redirect.INHERIT, javaOptions, arguments);
  }

  /** Starts it with its log in a file. */
  static GatewayProcess startLogging(Path log, List<String> javaOptions, String... arguments)
      throws Exception {
    return start(List.of(), 0, ProcessBuilder.Redirect.to(log.toFile()), javaOptions, arguments);
  }

  /** Starts it with its log in a file, and has it warm up. */
  static GatewayProcess startLogging(
      Path log, int warmUpRequests, List<String> javaOptions, String... arguments)
      throws Exception {
    return start(
        List.of(),
        warmUpRequests,
        ProcessBuilder.Redirect.to(log.toFile()),
        javaOptions,
        arguments);
  }

  /** Starts it with its log in a file, and with so many open files at most. */
  static GatewayProcess startWithin(int openFiles, Path log, String... arguments) throws Exception {
    return start(
        List.of("prlimit", "--nofile=" + openFiles),
        0,
        ProcessBuilder.Redirect.to(log.toFile()),
        List.of("-Dswitchboard.library=" + System.getProperty("switchboard.library")),
        arguments);
  }

  /** Starts it with variables of the environment, which its workers have too. */
  static GatewayProcess startWith(Map<String, String> environment, String... arguments)
      throws Exception {
    List<String> under = new ArrayList<>(List.of("env"));
    environment.forEach((name, value) -> under.add(name + "=" + value));
    return start(
        under,
        0,
        ProcessBuilder.Redirect.INHERIT,
        List.of("-Dswitchboard.library=" + System.getProperty("switchboard.library")),
        arguments);
  }

  private static GatewayProcess start(
      List<String> under,
      int warmUpRequests,
      ProcessBuilder.Redirect log,
      List<String> javaOptions,
      String... arguments)
      throws Exception {
    // Whoever runs the tests may have signals ignored, which a JVM then never hears.
    List<String> command = new ArrayList<>(List.of("env", "--default-signal=HUP,INT,TERM"));
    command.addAll(under);
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-XX:+UseSerialGC", "-Xmx256m", FIRST_COMPILER_ONLY));
    command.add("-Dswitchboard.home=" + home());
    command.add("-Dswitchboard.state=" + Path.of("target", "state", "" + UUID.randomUUID()));
    command.addAll(StartupCache.options(javaOptions));
    command.addAll(javaOptions);
    command.addAll(List.of("-cp", StartupCache.classPath()));
    command.add(GatewayMain.class.getName());
    command.addAll(List.of("--port", "0", "--admin-port", "0"));
    Path config = Files.createTempFile(Files.createDirectories(Path.of("target")), "up", ".yaml");
    command.addAll(warming(warmUpRequests, config, arguments));
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.redirectError(log);
    builder.environment().keySet().removeIf(name -> name.startsWith("OTEL_"));
    return new GatewayProcess(builder.start(), config, log.file());
  }

  /**
   * The arguments, with a configuration that says this beside what theirs says. When it is to end
   * it waits for nobody's next request, and who is late is not taken for dead, unless theirs says
   * so.
   */
  private static List<String> warming(int requests, Path config, String[] arguments)
      throws IOException {
    ObjectNode tree = JSON.createObjectNode();
    ConfigReader.overlay(tree, "shutdown: {linger-ms: 0}");
    ConfigReader.overlay(tree, InProcessGateway.PATIENT);
    ConfigReader.overlay(
        tree, "workers: {java-options: [" + String.join(", ", WORKER_OPTIONS) + "]}");
    List<String> others = new ArrayList<>();
    for (int i = 0; i < arguments.length; i++) {
      if (arguments[i].equals("--config")) {
        ConfigReader.overlay(tree, Path.of(arguments[++i]));
      } else {
        others.add(arguments[i]);
      }
    }
    tree.withObject("/http").put("warm-up-requests", requests);
    tree.withArray("/workers/arguments").add("--canary-timeout=60");
    Files.writeString(config, JSON.writeValueAsString(tree));
    others.addAll(List.of("--config", config.toString()));
    return others;
  }

  /** Changes its configuration file, which it has not read again yet. */
  void rewrite(String yaml) throws IOException {
    ObjectNode tree = JSON.createObjectNode();
    ConfigReader.overlay(tree, config);
    ConfigReader.overlay(tree, yaml);
    Files.writeString(config, JSON.writeValueAsString(tree));
  }

  static void signal(String signal, long pid) throws Exception {
    if (new ProcessBuilder("kill", signal, Long.toString(pid)).start().waitFor() != 0) {
      throw new AssertionError("no process " + pid);
    }
  }

  /** Asks it as one that believes whom this does, where it speaks TLS. */
  GatewayProcess trusting(SSLContext authorities) {
    client.close();
    client = HttpClient.newBuilder().sslContext(authorities).build();
    return this;
  }

  /** Waits until every model can be served. */
  GatewayProcess awaitReady() {
    try {
      ready = await(event -> event.path("event").asText().equals("ready"));
      return this;
    } catch (AssertionError neverReady) {
      close();
      throw neverReady;
    }
  }

  /** Waits until it is ready and has warmed up, and gives the event that told the latter. */
  JsonNode awaitWarm() {
    JsonNode first = await(event -> isOne(event, "ready", "warm"));
    JsonNode second = await(event -> isOne(event, "ready", "warm"));
    boolean readyFirst = first.path("event").asText().equals("ready");
    ready = readyFirst ? first : second;
    return readyFirst ? second : first;
  }

  private static boolean isOne(JsonNode event, String... names) {
    return List.of(names).contains(event.path("event").asText());
  }

  /** The next such event; those before it are passed by. */
  JsonNode await(Predicate<JsonNode> wanted) {
    JsonNode event = Await.until("the event", () -> next(wanted), seen -> seen != null);
    if (event == null || event.isMissingNode()) {
      throw new AssertionError("it ended before the event\n" + scene());
    }
    return event;
  }

  /** Null where none has come yet, and missing where none can come any more. */
  private @Nullable JsonNode next(Predicate<JsonNode> wanted) {
    boolean ended = !reader.isAlive();
    for (JsonNode event = events.poll(); event != null; event = events.poll()) {
      if (wanted.test(event)) {
        return event;
      }
    }
    return ended ? MissingNode.getInstance() : null;
  }

  private void readEvents() {
    try (BufferedReader reader =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        printed.add(line);
        events.add(JSON.readTree(line));
      }
    } catch (IOException e) {
      // Its pipe is closed when it is told to end.
      if (!closing && process.isAlive()) {
        throw new AssertionError(e);
      }
    }
  }

  /** Its standard output so far. */
  String printed() {
    return String.join("\n", printed);
  }

  HttpClient client() {
    return client;
  }

  /** Waits until so many replicas are ready, and so many stand by. */
  void awaitStates(int ready, int standby) {
    Await.until(
        ready + " ready and " + standby + " on standby",
        () -> count("READY") == ready && count("STANDBY") == standby);
  }

  private int count(String state) throws Exception {
    int count = 0;
    for (JsonNode replica : admin("/admin/v1/replicas").path("replicas")) {
      count += replica.path("state").asText().equals(state) ? 1 : 0;
    }
    return count;
  }

  void awaitState(String replica, String state) {
    Await.until(replica + " " + state, () -> state(replica), state::equals);
  }

  private String state(String replica) throws Exception {
    return admin("/admin/v1/replicas/" + replica).path("state").asText();
  }

  String firstReady() throws Exception {
    for (JsonNode replica : admin("/admin/v1/replicas").path("replicas")) {
      if (replica.path("state").asText().equals("READY")) {
        return replica.path("id").asText();
      }
    }
    throw new AssertionError("none is ready");
  }

  List<Long> pids() throws Exception {
    List<Long> pids = new ArrayList<>();
    admin("/admin/v1/replicas").path("replicas").forEach(one -> pids.add(one.path("pid").asLong()));
    return pids;
  }

  /** Brings a replica back that a test left drained. */
  void resume(String replica) throws Exception {
    String path = "/admin/v1/replicas/" + replica + "/resume";
    post(uri("admin", path), "", "Content-Type", "application/json");
  }

  /** Posts an action and gives its answer, which must be a good one. */
  JsonNode adminPost(String path, String body) throws Exception {
    return adminSend("POST", path, body);
  }

  /** The same with another method. */
  JsonNode adminSend(String method, String path, String body) throws Exception {
    HttpResponse<String> answer = admin(method, path, body);
    if (answer.statusCode() >= 300) {
      throw new AssertionError(path + ": " + answer.statusCode() + " " + answer.body());
    }
    return JSON.readTree(answer.body());
  }

  /** Asks the admin API for anything, with a JSON body, and gives whatever it answers. */
  HttpResponse<String> admin(String method, String path, String body, String... headers)
      throws Exception {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(uri("admin", path))
            .header("Content-Type", "application/json")
            .method(method, HttpRequest.BodyPublishers.ofString(body));
    if (headers.length > 0) {
      request.headers(headers);
    }
    return client.send(request.build(), HttpResponse.BodyHandlers.ofString());
  }

  long pid(String replica) throws Exception {
    return admin("/admin/v1/replicas/" + replica).path("pid").asLong();
  }

  /** As the kernel does when memory is short. */
  void kill(String replica) throws Exception {
    ProcessHandle.of(pid(replica)).orElseThrow().destroyForcibly();
  }

  Process process() {
    return process;
  }

  URI api(String path) {
    return uri("api", path);
  }

  URI adminUri(String path) {
    return uri("admin", path);
  }

  private URI uri(String listener, String path) {
    JsonNode urls = ready;
    if (urls == null) {
      throw new IllegalStateException("not ready");
    }
    return URI.create(urls.path(listener).asText() + path);
  }

  /** The metrics' text. */
  String metrics() throws Exception {
    return client
        .send(
            HttpRequest.newBuilder(uri("admin", "/metrics")).build(),
            HttpResponse.BodyHandlers.ofString())
        .body();
  }

  JsonNode admin(String path) throws Exception {
    return json(uri("admin", path));
  }

  /** Until the first token, as a request's route has it of a candidate; NaN where it is none. */
  static double promisedMs(JsonNode route, String replica) {
    return route
        .path("candidates")
        .valueStream()
        .filter(each -> each.path("replica").asText().equals(replica))
        .mapToDouble(each -> each.path("ttft_ms").asDouble())
        .findFirst()
        .orElse(Double.NaN);
  }

  /** What the worker behind a replica says of itself. */
  JsonNode workerState(String replica) throws Exception {
    return worker(replica, "/engine/v1/state");
  }

  JsonNode worker(String replica, String path) throws Exception {
    return JSON.readTree(SocketRequest.send(socket(replica), "GET", path, "").body());
  }

  private Path socket(String replica) throws Exception {
    return Path.of(admin("/admin/v1/replicas/" + replica).path("socket").asText());
  }

  private JsonNode json(URI uri) throws Exception {
    return JSON.readTree(
        client
            .send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofString())
            .body());
  }

  HttpResponse<String> post(URI uri, String body, String... headers) throws Exception {
    HttpRequest.Builder builder =
        HttpRequest.newBuilder(uri).POST(HttpRequest.BodyPublishers.ofString(body));
    if (headers.length > 0) {
      builder.headers(headers);
    }
    return client.send(builder.build(), HttpResponse.BodyHandlers.ofString());
  }

  /** Opens a stream that goes on for a long time. */
  HttpResponse<InputStream> stream(int maxTokens, String... headers) throws Exception {
    String body =
        "{\"model\":\""
            + MODEL
            + "\",\"stream\":true,\"ignore_eos\":true,\"max_tokens\":"
            + maxTokens
            + ",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}";
    HttpRequest.Builder request =
        HttpRequest.newBuilder(api("/v1/chat/completions"))
            .POST(HttpRequest.BodyPublishers.ofString(body));
    if (headers.length > 0) {
      request.headers(headers);
    }
    return client.send(request.build(), HttpResponse.BodyHandlers.ofInputStream());
  }

  /** Makes every step of a replica's engine take longer. */
  void slow(String replica, long delayMs) throws Exception {
    fault(replica, "{\"kind\":\"delay\",\"amount\":" + delayMs * 1_000_000 + "}");
  }

  /**
   * Breaks something in a worker, or mends it with the kind {@code none}. A gateway is ready with
   * one worker of each model: another may still be loading, and takes no fault until it has.
   */
  void fault(String replica, String fault) throws Exception {
    Await.until(
        replica + " once it has started",
        () -> state(replica),
        state -> !List.of("STARTING", "WARMING").contains(state));
    SocketRequest.Answer answer =
        SocketRequest.send(socket(replica), "POST", "/engine/v1/faults", fault);
    if (answer.status() != 200) {
      throw new AssertionError(answer.body());
    }
  }

  /** Tells it to end. */
  void terminate() {
    closing = true;
    process.destroy();
  }

  @Override
  public void close() {
    scene.close();
    terminate();
    try {
      if (!process.waitFor(Await.LIMIT_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    client.close();
  }
}
