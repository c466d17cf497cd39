package dev.switchboard.console;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The admin API of a fleet that no test machine has: 500 replicas of 8 stages of 8 ranks, and
 * 10,000 requests a second that end. Its numbers change each time they are read.
 */
final class ScriptedGateway implements AutoCloseable {
  static final int REPLICAS = 500;
  static final int PARTS = 8;
  static final int REQUESTS_PER_SECOND = 10_000;

  private static final int TICK_MS = 50;

  /** A row more is less than what is left of 200,000. */
  private static final int PAGE_CHARACTERS = 199_000;

  private final HttpServer server;
  private final LinkedBlockingQueue<String> events = new LinkedBlockingQueue<>();
  private final CountDownLatch over = new CountDownLatch(1);
  private volatile int slow = -1;

  ScriptedGateway() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
    server.createContext("/", this::answer);
    server.start();
  }

  String admin() {
    return "http://127.0.0.1:" + server.getAddress().getPort();
  }

  /** Cordons a replica, and tells so as the gateway does. */
  void cordon(int replica) {
    slow = replica;
    events.add(
        "event: replica_state\ndata: {\"at\":\"%s\",\"replica\":\"%s\",\"from\":\"READY\","
                .formatted(Instant.now(), ScriptedAnswers.name(replica))
            + "\"to\":\"CORDONED\",\"reason\":\"cordoned\"}\n\n");
  }

  private void answer(HttpExchange exchange) throws IOException {
    String path = exchange.getRequestURI().getPath();
    boolean stream = "text/event-stream".equals(exchange.getRequestHeaders().getFirst("Accept"));
    if (path.endsWith("/requests/tail")) {
      tail(exchange);
    } else if (path.endsWith("/events") && stream) {
      events(exchange);
    } else {
      send(exchange, said(path, String.valueOf(exchange.getRequestURI().getQuery())));
    }
  }

  private String said(String path, String query) throws IOException {
    return switch (path.substring(path.lastIndexOf('/') + 1)) {
      case "replicas" -> replicas(query);
      case "models" -> models();
      case "state" -> ScriptedAnswers.state();
      case "steps" -> ScriptedAnswers.steps();
      case "log" -> fake("log.json");
      case "events" -> ScriptedAnswers.events();
      case "metrics" -> ScriptedAnswers.metrics();
      case "gateway" -> fake("gateway.json");
      case "slo-classes" -> fake("slo-classes.json");
      case "requests" -> ScriptedAnswers.requests(query);
      case "timeline" -> fake("timeline.json");
      default -> "{}";
    };
  }

  /** A number of the query. */
  static int number(String query, String name, int otherwise) {
    Matcher has = Pattern.compile("(?:^|&)" + name + "=([0-9]{1,6})(?:&|$)").matcher(query);
    return has.find() ? Integer.parseInt(has.group(1)) : otherwise;
  }

  private static String fake(String file) throws IOException {
    try (InputStream in =
        Objects.requireNonNull(ScriptedGateway.class.getResourceAsStream("/fake/" + file))) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  private static String models() {
    StringBuilder json = new StringBuilder("{\"models\":[{\"id\":\"switchboard-demo\",");
    json.append("\"ready\":").append(REPLICAS).append(",\"replicas\":[");
    for (int i = 0; i < REPLICAS; i++) {
      json.append(i == 0 ? "\"" : ",\"").append(ScriptedAnswers.name(i)).append('"');
    }
    return json.append("]}]}").toString();
  }

  /** By pages, as the real one: of so many replicas, and no more than 200,000 bytes. */
  private String replicas(String query) {
    ThreadLocalRandom random = ThreadLocalRandom.current();
    Matcher after = Pattern.compile("(?:^|&)after=r([0-9]{3})").matcher(query);
    int first = after.find() ? Integer.parseInt(after.group(1)) + 1 : 0;
    int end = Math.min(REPLICAS, first + number(query, "limit", 100));
    StringBuilder json = new StringBuilder("{\"replicas\":[");
    for (int i = first; i < end; i++) {
      if (json.length() > PAGE_CHARACTERS) {
        end = i;
        break;
      }
      int running = random.nextInt(32);
      json.append(i == first ? "" : ",")
          .append(
              "{\"id\":\"%s\",\"model\":\"switchboard-demo\",\"kind\":\"worker\","
                  .formatted(ScriptedAnswers.name(i)))
          .append(
              "\"local\":false,\"state\":\"%s\",\"reason\":\"every rank answered\","
                  .formatted(i == slow ? "CORDONED" : "READY"))
          .append(
              "\"since\":\"2026-11-29T07:32:00.152Z\",\"in_flight\":%d,\"weight\":1.0,"
                  .formatted(running))
          .append(
              "\"cordoned\":%b,\"drain\":null,\"blame\":[],\"version\":\"1\",".formatted(i == slow))
          .append("\"report\":{\"age_ms\":418,\"running\":%d,\"waiting\":0,".formatted(running))
          .append(
              "\"kv_blocks_free\":4000,\"kv_blocks_cached\":23,\"kv_blocks_used\":%d,"
                  .formatted(40 * running))
          .append("\"stages\":%d,\"ranks\":%d,\"stragglers\":[]}}".formatted(PARTS, PARTS));
    }
    json.append("],\"total\":").append(REPLICAS);
    if (end < REPLICAS) {
      json.append(",\"next\":\"").append(ScriptedAnswers.name(end - 1)).append('"');
    }
    return json.append('}').toString();
  }

  private void events(HttpExchange exchange) throws IOException {
    try (exchange;
        OutputStream out = begin(exchange)) {
      while (true) {
        String event = events.poll(1, TimeUnit.SECONDS);
        write(out, event == null ? ": still here\n\n" : event);
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  private static OutputStream begin(HttpExchange exchange) throws IOException {
    exchange.getResponseHeaders().set("Content-Type", "text/event-stream");
    exchange.sendResponseHeaders(200, 0);
    return exchange.getResponseBody();
  }

  private static void write(OutputStream out, String text) throws IOException {
    out.write(text.getBytes(StandardCharsets.UTF_8));
    out.flush();
  }

  /** The share of the requests that was asked for, and how many are left out. */
  private void tail(HttpExchange exchange) throws IOException {
    String query = String.valueOf(exchange.getRequestURI().getQuery());
    double share =
        query.contains("sample=")
            ? Double.parseDouble(query.replaceAll(".*sample=([0-9.eE-]+).*", "$1"))
            : 1;
    int all = REQUESTS_PER_SECOND * TICK_MS / 1000;
    int told = Math.max(1, (int) (all * share));
    try (exchange;
        OutputStream out = begin(exchange)) {
      do {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < told; i++) {
          text.append("event: request\ndata: ").append(request(i == 0 ? all - told : 0));
          text.append("\n\n");
        }
        write(out, text.toString());
      } while (!over.await(TICK_MS, TimeUnit.MILLISECONDS));
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  static String request(int leftOut) {
    ThreadLocalRandom random = ThreadLocalRandom.current();
    return """
    {"left_out":%d,"id":"%016x%016x","accepted_at":"%s","endpoint":"chat",\
    "model":"switchboard-demo","tenant":"shop","slo_class":"standard","stream":true,\
    "outcome":"ok","status":200,"replica":"%s","attempts":1,"migrations":0,"wall_ms":%d,\
    "missed":%b,"ttft_ms":%d,"tpot_ms":4.1,"prompt_tokens":25,"cached_tokens":0,\
    "completion_tokens":%d,"finish_reason":"stop","trace_id":null}\
    """
        .formatted(
            leftOut,
            random.nextLong(),
            random.nextLong(),
            Instant.now(),
            ScriptedAnswers.name(random.nextInt(REPLICAS)),
            random.nextInt(50, 900),
            random.nextInt(50) == 0,
            random.nextInt(5, 80),
            random.nextInt(10, 300));
  }

  private static void send(HttpExchange exchange, String body) throws IOException {
    byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(200, bytes.length);
    exchange.getResponseBody().write(bytes);
    exchange.close();
  }

  @Override
  public void close() {
    over.countDown();
    server.stop(0);
  }
}
