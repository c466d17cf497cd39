package dev.switchboard.gateway.boot;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.testing.Await;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** Listens to a gateway's events, as a console does. */
final class EventReader implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Event END = new Event(0, "end", JSON.nullNode());

  /** One event of the stream. */
  record Event(long id, String type, JsonNode data) {}

  private final HttpResponse<InputStream> response;
  private final BlockingQueue<Event> events = new LinkedBlockingQueue<>();

  private EventReader(HttpResponse<InputStream> response) {
    this.response = response;
    Thread.ofVirtual().start(this::read);
  }

  /** Begins to listen; what happens from now on is heard. */
  static EventReader of(InProcessGateway gateway, String query, String... headers)
      throws Exception {
    return of(gateway.client(), gateway.admin("/admin/v1/events" + query), headers);
  }

  static EventReader of(HttpClient client, URI uri, String... headers) throws Exception {
    HttpRequest.Builder request = HttpRequest.newBuilder(uri);
    if (headers.length > 0) {
      request.headers(headers);
    }
    return new EventReader(client.send(request.build(), HttpResponse.BodyHandlers.ofInputStream()));
  }

  int status() {
    return response.statusCode();
  }

  String header(String name) {
    return response.headers().firstValue(name).orElse("");
  }

  private void read() {
    try (BufferedReader lines =
        new BufferedReader(new InputStreamReader(response.body(), StandardCharsets.UTF_8))) {
      long id = 0;
      String type = "";
      String data = "";
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (line.startsWith("id: ")) {
          id = Long.parseLong(line.substring("id: ".length()));
        } else if (line.startsWith("event: ")) {
          type = line.substring("event: ".length());
        } else if (line.startsWith("data: ")) {
          data = line.substring("data: ".length());
        } else if (line.isEmpty() && !data.isEmpty()) {
          events.add(new Event(id, type, JSON.readTree(data)));
          data = "";
        }
      }
    } catch (IOException | RuntimeException e) {
      // Closed from here, or cut there.
    }
    events.add(END);
  }

  /** The next event of a kind; those before it are passed by. */
  Event await(Predicate<Event> wanted) throws Exception {
    return until(wanted).getLast();
  }

  /** Everything up to the next event of a kind. */
  List<Event> until(Predicate<Event> wanted) throws Exception {
    List<Event> all = new ArrayList<>();
    for (; ; ) {
      Event event = events.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
      all.add(event);
      if (event != null && wanted.test(event)) {
        return all;
      }
      if (event == null || event.equals(END)) {
        throw new AssertionError("only " + all);
      }
    }
  }

  Event await(String type) throws Exception {
    return await(event -> event.type().equals(type));
  }

  /** Everything until the stream ends. */
  List<Event> rest() throws Exception {
    List<Event> all = new ArrayList<>();
    for (; ; ) {
      @Nullable Event event = events.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
      if (event == null) {
        throw new AssertionError("no end after " + all);
      }
      if (event.equals(END)) {
        return all;
      }
      all.add(event);
    }
  }

  @Override
  public void close() throws IOException {
    response.body().close();
  }
}
