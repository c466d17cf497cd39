package dev.switchboard.console.live;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpServer;
import dev.switchboard.testing.Await;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(Await.LIMIT_SECONDS)
class HistoryTest {
  private static final Instant NOW = Instant.ofEpochSecond(1_767_600_000);

  private final List<String> asked = new CopyOnWriteArrayList<>();
  private final Semaphore told = new Semaphore(0);
  private volatile int status = 200;
  private volatile String says = "";
  private HttpServer prometheus;
  private History history;

  @BeforeEach
  void start() throws Exception {
    prometheus = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    prometheus.createContext(
        "/",
        exchange -> {
          asked.add(URLDecoder.decode(exchange.getRequestURI().toString(), StandardCharsets.UTF_8));
          byte[] body = says.getBytes(StandardCharsets.UTF_8);
          exchange.sendResponseHeaders(status, body.length);
          exchange.getResponseBody().write(body);
          exchange.close();
        });
    prometheus.start();
    history =
        new History(
            URI.create("http://127.0.0.1:" + prometheus.getAddress().getPort() + "/base/"),
            Clock.fixed(NOW, ZoneOffset.UTC),
            told::release);
  }

  @AfterEach
  void stop() {
    history.close();
    prometheus.stop(0);
  }

  private History.Lines answer(String query, History.Span span) throws InterruptedException {
    history.ask(query, span);
    assertTrue(told.tryAcquire(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
    return history.ask(query, span);
  }

  @Test
  void aDayIsAskedInOneQuestionAndItsGapsStayGaps() throws Exception {
    long end = NOW.getEpochSecond() / 240 * 240;
    says =
        """
        {"status": "success", "data": {"resultType": "matrix", "result": [
          {"metric": {"class": "<b>"}, "values": [[%d, "2.5"], [%d, "NaN"], [%d, "+Inf"]]}]}}\
        """
            .formatted(end, end - 240, end - 480);

    History.Lines lines = answer("up", History.Span.DAY);
    history.ask("up", History.Span.DAY);

    assertEquals(1, asked.size());
    assertEquals(
        "/base/api/v1/query_range?query=up&start="
            + (end - 359 * 240)
            + "&end="
            + end
            + "&step=240",
        asked.getFirst());
    assertEquals(end, lines.endSeconds());
    assertEquals("<b>", lines.lines().getFirst().labels().get("class"));
    float[] points = lines.first();
    assertEquals(History.POINTS, points.length);
    assertEquals(2.5f, points[History.POINTS - 1]);
    assertTrue(Float.isNaN(points[History.POINTS - 2]));
    assertTrue(Float.isNaN(points[History.POINTS - 3]));
  }

  @Test
  void aRefusalIsToldWithItsReason() throws Exception {
    status = 400;
    says = "{\"status\": \"error\", \"error\": \"bad query\"}";

    assertEquals("status 400: bad query", answer("(", History.Span.WEEK).failure());
  }

  @Test
  void whatIsNoJsonIsAFailure() throws Exception {
    says = "<html>";

    assertEquals("its answer is not JSON", answer("up", History.Span.WEEK).failure());
  }

  @Test
  void namesCannotEndALabel() {
    assertEquals("\"a\\\"b\\\\c\\nd\"", History.quoted("a\"b\\c\nd"));
  }

  @Test
  void spansStandInAddresses() {
    assertEquals(History.Span.WEEK, History.Span.of("7d"));
    assertEquals(History.Span.HOUR, History.Span.of("evil"));
    assertEquals(240, History.Span.DAY.stepSeconds());
    assertEquals("480s", History.Span.DAY.rate());
  }
}
