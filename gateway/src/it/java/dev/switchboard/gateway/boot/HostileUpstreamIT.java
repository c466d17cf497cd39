package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.testing.Await;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * Whatever a replica answers, its client gets one right answer or one error, its connection carries
 * no second request, and the next client is served as if nothing had been.
 */
class HostileUpstreamIT {
  private static final String OK = "HTTP/1.1 200 OK\r\n";
  private static final String JSON = "Content-Type: application/json\r\n";
  private static final String SSE = "Content-Type: text/event-stream\r\n";
  private static final String CHUNKED = "Transfer-Encoding: chunked\r\n";
  private static final String FIRST = "{\"a\":1}";
  private static final String NEXT = "{\"next\":\"client\"}";
  private static final String EXTRA = RawUpstream.good("{\"stolen\":\"answer\"}");

  private static RawUpstream upstream;
  private static InProcessGateway gateway;

  @BeforeAll
  static void start() throws Exception {
    upstream = new RawUpstream();
    gateway =
        InProcessGateway.unready(
            "retry: {attempts: 1}\nworkers: {eject-after: 100, state-poll-ms: 50}", upstream.url());
    Await.until("the replica", gateway.fleet()::everyModelReady);
  }

  @AfterAll
  static void stop() throws Exception {
    gateway.close();
    upstream.close();
  }

  /** What never ends is waited for only briefly, and any other answer as long as it takes. */
  private static void answersWithin(int ms) throws Exception {
    gateway.rewrite(
        "deadlines: {answer-ms: %1$d, first-token-ms: %1$d, inter-token-ms: %1$d}".formatted(ms));
    assertEquals(200, gateway.adminStatus("POST", "/admin/v1/config/reload", "{}"));
  }

