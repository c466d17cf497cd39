package dev.switchboard.gateway.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

/**
 * What gateways recorded as used, of all their tenants: by their stores while they run, and by what
 * they say last when they end, so that a gateway that was replaced can be held to its clients too.
 */
public record UsageSum(long requests, long promptTokens, long outputTokens) {
  public static final UsageSum NONE = new UsageSum(0, 0, 0);

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String STOPPED = "{\"event\":\"stopped\"";
  private static final int GOOD_STATUS = 200;

  /** Asks a gateway that runs for what its store has of the last day. */
  static UsageSum read(HttpClient client, URI admin, String key) throws IOException {
    HttpRequest request =
        HttpRequest.newBuilder(admin.resolve("/admin/v1/usage"))
            .header("Authorization", "Bearer " + key)
            .build();
    try {
      HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString());
      if (answer.statusCode() != GOOD_STATUS) {
        throw new IOException(request.uri() + ": " + answer.body());
      }
      return of(JSON.readTree(answer.body()));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }

  /**
   * Of an answer of {@code GET /admin/v1/usage}.
   *
   * @throws IllegalArgumentException when it is only the first page
   */
  public static UsageSum of(JsonNode answer) {
    if (!answer.path("usage").isArray() || answer.has("next_offset")) {
      throw new IllegalArgumentException("not all of the usage: " + answer);
    }
    UsageSum sum = NONE;
    for (JsonNode each : answer.path("usage")) {
      sum = sum.plus(counted(each));
    }
    return sum;
  }

  /**
   * What a gateway that has ended said last.
   *
   * @param printed its standard output; where the same pod ran several, the last one's end counts
   * @throws IOException when it did not say it
   */
  public static UsageSum atEnd(String printed) throws IOException {
    String last = printed.lines().filter(line -> line.startsWith(STOPPED)).reduce("", (a, b) -> b);
    JsonNode event = JSON.readTree(last);
    if (!event.has("requests")) {
      throw new IOException("a gateway that ended did not say what it had counted");
    }
    return counted(event);
  }

  private static UsageSum counted(JsonNode object) {
    return new UsageSum(
        object.path("requests").asLong(),
        object.path("prompt_tokens").asLong(),
        object.path("output_tokens").asLong());
  }

  public UsageSum plus(UsageSum other) {
    return new UsageSum(
        requests + other.requests,
        promptTokens + other.promptTokens,
        outputTokens + other.outputTokens);
  }

  UsageSum minus(UsageSum earlier) {
    return new UsageSum(
        requests - earlier.requests,
        promptTokens - earlier.promptTokens,
        outputTokens - earlier.outputTokens);
  }
}
