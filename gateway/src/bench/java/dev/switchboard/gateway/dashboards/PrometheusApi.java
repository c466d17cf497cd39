package dev.switchboard.gateway.dashboards;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Locale;

/** The HTTP API of a Prometheus. */
public final class PrometheusApi implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Duration TIMEOUT = Duration.ofSeconds(30);

  private final HttpClient client = HttpClient.newHttpClient();
  private final URI base;

  public PrometheusApi(URI base) {
    this.base = base;
  }

  /** Its present time, in epoch seconds. */
  public long now() throws IOException {
    return query("time()", "").path(0).asLong();
  }

  /** What an expression gives at a moment, in epoch seconds; now where there is none. */
  public JsonNode query(String expression, String at) throws IOException {
    String time = at.isEmpty() ? "" : "&time=" + at;
    return get("/api/v1/query?query=" + encoded(expression) + time).path("result");
  }

  /** What an expression gives at each point of a window. */
  JsonNode range(String expression, Window window) throws IOException {
    return get("/api/v1/query_range?query="
            + encoded(expression)
            + "&start="
            + window.from()
            + "&end="
            + window.to()
            + "&step="
            + window.step())
        .path("result");
  }

  /** Exemplars of the series that an expression names. */
  public JsonNode exemplars(String expression, long from, long to) throws IOException {
    return get(
        "/api/v1/query_exemplars?query=" + encoded(expression) + "&start=" + from + "&end=" + to);
  }

  /** Seconds between two scrapes of a job's first target; 15 where there is none. */
  public int scrapeSeconds(String job) throws IOException {
    for (JsonNode target : get("/api/v1/targets?state=active").path("activeTargets")) {
      if (target.path("labels").path("job").asText().equals(job)) {
        Duration interval =
            Duration.parse("PT" + target.path("scrapeInterval").asText().toUpperCase(Locale.ROOT));
        return (int) Math.max(1, interval.toSeconds());
      }
    }
    return 15;
  }

  /**
   * The data of an answer.
   *
   * @throws IOException if it does not answer, or refuses what it is asked
   */
  public JsonNode get(String path) throws IOException {
    try {
      HttpRequest request = HttpRequest.newBuilder(base.resolve(path)).timeout(TIMEOUT).build();
      JsonNode answer =
          JSON.readTree(client.send(request, HttpResponse.BodyHandlers.ofString()).body());
      if (!answer.path("status").asText().equals("success")) {
        throw new IOException(path + ": " + answer.path("error").asText());
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
  public void close() {
    client.close();
  }
}