  /** Answers that have no certain end, or none at all: the client must get an error. */
  @TestFactory
  List<DynamicTest> whatIsNoAnswerIsAnError() {
    String length = "Content-Length: 7\r\n";
    List<DynamicTest> tests = new ArrayList<>();
    for (String head :
        List.of(
            OK + JSON + length + "Content-Length: 9\r\n\r\n" + FIRST,
            OK + JSON + length + length + "\r\n" + FIRST,
            OK + JSON + "Content-Length: 7, 9\r\n\r\n" + FIRST,
            OK + JSON + "Content-Length: -1\r\n\r\n" + FIRST,
            OK + JSON + "Content-Length: +7\r\n\r\n" + FIRST,
            OK + JSON + "Content-Length: seven\r\n\r\n" + FIRST,
            OK + JSON + "Content-Length: 99999999999999999999\r\n\r\n" + FIRST,
            OK + JSON + length + CHUNKED + "\r\n7\r\n" + FIRST + "\r\n0\r\n\r\n",
            OK + JSON + CHUNKED + length + "\r\n7\r\n" + FIRST + "\r\n0\r\n\r\n",
            OK + JSON + "Transfer-Encoding: gzip\r\n\r\n" + FIRST,
            OK + JSON + "Transfer-Encoding: identity\r\n" + length + "\r\n" + FIRST,
            OK
                + JSON
                + "Transfer-Encoding: chunked, identity\r\n\r\n7\r\n"
                + FIRST
                + "\r\n0\r\n\r\n",
            OK + JSON + "Transfer-Encoding: xchunked\r\n\r\n7\r\n" + FIRST + "\r\n0\r\n\r\n",
            OK + JSON + CHUNKED + CHUNKED + "\r\n7\r\n" + FIRST + "\r\n0\r\n\r\n",
            OK.replace("1.1", "1.0") + JSON + CHUNKED + "\r\n7\r\n" + FIRST + "\r\n0\r\n\r\n",
            OK + JSON + CHUNKED + "\r\ng\r\n" + FIRST + "\r\n0\r\n\r\n",
            OK + JSON + CHUNKED + "\r\n-7\r\n" + FIRST + "\r\n0\r\n\r\n",
            OK + JSON + CHUNKED + "\r\nFFFFFFFFFFFFFFFFF\r\n" + FIRST + "\r\n0\r\n\r\n",
            OK + JSON + CHUNKED + "\r\n10000000000000007\r\n" + FIRST + "\r\n0\r\n\r\n",
            OK + JSON + CHUNKED + "\r\n7\n" + FIRST + "\r\n0\r\n\r\n",
            OK + JSON + CHUNKED + "\r\n7\r\r\n" + FIRST + "\r\n0\r\n\r\n",
            OK + JSON + CHUNKED + "\r\n7;a\nb\r\n" + FIRST + "\r\n0\r\n\r\n",
            OK + JSON + CHUNKED + "\r\n7\r\n" + FIRST + "XX\r\n0\r\n\r\n",
            OK + JSON + CHUNKED + "\r\n7\r\n" + FIRST + "0\r\n\r\n",
            OK + JSON + CHUNKED + "\r\n7\r\n" + FIRST + "\r\n0\r\nX: a\n\r\n",
            OK + JSON + CHUNKED + "\r\n7\r\n" + FIRST + "\r\n0\r\nX: a\r\n b\r\n\r\n",
            OK + "X: a\r\n b\r\n" + JSON + length + "\r\n" + FIRST,
            OK + "X\r\n" + JSON + length + "\r\n" + FIRST,
            OK + "X : a\r\n" + JSON + length + "\r\n" + FIRST,
            OK + "X: a\u0000b\r\n" + JSON + length + "\r\n" + FIRST,
            OK + "X: a\rSet-Cookie: b\r\n" + JSON + length + "\r\n" + FIRST,
            OK + "X\u0001: a\r\n" + JSON + length + "\r\n" + FIRST,
            OK.replace("\r\n", "\n") + JSON + length + "\r\n" + FIRST,
            OK + JSON + "Content-Length: 7\n\r\n" + FIRST,
            OK + "Content-Type: text/plain\rX-Forged: 1\r\n" + length + "\r\n" + FIRST,
            OK + "Retry-After: 1\r\r\n" + length + "\r\n" + FIRST,
            OK + "X: " + "a".repeat(100_000) + "\r\n" + length + "\r\n" + FIRST,
            OK + "X: a\r\n".repeat(20_000) + length + "\r\n" + FIRST,
            "HTTP/1.1 200 " + "O".repeat(10_000) + "\r\n" + length + "\r\n" + FIRST,
            "HTTP/2.0 200 OK\r\n" + JSON + length + "\r\n" + FIRST,
            "HTTP/0.9 200 OK\r\n" + JSON + length + "\r\n" + FIRST,
            "ICY 200 OK\r\n" + JSON + length + "\r\n" + FIRST,
            "HTTP/1.1 099 OK\r\n" + JSON + length + "\r\n" + FIRST,
            "HTTP/1.1 1000 OK\r\n" + JSON + length + "\r\n" + FIRST,
            "HTTP/1.1 abc OK\r\n" + JSON + length + "\r\n" + FIRST,
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            FIRST,
            "\u0016\u0003\u0003\u0000\u0007" + FIRST,
            "\r\n".repeat(100_000) + FIRST)) {
      tests.add(DynamicTest.dynamicTest(name(head), () -> assertError(head, false)));
    }
    return tests;
  }

  /** Answers that break off: the replica closes in the middle. */
  @TestFactory
  List<DynamicTest> whatBreaksOffIsAnError() {
    String role = FakeUpstream.role();
    List<DynamicTest> tests = new ArrayList<>();
    for (String head :
        List.of(
            "",
            "HTTP/1.1 2",
            OK + "Content-Ty",
            OK + JSON + "Content-Length: 700\r\n\r\n" + FIRST,
            OK + JSON + CHUNKED + "\r\n",
            OK + JSON + CHUNKED + "\r\n7",
            OK + JSON + CHUNKED + "\r\n7\r\n{\"a",
            OK + JSON + CHUNKED + "\r\n7\r\n" + FIRST + "\r\n",
            OK + JSON + CHUNKED + "\r\n7\r\n" + FIRST + "\r\n0\r\n",
            OK + SSE + CHUNKED + "\r\n" + chunk(role),
            OK + SSE + "\r\n" + role,
            "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.1 103 Early Hints\r\nX: a\r\n\r\n".repeat(1000))) {
      tests.add(DynamicTest.dynamicTest(name(head), () -> assertError(head, true)));
    }
    return tests;
  }

