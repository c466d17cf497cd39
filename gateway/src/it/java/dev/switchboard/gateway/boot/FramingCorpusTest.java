package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.bench.MetricsText;
import dev.switchboard.testing.Await;
import java.io.IOException;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
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
import org.junit.jupiter.api.io.TempDir;

/**
 * No byte sequence reaches a replica as another request than the one that was refused or served, at
 * any listener: the public one, the admin one and a worker's.
 */
class FramingCorpusTest {
  /** What a listener says to bytes that are no request, before it asks what they want. */
  private static final Set<Integer> REFUSALS = Set.of(400, 408, 411, 413, 414, 431, 501, 505);

  /** Some request lines have only a method or a path that nobody serves. */
  private static final Set<Integer> NOT_SERVED = Set.of(404, 405);

  private static final Pattern STATUS = Pattern.compile("HTTP/1\\.[01] (\\d{3}) ");
  private static final Pattern USER = Pattern.compile("\"user\":\"([^\"]+)\"");
  private static final int AT_ONCE = 32;

  /** Where a connection may stay open; that nothing more was served is counted besides. */
  private static final int SHORT_PATIENCE_MS = 1000;

  private static final String MALFORMED = "X-Switchboard-Reason: malformed_http";

  private static final ConcurrentHashMap<String, AtomicInteger> SEEN = new ConcurrentHashMap<>();
  private static FakeUpstream upstream;
  private static InProcessGateway gateway;
  private static Listener api;
  private static Listener admin;

  /** Soon ends what never becomes a request; of a busy client that may be any. */
  private static InProcessGateway hasty;

  /** Where cases are sent, and what it serves. */
  private record Listener(URI url, FramingCorpus.Target target) {
    String answer(FramingCorpus.Case one, String id, int patienceMs) throws IOException {
      return FramingCorpusTest.answer(url, FramingCorpus.bytes(one, target, id), patienceMs);
    }

