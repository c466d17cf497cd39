package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.gateway.fleet.ModelSpec;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.tls.TestCertificate;
import dev.switchboard.testing.Await;
import io.vertx.core.http.HttpServerResponse;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Queue;
import java.util.StringJoiner;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What can be changed while the gateway runs, in a file or in the store. */
class ReloadIT {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String RELOAD = "/admin/v1/config/reload";
  private static final String KEYS =
      "auth: {keys: [{name: app, sha256:"
          + " 2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b}]}";

  private static final String NO_REPLICAS =
      "{\"added\":[],\"changed\":[],\"replaced\":[],\"removed\":[]}";

  private FakeUpstream upstream;

  @BeforeEach
  void start() throws Exception {
    upstream = new FakeUpstream();
    upstream.script(
        (request, body) ->
            request
                .response()
                .putHeader("Content-Type", "application/json")
                .end("{\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}"));
  }

  @AfterEach
  void stop() {
    upstream.close();
  }

  @Test
  void aReloadChangesKeysAndClassesAndSaysSo() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before("", upstream)) {
      assertEquals(200, ask(gateway));
      gateway.rewrite(KEYS + "\nslo: {default-class: batch}");

      HttpResponse<String> done = gateway.admin("POST", RELOAD, "");

      JsonNode told = JSON.readTree(done.body());
      assertEquals("[\"auth.keys\",\"slo.default-class\"]", told.path("changed").toString());
      assertEquals(NO_REPLICAS, told.path("replicas").toString());
      assertEquals("{\"added\":[],\"removed\":[]}", told.path("models").toString());
      assertEquals(401, ask(gateway));
      assertEquals(200, ask(gateway, "Authorization", "Bearer secret", "X-Request-Id", "r"));
      assertEquals("batch", gateway.timeline("r").path("slo_class").asText());
      assertEquals(1, gateway.metric("switchboard_config_reloads_total{result=\"done\"}"));
      JsonNode row = gateway.adminJson("/admin/v1/audit").path("audit").path(0);
      assertEquals(
          "{\"auth.keys\":[],\"slo.default-class\":\"standard\"}", row.path("before").toString());
      assertEquals("batch", row.path("after").path("slo.default-class").asText());
      assertEquals("…", row.path("after").path("auth.keys").at("/0/sha256").asText());
    }
  }

  @Test
  void deadlinesAreThoseOfTheRequestsBeginning() throws Exception {
    upstream.script((request, body) -> {});
    try (InProcessGateway gateway = InProcessGateway.before("", upstream)) {
      // Long enough to connect in on a busy machine: it is 503 where nothing was sent in time.
      gateway.rewrite("deadlines: {answer-ms: 3000}");
      gateway.admin("POST", RELOAD, "");

      assertEquals(504, ask(gateway));
    }
  }

  @Test
  void aReloadThatNeedsARestartOrIsInvalidChangesNothing() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before("", upstream)) {
      JsonNode before = gateway.adminJson("/admin/v1/config");
      gateway.rewrite(
          KEYS
              + "\nhttp: {max-uri-bytes: 9000}\ndeadlines: {connect-ms: 77}\ncircuit: {failures: 1}"
              + "\nupstreams: []");
      HttpResponse<String> restart = gateway.admin("POST", RELOAD, "");
      gateway.rewrite(KEYS + "\nretry: {ratio: 7}");
      HttpResponse<String> invalid = gateway.admin("POST", RELOAD, "");
      gateway.rewrite(
          "circuit: {failures: 1}\nroutes: [{name: r, targets: [{model: m}]}]\n"
              + servers("n", upstream));
      HttpResponse<String> nowhere = gateway.admin("POST", RELOAD, "");
      gateway.rewrite(
          "upstreams: [{url: \"http://127.0.0.1:1\", models: [m], api-key-file: /no/key}]");
      HttpResponse<String> keyless = gateway.admin("POST", RELOAD, "");

      assertEquals(409, restart.statusCode());
      assertTrue(
          restart.body().contains("is needed for deadlines.connect-ms, http.max-uri-bytes."),
          restart.body());
      assertEquals(400, nowhere.statusCode());
      assertTrue(nowhere.body().contains("no replica serves m"), nowhere.body());
      assertEquals(400, keyless.statusCode());
      assertTrue(keyless.body().contains("upstreams[0].api-key-file"), keyless.body());
      assertEquals("u0:READY", replicas(gateway));
      assertEquals(400, invalid.statusCode());
      assertTrue(invalid.body().contains("retry.ratio: must be 0 to 1"), invalid.body());
      assertEquals(200, ask(gateway));
      assertEquals(before, gateway.adminJson("/admin/v1/config"));
      JsonNode log = gateway.adminJson("/admin/v1/audit").path("audit");
      for (int i = 0; i < 3; i++) {
        assertEquals("invalid_config", log.path(i).path("code").asText());
      }
      assertEquals("needs_restart", log.path(3).path("code").asText());
    }
  }

  @Test
  void aSignalHasTheFileReadAgainAndOneThatIsInvalidChangesNothingAndIsToldOf(@TempDir Path folder)
      throws Exception {
    Path file = folder.resolve("switchboard.yaml");
    Path log = folder.resolve("log");
    Files.writeString(file, "upstreams: [{url: \"" + upstream.url() + "\", models: [m]}]");
    try (GatewayProcess gateway =
        GatewayProcess.startLogging(log, List.of(), "--config", file.toString()).awaitReady()) {
      long pid = gateway.process().pid();
      assertEquals(200, ask(gateway));

      gateway.rewrite(KEYS);
      GatewayProcess.signal("-HUP", pid);
      Await.until("a refusal", () -> ask(gateway), status -> status == 401);
      Await.until("rows", () -> audit(gateway), rows -> rows.size() == 1);
      gateway.rewrite("auth: {keys: []}\nretry: {ratio: 7}");
      GatewayProcess.signal("-HUP", pid);
      Await.until("rows", () -> audit(gateway), rows -> rows.size() == 2);

      assertEquals(401, ask(gateway));
      JsonNode taken = audit(gateway).path(1);
      JsonNode refused = audit(gateway).path(0);
      for (JsonNode row : List.of(taken, refused)) {
        assertEquals("SIGHUP", row.path("action").asText());
        assertEquals("signal", row.path("source").asText());
      }
      assertEquals(200, taken.path("status").asInt());
      assertEquals("{\"auth.keys\":[]}", taken.path("before").toString());
      assertEquals(
          "app", taken.path("after").path("auth.keys").at("/0/name").asText(), taken::toString);
      assertEquals("invalid_config", refused.path("code").asText());
      assertTrue(refused.path("after").isNull());
      String said = Files.readString(log);
      assertTrue(
          said.contains("config_refused") && said.contains("retry.ratio: must be 0 to 1"), said);
      assertTrue(gateway.metrics().contains("config_reloads_total{result=\"invalid\"} 1"));
    }
  }

  private static JsonNode audit(GatewayProcess gateway) throws Exception {
    return gateway.admin("/admin/v1/audit").path("audit");
  }

  private static int ask(GatewayProcess gateway) throws Exception {
    return gateway
        .post(gateway.api(InProcessGateway.CHAT), InProcessGateway.chat(false))
        .statusCode();
  }

  /** Streams of several pieces and whole answers, which nobody interrupts unpunished. */
  private static void serves(FakeUpstream server) {
    server.script(
        (request, body) -> {
          if (!body.toString().contains("\"stream\":true")) {
            request.response().end("{\"choices\":[]}");
            return;
          }
          HttpServerResponse events = FakeUpstream.events(request);
          AtomicInteger pieces = new AtomicInteger();
          server
              .vertx()
              .setPeriodic(
                  5,
                  timer -> {
                    if (pieces.incrementAndGet() < 10) {
                      events.write(FakeUpstream.content("x"));
                    } else {
                      server.vertx().cancelTimer(timer);
                      events.end(FakeUpstream.finish() + FakeUpstream.done());
                    }
                  });
        });
  }

  private static String servers(String model, FakeUpstream... servers) {
    return Arrays.stream(servers)
        .map(server -> "{url: \"" + server.url() + "\", models: [" + model + "]}")
        .collect(Collectors.joining(", ", "upstreams: [", "]"));
  }

  @Test
  void serversComeGoAndAreReplacedUnderLoadAndNoRequestFails() throws Exception {
    serves(upstream);
    try (FakeUpstream second = new FakeUpstream();
        FakeUpstream third = new FakeUpstream()) {
      serves(second);
      serves(third);
      try (InProcessGateway gateway = InProcessGateway.before("", upstream);
          Callers load = new Callers(gateway, 6)) {
        load.awaitAnswers(20);
        JsonNode more = reload(gateway, servers("m", upstream, second));
        awaitReplicas(gateway, "u0:READY u1:READY");
        load.awaitAnswers(20);
        JsonNode weighed =
            reload(gateway, servers("m", upstream, second).replace("[m]}]", "[m], weight: 3}]"));
        // The second comes while those that the first takes out may still be emptied.
        JsonNode other = reload(gateway, servers("m", third));
        JsonNode back = reload(gateway, servers("m", third, second));
        awaitReplicas(gateway, "u1:READY u\\d:READY");
        load.awaitAnswers(20);
        JsonNode nothing = reload(gateway, servers("m", third, second));

        load.assertNothingFailed();
        assertEquals("[\"u1\"]", more.at("/replicas/added").toString());
        assertEquals("[\"u1\"]", weighed.at("/replicas/changed").toString());
        assertEquals("[\"u2\"]", other.at("/replicas/added").toString());
        assertEquals("[\"u0\",\"u1\"]", other.at("/replicas/removed").toString());
        assertEquals("[\"u1\"]", back.at("/replicas/added").toString());
        assertEquals("[]", nothing.path("changed").toString());
        assertEquals(NO_REPLICAS, nothing.path("replicas").toString());
        assertTrue(third.seen.size() > 0 && second.seen.size() > 0);
        Await.until("no series of it", () -> !metrics(gateway).contains("replica=\"u0\""));
        assertTrue(metrics(gateway).contains("replica=\"u1\""));
        assertEquals(404, gateway.get(gateway.admin("/admin/v1/replicas/u0")).statusCode());
      }
    }
  }

  /** The new server answers, but does not have the model. */
  @Test
  void aServerIsKeptUntilTheOneInItsPlaceServesItsModel() throws Exception {
    String yaml = "upstreams: [{url: \"URL\", models: [m]}]";
    try (FakeUpstream next = new FakeUpstream();
        InProcessGateway gateway =
            InProcessGateway.of(yaml.replace("URL", upstream.url().toString()))) {
      serves(next);
      next.models("m-8b");

      reload(gateway, yaml.replace("URL", next.url() + "/v1"));
      Await.until(
          "the reason of u0",
          () -> reason(gateway, "u0"),
          told -> told.contains("u1 is WARMING (GET /v1/models"));
      assertEquals(
          200, gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false)).statusCode());
      assertTrue(next.seen.isEmpty());
      next.models("m");
      Await.until("no reason of u0", () -> reason(gateway, "u0"), String::isEmpty);

      assertEquals(
          200, gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false)).statusCode());
      assertEquals(1, next.seen.size());
    }
  }

  /** Empty for a replica that is gone, too. */
  private static String reason(InProcessGateway gateway, String id) throws Exception {
    return gateway.adminJson("/admin/v1/replicas/" + id).path("reason").asText("");
  }

  @Test
  void aModelThatIsLeftOutEndsWhatItBeganAndIsUnknownThen() throws Exception {
    BlockingQueue<HttpServerResponse> streams = new LinkedBlockingQueue<>();
    upstream.script(
        (request, body) -> {
          HttpServerResponse events = FakeUpstream.events(request);
          events.write(FakeUpstream.content("x"));
          streams.add(events);
        });
    try (FakeUpstream other = new FakeUpstream();
        InProcessGateway gateway =
            InProcessGateway.before("admission: {replica-concurrency: 1}", upstream)) {
      serves(other);
      CompletableFuture<String> running = later(gateway);
      HttpServerResponse first = next(streams);
      // There is one place: this one waits in the queue.
      CompletableFuture<String> queued = later(gateway);
      Await.until("one that waits", () -> waiting(gateway), count -> count == 1);

      JsonNode told = reload(gateway, servers("n", other));
      int unknown = ask(gateway);
      JsonNode leaving = gateway.adminJson("/admin/v1/replicas/u0");
      upstream.vertx().runOnContext(end -> first.end(FakeUpstream.finish() + FakeUpstream.done()));
      HttpServerResponse second = next(streams);
      upstream.vertx().runOnContext(end -> second.end(FakeUpstream.finish() + FakeUpstream.done()));

      assertTrue(running.get().endsWith(FakeUpstream.done()), running::join);
      assertTrue(queued.get().endsWith(FakeUpstream.done()), queued::join);
      assertEquals("[\"n\"]", told.at("/models/added").toString());
      assertEquals("[\"m\"]", told.at("/models/removed").toString());
      assertEquals(404, unknown);
      assertTrue(leaving.path("leaving").asBoolean(), leaving::toString);
      awaitReplicas(gateway, "u1:READY");
      Await.until("no series of it", () -> !metrics(gateway).contains("model=\"m\""));
      assertEquals(404, ask(gateway));
    }
  }

  private static HttpServerResponse next(BlockingQueue<HttpServerResponse> streams)
      throws InterruptedException {
    HttpServerResponse stream = streams.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
    assertNotNull(stream, "no request came");
    return stream;
  }

  private static double waiting(InProcessGateway gateway) throws Exception {
    return metrics(gateway)
        .lines()
        .filter(line -> line.startsWith("switchboard_queue_depth{"))
        .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1)))
        .sum();
  }

  private static CompletableFuture<String> later(InProcessGateway gateway) {
    return CompletableFuture.supplyAsync(
        () -> {
          try {
            return gateway
                .post(InProcessGateway.CHAT, InProcessGateway.chat(true), "X-SLO-Class", "batch")
                .body();
          } catch (Exception e) {
            throw new AssertionError(e);
          }
        });
  }

  @Test
  void workersComeGoAndAreReplacedUnderLoadAndNoRequestFails(@TempDir Path folder)
      throws Exception {
    serves(upstream);
    Path script = WorkerScript.of(folder, 0, upstream.url());
    Path model = Files.createFile(folder.resolve("m.gguf"));
    String models = "models: [{file: " + model + ", name: m, workers: WORKERS}]\n";
    String quick = "workers: {state-poll-ms: 50, drain-grace-ms: 0";
    try (InProcessGateway gateway =
            InProcessGateway.withWorkers(quick + "}", script, new ModelSpec(model, "m", 2));
        Callers load = new Callers(gateway, 0)) {
      awaitReplicas(gateway, "w0:READY w1:READY");
      load.begin(6);
      JsonNode more = reload(gateway, models.replace("WORKERS", "3") + quick + "}");
      awaitReplicas(gateway, "w0:READY w1:READY w2:READY");
      List<Long> pids = pids(gateway);
      JsonNode replaced =
          reload(gateway, models.replace("WORKERS", "3") + quick + ", java-options: [-Xmx1g]}");
      Await.until("others", () -> Collections.disjoint(pids, pids(gateway)));
      awaitReplicas(gateway, "w0:READY w1:READY w2:READY");
      List<Long> between = pids(gateway);
      Files.writeString(model, "another");
      JsonNode renewed =
          reload(gateway, models.replace("WORKERS", "3") + quick + ", java-options: [-Xmx1g]}");
      Await.until("others", () -> Collections.disjoint(between, pids(gateway)));
      awaitReplicas(gateway, "w0:READY w1:READY w2:READY");
      List<Long> newer = pids(gateway);
      JsonNode fewer =
          reload(gateway, models.replace("WORKERS", "1") + quick + ", java-options: [-Xmx1g]}");
      awaitReplicas(gateway, "w0:READY");
      load.awaitAnswers(20);

      load.assertNothingFailed();
      assertEquals("[\"models\"]", more.path("changed").toString());
      assertEquals("[\"w2\"]", more.at("/replicas/added").toString());
      assertEquals("[\"w0\",\"w1\",\"w2\"]", replaced.at("/replicas/replaced").toString());
      assertEquals("[\"models[].file\"]", renewed.path("changed").toString());
      assertEquals("[\"w0\",\"w1\",\"w2\"]", renewed.at("/replicas/replaced").toString());
      assertEquals("[\"w1\",\"w2\"]", fewer.at("/replicas/removed").toString());
      assertEquals(newer.getFirst(), pids(gateway).getFirst());
      for (long pid : newer.subList(1, 3)) {
        assertTrue(ProcessHandle.of(pid).isEmpty(), () -> pid + " still runs");
      }
    }
  }

  private static List<Long> pids(InProcessGateway gateway) {
    return gateway.fleet().replicas().stream().map(Replica::pid).toList();
  }

  @Test
  void otherCertificatesInTheFileOfAServerAreTakenInByAReload(@TempDir Path folder)
      throws Exception {
    TestCertificate root = TestCertificate.root("root", "EC");
    TestCertificate other = TestCertificate.root("other", "EC");
    Path file = Files.writeString(folder.resolve("ca.crt"), root.pem());
    try (FakeUpstream secure = FakeUpstream.secure(root.issue("own", "EC"))) {
      serves(secure);
      try (InProcessGateway gateway = InProcessGateway.of(trusting(secure, file))) {
        Files.writeString(file, other.pem());
        JsonNode taken = reload(gateway, "");
        int distrusted = ask(gateway);
        Files.writeString(file, "nothing");
        HttpResponse<String> refused = gateway.admin("POST", RELOAD, "");
        Files.writeString(file, root.pem());
        JsonNode back = reload(gateway, "");
        int trusted = ask(gateway);

        assertEquals(502, distrusted);
        assertEquals(200, trusted);
        assertEquals("[\"upstreams[].tls-ca-file\"]", taken.path("changed").toString());
        assertEquals("[\"u0\"]", taken.at("/replicas/changed").toString());
        assertEquals(400, refused.statusCode());
        assertTrue(
            refused.body().contains("upstreams[0].tls-ca-file: " + file + " holds no certificate"),
            refused.body());
        assertEquals("[\"upstreams[].tls-ca-file\"]", back.path("changed").toString());
        assertEquals("[]", reload(gateway, "").path("changed").toString());
      }
    }
  }

  private static String trusting(FakeUpstream secure, Path authorities) {
    return "workers: {state-poll-ms: 50}\nupstreams: [{url: URL, models: [m], tls-ca-file: F}]"
        .replace("URL", secure.url().toString())
        .replace("F", authorities.toString());
  }

  @Test
  void anExpiredAuthorityOfAServerIsRefusedByAReloadAndAtTheStartAndItsEndIsTold(
      @TempDir Path folder) throws Exception {
    TestCertificate root = TestCertificate.root("root", "EC");
    Path file = Files.writeString(folder.resolve("ca.crt"), root.pem());
    String end = "switchboard_tls_upstream_ca_expiry_timestamp_seconds{replica=\"u0\"}";
    try (FakeUpstream secure = FakeUpstream.secure(root.issue("own", "EC"))) {
      serves(secure);
      String servers = trusting(secure, file);
      try (InProcessGateway gateway = InProcessGateway.of(servers)) {
        double told = gateway.metric(end);
        Files.writeString(file, root.pem() + root.issueExpired("old").pem());

        HttpResponse<String> refused = gateway.admin("POST", RELOAD, "");

        assertEquals(root.certificate().getNotAfter().toInstant().getEpochSecond(), (long) told);
        String said =
            "upstreams[0].tls-ca-file: "
                + file
                + " holds a certificate that expired at 2021-01-01T00:00:00Z";
        assertEquals(400, refused.statusCode());
        assertTrue(refused.body().contains(said), refused.body());
        IllegalArgumentException start =
            assertThrows(
                IllegalArgumentException.class, () -> InProcessGateway.of(servers).close());
        assertEquals(said, start.getMessage());
        assertEquals(200, ask(gateway));
        reload(gateway, "upstreams: [{url: \"" + secure.url() + "\", models: [m]}]");
        assertEquals(0, gateway.metric(end));
      }
    }
  }

  @Test
  void circuitsGoByWhatIsReloaded() throws Exception {
    upstream.script((request, body) -> request.response().setStatusCode(500).end("{}"));
    String turns = "routing: {policy: round-robin}\n";
    try (FakeUpstream other = new FakeUpstream()) {
      serves(other);
      try (InProcessGateway gateway =
          InProcessGateway.before(
              turns + "circuit: {failures: 1000, min-requests: 100000}", upstream, other)) {
        while (upstream.seen.size() < 5) {
          ask(gateway);
        }
        String before = replicas(gateway);

        reload(gateway, "circuit: {failures: 1}");
        Await.until(
            "u0 is ejected", () -> ask(gateway) > 0 && replicas(gateway).startsWith("u0:EJECTED"));

        assertEquals("u0:READY u1:READY", before);
      }
    }
  }

  private static JsonNode reload(InProcessGateway gateway, String yaml) throws Exception {
    gateway.rewrite(yaml);
    HttpResponse<String> done = gateway.admin("POST", RELOAD, "");
    assertEquals(200, done.statusCode(), done.body());
    return JSON.readTree(done.body());
  }

  /** As the admin API lists them, with their states. */
  private static String replicas(InProcessGateway gateway) throws Exception {
    StringJoiner states = new StringJoiner(" ");
    for (JsonNode each : json(gateway, "/admin/v1/replicas").path("replicas")) {
      states.add(each.path("id").asText() + ":" + each.path("state").asText());
    }
    return states.toString();
  }

  private static void awaitReplicas(InProcessGateway gateway, String states) {
    Await.until(states, () -> replicas(gateway), told -> told.matches(states));
  }

  private static String metrics(InProcessGateway gateway) throws Exception {
    return gateway.get(gateway.admin("/metrics")).body();
  }

  /** Clients that ask one question after the other, every second one for a stream. */
  private static final class Callers implements AutoCloseable {
    private final InProcessGateway gateway;
    private final List<Thread> clients = new ArrayList<>();
    private final AtomicInteger answers = new AtomicInteger();
    private final Queue<String> failures = new ConcurrentLinkedQueue<>();
    private volatile boolean over;

    Callers(InProcessGateway gateway, int count) {
      this.gateway = gateway;
      begin(count);
    }

    void begin(int count) {
      for (int i = 0; i < count; i++) {
        boolean stream = i % 2 == 0;
        clients.add(Thread.ofVirtual().start(() -> ask(stream)));
      }
    }

    private void ask(boolean stream) {
      while (!over) {
        try {
          // No target for its first token: on a busy machine it would be refused, rightly.
          HttpResponse<String> answer =
              gateway.post(
                  InProcessGateway.CHAT, InProcessGateway.chat(stream), "X-SLO-Class", "batch");
          boolean whole = !stream || answer.body().endsWith(FakeUpstream.done());
          if (answer.statusCode() != 200 || !whole) {
            failures.add(answer.statusCode() + " " + answer.body());
          }
        } catch (Exception e) {
          failures.add(e.toString());
        }
        answers.incrementAndGet();
      }
    }

    void awaitAnswers(int more) {
      int wanted = answers.get() + more;
      Await.until("answers", answers::get, count -> count >= wanted);
    }

    void assertNothingFailed() {
      close();
      assertEquals(List.of(), List.copyOf(failures));
    }

    @Override
    public void close() {
      over = true;
      try {
        for (Thread client : clients) {
          client.join();
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }

  @Test
  void theEffectiveConfigurationShowsNoSecret() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before(KEYS, upstream)) {
      String body = gateway.get(gateway.admin("/admin/v1/config")).body();

      assertFalse(body.contains("2bb80d"), body);
      assertTrue(body.contains("\"role\":\"app\""), body);
      assertEquals(0, JSON.readTree(body).at("/http/port").asInt(-1));
    }
  }

  @Test
  void aClassOfTheStoreIsThereAtOnceAndUntilItIsDeleted() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before("", upstream)) {
      String path = "/admin/v1/slo-classes/live";
      assertEquals(400, ask(gateway, "X-SLO-Class", "live"));

      assertEquals(200, gateway.admin("PUT", path, "{\"ttft_ms\":80,\"priority\":9}").statusCode());

      assertEquals(200, ask(gateway, "X-SLO-Class", "live"));
      JsonNode listed = gateway.adminJson("/admin/v1/slo-classes").path("slo_classes");
      assertEquals(
          "batch,interactive,live,standard", String.join(",", listed.findValuesAsText("name")));
      assertTrue(listed.path(2).path("stored").asBoolean());
      assertEquals(400, gateway.admin("PUT", path, "{\"window_days\":91}").statusCode());
      assertEquals(200, gateway.admin("DELETE", path, "").statusCode());
      assertEquals(404, gateway.admin("DELETE", path, "").statusCode());
      assertEquals(400, ask(gateway, "X-SLO-Class", "live"));
    }
  }

  @Test
  void aSplitOfTheStoreLeadsANameToAModelAtOnce() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before("", upstream)) {
      String path = "/admin/v1/splits/org%2Falias";
      String aliased = InProcessGateway.chat(false).replace("\"m\"", "\"org/alias\"");
      assertEquals(404, gateway.post(InProcessGateway.CHAT, aliased).statusCode());

      String split = "{\"targets\":[{\"model\":\"m\",\"weight\":2}]}";
      assertEquals(200, gateway.admin("PUT", path, split).statusCode());

      assertEquals(200, gateway.post(InProcessGateway.CHAT, aliased).statusCode());
      JsonNode listed = gateway.adminJson("/admin/v1/splits").path("splits").path(0);
      assertEquals("org/alias", listed.path("name").asText());
      assertTrue(listed.path("stored").asBoolean());
      HttpResponse<String> nowhere =
          gateway.admin("PUT", path, "{\"targets\":[{\"model\":\"nobody\"}]}");
      assertEquals(400, nowhere.statusCode());
      assertEquals("targets", JSON.readTree(nowhere.body()).path("error").path("param").asText());
      assertEquals(200, gateway.admin("DELETE", path, "").statusCode());
      assertEquals(404, gateway.post(InProcessGateway.CHAT, aliased).statusCode());
    }
  }

  @Test
  void aTenantThatHasUsedItsTokensIsRefusedAsOpenAiWould() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before("", upstream)) {
      gateway.admin("PUT", "/admin/v1/tenants/default", "{\"tokens_per_day\":45}");
      assertEquals(200, ask(gateway));
      assertEquals(200, ask(gateway));
      String usage = "/admin/v1/usage?tenant=default";
      Await.until(
          "what both used",
          () -> json(gateway, usage),
          used -> used.at("/usage/0/requests").asInt() == 2);

      HttpResponse<String> refused =
          gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false));

      assertEquals(429, refused.statusCode());
      JsonNode said = JSON.readTree(refused.body());
      JsonNode error = said.path("error");
      assertEquals("insufficient_quota", error.path("code").asText());
      assertEquals("insufficient_quota", error.path("type").asText());
      long seconds = refused.headers().firstValueAsLong("Retry-After").orElseThrow();
      assertTrue(seconds >= 1 && seconds <= Duration.ofDays(1).toSeconds(), "" + seconds);
      assertEquals("insufficient_quota", reason(refused));
      JsonNode told = said.path("switchboard");
      assertEquals("insufficient_quota", told.path("reason").asText());
      assertEquals(
          "{\"period\":\"day\",\"used_tokens\":20,\"allowed_tokens\":45,\"held_tokens\":0,"
              + "\"wanted_tokens\":34,\"resets_in_s\":"
              + seconds
              + "}",
          told.path("quota").toString());
      assertEquals(seconds, told.path("retry_after_s").asLong());
      assertTrue(told.path("time_ms").path("total").isNumber(), told::toString);
      assertEquals(200, gateway.get(gateway.api("/v1/models")).statusCode());
    }
  }

  private static String reason(HttpResponse<String> refused) {
    return refused.headers().firstValue("X-Switchboard-Reason").orElseThrow();
  }

  private static JsonNode json(InProcessGateway gateway, String path) throws Exception {
    return gateway.adminJson(path);
  }

  private static int ask(InProcessGateway gateway, String... headers) throws Exception {
    return gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false), headers).statusCode();
  }
}