  /** Right answers with something behind them, which must not become the next client's answer. */
  @TestFactory
  List<DynamicTest> whatFollowsAnAnswerReachesNobody() {
    String first = RawUpstream.good(FIRST);
    List<DynamicTest> tests = new ArrayList<>();
    for (String tail :
        List.of(
            EXTRA,
            "x",
            "HTTP/1.1 100 Continue\r\n\r\n" + EXTRA,
            "\r\n\r\n" + EXTRA,
            "HTTP/1.1 2",
            "0\r\n\r\n" + EXTRA)) {
      tests.add(DynamicTest.dynamicTest(name(tail), () -> assertAlone(first + tail)));
    }
    String chunked = OK + JSON + CHUNKED + "\r\n7\r\n" + FIRST + "\r\n0\r\n\r\n";
    tests.add(DynamicTest.dynamicTest("after chunks", () -> assertAlone(chunked + EXTRA)));
    String early = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX: a\r\n\r\n";
    tests.add(DynamicTest.dynamicTest("interim", () -> assertAlone(early + first + EXTRA)));
    return tests;
  }

  @Test
  void aStreamThatTurnsBadAfterItsFirstTokenEndsWithAnErrorEvent() throws Exception {
    String begin = OK + SSE + CHUNKED + "\r\n" + chunk(FakeUpstream.content("one"));
    for (String tail : List.of("zz\r\n", "7\n{\"a\":1}\r\n", "5\r\nabcdefgh\r\n0\r\n\r\n")) {
      upstream.seen.clear();
      upstream.answers(begin + tail, false);
      String body = gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(true)).body();

      assertTrue(body.contains("\"one\"") && body.contains("\"error\""), body);
      assertTrue(!body.contains("[DONE]"), body);
      assertNotReused();
    }
  }

  @Test
  void anAnswerToNobodyBreaksOnlyItsOwnConnection() throws Exception {
    upstream.answers(RawUpstream.good(FIRST), false);
    for (int i = 0; i < 20; i++) {
      HttpResponse<String> answer =
          gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false));

      assertEquals(FIRST, answer.body());
    }
  }

  private static void assertError(String bytes, boolean close) throws Exception {
    upstream.seen.clear();
    upstream.answers(bytes, close);
    answersWithin(1500);
    HttpResponse<String> answer = gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false));

    assertTrue(answer.statusCode() == 502 || answer.statusCode() == 504, answer.toString());
    assertTrue(answer.body().contains("{\"error\":{"), answer.body());
    assertTrue(answer.headers().map().keySet().stream().noneMatch(h -> h.contains("forged")));
    assertNotReused();
  }

  private static void assertAlone(String bytes) throws Exception {
    upstream.seen.clear();
    upstream.answers(bytes, false);
    HttpResponse<String> answer = gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false));

    boolean served = answer.statusCode() == 200 && answer.body().equals(FIRST);
    assertTrue(served || answer.statusCode() == 502, answer.statusCode() + answer.body());
    assertNotReused();
  }

  /** The next client is served, on another connection; the last one ends. */
  private static void assertNotReused() throws Exception {
    answersWithin(Await.LIMIT_MS);
    upstream.answers(RawUpstream.good(NEXT), false);
    HttpResponse<String> next = gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false));
    RawUpstream.Seen one = upstream.seen.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
    RawUpstream.Seen two = upstream.seen.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS);

    assertEquals(NEXT, next.body());
    assertNotNull(one);
    assertNotNull(two);
    assertNotEquals(one.connection(), two.connection());
    assertTrue(
        List.of(one, two).stream().noneMatch(s -> s.after().equals("reused")), one + "" + two);
    assertTrue(
        List.of(one, two).stream().noneMatch(s -> s.after().equals("left open")), one + "" + two);
  }

  private static String chunk(String text) {
    return Integer.toHexString(text.length()) + "\r\n" + text + "\r\n";
  }

  private static String name(String bytes) {
    String text = bytes.substring(0, Math.min(90, bytes.length()));
    return bytes.length()
        + ": "
        + text.replace("\r", "\\r").replace("\n", "\\n").replaceAll("[^\\x20-\\x7e]", "?");
  }
}