    /** The same, as the last request of its connection. */
    String lastAnswer(FramingCorpus.Case one, String id) throws IOException {
      return FramingCorpusTest.answer(url, FramingCorpus.last(one, target, id), Await.LIMIT_MS);
    }
  }

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
    gateway = InProcessGateway.before("", upstream);
    hasty =
        InProcessGateway.before(
            "deadlines: {header-ms: 500, body-ms: 500, keep-alive-ms: 500}", upstream);
    api = api(gateway);
    admin = admin(gateway);
  }

  private static Listener api(InProcessGateway of) {
    return new Listener(of.api(""), FramingCorpus.Target.completion("m"));
  }

  private static Listener admin(InProcessGateway of) {
    String replica = of.fleet().replicas().getFirst().id();
    String weight = "/admin/v1/replicas/" + replica + "/weight";
    return new Listener(
        of.admin(""),
        new FramingCorpus.Target(
            weight, "localhost", "X-Switchboard-Admin: 1\r\n", "{\"weight\":1}"));
  }

  @AfterAll
  static void stop() {
    gateway.close();
    hasty.close();
    upstream.close();
  }

  /** Everything a server says until it closes; it must close by itself. */
  private static String answer(URI listener, String bytes, int patienceMs) throws IOException {
    StringBuilder answer = new StringBuilder();
    try (Socket socket = new Socket(listener.getHost(), listener.getPort())) {
      socket.setSoTimeout(patienceMs);
      socket.getOutputStream().write(bytes.getBytes(StandardCharsets.ISO_8859_1));
      socket.getOutputStream().flush();
      byte[] read = new byte[8192];
      for (int n = socket.getInputStream().read(read); n >= 0; ) {
        answer.append(new String(read, 0, n, StandardCharsets.UTF_8));
        n = socket.getInputStream().read(read);
      }
    } catch (SocketTimeoutException open) {
      answer.append("<not closed within ").append(patienceMs).append(" ms>");
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
  private static String refusal(Listener to, FramingCorpus.Case one, String id, boolean mayStay)
      throws IOException {
    String answer = to.answer(one, id, mayStay ? SHORT_PATIENCE_MS : Await.LIMIT_MS);
    List<Integer> statuses = statuses(answer);
    boolean refused =
        statuses.isEmpty() || (statuses.size() == 1 && refuses(one, statuses.getFirst()));
    if (refused && (mayStay || !answer.contains("<not closed"))) {
      return "";
    }
    String sent = one.bytes().substring(0, Math.min(160, one.bytes().length()));
    return id + " " + statuses + " " + sent.replace("\r", "\\r").replace("\n", "\\n") + answer;
  }

  private static boolean refuses(FramingCorpus.Case one, int status) {
    return REFUSALS.contains(status)
        || (one.group().equals("request line") && NOT_SERVED.contains(status));
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
        all(FramingCorpus.refused(), "public-", (one, id) -> refusal(api(hasty), one, id, false));

    assertEquals(List.of(), found);
    assertEquals(List.of(), seen("public-"));
  }

  @Test
  void theAdminListenerRefusesItToo() throws Exception {
    Listener admin = admin(hasty);
    int before = handledByAdmin(hasty);

    List<String> found =
        all(FramingCorpus.refused(), "admin-", (one, id) -> refusal(admin, one, id, true));

    assertEquals(List.of(), found);
    // What the log has of a good request comes after what it has of those before.
    Await.until("a good answer", () -> serves(admin));
    Await.until("its record", () -> handledByAdmin(hasty), handled -> handled > before);
    assertEquals(before + 1, handledByAdmin(hasty));
  }

  private static boolean serves(Listener to) throws Exception {
    return statuses(to.lastAnswer(FramingCorpus.odd().getFirst(), "good")).contains(200);
  }

  @Test
  void theAdminListenerKnowsNoTargetThatIsNoPath() throws Exception {
    for (String line : List.of("OPTIONS *", "CONNECT a:1")) {
      String answer =
          answer(
              gateway.admin(""),
              line + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
              Await.LIMIT_MS);

      assertEquals(List.of(404), statuses(answer), answer);
      assertTrue(answer.contains("\"unknown_url\""), answer);
    }
  }

  /** Requests whose bytes could be read; each of a changing route is in the audit log. */
  private static int handledByAdmin(InProcessGateway of) throws Exception {
    return (int)
        of.adminJson("/admin/v1/audit?limit=1000")
            .path("audit")
            .valueStream()
            .filter(row -> !row.path("code").asText().equals("malformed_http"))
            .count();
  }

  @Test
  void aWorkerRefusesItTooAndTakesWhatIsOddForOneRequest(@TempDir Path folder) throws Exception {
    Path config =
        Files.writeString(folder.resolve("port.yaml"), "workers: {arguments: [--port, '0']}");
    try (GatewayProcess process =
        GatewayProcess.start(
                List.of("-Dswitchboard.library=" + System.getProperty("switchboard.library")),
                "--workers",
                "1",
                "--config",
                config.toString())
            .awaitReady()) {
      URI url = URI.create(process.admin("/admin/v1/replicas/w0").path("url").asText());
      FramingCorpus.Target completion = FramingCorpus.Target.completion(GatewayProcess.MODEL);
      Listener worker =
          new Listener(
              url,
              new FramingCorpus.Target(
                  completion.path(),
                  "localhost",
                  "Content-Type: application/json\r\n",
                  completion.body()));

      List<String> found =
          all(FramingCorpus.refused(), "worker-", (one, id) -> refusal(worker, one, id, true));

      assertEquals(List.of(), found);
      assertEquals(0, completions(process));
      assertEquals(odd(worker, "worker-odd-"), completions(process));
    }
  }

  private static int completions(GatewayProcess process) throws Exception {
    return process.worker("w0", "/engine/v1/load").at("/counters/completions").asInt(-1);
  }

  @Test
  void whatIsOddButCertainIsOneRequestAtMost() throws Exception {
    int served = odd(api, "odd-");

    assertEquals(served, seen("odd-").size(), seen("odd-").toString());
    assertTrue(seen("odd-").stream().allMatch(one -> one.endsWith(" 1")), seen("odd-").toString());
    assertTrue(seen("odd-").stream().noneMatch(one -> one.contains("hidden")));
  }

  @Test
  void whatIsOddButCertainIsOneRequestAtMostForTheAdminListenerToo() throws Exception {
    int before = handledByAdmin(gateway);

    int served = odd(admin, "admin-odd-");

    Await.until("their records", () -> handledByAdmin(gateway), now -> now >= before + served);
    assertEquals(before + served, handledByAdmin(gateway));
  }

  /** How many of the odd requests a listener serves; each must have one answer. */
  private static int odd(Listener to, String prefix) throws Exception {
    AtomicInteger served = new AtomicInteger();
    List<String> found =
        all(
            FramingCorpus.odd(),
            prefix,
            (one, id) -> {
              List<Integer> statuses = statuses(to.lastAnswer(one, id));
              served.addAndGet(statuses.contains(200) ? 1 : 0);
              boolean right =
                  statuses.size() == 1
                      && (statuses.getFirst() == 200 || REFUSALS.contains(statuses.getFirst()));
              return right ? "" : id + " " + statuses;
            });

    assertEquals(List.of(), found);
    assertTrue(served.get() >= FramingCorpus.odd().size() - 3, served + " were served");
    return served.get();
  }

  @Test
  void everyRefusalIsCounted() throws Exception {
    double before = requests("invalid_request");
    List<FramingCorpus.Case> cases =
        FramingCorpus.refused().stream().filter(one -> one.group().equals("two codings")).toList();

    all(cases, "counted-", (one, id) -> refusal(api, one, id, false));

    assertEquals(cases.size(), requests("invalid_request") - before);
  }

  @Test
  void whoSendsAnUnreadableBodyIsToldSoAndNotTakenForOneThatLeft() throws Exception {
    double gone = requests("client_gone");
    double invalid = requests("invalid_request");
    List<FramingCorpus.Case> cases =
        FramingCorpus.refused().stream()
            .filter(one -> List.of("chunk end", "trailer").contains(one.group()))
            .toList();

    List<String> found =
        all(
            cases,
            "body-",
            (one, id) -> {
              String answer = api.answer(one, id, Await.LIMIT_MS);
              boolean told = answer.startsWith("HTTP/1.1 400 ") && answer.contains(MALFORMED);
              return told ? "" : id + " " + answer;
            });

    assertEquals(List.of(), found);
    assertEquals(cases.size(), requests("invalid_request") - invalid);
    assertEquals(gone, requests("client_gone"));
  }

  private static double requests(String outcome) throws Exception {
    return new MetricsText(gateway.get(gateway.admin("/metrics")).body())
        .sum("switchboard_requests_total", "outcome=\"" + outcome + "\"");
  }
}
