package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import ch.qos.logback.core.OutputStreamAppender;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.testing.Await;
import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Queue;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/**
 * Hostile header names, values, paths, methods and model names, from clients and in the answers of
 * replicas: none becomes a header, a request, a log line, a metric or a member of an admin answer
 * that it is not. {@code -Dswitchboard.fuzz.headers} says how many requests, and {@code
 * -Dswitchboard.fuzz.seed} repeats a run.
 */
class HeaderFuzzTest {
  private static final int REQUESTS = Integer.getInteger("switchboard.fuzz.headers", 1500);
  private static final long SEED = Long.getLong("switchboard.fuzz.seed", 20_261_125L);
  private static final String MARK = "forged";
  private static final int PATIENCE_MS = 10_000;

  /** What a value may bring to end the thing that it stands in. */
  private static final List<String> PIECES =
      List.of(
          "\r\nX-Forged: 1",
          "\nX-Forged: 1",
          "\rX-Forged: 1",
          "\r\n\r\nHTTP/1.1 200 OK\r\nX-Forged: 1\r\n\r\n",
          "\r\n X-Forged: 1",
          "%0d%0aX-Forged:%201",
          "%00",
          "\u0000",
          "\u0008",
          "\u001b[2J",
          "\u0085",
          "\u009b31m",
          "\u00e9\u00ff",
          "\u00e2\u0080\u00a8X-Forged: 1",
          "\" forged=\"1",
          "\\\" forged=1",
          "\"} 1\nforged_total 1",
          "{\"forged\":1}",
          "</script><script>forged",
          " forged=1 ",
          "\t",
          ",",
          ";",
          "a",
          "{}",
          "${jndi:forged}",
          "a".repeat(5000),
          "a".repeat(20_000));

  private static final List<String> CLIENT_HEADERS =
      List.of(
          "X-Request-Id",
          "X-Switchboard-Session",
          "X-Switchboard-Cache-Salt",
          "X-Switchboard-Timeline",
          "X-SLO-Class",
          "X-SLO-TTFT-Ms",
          "X-SLO-Deadline-Ms",
          "X-Priority",
          "traceparent",
          "tracestate",
          "Authorization",
          "Content-Type",
          "Content-Encoding",
          "Accept",
          "Expect",
          "Origin",
          "User-Agent",
          "Host",
          "Transfer-Encoding",
          "X-Other");

  private static final List<String> ANSWER_HEADERS =
      List.of(
          "Content-Type",
          "Retry-After",
          "X-Request-Id",
          "X-Switchboard-Replica",
          "Server-Timing",
          "Set-Cookie",
          "Server",
          "Connection",
          "Trailer",
          "X-Other");

  /** All that the gateway ever sends to a client. */
  private static final Set<String> SENT =
      Set.of(
          "content-type",
          "content-length",
          "transfer-encoding",
          "connection",
          "cache-control",
          "allow",
          "www-authenticate",
          "retry-after",
          "server-timing",
          "x-accel-buffering",
          "x-request-id",
          "x-switchboard-model",
          "x-switchboard-reason",
          "x-switchboard-replica");

  /** All that it ever sends to a foreign server. */
  private static final Set<String> PASSED_ON =
      Set.of(
          "host",
          "content-type",
          "content-length",
          "accept",
          "x-request-id",
          "traceparent",
          "tracestate");

  private static final Pattern FIELD = Pattern.compile("[A-Za-z-]+: [\\t\\x20-\\x7e\\x80-\\xff]*");
  private static final Pattern METRIC =
      Pattern.compile(
          "[a-z0-9_]+(\\{[a-z_]+=\"([^\"\\\\\\n]|\\\\[n\"\\\\])*\""
              + "(,[a-z_]+=\"([^\"\\\\\\n]|\\\\[n\"\\\\])*\")*})? [-+0-9.eEINFNaN]+");

