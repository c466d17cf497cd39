package dev.switchboard.gateway.boot;

import dev.switchboard.testing.Await;
import dev.switchboard.testing.Stopwatch;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** A stream that a thread of its own reads, with the times of its events. */
final class StreamClient {
  private final List<String> lines = new ArrayList<>();
  private final Thread thread;
  private final String id;
  private final String replica;
  private final InputStream body;
  private int events;
  private Stopwatch sinceLast = Stopwatch.start();
  private long longestGapNanos;

  private StreamClient(HttpResponse<InputStream> answer) {
    id = answer.headers().firstValue("X-Request-Id").orElse("");
    replica = answer.headers().firstValue("X-Switchboard-Replica").orElse("");
    body = answer.body();
    BufferedReader reader = new BufferedReader(new InputStreamReader(body, StandardCharsets.UTF_8));
    thread = Thread.ofVirtual().start(() -> read(reader));
  }

  static StreamClient open(GatewayProcess gateway, String path, String body, String... headers)
      throws Exception {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(gateway.api(path)).POST(HttpRequest.BodyPublishers.ofString(body));
    if (headers.length > 0) {
      request.headers(headers);
    }
    return open(gateway.client(), request.build());
  }

  static StreamClient open(HttpClient client, HttpRequest request) throws Exception {
    return new StreamClient(client.send(request, HttpResponse.BodyHandlers.ofInputStream()));
  }

  private void read(BufferedReader reader) {
    try {
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        add(line);
      }
    } catch (IOException e) {
      add("broken: " + e);
    }
  }

  private synchronized void add(String line) {
    lines.add(line);
    if (line.startsWith("data: ")) {
      longestGapNanos = events == 0 ? 0 : Math.max(longestGapNanos, sinceLast.nanos());
      sinceLast = Stopwatch.start();
      events++;
    }
  }

  synchronized int events() {
    return events;
  }

  void awaitEvents(int count) {
    Await.until(count + " events", this::events, seen -> seen >= count || !thread.isAlive());
  }

  /** Reads no more, and tells the gateway so. */
  void leave() throws IOException {
    body.close();
  }

  /** Every line, once the stream has ended. */
  List<String> rest() throws InterruptedException {
    thread.join(Await.LIMIT_MS);
    if (thread.isAlive()) {
      throw new AssertionError("it does not end");
    }
    synchronized (this) {
      return List.copyOf(lines);
    }
  }

  synchronized long longestGapMs() {
    return longestGapNanos / 1_000_000;
  }

  String id() {
    return id;
  }

  String replica() {
    return replica;
  }
}
