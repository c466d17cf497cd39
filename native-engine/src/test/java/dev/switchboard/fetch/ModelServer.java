package dev.switchboard.fetch;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;

/** A file server that does for each request in turn what it is told, then serves well. */
final class ModelServer implements AutoCloseable {
  /** What it does with one request. */
  interface Answer {
    void to(HttpExchange exchange) throws IOException;
  }

  private final HttpServer server;
  private final byte[] content;
  private final Deque<Answer> answers = new ArrayDeque<>();
  private final List<Map<String, String>> requests = new ArrayList<>();

  ModelServer(byte[] content) throws IOException {
    this.content = content;
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
    server.createContext("/", this::handle);
    server.start();
  }

  URI url() {
    return URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/m.gguf?key=secret");
  }

  synchronized ModelServer then(Answer answer) {
    answers.add(answer);
    return this;
  }

  /** The headers that matter, of each request. */
  synchronized List<Map<String, String>> requests() {
    return List.copyOf(requests);
  }

  private void handle(HttpExchange exchange) throws IOException {
    Answer answer;
    synchronized (this) {
      Map<String, String> seen = new ConcurrentHashMap<>();
      for (String name : List.of("Range", "Authorization")) {
        String value = exchange.getRequestHeaders().getFirst(name);
        if (value != null) {
          seen.put(name, value);
        }
      }
      requests.add(seen);
      answer = answers.isEmpty() ? this::serve : answers.poll();
    }
    try (exchange) {
      answer.to(exchange);
    }
  }

  /** As a server that resumes. */
  void serve(HttpExchange exchange) throws IOException {
    int from = from(exchange);
    if (from > 0 && from >= content.length) {
      status(416).to(exchange);
    } else if (from > 0) {
      exchange
          .getResponseHeaders()
          .set(
              "Content-Range",
              "bytes %d-%d/%d".formatted(from, content.length - 1, content.length));
      send(exchange, 206, Arrays.copyOfRange(content, from, content.length), content.length - from);
    } else {
      send(exchange, 200, content, content.length);
    }
  }

  /** As a server that does not. */
  void serveAll(HttpExchange exchange) throws IOException {
    send(exchange, 200, content, content.length);
  }

  /** Promises all of it and closes the connection after so many bytes. */
  Answer breakAfter(int bytes) {
    return exchange -> {
      int from = from(exchange);
      if (from > 0) {
        exchange
            .getResponseHeaders()
            .set(
                "Content-Range",
                "bytes %d-%d/%d".formatted(from, content.length - 1, content.length));
      }
      send(
          exchange,
          from > 0 ? 206 : 200,
          Arrays.copyOfRange(content, from, from + bytes),
          content.length - from);
    };
  }

  static Answer status(int status, String... header) {
    return exchange -> {
      for (int i = 0; i < header.length; i += 2) {
        exchange.getResponseHeaders().set(header[i], header[i + 1]);
      }
      exchange.sendResponseHeaders(status, -1);
    };
  }

  private static int from(HttpExchange exchange) {
    String range = exchange.getRequestHeaders().getFirst("Range");
    return range == null ? 0 : Integer.parseInt(range.replaceAll("\\D", ""));
  }

  private static void send(HttpExchange exchange, int status, byte[] bytes, int promised)
      throws IOException {
    exchange.sendResponseHeaders(status, promised);
    exchange.getResponseBody().write(bytes);
    exchange.getResponseBody().flush();
  }

  @Override
  public void close() {
    server.stop(0);
  }
}
