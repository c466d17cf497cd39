package dev.switchboard.gateway.dashboards;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * A Prometheus of Debian's package on a free port, which scrapes one gateway every other second.
 */
public final class PrometheusServer implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int SECONDS = 60;
  private static final int RECORDING = 10;

  private final Path folder;
  private final int port;
  private final Process process;
  private final HttpClient client = HttpClient.newHttpClient();
  private String at = "";

  /** Starts it with the rules of {@code dashboards/} before the admin listener of a gateway. */
  public PrometheusServer(URI admin) throws IOException {
    folder = Files.createTempDirectory("switchboard-prometheus");
    try (ServerSocket socket = new ServerSocket(0)) {
      port = socket.getLocalPort();
    }
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
    for (int i = 0; i < SECONDS * 10; i++) {
      try {
        HttpRequest ready =
            HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/-/ready")).build();
        if (client.send(ready, HttpResponse.BodyHandlers.discarding()).statusCode() == 200) {
          return;
        }
        alive();
      } catch (IOException notYet) {
        alive();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IOException("interrupted", e);
      }
    }
    throw new AssertionError("prometheus does not get ready");
  }

  private void alive() throws IOException {
    try {
      if (process.waitFor(100, TimeUnit.MILLISECONDS)) {
        throw new AssertionError("prometheus ended: " + Files.readString(folder.resolve("log")));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }

  /** Waits for some scrapes that succeed; gives the time of the last. */
  public String awaitScrapes(int count) throws IOException {
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
  public void settle() throws IOException {
    at = awaitScrapes(2);
  }

  /** The time of a successful scrape after another one. */
  private String scraped(String after) throws IOException {
    for (int i = 0; i < SECONDS * 10; i++) {
      // Of anything but a bare series it would give the time of the question.
      JsonNode up = query("timestamp(up) and up == 1");
      String time = up.path(0).path("value").path(1).asText();
      if (!time.isEmpty() && !time.equals(after)) {
        return time;
      }
      alive();
    }
    throw new AssertionError("prometheus cannot scrape the gateway");
  }

  /**
   * What an expression gives, as the API's {@code data.result}.
   *
   * @throws AssertionError if Prometheus refuses it
   */
  public JsonNode query(String expression) throws IOException {
    String time = at.isEmpty() ? "" : "&time=" + at;
    return get("/api/v1/query?query=" + encoded(expression) + time).path("result");
  }

  /** Waits until a rule has recorded its series, which it does in its own time. */
  public boolean recorded(String series) throws IOException {
    String expression = encoded("last_over_time(" + series + "[1m])");
    for (int i = 0; i < RECORDING * 10; i++) {
      if (!get("/api/v1/query?query=" + expression).path("result").isEmpty()) {
        return true;
      }
      alive();
    }
    return false;
  }

  /** What was kept as exemplars of a series in the last minutes. */
  public JsonNode exemplars(String series) throws IOException {
    long now = System.currentTimeMillis() / 1000;
    return get(
        "/api/v1/query_exemplars?query="
            + encoded(series)
            + "&start="
            + (now - 600)
            + "&end="
            + (now + 60));
  }

  /** Its rules, with the health of each. */
  public List<JsonNode> rules() throws IOException {
    List<JsonNode> rules = new ArrayList<>();
    for (JsonNode group : get("/api/v1/rules").path("groups")) {
      group.path("rules").forEach(rules::add);
    }
    return rules;
  }

  private JsonNode get(String path) throws IOException {
    try {
      HttpRequest request =
          HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path)).build();
      JsonNode answer =
          JSON.readTree(client.send(request, HttpResponse.BodyHandlers.ofString()).body());
      if (!answer.path("status").asText().equals("success")) {
        throw new AssertionError(path + ": " + answer);
      }
      return answer.path("data");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }

  private static String encoded(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }

  @Override
  public void close() throws IOException {
    process.destroyForcibly().onExit().join();
    client.close();
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