  /**
   * Time, level, process and class, then an event's name and its fields, whose values are one word
   * or quoted.
   */
  private static final Pattern LINE =
      Pattern.compile(
          "\\d{4}-\\d\\d-\\d\\dT[0-9:.]+Z (ERROR|WARN|INFO|DEBUG) +gateway \\w+( \\w+)?"
              + "( \\w+=(\"(?:[^\"\\\\]++|\\\\.)*+\"|[^ \"]*+))*+");

  private static RawUpstream upstream;
  private static InProcessGateway gateway;
  private static final Queue<String> LOG = new ConcurrentLinkedQueue<>();
  private static final Tap TAP = new Tap();

  private final Random random = new Random(SEED);
  private final List<String> wrong = new ArrayList<>();

  /** Keeps what the console's own encoder makes of each event of ours. */
  private static final class Tap extends AppenderBase<ILoggingEvent> {
    @Override
    protected void append(ILoggingEvent event) {
      var console = (OutputStreamAppender<ILoggingEvent>) root().getAppender("stderr");
      LOG.add(new String(console.getEncoder().encode(event), StandardCharsets.UTF_8));
    }
  }

  private static Logger root() {
    return (Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
  }

  @BeforeAll
  static void start() throws Exception {
    upstream = new RawUpstream();
    gateway =
        InProcessGateway.unready(
            """
            deadlines: {answer-ms: 3000, first-token-ms: 3000, inter-token-ms: 3000}
            retry: {attempts: 1}
            workers: {eject-after: 100, state-poll-ms: 50}
            circuit: {failures: 0, min-requests: 100000}
            telemetry: {log-requests: true}
            """,
            upstream.url());
    Await.until(gateway.fleet()::everyModelReady);
    TAP.setContext(root().getLoggerContext());
    TAP.start();
    root().addAppender(TAP);
  }

  @AfterAll
  static void stop() throws Exception {
    root().detachAppender(TAP);
    gateway.close();
    upstream.close();
  }

  @Test
  void nothingHostileBecomesWhatItIsNot() throws Exception {
    for (int i = 0; i < REQUESTS && wrong.size() < 10; i++) {
      boolean admin = i % 5 == 4;
      upstream.heads.clear();
      upstream.answers(answer(), true);
      String sent = request(admin);
      long begun = System.nanoTime();
      String got = exchange(admin ? gateway.admin("") : gateway.api(""), sent);
      if (System.nanoTime() - begun > PATIENCE_MS * 900_000L) {
        wrong(sent, "it took " + (System.nanoTime() - begun) / 1_000_000 + " ms: " + got);
      }
      judgeAnswer(sent, got);
      upstream.heads.forEach(head -> judgePassedOn(sent, head));
      judgeLog(sent);
    }
    judgeMetrics();
    judgeRecords();

    assertEquals(List.of(), wrong, "seed " + SEED);
    assertTrue(gateway.fleet().everyModelReady());
  }

  // ------------------------------------------------------------------ what is sent

  private String value() {
    StringBuilder value = new StringBuilder(random.nextBoolean() ? "v" : "");
    for (int i = random.nextInt(4); i >= 0; i--) {
      value.append(PIECES.get(random.nextInt(PIECES.size())));
    }
    return value.toString();
  }

  private String header(List<String> names) {
    String name = random.nextInt(8) == 0 ? "X" + value() : names.get(random.nextInt(names.size()));
    String line = name + ": " + value() + "\r\n";
    return random.nextInt(6) == 0 ? line + line : line;
  }

  private String request(boolean admin) {
    String body =
        "{\"model\":\""
            + (random.nextInt(4) == 0 ? escaped(value()) : "m")
            + "\",\"stream\":"
            + random.nextBoolean()
            + ",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}";
    StringBuilder head = new StringBuilder();
    boolean post = random.nextInt(3) > 0 && !admin;
    if (post) {
      head.append("POST /v1/chat/completions HTTP/1.1\r\nContent-Length: ")
          .append(body.length())
          .append("\r\n");
    } else {
      head.append(random.nextInt(6) == 0 ? value() : "GET").append(' ').append(path(admin));
      head.append(" HTTP/1.1\r\n");
    }
    head.append("Host: localhost\r\nConnection: close\r\n");
    for (int i = random.nextInt(3); i >= 0; i--) {
      head.append(header(CLIENT_HEADERS));
    }
    return head + "\r\n" + (post ? body : "");
  }

  private String path(boolean admin) {
    List<String> roots =
        admin
            ? List.of("/admin/v1/requests/", "/admin/v1/replicas/", "/admin/v1/usage?tenant=", "/")
            : List.of("/v1/models/", "/", "/v1/chat/completions?a=");
    String hostile = value();
    return roots.get(random.nextInt(roots.size()))
        + (random.nextBoolean() ? percent(hostile) : hostile);
  }

  private static String percent(String text) {
    StringBuilder path = new StringBuilder();
    for (byte each : text.getBytes(StandardCharsets.UTF_8)) {
      path.append(String.format(Locale.ROOT, "%%%02x", each));
    }
    return path.toString();
  }

  private static String escaped(String text) {
    StringBuilder json = new StringBuilder();
    for (int i = 0; i < text.length(); i++) {
      json.append(String.format(Locale.ROOT, "\\u%04x", (int) text.charAt(i)));
    }
    return json.toString();
  }

  /** What the replica says to the next request. */
  private String answer() {
    String status =
        switch (random.nextInt(5)) {
          case 0 -> "429 " + value();
          case 1 -> "500 Internal";
          case 2 -> "400 Bad";
          default -> "200 OK";
        };
    boolean events = random.nextBoolean();
    String message = escaped(value());
    String error = "{\"error\":{\"message\":\"" + message + "\",\"code\":\"" + message + "\"}}";
    String body = status.startsWith("200") && !events ? "{\"choices\":[]}" : error;
    if (events) {
      body = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: " + error + "\n\n";
    }
    return "HTTP/1.1 "
        + status
        + "\r\nContent-Type: "
        + (events ? "text/event-stream" : "application/json")
        + "\r\n"
        + header(ANSWER_HEADERS)
        + (random.nextBoolean() ? header(ANSWER_HEADERS) : "")
        + "Content-Length: "
        + body.length()
        + "\r\n\r\n"
        + body;
  }

  private static String exchange(URI listener, String sent) throws IOException {
    try (Socket socket = new Socket(listener.getHost(), listener.getPort())) {
      socket.setSoTimeout(PATIENCE_MS);
      socket.getOutputStream().write(sent.getBytes(StandardCharsets.ISO_8859_1));
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
    } catch (java.net.SocketTimeoutException silent) {
      return "nothing within " + PATIENCE_MS + " ms";
    } catch (IOException reset) {
      // A head that is too long is answered and cut while it is still being sent.
      return "";
    }
  }

  // ------------------------------------------------------------------ what comes of it

  private void wrong(String sent, String what) {
    wrong.add(shown(what) + " FOR " + shown(sent));
  }

  private static String shown(String text) {
    return escaped(
            text.replaceAll("a{20,}", "a…")
                .transform(each -> each.substring(0, Math.min(700, each.length()))))
        .replaceAll("\\\\u000d", "\\\\r")
        .transform(HeaderFuzzTest::readable);
  }

  private static String readable(String json) {
    StringBuilder text = new StringBuilder();
    for (String part : json.split("\\\\u", -1)) {
      if (part.length() == 4 && part.matches("00[2-7][0-9a-f]") && !part.equals("007f")) {
        text.append((char) Integer.parseInt(part, 16));
      } else if (!part.isEmpty()) {
        text.append("\\u").append(part);
      }
    }
    return text.toString();
  }

  /** One answer, of headers that the gateway sends, and nothing behind it. */
  private void judgeAnswer(String sent, String got) {
    if (got.isEmpty()) {
      return;
    }
    int end = got.indexOf("\r\n\r\n");
    // What cannot be read as a request is answered in the oldest version.
    if (!got.matches("(?s)HTTP/1\\.[01] .*") || end < 0) {
      wrong(sent, "no answer: " + got);
      return;
    }
    int length = -1;
    String[] lines = got.substring(0, end).split("\r\n", -1);
    for (int i = 1; i < lines.length; i++) {
      String name =
          lines[i].substring(0, Math.max(0, lines[i].indexOf(':'))).toLowerCase(Locale.ROOT);
      if (!FIELD.matcher(lines[i]).matches() || !SENT.contains(name)) {
        wrong(sent, "the answer's header " + lines[i]);
      }
      if (name.equals("content-length")) {
        length = Integer.parseInt(lines[i].substring(lines[i].indexOf(':') + 1).strip());
      }
    }
    boolean head = sent.startsWith("HEAD ");
    if (length >= 0 && got.length() != end + 4 + length && !head) {
      wrong(sent, "more or less than one answer: " + got);
    }
    if (length < 0 && !got.endsWith("0\r\n\r\n")) {
      wrong(sent, "an answer without its end: " + got);
    }
  }

  private void judgePassedOn(String sent, String head) {
    for (String line : head.strip().split("\r\n", -1)) {
      if (line.equals("POST /v1/chat/completions HTTP/1.1")) {
        continue;
      }
      String name = line.substring(0, Math.max(0, line.indexOf(':'))).toLowerCase(Locale.ROOT);
      if (!FIELD.matcher(line).matches() || !PASSED_ON.contains(name)) {
        wrong(sent, "the replica got the header " + line);
      }
    }
  }

  /** Each event is one line of fields that we wrote, and what stands behind it is indented. */
  private void judgeLog(String sent) {
    for (String entry = LOG.poll(); entry != null; entry = LOG.poll()) {
      String[] lines = entry.stripTrailing().split("\n", -1);
      String unquoted = lines[0].replaceAll("\"(?:[^\"\\\\]++|\\\\.)*+\"", "");
      if (!LINE.matcher(lines[0]).matches() || unquoted.contains(MARK)) {
        wrong(sent, "the log's line " + lines[0]);
      }
      for (int i = 1; i < lines.length; i++) {
        if (!lines[i].startsWith("\t")) {
          wrong(sent, "the log's line " + lines[i]);
        }
      }
      if (entry.chars().anyMatch(each -> each != '\n' && each != '\t' && isControl(each))) {
        wrong(sent, "a control character in the log: " + entry);
      }
    }
  }

  private static boolean isControl(int each) {
    return Character.isISOControl(each) || each == 0x2028 || each == 0x2029;
  }

  private void judgeMetrics() throws Exception {
    String text = gateway.get(gateway.admin("/metrics")).body();
    for (String line : text.lines().filter(each -> !each.startsWith("# ")).toList()) {
      if (!METRIC.matcher(line).matches()) {
        wrong("all", "the metric " + line);
      }
    }
    if (text.toLowerCase(Locale.ROOT).contains(MARK)) {
      wrong("all", "a metric tells what a client sent");
    }
  }

  /** Every record is JSON, and no member in it is one that a client made. */
  private void judgeRecords() throws Exception {
    for (String path : List.of("/admin/v1/requests?limit=1000", "/admin/v1/audit?limit=1000")) {
      var answer = gateway.get(gateway.admin(path));
      try {
        if (!new ObjectMapper().readTree(answer.body()).findValues(MARK).isEmpty()) {
          wrong(path, "a member that nobody wrote");
        }
      } catch (JsonProcessingException e) {
        wrong(path, "no JSON: " + e.getMessage());
      }
    }
  }
}
