package dev.switchboard.gateway.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ExemplarBenchTest {
  private static final String ONE = "0af7651916cd43dd8448eb211c80319c";
  private static final String TWO = "4bf92f3577b34da6a3ce929d0e0e4736";

  private final Set<String> kept = ConcurrentHashMap.newKeySet();
  private final AtomicInteger asked = new AtomicInteger();
  private HttpServer server;

  @BeforeEach
  void start() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext(
        "/v1/completions",
        exchange -> {
          asked.incrementAndGet();
          answer(exchange, 200, "data: [DONE]\n\n");
        });
    server.createContext("/metrics", exchange -> answer(exchange, 200, page()));
    server.createContext(
        "/api/v2/trace/",
        exchange -> {
          String trace = exchange.getRequestURI().getPath().substring("/api/v2/trace/".length());
          boolean there = kept.contains(trace);
          answer(exchange, there ? 200 : 404, there ? "[{\"traceId\":\"" + trace + "\"}]" : "");
        });
    server.start();
  }

  @AfterEach
  void stop() {
    server.stop(0);
  }

  private static String page() {
    return """
    switchboard_ttft_seconds_bucket{model="m",le="0.1"} 7 # {trace_id="%s",span_id="00f067aa0ba902b7"} 0.05 1.0
    switchboard_ttft_seconds_bucket{model="m",le="0.2"} 9 # {span_id="00f067aa0ba902b7",trace_id="%s"} 0.15 1.0
    switchboard_ttft_seconds_bucket{model="m",le="+Inf"} 9
    """
        .formatted(ONE, TWO);
  }

  private static void answer(HttpExchange exchange, int status, String body) throws IOException {
    exchange.getRequestBody().readAllBytes();
    byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(status, bytes.length == 0 ? -1 : bytes.length);
    exchange.getResponseBody().write(bytes);
    exchange.close();
  }

  private int run() {
    String url = "http://127.0.0.1:" + server.getAddress().getPort();
    return ExemplarBench.commandLine()
        .execute(
            "--requests=20",
            "--clients=2",
            "--wait=0",
            "--url=" + url,
            "--admin=" + url,
            "--zipkin=" + url);
  }

  @Test
  void itIsWellWhereEveryTraceIsThere() {
    kept.addAll(Set.of(ONE, TWO));

    assertEquals(0, run());
    assertEquals(20, asked.get());
  }

  @Test
  void oneThatIsNotThereFails() {
    kept.add(ONE);

    assertEquals(1, run());
  }
}
