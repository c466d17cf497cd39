package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.bench.MetricsText;
import java.io.IOException;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * No byte sequence reaches a replica as another request than the one that was refused or served, at
 * any listener: the public one, the admin one and a worker's.
 */
class FramingCorpusTest {
  private static final Set<Integer> REFUSALS =
      Set.of(400, 401, 404, 405, 408, 411, 413, 414, 415, 417, 421, 426, 431, 501, 505);
  private static final Pattern STATUS = Pattern.compile("HTTP/1\\.[01] (\\d{3}) ");
  private static final Pattern USER = Pattern.compile("\"user\":\"([^\"]+)\"");
  private static final int AT_ONCE = 32;
  private static final int PATIENCE_MS = 3000;

  private static final ConcurrentHashMap<String, AtomicInteger> SEEN = new ConcurrentHashMap<>();
  private static FakeUpstream upstream;
  private static InProcessGateway gateway;

  @BeforeAll
  static void start() throws Exception {
    upstream = new FakeUpstream();
    upstream.script(
        (request, body) -> {
          Matcher user = USER.matcher(body.toString());
          SEEN.computeIfAbsent(user.find() ? user.group(1) : "?", id -> new AtomicInteger())
              .incrementAndGet();
          request.response().end("{\"choices\":[]}");
        });
    gateway =
        InProcessGateway.before(
            "deadlines: {header-ms: 500, body-ms: 500, keep-alive-ms: 500}", upstream);
  }

  @AfterAll
  static void stop() {
    gateway.close();
    upstream.close();
  }

  /** Everything a server says until it closes; it must close by itself. */
  private static String answer(URI listener, String bytes) throws IOException {
    StringBuilder answer = new StringBuilder();
    try (Socket socket = new Socket(listener.getHost(), listener.getPort())) {
      socket.setSoTimeout(PATIENCE_MS);
      socket.getOutputStream().write(bytes.getBytes(StandardCharsets.ISO_8859_1));
      socket.getOutputStream().flush();
      byte[] read = new byte[8192];
      for (int n = socket.getInputStream().read(read); n >= 0; ) {
        answer.append(new String(read, 0, n, StandardCharsets.UTF_8));
        n = socket.getInputStream().read(read);
      }
    } catch (SocketTimeoutException open) {
      answer.append("<not closed within ").append(PATIENCE_MS).append(" ms>");
    } catch (IOException reset) {
      // A close that overtakes what was not read yet.
    }
    return answer.toString();
  }

  private static List<Integer> statuses(String answer) {
    List<Integer> statuses = new ArrayList<>();
    Matcher matcher = STATUS.matcher(answer);
    while (matcher.find()) {
      statuses.add(Integer.parseInt(matcher.group(1)));
    }
    return statuses;
  }

  /**
   * One complaint; empty when the case went as it should.
   *
   * @param mayStay a request that was refused by its head alone may leave its connection open
   */
  private static String refusal(URI listener, FramingCorpus.Case one, String id, boolean mayStay)
      throws IOException {
    String answer = answer(listener, FramingCorpus.bytes(one, id));
    List<Integer> statuses = statuses(answer);
    boolean refused =
        statuses.isEmpty() || (statuses.size() == 1 && REFUSALS.contains(statuses.getFirst()));
    if (refused && (mayStay || !answer.contains("<not closed"))) {
      return "";
    }
    String sent = one.bytes().substring(0, Math.min(160, one.bytes().length()));
    return id + " " + statuses + " " + sent.replace("\r", "\\r").replace("\n", "\\n") + answer;
  }

  private interface Check {
    String on(FramingCorpus.Case one, String id) throws IOException;
  }

  private static List<String> all(List<FramingCorpus.Case> cases, String prefix, Check check)
      throws Exception {
    List<String> found = new ArrayList<>();
    try (ExecutorService threads = Executors.newFixedThreadPool(AT_ONCE)) {
      List<Future<String>> running = new ArrayList<>();
      for (int i = 0; i < cases.size(); i++) {
        FramingCorpus.Case one = cases.get(i);
        String id = prefix + one.id(i);
        running.add(threads.submit(() -> check.on(one, id)));
      }
      for (Future<String> complaint : running) {
        if (!complaint.get().isEmpty()) {
          found.add(complaint.get());
        }
      }
    }
    return found;
  }

  private static List<String> seen(String prefix) {
    return SEEN.entrySet().stream()
        .filter(entry -> entry.getKey().startsWith(prefix))
        .map(entry -> entry.getKey() + " " + entry.getValue())
        .sorted()
        .toList();
  }

  @Test
  void theCorpusIsLargeEnough() {
    assertTrue(FramingCorpus.refused().size() >= 120, "" + FramingCorpus.refused().size());
  }

  @Test
  void whatHasNoCertainEndIsRefusedAndReachesNoReplica() throws Exception {
    List<String> found =
        all(
            FramingCorpus.refused(),
            "public-",
            (one, id) -> refusal(gateway.api(""), one, id, false));

    assertEquals(List.of(), found);
    assertEquals(List.of(), seen("public-"));
  }

  @Test
  void theAdminListenerRefusesItToo() throws Exception {
    List<String> found =
        all(
            FramingCorpus.refused(),
            "admin-",
            (one, id) -> refusal(gateway.admin(""), one, id, true));

    assertEquals(List.of(), found);
    assertEquals(List.of(), seen("admin-"));
  }

  @Test
  void aWorkerRefusesItToo() throws Exception {
    try (GatewayProcess process =
        GatewayProcess.start(
                List.of("-Dswitchboard.library=" + System.getProperty("switchboard.library")),
                "--workers",
                "1")
            .awaitReady()) {
      URI worker = URI.create(process.admin("/admin/v1/replicas/w0").path("url").asText());
      List<String> found =
          all(FramingCorpus.refused(), "worker-", (one, id) -> refusal(worker, one, id, true));

      assertEquals(List.of(), found);
    }
  }

  @Test
  void whatIsOddButCertainIsOneRequestAtMost() throws Exception {
    List<String> found =
        all(
            FramingCorpus.odd(),
            "odd-",
            (one, id) -> {
              String bytes =
                  FramingCorpus.bytes(one, id).replace("Host: a", "Host: a\r\nConnection: close");
              List<Integer> statuses = statuses(answer(gateway.api(""), bytes));
              boolean right =
                  statuses.size() == 1
                      && (statuses.getFirst() == 200 || REFUSALS.contains(statuses.getFirst()));
              return right ? "" : id + " " + statuses;
            });

    assertEquals(List.of(), found);
    assertTrue(seen("odd-").size() >= FramingCorpus.odd().size() - 3, seen("odd-").toString());
    assertTrue(seen("odd-").stream().allMatch(one -> one.endsWith(" 1")), seen("odd-").toString());
    assertTrue(seen("odd-").stream().noneMatch(one -> one.contains("hidden")));
  }

  @Test
  void everyRefusalIsCounted() throws Exception {
    MetricsText before = new MetricsText(gateway.get(gateway.admin("/metrics")).body());
    List<FramingCorpus.Case> cases =
        FramingCorpus.refused().stream().filter(one -> one.group().equals("two codings")).toList();

    all(cases, "counted-", (one, id) -> refusal(gateway.api(""), one, id, false));

    MetricsText after = new MetricsText(gateway.get(gateway.admin("/metrics")).body());
    String refused = "outcome=\"invalid_request\"";
    assertEquals(
        cases.size(),
        after.sum("switchboard_requests_total", refused)
            - before.sum("switchboard_requests_total", refused));
  }
}
