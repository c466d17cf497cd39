package dev.switchboard.gateway.dashboards;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.testing.Await;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * A Prometheus of Debian's package on a free port, which scrapes one gateway every other second.
 */
public final class PrometheusServer implements AutoCloseable {
  private static final int SCRAPE_SECONDS = 2;

  private final Path folder;
  private final int port;
  private final Process process;
  private final HttpClient client = HttpClient.newHttpClient();
  private final PrometheusApi api;
  private String at = "";

  /** Starts it with the rules of {@code dashboards/} before the admin listener of a gateway. */
  public PrometheusServer(URI admin) throws IOException {
    folder = Files.createTempDirectory("switchboard-prometheus");
    try (ServerSocket socket = new ServerSocket(0)) {
      port = socket.getLocalPort();
    }
    api = new PrometheusApi(URI.create("http://127.0.0.1:" + port));
    Path config = folder.resolve("prometheus.yml");
    Files.writeString(config, configuration(admin));
    for (String rules : List.of("recording.yml", "alerts.yml")) {
      Files.writeString(folder.resolve(rules), hasty(rules));
    }
    process =
        new ProcessBuilder(
                "prometheus",
                "--config.file=" + config,
                "--storage.tsdb.path=" + folder.resolve("data"),
                "--web.listen-address=127.0.0.1:" + port,
                "--enable-feature=exemplar-storage,native-histograms")
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("log").toFile())
            .start();
    awaitListening();
  }

  private static String configuration(URI admin) {
    return """
        global: {scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 1s}
        rule_files: [recording.yml, alerts.yml]
        scrape_configs:
          - job_name: switchboard
            scrape_classic_histograms: true
            static_configs: [{targets: ["%s"]}]
        """
        .formatted(admin.getAuthority());
  }

  /** The rules as they are, but evaluated each second. */
  private static String hasty(String rules) throws IOException {
    return Files.readString(Dashboards.FOLDER.resolve("rules").resolve(rules))
        .replaceAll("(?m)^ +interval: .*\\n", "");
  }

  private void awaitListening() throws IOException {
    HttpRequest ready =
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/-/ready")).build();
    Await.until(
        "prometheus is ready",
        () ->
            !process.isAlive()
                || client.send(ready, HttpResponse.BodyHandlers.discarding()).statusCode() == 200);
    if (!process.isAlive()) {
      throw new AssertionError("prometheus ended: " + Files.readString(folder.resolve("log")));
    }
  }

  /** Waits for some scrapes that succeed; gives the time of the last. */
  public String awaitScrapes(int count) {
    String last = scraped("");
    for (int i = 0; i < count; i++) {
      last = scraped(last);
    }
    return last;
  }

  /**
   * Queries are about the second of a successful scrape from then on. A busy machine lets a scrape
   * fail now and then, and then nothing is there for a moment.
   */
  public void settle() {
    at = awaitScrapes(2);
  }

  /** The time of a successful scrape after another one. */
  private String scraped(String after) {
    // Of anything but a bare series it would give the time of the question.
    return Await.until(
        "a scrape of the gateway",
        () -> query("timestamp(up) and up == 1").path(0).path("value").path(1).asText(),
        time -> !time.isEmpty() && !time.equals(after));
  }

  /** What an expression gives at the time that was settled on; now while there is none. */
  public JsonNode query(String expression) throws IOException {
    return api.query(expression, at);
  }

  /** Waits until a rule has recorded its series, which it does in its own time. */
  public boolean recorded(String series) {
    return Await.until(
        "the series " + series,
        () -> !api.query("last_over_time(" + series + "[1m])", "").isEmpty(),
        recorded -> recorded);
  }

  /** What was kept as exemplars of a series in the last minutes. */
  public JsonNode exemplars(String series) throws IOException {
    long now = api.now();
    return api.exemplars(series, now - 600, now + 60);
  }

  /** All that it scraped until the time that was settled on, but at most some seconds. */
  public Window window(long seconds) {
    return Window.until((long) Double.parseDouble(at), seconds, SCRAPE_SECONDS);
  }

  public PrometheusApi api() {
    return api;
  }

  /** Its rules, with the health of each. */
  public List<JsonNode> rules() throws IOException {
    List<JsonNode> rules = new ArrayList<>();
    for (JsonNode group : api.get("/api/v1/rules").path("groups")) {
      group.path("rules").forEach(rules::add);
    }
    return rules;
  }

  @Override
  public void close() throws IOException {
    process.destroyForcibly().onExit().join();
    client.close();
    api.close();
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
