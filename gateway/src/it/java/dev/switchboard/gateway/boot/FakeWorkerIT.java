package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.bench.MetricsText;
import dev.switchboard.gateway.fleet.ModelSpec;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.fleet.ReplicaState;
import dev.switchboard.testing.Await;
import dev.switchboard.timeline.AttemptId;
import io.vertx.core.http.HttpServerResponse;
import java.io.InputStream;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Worker processes that are scripts, before a scripted server: what no real one does on demand. */
class FakeWorkerIT {
  private static final String CACHE_SALT = "X-Switchboard-Cache-Salt";
  private static final String ATTEMPTS = "switchboard_upstream_attempts_total";
  private static final String TRANSITIONS = "switchboard_replica_transitions_total";
  private static final String DRIFT = "switchboard_in_flight_drift{replica=\"w0\",side=\"worker\"}";
  private static final Path MODEL = Path.of("m.gguf");

  @TempDir private @Nullable Path folder;

  private FakeUpstream server;

  @BeforeEach
  void start() throws Exception {
    server = new FakeUpstream();
  }

  @AfterEach
  void stop() throws Exception {
    server.close();
  }

  @Test
  void aRankThatFailsTheCanaryTurnsReadinessOffUntilItAnswersAgain() throws Exception {
    AtomicBoolean broken = new AtomicBoolean();
    server.script(
        (request, body) ->
            request
                .response()
                .setStatusCode(
                    "/engine/v1/canary".equals(request.path()) && broken.get() ? 503 : 200)
                .end("{\"choices\":[]}"));
    String yaml = "workers: {state-poll-ms: 50, canary-idle-ms: 100, eject-after: 1}";
    try (InProcessGateway gateway = InProcessGateway.withWorker(yaml, script(0))) {
      awaitReadiness(gateway, 200);
      broken.set(true);
      awaitReadiness(gateway, 503);
      JsonNode ejected = gateway.adminJson("/admin/v1/replicas/w0");
      HttpResponse<String> refused =
          gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false));
      broken.set(false);
      awaitReadiness(gateway, 200);

