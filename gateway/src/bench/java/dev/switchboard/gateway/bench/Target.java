package dev.switchboard.gateway.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
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
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What load can be sent to: the worker itself, or something in front of it.
 *
 * @param process whose processor time counts; null for the worker itself
 * @param headers that its requests need beside the usual ones
 * @param admin of our gateway, where its metrics are; null for others
 */
record Target(
    String name,
    InetSocketAddress address,
    @Nullable ServerProcess process,
    String headers,
    @Nullable URI admin)
    implements AutoCloseable {
  private static final Pattern URLS =
      Pattern.compile("\"api\":\"([^\"]+)\",\"admin\":\"([^\"]+)\"");

  /** The one worker stands for so many, so that there is something to choose. */
  private static final int UPSTREAMS = 2;

  private static final int PORTKEY_PORT = 18787;
  private static final int NGINX_PORT = 18788;

  static Target direct(InetSocketAddress worker) {
    return new Target("direct", worker, null, "", null);
  }

  /**
   * How a gateway of ours is started.
   *
   * @param agent whether under the OpenTelemetry agent
   * @param options of its JVM
   * @param engine whether it takes the worker for an engine worker, which tells timelines
   * @param warmUpRequests that it sends to itself before anybody else does
   * @param yaml further lines of its configuration
   */
  record Setup(
      String name,
      boolean agent,
      List<String> options,
      boolean engine,
      int warmUpRequests,
      String yaml) {
    /** The worker takes whatever comes; how many it takes is not what is measured. */
    static final String ALL = "admission: {replica-concurrency: 100000}\n";
  }

  /** Where the build puts it. */
  static Path agentJar() {
    return home().resolve("gateway/target/agent/opentelemetry-javaagent.jar");
  }

  private static Path home() {
    return Path.of(System.getProperty("switchboard.home", ".")).toAbsolutePath().normalize();
  }

  /** The JVM of a gateway, as the launcher starts it, and what every one of ours is told. */
  static List<String> jvm(boolean underAgent) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("@" + home().resolve("gateway/jvm.options"));
    command.add("-Dswitchboard.home=" + home());
    if (underAgent) {
      Path agent = agentJar();
      command.add("-javaagent:" + agent);
      command.add("-Dotel.javaagent.extensions=" + agent.resolveSibling("extensions"));
      command.add("-Dotel.javaagent.configuration-file=" + home().resolve("otel/agent.properties"));
    }
    return command;
  }

  /** Our gateway, started as the launcher does. */
  static Target gateway(TestBed bed, InetSocketAddress worker, Setup setup) throws IOException {
    String word = setup.name().replace(' ', '-');
    Path config = bed.directory().resolve(word + ".yaml");
    Files.writeString(
        config,
        "http: {port: 0, warm-up-requests: "
            + setup.warmUpRequests()
            + "}\n"
            + "admin: {port: 0}\n"
            + "upstreams:\n"
            + upstream(bed, worker, setup.engine()).repeat(UPSTREAMS)
            + setup.yaml());
    List<String> java = jvm(setup.agent());
    java.addAll(setup.options());
    // Anywhere until it is warm.
    return ready(setup.name(), start(bed.everyCore(), bed.directory(), word, java, config));
  }

  /**
   * Starts a gateway of ours.
   *
   * @param cores where it runs; empty for wherever this process may
   * @param word names its state and its log in the directory
   * @param java its JVM and what that is told
   */
  static ServerProcess start(
      String cores, Path directory, String word, List<String> java, Path config)
      throws IOException {
    List<String> command = new ArrayList<>(java);
    command.add("-Dswitchboard.state=" + directory.resolve(word));
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.add("dev.switchboard.gateway.boot.GatewayMain");
    command.addAll(List.of("--config", config.toString()));
    return ServerProcess.start(cores, directory.resolve(word + ".log"), Map.of(), command);
  }

  /** A gateway of ours that was started, once it is ready and warm. */
  static Target ready(String name, ServerProcess process) throws IOException {
    Matcher urls = URLS.matcher(ready(process));
    if (!urls.find()) {
      throw new IOException("the gateway does not say where it listens");
    }
    URI api = URI.create(urls.group(1));
    InetSocketAddress address = new InetSocketAddress(api.getHost(), api.getPort());
    return new Target(name, address, process, "", URI.create(urls.group(2)));
  }

  private static String upstream(TestBed bed, InetSocketAddress worker, boolean engine) {
    return "  - {url: \"http://127.0.0.1:"
        + worker.getPort()
        + "\", socket: "
        + bed.socket()
        + ", models: ["
        + FakeWorker.MODEL
        + "], worker: "
        + engine
        + "}\n";
  }

  /** The event that tells where it listens, once it is ready and warm. */
  private static String ready(ServerProcess process) throws IOException {
    AtomicReference<String> ready = new AtomicReference<>();
    AtomicBoolean warm = new AtomicBoolean();
    process.await(
        line -> {
          if (line.startsWith("{\"event\":\"ready\"")) {
            ready.set(line);
          }
          if (line.startsWith("{\"event\":\"warm\"")) {
            warm.set(true);
          }
          return warm.get() && ready.get() != null;
        });
    return ready.get();
  }

  /** nginx as a plain proxy with one process, nothing logged and nothing buffered. */
  static Target nginx(TestBed bed, InetSocketAddress worker, Path binary) throws IOException {
    Path directory = bed.directory();
    Path config = directory.resolve("nginx.conf");
    Files.writeString(
        config,
        """
        daemon off;
        worker_processes 1;
        pid %1$s/nginx.pid;
        error_log %1$s/nginx-error.log;
        events { worker_connections 4096; }
        http {
          access_log off;
          client_max_body_size 8m;
          client_body_buffer_size 1m;
          client_body_temp_path %1$s/nginx-body;
          proxy_temp_path %1$s/nginx-proxy;
          fastcgi_temp_path %1$s/nginx-fastcgi;
          uwsgi_temp_path %1$s/nginx-uwsgi;
          scgi_temp_path %1$s/nginx-scgi;
          keepalive_requests 1000000000;
          upstream worker { server 127.0.0.1:%2$d; keepalive 1024; keepalive_requests 1000000000; }
          server {
            listen 127.0.0.1:%3$d backlog=4096;
            location / {
              proxy_pass http://worker;
              proxy_http_version 1.1;
              proxy_set_header Connection "";
              proxy_buffering off;
            }
          }
        }
        """
            .formatted(directory, worker.getPort(), NGINX_PORT));
    ServerProcess process =
        ServerProcess.start(
            bed.serverCore(),
            log(bed, "nginx"),
            Map.of(),
            List.of(binary.toString(), "-c", config.toString(), "-p", directory.toString()));
    return new Target("nginx", awaited(process, NGINX_PORT), process, "", null);
  }

  /** Portkey's gateway, from its npm package. */
  static Target portkey(TestBed bed, InetSocketAddress worker, Path packageDirectory)
      throws IOException {
    Path script = packageDirectory.resolve("build/start-server.js");
    ServerProcess process =
        ServerProcess.start(
            bed.serverCore(),
            log(bed, "portkey"),
            Map.of("TRUSTED_CUSTOM_HOSTS", "127.0.0.1,localhost"),
            List.of("node", script.toString(), "--headless", "--port=" + PORTKEY_PORT));
    String headers =
        "x-portkey-provider: openai\r\nAuthorization: Bearer none\r\n"
            + "x-portkey-custom-host: http://127.0.0.1:"
            + worker.getPort()
            + "/v1\r\n";
    return new Target("portkey", awaited(process, PORTKEY_PORT), process, headers, null);
  }

  private static Path log(TestBed bed, String name) {
    return bed.directory().resolve(name + ".log");
  }

  private static InetSocketAddress awaited(ServerProcess process, int port) throws IOException {
    InetSocketAddress address = new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
    long deadline = System.nanoTime() + 20_000_000_000L;
    for (; ; ) {
      try (var socket = new java.net.Socket()) {
        socket.connect(address);
        pause(200);
        process.requireAlive();
        return address;
      } catch (ConnectException e) {
        if (System.nanoTime() > deadline) {
          throw e;
        }
        pause(50);
      }
    }
  }

  static void pause(long millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
  }

  /** Waits until a moment of {@link System#nanoTime}. */
  static void pauseUntil(long nanos) {
    long left = nanos - System.nanoTime();
    if (left > 0) {
      try {
        TimeUnit.NANOSECONDS.sleep(left);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException("interrupted", e);
      }
    }
  }

  /** A chat request to it. */
  byte[] request(boolean stream, int maxTokens, int promptBytes) {
    return request(stream, maxTokens, promptBytes, "");
  }

  /**
   * A chat request to it.
   *
   * @param further header lines
   */
  byte[] request(boolean stream, int maxTokens, int promptBytes, String further) {
    String body =
        "{\"model\":\""
            + FakeWorker.MODEL
            + "\",\"stream\":"
            + stream
            + ",\"max_tokens\":"
            + maxTokens
            + ",\"messages\":[{\"role\":\"user\",\"content\":\""
            + prompt(promptBytes)
            + "\"}]}";
    String head =
        "POST /v1/chat/completions HTTP/1.1\r\n"
            + "Host: 127.0.0.1\r\n"
            + "Content-Type: application/json\r\n"
            + headers
            + further
            + "Content-Length: "
            + body.length()
            + "\r\n\r\n";
    return (head + body).getBytes(StandardCharsets.US_ASCII);
  }

  /** Words, about four bytes a token with their spaces. */
  private static String prompt(int bytes) {
    String words = "the payment of a card with many requests in one hour is ";
    return words.repeat(bytes / words.length() + 1).substring(0, bytes);
  }

  /** Whether its code is compiled while it runs. */
  boolean compiles() {
    return process != null && !name.equals("nginx");
  }

  /** Its processes; none of the worker itself. */
  List<Long> pids() {
    ServerProcess running = process;
    return running == null ? List.of() : List.of(running.pid());
  }

  double cpuSeconds() throws IOException {
    ServerProcess running = process;
    return running == null ? 0 : running.cpuSeconds();
  }

  /** Sets how much a gateway of ours tells of each request, as an operator does. */
  void traceLevel(HttpClient client, int level) throws IOException {
    URI listener = Objects.requireNonNull(admin, "not a gateway");
    HttpRequest request =
        HttpRequest.newBuilder(listener.resolve("/admin/v1/trace-levels"))
            .header("Content-Type", "application/json")
            .PUT(HttpRequest.BodyPublishers.ofString("{\"level\": " + level + "}"))
            .build();
    try {
      HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString());
      if (answer.statusCode() != 200) {
        throw new IOException("the trace level cannot be set: " + answer.body());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }

  @Nullable MetricsText metrics(HttpClient client) {
    URI listener = admin;
    try {
      return listener == null ? null : MetricsText.scrape(client, listener);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    ServerProcess running = process;
    if (running != null) {
      running.close();
    }
  }
}
