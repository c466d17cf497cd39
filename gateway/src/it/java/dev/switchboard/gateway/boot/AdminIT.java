package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.testing.Await;
import io.vertx.core.http.HttpServerResponse;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.Socket;
import java.net.SocketException;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the admin listener tells, when, and to whom. */
class AdminIT {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String KEYS =
      "auth: {keys: [{name: console, role: viewer, sha256:"
          + " 2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b}]}";

  private static final int SCANNED_AT_ONCE = 10;

  /** Of a gateway of one model; a series for each scanned name would be fifty thousand. */
  private static final int MOST_SERIES = 5000;

  private FakeUpstream upstream;

  @BeforeEach
  void start() throws Exception {
    upstream = new FakeUpstream();
  }

  @AfterEach
  void stop() throws Exception {
    upstream.close();
  }

  @Test
  void theListenerHasNoMoreConnectionsThanItMay() throws Exception {
    try (InProcessGateway gateway =
        InProcessGateway.before("admin: {max-connections: 3}", upstream)) {
      List<Socket> open = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        open.add(live(gateway));
        assertTrue(open.getLast().getInputStream().read() >= 0, "within the limit");
      }

      for (int i = 0; i < 2; i++) {
        try (Socket above = live(gateway)) {
          assertTrue(closed(above));
        }
      }

      // A place becomes free with its connection, and those that stayed are served as before.
      send(open.getLast());
      assertTrue(open.getLast().getInputStream().read() >= 0);
      open.getFirst().close();
      Await.until(
          "a free place",
          () -> {
            try (Socket again = live(gateway)) {
              return !closed(again);
            }
          });
      open.getLast().close();
      Await.until(
          "refusals",
          () -> gateway.metric("switchboard_connections_refused_total{limit=\"admin\"}"),
          refused -> refused >= 2);
      for (Socket socket : open) {
        socket.close();
      }
    }
  }

  /** A connection that has asked for something small. */
  private static Socket live(InProcessGateway gateway) throws IOException {
    URI listener = gateway.admin("");
    Socket socket = new Socket(listener.getHost(), listener.getPort());
    socket.setSoTimeout(Await.LIMIT_MS);
    try {
      send(socket);
    } catch (SocketException refused) {
      // Closed already; whoever reads sees it.
    }
    return socket;
  }

  private static void send(Socket socket) throws IOException {
    socket
        .getOutputStream()
        .write(
            "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
  }

  private static boolean closed(Socket socket) {
    try {
      return socket.getInputStream().read() < 0;
    } catch (IOException reset) {
      return true;
    }
  }

  @Test
  void aTimelineIsThereAsSoonAsTheAnswerIs() throws Exception {
    upstream.script(
        (request, body) ->
            FakeUpstream.events(request).end(FakeUpstream.content("a") + FakeUpstream.done()));
    try (InProcessGateway gateway = InProcessGateway.before("", upstream)) {
      for (int i = 0; i < 60; i++) {
        String id = "r" + i;
        gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(i % 2 == 0), "X-Request-Id", id);

        assertEquals(200, timeline(gateway, id).statusCode(), id);
      }
    }
  }

  @Test
  void aRequestThatRunsIsWaitedForAndThenSaidToRun() throws Exception {
    BlockingQueue<HttpServerResponse> opened = new ArrayBlockingQueue<>(1);
    upstream.script(
        (request, body) -> {
          HttpServerResponse response = FakeUpstream.events(request);
          response.write(FakeUpstream.content("a"));
          opened.add(response);
        });
    try (InProcessGateway gateway = InProcessGateway.before("", upstream)) {
      HttpResponse<InputStream> running =
          gateway.open(InProcessGateway.CHAT, InProcessGateway.chat(true), "X-Request-Id", "r");
      HttpResponse<String> early = timeline(gateway, "r");
      CompletableFuture<Integer> waiting =
          CompletableFuture.supplyAsync(
              () ->
                  Await.until(
                      "the timeline",
                      () -> timeline(gateway, "r").statusCode(),
                      status -> status != 409));
      HttpServerResponse response = opened.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
      upstream.vertx().runOnContext(now -> response.end(FakeUpstream.done()));

      assertEquals(409, early.statusCode());
      assertEquals("still_running", code(early));
      assertEquals(200, waiting.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
      assertTrue(
          new String(running.body().readAllBytes(), StandardCharsets.UTF_8)
              .endsWith("data: [DONE]\n\n"));
      assertEquals(404, timeline(gateway, "nobody").statusCode());
    }
  }

  @ParameterizedTest
  @CsvSource({
    "localhost, 200",
    "127.0.0.1:9901, 200",
    "[::1]:1, 200",
    "LocalHost, 200",
    "console.internal, 200",
    "evil.example:9901, 421",
    "localhost.evil.example, 421"
  })
  void onLoopbackItGoesByNamesOfThisMachineOnly(String host, int status) throws Exception {
    try (InProcessGateway gateway =
        InProcessGateway.before("admin: {hosts: [console.internal], port: 0}", upstream)) {
      String answer =
          gateway.raw(
              gateway.admin(""), "GET /admin/v1/replicas HTTP/1.1\r\nHost: " + host + "\r\n\r\n");

      assertTrue(answer.startsWith("HTTP/1.1 " + status + " "), answer);
    }
  }

  @Test
  void elsewhereItAsksForAKeyButForTheProbes() throws Exception {
    try (InProcessGateway gateway =
        InProcessGateway.before("admin: {bind: 0.0.0.0, port: 0}\n" + KEYS, upstream)) {
      URI replicas = gateway.admin("/admin/v1/replicas");

      assertEquals("invalid_api_key", code(gateway.get(replicas)));
      assertEquals(401, gateway.get(gateway.admin("/metrics")).statusCode());
      assertEquals(200, gateway.get(replicas, "Authorization", "Bearer secret").statusCode());
      assertEquals(200, gateway.get(gateway.admin("/livez")).statusCode());
      assertEquals(200, gateway.get(gateway.admin("/readyz")).statusCode());
    }
  }

  @Test
  void aCrowdOfScrapersGetsWhatIsMadeOnce() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before("", upstream)) {
      List<CompletableFuture<Integer>> scrapes = new ArrayList<>();
      for (int i = 0; i < 40; i++) {
        scrapes.add(CompletableFuture.supplyAsync(() -> scrape(gateway)));
      }
      for (CompletableFuture<Integer> scrape : scrapes) {
        assertEquals(200, scrape.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
      }

      double shared = gateway.metric("switchboard_scrapes_shared_total");
      // The one that tells of those before does not know of itself yet.
      double made = gateway.metric("switchboard_scrape_seconds_count") - 1;
      assertEquals(40, made + shared);
      assertTrue(shared > 0);
    }
  }

  private static int scrape(InProcessGateway gateway) {
    try {
      return gateway.get(gateway.admin("/metrics")).statusCode();
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void aScraperOfProtobufGetsIt() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before("", upstream)) {
      HttpResponse<String> answer =
          gateway.get(
              gateway.admin("/metrics"),
              "Accept",
              "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily;"
                  + " encoding=delimited");

      assertEquals(
          "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily;"
              + " encoding=delimited",
          answer.headers().firstValue("Content-Type").orElse(""));
    }
  }

  @Test
  void aScannerOfAHundredThousandModelsAndPathsMakesNoSeries() throws Exception {
    Random random = new Random(1);
    try (InProcessGateway gateway = InProcessGateway.before("", upstream)) {
      // Series come with the first of what they count, and a replica's with its first report.
      scan(gateway, random, 50_000);
      Await.until("the first report", () -> reported(gateway));
      Set<String> before = series(gateway);

      scan(gateway, random, 50_000);

      Set<String> more = series(gateway);
      more.removeAll(before);
      assertEquals(Set.of(), more);
      assertTrue(before.size() < MOST_SERIES, () -> before.size() + " series");
    }
  }

  private static boolean reported(InProcessGateway gateway) throws Exception {
    return series(gateway).stream().anyMatch(line -> line.startsWith("switchboard_replica_steps"));
  }

  /** Asks for models and paths that are not there, a batch at once on one connection. */
  private static void scan(InProcessGateway gateway, Random random, int each) throws Exception {
    URI api = gateway.api("");
    try (Socket socket = new Socket(api.getHost(), api.getPort())) {
      BufferedReader answers =
          new BufferedReader(
              new InputStreamReader(socket.getInputStream(), StandardCharsets.US_ASCII));
      for (int sent = 0; sent < each; sent += SCANNED_AT_ONCE) {
        StringBuilder requests = new StringBuilder();
        for (int i = 0; i < SCANNED_AT_ONCE; i++) {
          String name = Long.toHexString(random.nextLong());
          String body = InProcessGateway.chat(true).replace("\"m\"", "\"" + name + "\"");
          requests.append("GET /" + name + " HTTP/1.1\r\nHost: x\r\n\r\n");
          requests.append("POST " + InProcessGateway.CHAT + " HTTP/1.1\r\nHost: x\r\n");
          requests.append("Content-Length: " + body.length() + "\r\n\r\n" + body);
        }
        socket.getOutputStream().write(requests.toString().getBytes(StandardCharsets.US_ASCII));
        for (int answered = 0; answered < 2 * SCANNED_AT_ONCE; ) {
          String line = Objects.requireNonNull(answers.readLine(), "closed");
          answered += line.contains("HTTP/1.1 404") ? 1 : 0;
        }
      }
    }
  }

  /** Of what clients can cause; how late timers come is not. */
  private static Set<String> series(InProcessGateway gateway) throws Exception {
    return gateway
        .get(gateway.admin("/metrics"))
        .body()
        .lines()
        .filter(line -> line.startsWith("switchboard_") && !line.contains("listener="))
        .map(line -> line.substring(0, line.lastIndexOf(' ')))
        .collect(Collectors.toCollection(TreeSet::new));
  }

  @Test
  void aGatewaySaysWhatItIsAndWhatItIsConnectedTo() throws Exception {
    try (FakeUpstream upstream = new FakeUpstream();
        InProcessGateway gateway = InProcessGateway.before("", upstream)) {
      JsonNode told = gateway.adminJson("/admin/v1/gateway");

      assertEquals(16, told.path("id").asText().length(), told::toString);
      assertEquals(Version.text(), told.path("version").asText());
      assertTrue(told.path("commit").isNull(), told::toString);
      assertEquals(
          Files.readString(Path.of("/proc/sys/kernel/hostname")).strip(),
          told.path("host").asText());
      assertEquals(ProcessHandle.current().pid(), told.path("pid").asLong(), told::toString);
      assertEquals(gateway.admin("").toString(), told.at("/addresses/admin").asText());
      assertTrue(Instant.parse(told.path("started").asText()).isBefore(Instant.now()));
      assertTrue(told.at("/connections/admin").asInt() >= 1, told::toString);
      assertTrue(told.at("/connections/api_limit").asInt() > 0, told::toString);
      assertEquals("h2", told.at("/store/kind").asText());
      assertTrue(told.at("/store/up").asBoolean(), told::toString);
      assertTrue(told.path("valkey").isNull());
      assertEquals(told.path("started"), told.at("/recorder/kept_since"));
      assertEquals(0, told.at("/recorder/kept_bytes").asInt(-1), told::toString);
      assertEquals(0, told.at("/telemetry/held_back").size(), told::toString);
    }
  }

  @Test
  void aGatewaySaysWhatItWasBuiltFromAndHowMuchRunsThere() throws Exception {
    System.setProperty("switchboard.commit", "0123abc");
    try (FakeUpstream upstream = new FakeUpstream();
        InProcessGateway gateway = InProcessGateway.before("", upstream)) {
      upstream.script(
          (request, body) ->
              FakeUpstream.events(request).write(FakeUpstream.role() + FakeUpstream.content("x")));
      try (InputStream _ = gateway.open(InProcessGateway.CHAT, InProcessGateway.chat(true)).body();
          InputStream _ = gateway.open(InProcessGateway.CHAT, InProcessGateway.chat(true)).body()) {
        JsonNode told = gateway.adminJson("/admin/v1/gateway");

        assertEquals("0123abc", told.path("commit").asText());
        assertEquals(2, told.path("in_flight").asInt(), told::toString);
        assertTrue(told.at("/connections/api").asInt() >= 2, told::toString);
        JsonNode listed = gateway.adminJson("/admin/v1/gateways").at("/gateways/0");
        for (String what : List.of("version", "commit", "host", "in_flight")) {
          assertEquals(told.path(what), listed.path(what), what);
        }
      }
    } finally {
      System.clearProperty("switchboard.commit");
    }
  }

  private static HttpResponse<String> timeline(InProcessGateway gateway, String id)
      throws Exception {
    return gateway.get(gateway.admin("/admin/v1/requests/" + id + "/timeline?full=true"));
  }

  private static String code(HttpResponse<String> answer) throws Exception {
    return JSON.readTree(answer.body()).path("error").path("code").asText();
  }
}