      assertTrue(ejected.path("reason").asText().contains("canary"), ejected::toString);
      assertEquals(503, refused.statusCode());
    }
  }

  @Test
  void howFarAWorkerHasComeWithItsModelIsToldWhileItLoads() throws Exception {
    Path go = Path.of(String.valueOf(folder)).resolve("go");
    Path half =
        executable(
            "half",
            """
            #!/bin/sh
            echo '{"event":"loading","done_bytes":300,"total_bytes":600}'
            while [ ! -e GO ]; do sleep 0.05; done
            echo '{"event":"listening","port":PORT}'
            echo '{"event":"ready"}'
            exec cat
            """
                .replace("GO", go.toString())
                .replace("PORT", Integer.toString(server.url().getPort())));
    Instant before = Instant.now();
    try (InProcessGateway gateway = InProcessGateway.withWorker("", half)) {
      JsonNode loading = Await.until("how far it is", () -> loading(gateway), JsonNode::isObject);
      JsonNode ofModel = gateway.adminJson("/admin/v1/models/m").path("loading");
      Files.createFile(go);
      awaitState(gateway, ReplicaState.READY);

      assertEquals(300, loading.path("done_bytes").asInt(), loading::toString);
      assertEquals(600, loading.path("total_bytes").asInt(), loading::toString);
      Instant ready = Instant.parse(loading.path("expected_ready").asText());
      assertTrue(ready.isAfter(before), ready::toString);
      assertEquals(loading, ofModel);
      assertTrue(loading(gateway).isNull());
      JsonNode told = firstEvent(gateway, "replica_loading");
      ApiDocument document = ApiDocument.at(gateway, gateway.admin("/openapi.json"));
      assertEquals(List.of(), document.faults("ReplicaLoadingEvent", told.toString()));
      for (String what : List.of("done_bytes", "total_bytes", "expected_ready")) {
        assertEquals(loading.path(what), told.path(what), what);
      }
    }
  }

  /** Of all that it remembers. */
  private static JsonNode firstEvent(InProcessGateway gateway, String type) throws Exception {
    try (EventReader reader = EventReader.of(gateway, "?types=" + type, "Last-Event-ID", "0")) {
      return reader.await(type).data();
    }
  }

  private static JsonNode loading(InProcessGateway gateway) throws Exception {
    return gateway.adminJson("/admin/v1/replicas/w0").path("loading");
  }

  @Test
  void aCrashLoopIsToldAndEndsByItself() throws Exception {
    String yaml = "workers: {restart-first-ms: 0, restart-max-ms: 5000, crash-loop-exits: 3}";
    try (InProcessGateway gateway = InProcessGateway.withWorker(yaml, script(3))) {
      awaitState(gateway, ReplicaState.FAILED);
      HttpResponse<String> refused =
          gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false));
      awaitState(gateway, ReplicaState.READY);

      assertEquals(503, refused.statusCode());
      int seconds = Integer.parseInt(refused.headers().firstValue("Retry-After").orElse("0"));
      assertTrue(seconds >= 1 && seconds <= 5, () -> "Retry-After: " + seconds);
      assertTrue(gateway.events().contains("\"worker_failed\""), gateway::events);
      assertEquals(3, gateway.events().split("\"worker_restarting\"", -1).length - 1);
    }
  }

  /** At once the same request might end it again. */
  @Test
  void aWorkerThatRanOutOfMemoryComesBackLaterThanOneThatCrashed() throws Exception {
    String yaml = "workers: {restart-first-ms: 20, restart-max-ms: 60000, crash-loop-exits: 9}";
    Path once =
        executable(
            "memory",
            """
            #!/bin/sh
            [ -e SEEN ] || { touch SEEN; exit 3; }
            echo '{"event":"listening","port":PORT}'
            echo '{"event":"ready"}'
            exec cat
            """
                .replace("SEEN", Path.of(String.valueOf(folder)).resolve("seen").toString())
                .replace("PORT", Integer.toString(server.url().getPort())));
    try (InProcessGateway gateway = InProcessGateway.withWorker(yaml, once)) {
      awaitState(gateway, ReplicaState.READY);

      String told = gateway.events();
      assertTrue(told.contains("\"wait_ms\":320"), told);
      JsonNode exit = gateway.adminJson("/admin/v1/replicas/w0").path("last_exit");
      assertEquals("out_of_memory", exit.path("cause").asText(), exit::toString);
    }
  }

  @Test
  void aWorkerThatOnlyAnOperatorCanHelpPromisesNothing() throws Exception {
    Path wrongCommand = executable("wrong", "#!/bin/sh\nexit 2\n");
    try (InProcessGateway gateway = InProcessGateway.withWorker("", wrongCommand)) {
      awaitState(gateway, ReplicaState.FAILED);
      HttpResponse<String> refused =
          gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false));

      assertEquals(503, refused.statusCode());
      assertTrue(refused.headers().firstValue("Retry-After").isEmpty());
    }
  }

  @Test
  void aClientWhoseDifferingRequestsEndWorkersIsHeldWhateverItAsksNext() throws Exception {
    AtomicReference<@Nullable InProcessGateway> asked = new AtomicReference<>();
    server.script(
        (request, body) -> {
          InProcessGateway gateway = asked.get();
          if (gateway != null && body.toString().contains("deadly")) {
            pids(gateway)
                .forEach(pid -> ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly));
            request.connection().close();
          } else {
            request.response().end("{\"choices\":[]}");
          }
        });
    String yaml = "workers: {state-poll-ms: 50, restart-first-ms: 0, crash-loop-exits: 100}";
    try (InProcessGateway gateway = InProcessGateway.withWorker(yaml, script(0))) {
      awaitReadiness(gateway, 200);
      asked.set(gateway);

      HttpResponse<String> first = gateway.post(InProcessGateway.CHAT, deadly(1));
      awaitState(gateway, ReplicaState.READY);
      HttpResponse<String> second = gateway.post(InProcessGateway.CHAT, deadly(2));
      awaitState(gateway, ReplicaState.READY);
      HttpResponse<String> held =
          Await.until("a refusal", () -> post(gateway), answer -> answer.statusCode() != 200);
      String code = InProcessGateway.JSON.readTree(held.body()).at("/error/code").asText();

      assertEquals(502, first.statusCode(), first::body);
      assertEquals(502, second.statusCode(), second::body);
      assertEquals(429, held.statusCode(), held::body);
      assertEquals("client_held", code);
      assertTrue(held.headers().firstValueAsLong("Retry-After").orElse(0) > 30);
    }
  }

  private static String deadly(int number) {
    return InProcessGateway.chat(false).replaceFirst("\"content\":\"", "$0deadly " + number);
  }

  private static HttpResponse<String> post(InProcessGateway gateway) throws Exception {
    return gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false));
  }

  @Test
  void aWorkerHearsWhatIsLeftOfTheDeadlineAndThePriority() throws Exception {
    server.script((request, body) -> request.response().end("{\"choices\":[]}"));
    try (InProcessGateway gateway = InProcessGateway.withWorker("", script(0))) {
      awaitReadiness(gateway, 200);
      server.seen.clear();

      gateway.post(
          InProcessGateway.CHAT,
          InProcessGateway.chat(false),
          "X-SLO-Deadline-Ms",
          "3600000",
          "X-Priority",
          "-7");
      FakeUpstream.Seen seen = server.seen.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
      Map<String, String> headers = seen == null ? Map.of() : seen.headers();

      int left = Integer.parseInt(headers.getOrDefault("X-Switchboard-Deadline-Ms", "0"));
      assertTrue(left > 3_000_000 && left <= 3_600_020, () -> "left: " + left);
      assertEquals("-7", headers.get("X-Priority"));
    }
  }

  @Test
  void eachCallerGetsASaltOfItsOwnThatNobodyCanName() throws Exception {
    server.script((request, body) -> request.response().end("{\"choices\":[]}"));
    try (InProcessGateway gateway = InProcessGateway.withWorker("", script(0))) {
      awaitReadiness(gateway, 200);
      server.seen.clear();

      String none = salt(gateway);
      String first = salt(gateway, "Authorization", "Bearer one");
      String again = salt(gateway, "Authorization", "Bearer one");
      String second = salt(gateway, "Authorization", "Bearer two");
      String named = salt(gateway, "X-Switchboard-Cache-Salt", first);
      String parted =
          salt(gateway, "Authorization", "Bearer one", "X-Switchboard-Cache-Salt", "mine");

      assertEquals("", none);
      assertEquals(first, again);
      assertEquals(5, Set.of(none, first, second, named, parted).size());
      assertTrue(first.matches("[A-Za-z0-9_-]{43}"), first);
    }
  }

  private String salt(InProcessGateway gateway, String... headers) throws Exception {
    gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false), headers);
    FakeUpstream.Seen seen = server.seen.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
    return seen == null ? "not seen" : seen.headers().getOrDefault(CACHE_SALT, "");
  }

  /** How long a worker takes to start would else grow with every drain. */
  @Test
  void comingBackFromADrainIsNoStart() throws Exception {
    server.script((request, body) -> request.response().end("{\"choices\":[]}"));
    try (InProcessGateway gateway =
        InProcessGateway.withWorker("workers: {state-poll-ms: 50}", script(0))) {
      awaitReadySeconds(gateway, 1);
      gateway.admin("POST", "/admin/v1/replicas/w0/drain", "{\"grace_ms\": 0}");
      awaitState(gateway, ReplicaState.DRAINED);
      gateway.admin("POST", "/admin/v1/replicas/w0/resume", "{}");
      awaitReadySeconds(gateway, 2);

      assertEquals(readySeconds(gateway).getFirst(), readySeconds(gateway).getLast());
    }
  }

  private static void awaitReadySeconds(InProcessGateway gateway, int count) {
    Await.until("its events", () -> readySeconds(gateway), told -> told.size() == count);
  }

  private static List<String> readySeconds(InProcessGateway gateway) {
    return gateway
        .events()
        .lines()
        .filter(line -> line.contains("\"worker_ready\""))
        .map(line -> line.replaceFirst(".*\"seconds\":([0-9.]+).*", "$1"))
        .toList();
  }

  @Test
  void whatOnlyTheWorkerHasOfThisGatewayIsCancelledThere() throws Exception {
    server.script((request, body) -> request.response().end("{\"choices\":[]}"));
    String foreign = new AttemptId(1, 1).toString();
    try (InProcessGateway gateway =
        InProcessGateway.withWorker("workers: {state-poll-ms: 50}", script(0))) {
      awaitReadiness(gateway, 200);
      gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false));
      String ours = lastAttempt();

      server.attempts(Set.of(ours, foreign));
      String cancelled = server.deleted.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
      gateway.awaitMetric(DRIFT, 1);
      server.attempts(Set.of(foreign));
      gateway.awaitMetric(DRIFT, 0);

      assertEquals("/engine/v1/requests/" + ours, cancelled);
      assertTrue(server.deleted.stream().noneMatch(path -> path.contains(foreign)));
      assertEquals(
          1, gateway.metric("switchboard_in_flight_repairs_total{replica=\"w0\",side=\"worker\"}"));
    }
  }

  @Test
  void aRequestThatItsWorkerDoesNotHaveGoesElsewhere() throws Exception {
    AtomicBoolean forgotten = new AtomicBoolean();
    FakeUpstream.Script forgetsTheFirst =
        (request, body) -> {
          if (!InProcessGateway.CHAT.equals(request.path())
              || !forgotten.compareAndSet(false, true)) {
            request.response().end("{\"choices\":[]}");
          }
        };
    server.script(forgetsTheFirst);
    server.attempts(Set.of());
    try (FakeUpstream other = new FakeUpstream()) {
      other.script(forgetsTheFirst);
      other.attempts(Set.of());
      try (InProcessGateway gateway =
          InProcessGateway.withWorkers(
              "workers: {state-poll-ms: 50}",
              eachWithItsOwn(server, other),
              new ModelSpec(MODEL, "m", 2))) {
        awaitStates(gateway, "READY");

        HttpResponse<String> answer =
            gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false));

        assertEquals(200, answer.statusCode());
        assertTrue(forgotten.get());
        assertEquals(1, repairs(gateway, "w0") + repairs(gateway, "w1"));
      }
    }
  }

  @Test
  void aStreamThatGoesOnIsNotLostWhateverItsWorkerSays() throws Exception {
    server.script(
        (request, body) -> {
          if (InProcessGateway.CHAT.equals(request.path())) {
            HttpServerResponse events = FakeUpstream.events(request);
            AtomicInteger pieces = new AtomicInteger();
            server
                .vertx()
                .setPeriodic(
                    100,
                    timer -> {
                      events.write(FakeUpstream.content("x"));
                      if (pieces.incrementAndGet() == 60) {
                        server.vertx().cancelTimer(timer);
                        events.end(FakeUpstream.finish() + FakeUpstream.done());
                      }
                    });
          } else {
            request.response().end("{\"choices\":[]}");
          }
        });
    server.attempts(Set.of());
    try (InProcessGateway gateway =
        InProcessGateway.withWorker("workers: {state-poll-ms: 50}", script(0))) {
      awaitReadiness(gateway, 200);

      String answer = gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(true)).body();

      assertEquals(0, repairs(gateway, "w0"));
      assertTrue(answer.endsWith("data: [DONE]\n\n"), answer);
    }
  }

  /** Its worker has written all of it long ago, and has it no more. */
  @Test
  void anAnswerThatWaitsForItsReaderIsNotLost() throws Exception {
    server.script(
        (request, body) -> {
          if (body.toString().contains("\"stream\":true")) {
            HttpServerResponse events = FakeUpstream.events(request);
            for (int i = 0; i < 256; i++) {
              events.write(FakeUpstream.content("x".repeat(1 << 16)));
            }
            events.end(FakeUpstream.finish() + FakeUpstream.done());
          } else if (!InProcessGateway.CHAT.equals(request.path())) {
            request.response().end("{\"choices\":[]}");
          }
        });
    server.attempts(Set.of());
    try (InProcessGateway gateway =
        InProcessGateway.withWorker("workers: {state-poll-ms: 50}", script(0))) {
      awaitReadiness(gateway, 200);
      HttpRequest.Builder asks =
          HttpRequest.newBuilder(gateway.api(InProcessGateway.CHAT))
              .POST(HttpRequest.BodyPublishers.ofString(InProcessGateway.chat(true)));
      HttpResponse<InputStream> unread =
          gateway.client().send(asks.build(), HttpResponse.BodyHandlers.ofInputStream());

      // The worker forgets this one, which began later, so the other would be found before it.
      var forgotten =
          gateway
              .client()
              .sendAsync(
                  asks.POST(HttpRequest.BodyPublishers.ofString(InProcessGateway.chat(false)))
                      .build(),
                  HttpResponse.BodyHandlers.ofString());
      double repairs = Await.until("the repair", () -> repairs(gateway, "w0"), count -> count > 0);

      assertEquals(1, repairs);
      unread.body().close();
      assertTrue(forgotten.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS).statusCode() >= 500);
    }
  }

  private static double repairs(InProcessGateway gateway, String replica) throws Exception {
    return gateway.metric(
        "switchboard_in_flight_repairs_total{replica=\"" + replica + "\",side=\"gateway\"}");
  }

  private String lastAttempt() {
    return server.seen.stream()
        .map(seen -> seen.headers().get(AttemptId.HEADER))
        .filter(Objects::nonNull)
        .reduce((earlier, later) -> later)
        .orElseThrow();
  }

  @Test
  void aWorkersPrefixCacheIsCountedOnThroughItsRestart() throws Exception {
    server.script((request, body) -> request.response().end("{\"choices\":[]}"));
    server.load("{\"kv_evictions\":3,\"prefix_lookup_tokens\":100,\"prefix_hit_tokens\":60}");
    try (InProcessGateway gateway =
        InProcessGateway.withWorker("workers: {state-poll-ms: 50}", script(0))) {
      awaitEvictions(gateway, 3);
      server.load("{\"kv_evictions\":1,\"prefix_lookup_tokens\":10,\"prefix_hit_tokens\":0}");
      awaitEvictions(gateway, 4);

      assertEquals(60, metric(gateway, "prefix_tokens_total{replica=\"w0\",result=\"hit\"}"));
      assertEquals(50, metric(gateway, "prefix_tokens_total{replica=\"w0\",result=\"miss\"}"));
    }
  }

  private static void awaitEvictions(InProcessGateway gateway, int count) {
    gateway.awaitMetric("switchboard_replica_kv_evictions_total{replica=\"w0\"}", count);
  }

  private static double metric(InProcessGateway gateway, String name) throws Exception {
    return gateway.metric("switchboard_replica_" + name);
  }

  @Test
  void workersAreRestartedOneAfterAnotherAndTheOneOnStandbyFillsIn() throws Exception {
    server.script((request, body) -> request.response().end("{\"choices\":[]}"));
    String yaml = "workers: {state-poll-ms: 50}";
    try (InProcessGateway gateway =
        InProcessGateway.withWorkers(yaml, script(0), new ModelSpec(MODEL, "m", 2, 1))) {
      awaitStates(gateway, "READY", "STANDBY");
      for (int i = 0; i < 20; i++) {
        gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false));
      }
      String standby = "replica=\"" + standby(gateway) + "\"";
      MetricsText spared = MetricsText.scrape(gateway.client(), gateway.admin(""));
      List<Long> pids = pids(gateway);
      AtomicInteger failed = new AtomicInteger();
      AtomicBoolean over = new AtomicBoolean();
      Thread load = Thread.ofVirtual().start(() -> ask(gateway, over, failed));

      JsonNode begun = gateway.adminBody("/admin/v1/replicas/restart", "{\"grace_ms\":0}");
      JsonNode second = gateway.adminBody("/admin/v1/replicas/restart", "{}");
      JsonNode report = restarted(gateway);
      over.set(true);
      load.join();

      assertEquals(3, begun.path("workers").size(), begun::toString);
      assertEquals("wrong_state", second.at("/error/code").asText());
      assertFalse(report.path("failed").asBoolean(), report::toString);
      report.path("workers").forEach(row -> assertEquals("DONE", row.path("step").asText()));
      assertEquals(0, failed.get());
      assertTrue(Collections.disjoint(pids, pids(gateway)));
      assertEquals(Set.of("READY", "STANDBY"), states(gateway));
      assertEquals(3, transitions(gateway, "DRAINING", "DRAINED"));
      assertEquals(20, spared.sum(ATTEMPTS));
      assertEquals(0, spared.sum(ATTEMPTS, standby));
      assertEquals(0, spared.sum(TRANSITIONS, "from=\"STANDBY\""));
      assertTrue(transitions(gateway, "WARMING", "STANDBY") >= 1);
      assertTrue(transitions(gateway, "STANDBY", "READY") >= 1);
    }
  }

  @Test
  void anOperatorPromotesTheOneThatStandsBy() throws Exception {
    server.script((request, body) -> request.response().end("{\"choices\":[]}"));
    try (InProcessGateway gateway =
        InProcessGateway.withWorkers(
            "workers: {state-poll-ms: 50}", script(0), new ModelSpec(MODEL, "m", 1, 1))) {
      awaitStates(gateway, "READY", "STANDBY");
      String promoted = standby(gateway);
      String path = "/admin/v1/replicas/" + promoted + "/promote";

      JsonNode answer = gateway.adminBody(path, "");
      JsonNode again = gateway.adminBody(path, "");

      assertEquals("READY", answer.path("state").asText(), answer::toString);
      assertEquals("wrong_state", again.at("/error/code").asText(), again::toString);
      assertEquals(Set.of("READY"), states(gateway));
      for (int i = 0; i < 20; i++) {
        gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false));
      }
      MetricsText metrics = MetricsText.scrape(gateway.client(), gateway.admin(""));
      assertTrue(metrics.sum(ATTEMPTS, "replica=\"" + promoted + "\"") > 0);
    }
  }

  /** Whatever is desired: it may be one at most here, so autoscaling asks for no second one. */
  @Test
  void theOneThatStandsByServesWherePeopleWaitAndEveryPlaceIsHeld() throws Exception {
    HeldAnswers held = new HeldAnswers(server);
    String yaml =
        "workers: {state-poll-ms: 50}\nadmission: {replica-concurrency: 1}\n"
            + "autoscaling: {models: [{model: m, min: 1, max: 1}]}";
    try (InProcessGateway gateway =
        InProcessGateway.withWorkers(yaml, script(0), new ModelSpec(MODEL, "m", 1, 1))) {
      awaitStates(gateway, "READY", "STANDBY");
      String promoted = standby(gateway);
      held.ask(gateway, 1);
      Await.until("the first", held::count, count -> count == 1);
      Set<String> beforeAnyWaits = states(gateway);

      held.ask(gateway, 1);
      Await.until("the second", held::count, count -> count == 2);

      Replica replica = Objects.requireNonNull(gateway.fleet().find(promoted));

      assertEquals(Set.of("READY", "STANDBY"), beforeAnyWaits);
      assertEquals(Set.of("READY"), states(gateway));
      assertEquals("for the load", replica.reason());
      assertEquals(1, replica.inFlight());
      assertEquals(1, gateway.adminJson("/admin/v1/autoscaling/m").path("desired").asInt());
      held.answerAll();
    }
  }

  private static String standby(InProcessGateway gateway) {
    return gateway.fleet().replicas().stream()
        .filter(replica -> replica.state() == ReplicaState.STANDBY)
        .findFirst()
        .orElseThrow()
        .id();
  }

  private static double transitions(InProcessGateway gateway, String from, String to)
      throws Exception {
    return gateway.metric(TRANSITIONS + "{from=\"" + from + "\",to=\"" + to + "\"}");
  }

  @Test
  void anOperatorCordonsWeighsStopsAndBringsBack() throws Exception {
    server.script((request, body) -> request.response().end("{\"choices\":[]}"));
    String base = "/admin/v1/replicas/w0";
    try (InProcessGateway gateway =
        InProcessGateway.withWorker("workers: {state-poll-ms: 50}", script(0))) {
      awaitReadiness(gateway, 200);

      JsonNode cordoned = gateway.adminBody(base + "/cordon", "");
      int refused = gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false)).statusCode();
      JsonNode twice = gateway.adminBody(base + "/cordon", "");
      JsonNode again = gateway.adminBody(base + "/uncordon", "");
      JsonNode weighed = gateway.adminBody(base + "/weight", "{\"weight\":2.5}");
      JsonNode wrong = gateway.adminBody(base + "/weight", "{\"weight\":-1}");
      JsonNode unknown = gateway.adminBody(base + "/drain", "{\"grace-ms\":1}");
      gateway.adminBody(base + "/drain", "{\"stop\":true,\"grace_ms\":0}");
      awaitState(gateway, ReplicaState.STOPPED);
      JsonNode stopped = gateway.adminJson(base);
      gateway.adminBody(base + "/resume", "");
      awaitState(gateway, ReplicaState.READY);

      assertEquals("CORDONED", cordoned.path("state").asText());
      assertEquals(503, refused);
      assertEquals("wrong_state", twice.at("/error/code").asText());
      assertEquals("READY", again.path("state").asText());
      assertEquals(2.5, weighed.path("weight").asDouble());
      assertEquals("weight", wrong.at("/error/param").asText());
      assertEquals("grace-ms", unknown.at("/error/param").asText());
      assertTrue(stopped.path("pid").isNull() || stopped.path("drain").path("done").asBoolean());
      assertEquals(200, readiness(gateway));
    }
  }

  @Test
  void anOperatorRestartsOneWorker() throws Exception {
    server.script((request, body) -> request.response().end("{\"choices\":[]}"));
    try (InProcessGateway gateway =
        InProcessGateway.withWorkers(
            "workers: {state-poll-ms: 50, stop-ms: 600000}",
            script(0),
            new ModelSpec(MODEL, "m", 2))) {
      awaitStates(gateway, "READY");
      List<Long> pids = pids(gateway);

      JsonNode begun = gateway.adminBody("/admin/v1/replicas/w0/restart", "{\"grace_ms\":0}");
      JsonNode wrong = gateway.adminBody("/admin/v1/replicas/w0/restart", "{\"model\":\"m\"}");
      Await.until(
          "another process",
          () ->
              !pids.contains(pids(gateway).getFirst()) && states(gateway).equals(Set.of("READY")));

      assertEquals("w0", begun.path("id").asText(), begun::toString);
      assertEquals("model", wrong.at("/error/param").asText(), wrong::toString);
      assertEquals(pids.getLast(), pids(gateway).getLast());
      assertFalse(ProcessHandle.of(pids.getFirst()).isPresent());
      assertEquals(200, readiness(gateway));
      JsonNode row = gateway.adminJson("/admin/v1/audit").path("audit").path(1);
      assertEquals("POST /admin/v1/replicas/:id/restart", row.path("action").asText());
      assertEquals("w0", row.path("target").asText());
      assertEquals(200, row.path("status").asInt());
      assertEquals(pids.getFirst(), row.at("/before/pid").asLong());
      // Not for the time that the old process had, which needed none of it.
      assertTimeoutPreemptively(Duration.ofSeconds(Await.LIMIT_SECONDS), gateway::close);
    }
  }

  @Test
  void whatAnOperatorSetOutlivesRestartsOfWorkers() throws Exception {
    server.script((request, body) -> request.response().end("{\"choices\":[]}"));
    try (InProcessGateway gateway =
        InProcessGateway.withWorkers(
            "workers: {state-poll-ms: 50}", script(0), new ModelSpec(MODEL, "m", 2))) {
      awaitStates(gateway, "READY");
      gateway.adminBody("/admin/v1/replicas/w0/weight", "{\"weight\":0.25}");
      gateway.adminBody("/admin/v1/replicas/w0/cordon", "");
      gateway.adminBody("/admin/v1/replicas/w1/weight", "{\"weight\":3}");
      List<Long> first = pids(gateway);

      gateway.adminBody("/admin/v1/replicas/w0/restart", "{\"grace_ms\":0}");
      Await.until("w0 anew", () -> anew(gateway, "w0", first, "CORDONED"));
      assertSet(gateway);

      List<Long> second = pids(gateway);
      gateway.adminBody("/admin/v1/replicas/restart", "{\"grace_ms\":0}");
      Await.until("w0 anew", () -> anew(gateway, "w0", second, "CORDONED"));
      Await.until("w1 anew", () -> anew(gateway, "w1", second, "READY"));
      assertFalse(restarted(gateway).path("failed").asBoolean());
      assertSet(gateway);

      gateway.adminBody("/admin/v1/replicas/w0/uncordon", "");
      assertEquals("READY", json(gateway, "/admin/v1/replicas/w0").path("state").asText());
    }
  }

  /** Whether a replica has another process, and a state. */
  private static boolean anew(
      InProcessGateway gateway, String replica, List<Long> before, String state) throws Exception {
    JsonNode now = json(gateway, "/admin/v1/replicas/" + replica);
    return now.path("pid").isNumber()
        && !before.contains(now.path("pid").asLong())
        && now.path("state").asText().equals(state);
  }

  private static void assertSet(InProcessGateway gateway) throws Exception {
    JsonNode first = json(gateway, "/admin/v1/replicas/w0");
    assertTrue(first.path("cordoned").asBoolean(), first::toString);
    assertEquals(0.25, first.path("weight").asDouble());
    JsonNode second = json(gateway, "/admin/v1/replicas/w1");
    assertFalse(second.path("cordoned").asBoolean(), second::toString);
    assertEquals(3, second.path("weight").asDouble());
  }

  private static JsonNode json(InProcessGateway gateway, String path) throws Exception {
    return gateway.adminJson(path);
  }

  @Test
  void anOperatorBreaksAWorkerOnPurposeAndItIsWholeAgain() throws Exception {
    Queue<String> faults = new ConcurrentLinkedQueue<>();
    server.script(
        (request, body) -> {
          boolean fault = "/engine/v1/faults".equals(request.path());
          if (fault) {
            faults.add(body.toString());
          }
          boolean refused = fault && body.toString().contains("out_of_memory");
          request.response().setStatusCode(refused ? 403 : 200).end("{\"choices\":[]}");
        });
    String yaml = "{workers: {state-poll-ms: 50, restart-first-ms: 0}, drills: {enabled: true}}";
    Path ended = Path.of(String.valueOf(folder)).resolve("ended");
    long stopped;
    try (InProcessGateway gateway = InProcessGateway.withWorker(yaml, thatSaysItEnds(ended))) {
      awaitReadiness(gateway, 200);
      try (EventReader events =
          EventReader.of(gateway, "?types=drill_started,drill_ended,replica_state")) {
        drill(
            gateway,
            "{\"kind\":\"slow-rank\",\"duration_ms\":60000,\"stage\":0,\"rank\":1,\"factor\":1.5}");
        JsonNode again = drill(gateway, "{\"kind\":\"kill\"}");
        HttpResponse<String> cut = gateway.admin("DELETE", "/admin/v1/drills/d1", "");
        JsonNode told = events.await("drill_ended").data();

        assertEquals("wrong_state", again.at("/error/code").asText(), again::toString);
        assertEquals(200, cut.statusCode(), cut.body());
        assertEquals("cut_short", told.path("outcome").asText());
        assertEquals(
            List.of(
                "{\"kind\":\"slow\",\"stage\":0,\"rank\":1,\"amount\":50,\"for_ms\":61000}",
                "{\"kind\":\"none\",\"stage\":0,\"rank\":1}"),
            List.copyOf(faults));

        JsonNode refused =
            drill(gateway, "{\"kind\":\"out-of-memory\",\"duration_ms\":9000}").path("error");
        assertTrue(
            refused.path("message").asText().contains("--allow-fault-injection"),
            refused::toString);

        List<Long> pids = pids(gateway);
        drill(gateway, "{\"kind\":\"kill\"}");
        events.await(event -> event.data().path("to").asText().equals("RESTARTING"));
        JsonNode killed = events.await("drill_ended").data();
        assertEquals("ready", killed.path("outcome").asText());
        assertTrue(killed.path("back_after_ms").asLong(-1) >= 0, killed::toString);
        assertFalse(pids(gateway).equals(pids));
        assertCounted(gateway);

        stopped = pids(gateway).getFirst();
        drill(gateway, "{\"kind\":\"stop\",\"duration_ms\":60000}");
        Await.until("its stop", () -> stops(pids(gateway).getFirst()));
      }
    }

    // One that still stood would not hear that it is to end, and be killed.
    assertTrue(Files.exists(ended), "of " + stopped);
  }

  private static void assertCounted(InProcessGateway gateway) throws Exception {
    for (String kind : List.of("kill", "slow-rank")) {
      assertEquals(1, drills(gateway, kind, "begun"), kind);
      assertEquals(1, drills(gateway, kind, "healed"), kind);
    }
    assertEquals(0, drills(gateway, "out-of-memory", "begun"));
  }

  /** How many of a kind ended so. */
  private static double drills(InProcessGateway gateway, String kind, String result)
      throws Exception {
    return gateway.metric(
        "switchboard_drills_total{kind=\"" + kind + "\",result=\"" + result + "\"}");
  }

  private static JsonNode drill(InProcessGateway gateway, String body) throws Exception {
    return gateway.adminBody("/admin/v1/replicas/w0/drill", body);
  }

  /** Whether Linux says that a process stands still. */
  private static boolean stops(long pid) throws Exception {
    String stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
    return stat.charAt(stat.lastIndexOf(')') + 2) == 'T';
  }

  /** A script that leaves a file when it ends because it was asked to. */
  private Path thatSaysItEnds(Path ended) throws Exception {
    return executable(
        "gentle",
        """
        #!/bin/sh
        trap 'echo >ENDED; kill $!; exit 0' TERM
        echo '{"event":"listening","port":PORT}'
        echo '{"event":"ready"}'
        sleep 60 >/dev/null 2>&1 &
        wait
        """
            .replace("ENDED", ended.toString())
            .replace("PORT", Integer.toString(server.url().getPort())));
  }

  @Test
  void aWorkerThatStaysSilentIsKilledAndStartedAgain() throws Exception {
    server.script((request, body) -> request.response().end("{\"choices\":[]}"));
    String yaml =
        "workers: {state-poll-ms: 50, unresponsive-ms: 200, hung-restart-ms: 5000,"
            + " state-timeout-ms: 300,"
            + " restart-first-ms: 0, eject-after: 100}";
    try (InProcessGateway gateway = InProcessGateway.withWorker(yaml, script(0))) {
      awaitReadiness(gateway, 200);
      List<Long> pids = pids(gateway);

      server.silent(true);
      awaitState(gateway, ReplicaState.EJECTED);
      Await.until("another process", () -> !pids(gateway).equals(pids));
      server.silent(false);

      awaitReadiness(gateway, 200);
    }
  }

  private static void ask(InProcessGateway gateway, AtomicBoolean over, AtomicInteger failed) {
    while (!over.get()) {
      try {
        HttpResponse<String> answer =
            gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false));
        failed.addAndGet(answer.statusCode() == 200 ? 0 : 1);
      } catch (Exception e) {
        failed.incrementAndGet();
      }
    }
  }

  /** What is told of a restart of all once it has ended. */
  private static JsonNode restarted(InProcessGateway gateway) {
    return Await.until(
        "the restart",
        () -> gateway.adminJson("/admin/v1/replicas/restart"),
        told -> told.path("done").asBoolean());
  }

  private static void awaitStates(InProcessGateway gateway, String... wanted) {
    Await.until("states", () -> states(gateway), Set.of(wanted)::equals);
  }

  private static Set<String> states(InProcessGateway gateway) {
    return gateway.fleet().replicas().stream()
        .map(replica -> replica.state().name())
        .collect(Collectors.toSet());
  }

  private static List<Long> pids(InProcessGateway gateway) {
    return gateway.fleet().replicas().stream().map(Replica::pid).toList();
  }

  private Path script(int failures) throws Exception {
    return WorkerScript.of(Path.of(String.valueOf(folder)), failures, server.url());
  }

  /** A script for two workers, of which each says that another scripted server is its own. */
  private Path eachWithItsOwn(FakeUpstream first, FakeUpstream second) throws Exception {
    Path taken = Path.of(String.valueOf(folder)).resolve("taken");
    return executable(
        "either",
        """
        #!/bin/sh
        port=SECOND
        mkdir TAKEN 2>/dev/null && port=FIRST
        echo "{\\"event\\":\\"listening\\",\\"port\\":$port}"
        echo '{"event":"ready"}'
        exec cat
        """
            .replace("TAKEN", taken.toString())
            .replace("FIRST", Integer.toString(first.url().getPort()))
            .replace("SECOND", Integer.toString(second.url().getPort())));
  }

  private Path executable(String name, String text) throws Exception {
    return WorkerScript.executable(Path.of(String.valueOf(folder)).resolve(name), text);
  }

  private static void awaitState(InProcessGateway gateway, ReplicaState wanted) {
    Await.until("its state", () -> state(gateway), wanted::equals);
  }

  private static ReplicaState state(InProcessGateway gateway) {
    return gateway.fleet().replicas().getFirst().state();
  }

  private static void awaitReadiness(InProcessGateway gateway, int wanted) {
    Await.until("readiness", () -> readiness(gateway), status -> status == wanted);
  }

  private static int readiness(InProcessGateway gateway) throws Exception {
    return gateway.get(gateway.api("/readyz")).statusCode();
  }
}
