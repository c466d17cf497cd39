package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import dev.switchboard.gateway.bench.MetricsText;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/**
 * Real workers that die, stop and are drained under load, and clients that cannot tell: three
 * workers of the demonstration model and one on standby.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class FailoverIT {
  private static final String CHAT = "/v1/chat/completions";
  private static final String TEXT = "/v1/completions";
  private static final int STEP_MS = 15;

  /** First tokens before a gateway says what is late, and some more. */
  private static final int LESSONS = 20;

  private static final String SCHEMA =
      "{'type':'object','properties':{'name':{'type':'string','minLength':30,'maxLength':60},"
          + "'age':{'type':'integer','minimum':0,'maximum':150}},'required':['name','age'],"
          + "'additionalProperties':false}";

  @TempDir private static @Nullable Path folder;

  private GatewayProcess gateway;

  /** A request of each kind, each with a seed of its own. */
  private static final List<String[]> REQUESTS =
      List.of(
          chat("'temperature':1.1,'seed':1,'max_tokens':120,'ignore_eos':true"),
          chat(
              "'temperature':0.9,'seed':2,'max_tokens':120,'ignore_eos':true,"
                  + "'presence_penalty':0.8,'frequency_penalty':0.5,'repetition_penalty':1.1"),
          chat("'temperature':1,'seed':3,'max_tokens':200,'ignore_eos':true,'stop':['zq','xj']"),
          chat(
              "'temperature':1,'seed':4,'n':2,'max_tokens':300,'response_format':{"
                  + "'type':'json_schema','json_schema':{'name':'p','strict':true,'schema':"
                  + SCHEMA
                  + "}}"),
          chat(
              "'temperature':1,'seed':5,'n':2,'max_tokens':90,'logprobs':true,'top_logprobs':2,"
                  + "'ignore_eos':true"),
          text(
              "'prompt':'Once','temperature':1,'seed':6,'n':2,'max_tokens':100,'logprobs':1,"
                  + "'echo':true,'ignore_eos':true"),
          text("'prompt':['a','b'],'temperature':1,'seed':7,'max_tokens':100,'ignore_eos':true"),
          text("'prompt':'x','temperature':1,'seed':8,'max_tokens':150,'regex':'([a-z]{5} ){20}'"),
          text(
              "'prompt':'x','temperature':1,'seed':9,'max_tokens':150,"
                  + "'grammar':'root ::= word{20}\\nword ::= [a-z]{5} \\\" \\\"'"),
          chat(
              "'temperature':1,'seed':10,'max_tokens':400,'tool_choice':'required',"
                  + "'tools':[{'type':'function','function':{'name':'add','parameters':"
                  + SCHEMA
                  + "}}]"));

  private static String[] chat(String more) {
    return new String[] {CHAT, "'messages':[{'role':'user','content':'Hello'}]," + more};
  }

  private static String[] text(String more) {
    return new String[] {TEXT, more};
  }

  @BeforeAll
  void start() throws Exception {
    Path config = Path.of(String.valueOf(folder)).resolve("switchboard.yaml");
    Files.writeString(
        config,
        """
        models: MODELS
        workers:
          arguments: [--allow-fault-injection, --tool-format, hermes]
          restart-first-ms: 0
          crash-loop-exits: 50
        retry: {hedge: {classes: [batch], after-ms: 300}}
        """
            .replace("MODELS", models(3)));
    gateway = GatewayProcess.start(List.of(), "--config", config.toString());
    gateway.awaitReady();
  }

  @AfterAll
  void stop() {
    gateway.close();
  }

  @BeforeEach
  void allWorkersStand() throws Exception {
    for (int i = 0; i < 4; i++) {
      gateway.resume("w" + i);
    }
    gateway.awaitStates(3, 1);
    slow(STEP_MS);
  }

  private void slow(long stepMs) throws Exception {
    for (int i = 0; i < 4; i++) {
      gateway.slow("w" + i, stepMs);
    }
  }

  @Test
  void clientsReadTheSameWhateverWorkersDie() throws Exception {
    List<Map<String, String>> expected = undisturbed();
    List<StreamClient> streams = openAll();
    awaitEvents(streams, 5);

    gateway.kill(streams.getFirst().replica());
    awaitEvents(streams, 20);
    gateway.kill(streams.get(1).replica());

    assertSame(expected, streams);
    assertTrue(expected.getLast().containsKey("choice 0 call 0"), expected.getLast()::toString);
    int stayed = moves(streams).getOrDefault("0", 0);
    assertTrue(stayed < streams.size(), () -> stayed + " of them stayed");
    report("kill -9 of two of three workers", streams);
  }

  @Test
  void theOneOnStandbyTakesRequestsWithinASecondOfAKill() throws Exception {
    String victim = gateway.firstReady();
    Instant killed = Instant.now();

    gateway.kill(victim);

    InProcessGateway.await(() -> !promoted(killed).isMissingNode());
    JsonNode promotion = promoted(killed);
    long ms = Duration.between(killed, Instant.parse(promotion.path("at").asText())).toMillis();
    assertTrue(ms <= 1000, () -> "promoted after " + ms + " ms");
    List<StreamClient> streams = openAll();
    for (StreamClient stream : streams) {
      stream.rest();
    }
    String taker = promotion.path("replica").asText();
    assertTrue(streams.stream().anyMatch(stream -> stream.replica().equals(taker)), taker);
    System.out.println("promoted " + ms + " ms after kill -9 of a worker");
    gateway.awaitStates(3, 1);
  }

  private JsonNode promoted(Instant since) {
    for (JsonNode event :
        gateway
            .adminUnchecked("/admin/v1/events?types=replica_state&limit=20&since=" + since)
            .path("events")) {
      JsonNode data = event.path("data");
      if (data.path("from").asText().equals("STANDBY")
          && data.path("to").asText().equals("READY")) {
        return data;
      }
    }
    return MissingNode.getInstance();
  }

  @Test
  void aDrainIsForetoldMovesItsStreamsAndTellsHowItWent() throws Exception {
    List<Map<String, String>> expected = undisturbed();
    List<StreamClient> streams = openSlowly();
    String replica = streams.getFirst().replica();
    String path = "/admin/v1/replicas/" + replica;
    long there = streams.stream().filter(stream -> stream.replica().equals(replica)).count();

    JsonNode plan = gateway.adminPost(path + "/drain?plan=true", "{\"grace_ms\":0}");
    JsonNode begun = gateway.adminPost(path + "/drain", "{\"grace_ms\":500}");
    JsonNode meanwhile = gateway.admin(path).path("drain");
    gateway.awaitState(replica, "DRAINED");
    InProcessGateway.await(
        () -> gateway.adminUnchecked(path).path("drain").path("done").asBoolean());
    JsonNode done = gateway.admin(path);
    slow(0);

    assertSame(expected, streams);
    assertEquals(there, plan.path("migrate").asInt(), plan::toString);
    assertEquals("DRAINING", begun.path("state").asText());
    assertEquals(there, meanwhile.path("requests").asInt(), meanwhile::toString);
    assertTrue(meanwhile.path("remaining").asInt() > 0, meanwhile::toString);
    assertFalse(meanwhile.path("done").asBoolean(true), meanwhile::toString);
    JsonNode held = meanwhile.path("remaining_requests");
    assertTrue(held.size() > 0 && held.size() <= 20, meanwhile::toString);
    assertTrue(meanwhile.path("expected_ms").asLong(-1) >= 0, meanwhile::toString);
    assertTrue(held.path(0).path("tokens").asInt() > 0, held::toString);
    assertTrue(held.path(0).path("remaining_ms").asLong(-1) >= 0, held::toString);
    assertTrue(
        Set.of("ends_soon", "not_asked_yet").contains(held.path(0).path("why").asText()),
        held::toString);
    assertEquals("standard", plan.path("slo").path(0).path("class").asText(), plan::toString);
    assertEquals(there, plan.path("slo").path(0).path("requests").asInt(), plan::toString);
    JsonNode drain = done.path("drain");
    assertEquals(there, drain.path("requests").asInt(), drain::toString);
    assertEquals(there, drain.path("migrated").asInt() + drain.path("finished_in_place").asInt());
    assertEquals(0, drain.path("broken").asInt(), drain::toString);
    assertTrue(drain.path("longest_pause_ms").asDouble() > 0, drain::toString);
    report("drain: " + drain, streams);
  }

  @Test
  void aDrainThatIsTakenBackLeavesItsStreamsWhereTheyAre() throws Exception {
    slow(0);
    List<Map<String, String>> expected = undisturbed();
    List<StreamClient> streams = openSlowly();
    String replica = streams.getFirst().replica();
    String path = "/admin/v1/replicas/" + replica;

    JsonNode begun = gateway.adminPost(path + "/drain", "{\"grace_ms\":1500}");
    JsonNode back = gateway.adminSend("DELETE", path + "/drain", "");
    // Steps of a tenth of a second: the grace that it had is over by then.
    streams.getFirst().awaitEvents(30);
    slow(0);

    assertEquals("DRAINING", begun.path("state").asText());
    assertTrue(Set.of("WARMING", "READY").contains(back.path("state").asText()), back::toString);
    assertSame(expected, streams);
    assertEquals(Map.of("0", streams.size()), moves(streams));
    // One that stood by had taken its place at once, so it may stand by instead.
    gateway.awaitStates(3, 1);
    assertSame(expected, openAll());
  }

  @Test
  void aRequestThatIsCancelledLeavesItsWorkerNothing() throws Exception {
    StreamClient stream = open(chat("'max_tokens':3000,'ignore_eos':true"));
    stream.awaitEvents(5);
    String replica = stream.replica();
    assertTrue(heldBy(replica) > 0);

    JsonNode told = gateway.adminSend("DELETE", "/admin/v1/requests/" + stream.id(), "");
    List<String> lines = stream.rest();

    assertEquals(stream.id(), told.at("/cancelled/0/id").asText(), told::toString);
    assertTrue(lines.toString().contains("\"code\":\"cancelled\""), lines::toString);
    InProcessGateway.await(() -> heldBy(replica) == 0 && nothingInFlight());
    assertEquals(0, gateway.workerState(replica).path("in_flight").size());
    StreamClient next = open(chat("'max_tokens':4,'ignore_eos':true"));
    assertTrue(Told.by(next.rest()).containsKey("done"));
  }

  @Test
  void whatAMovedStreamsFirstWorkerDidIsKeptThoughThatDiesToo() throws Exception {
    double before = computedAgain();
    StreamClient stream = open(REQUESTS.getFirst());
    stream.awaitEvents(5);
    String first = stream.replica();
    gateway.adminPost("/admin/v1/replicas/" + first + "/drain", "{\"grace_ms\":0}");
    stream.rest();
    String path = "/admin/v1/requests/" + stream.id() + "/timeline?full=true";
    // Until the worker has noticed that the stream left it tells nothing.
    InProcessGateway.await(() -> gateway.adminUnchecked(path).at("/attempts/0").has("engine"));
    JsonNode told = gateway.admin(path).at("/attempts/0/engine");

    gateway.kill(first);
    gateway.awaitState(first, "STARTING");
    JsonNode kept = gateway.admin(path);

    assertTrue(told.at("/decode/tokens").asInt() > 0, told::toString);
    assertFalse(told.at("/decode/lanes").isEmpty(), told::toString);
    assertEquals(told.path("decode"), kept.at("/attempts/0/engine/decode"), kept::toString);
    assertTrue(kept.at("/decode/tokens").asInt() > 0, kept::toString);
    int read = kept.at("/prefill/tokens").asInt();
    assertTrue(read > 0, kept::toString);
    assertEquals(read, computedAgain() - before);
  }

  @Test
  void aStreamThatMovesTwiceIsChargedWithWhatBothWorkersComputedAgain() throws Exception {
    double before = computedAgain();
    StreamClient stream = open(REQUESTS.getFirst());
    stream.awaitEvents(5);

    leftAlone(leftAlone(stream.replica()));
    slow(0);
    stream.rest();

    JsonNode told = gateway.admin("/admin/v1/requests/" + stream.id() + "/timeline?full=true");
    int second = told.at("/attempts/1/engine/prefill/tokens").asInt();
    int third = told.at("/prefill/tokens").asInt();
    assertEquals(2, told.path("migrations").asInt(), told::toString);
    assertTrue(second > 0 && third > 0, told::toString);
    assertEquals(second + third, computedAgain() - before, told::toString);
  }

  /** Drains the replica of the only stream, and says where that went on. */
  private String leftAlone(String replica) throws Exception {
    String path = "/admin/v1/replicas/" + replica;
    gateway.adminPost(path + "/drain", "{\"grace_ms\":0}");
    // It is known once the stream went on.
    InProcessGateway.await(
        () -> gateway.adminUnchecked(path).at("/drain/longest_pause_ms").asDouble() > 0);
    for (JsonNode each : gateway.admin("/admin/v1/replicas").path("replicas")) {
      if (each.path("in_flight").asInt() > 0) {
        return each.path("id").asText();
      }
    }
    throw new AssertionError("the stream is nowhere");
  }

  private double computedAgain() throws Exception {
    return new MetricsText(gateway.metrics())
        .sum("switchboard_wasted_tokens_total", "cause=\"moved\"");
  }

  @Test
  void aBrokenStreamsRecordTellsWhatTheSurvivorDidAndThatTheOtherWorkerIsGone() throws Exception {
    StreamClient stream = open(REQUESTS.getFirst());
    stream.awaitEvents(5);

    gateway.kill(stream.replica());
    stream.awaitEvents(20);
    stream.leave();
    JsonNode timeline = gateway.admin("/admin/v1/requests/" + stream.id() + "/timeline?full=true");

    assertEquals("client_gone", timeline.path("outcome").asText(), timeline::toString);
    assertEquals(2, timeline.path("attempts").size(), timeline::toString);
    String missing = timeline.at("/attempts/0/engine_missing").asText();
    // Its successor, if it is there already, does not know the request, or does not answer yet.
    Set<String> expected = Set.of("replica_gone", "unknown_there", "no_answer");
    assertTrue(expected.contains(missing), timeline::toString);
    assertFalse(timeline.at("/attempts/1/engine/decode/lanes").isEmpty(), timeline::toString);
    JsonNode perfetto = gateway.admin("/admin/v1/requests/" + stream.id() + "/perfetto");
    assertTrue(perfetto.toString().contains(", attempt 2\""), perfetto::toString);
  }

  @Test
  void aRestartOfAllWorkersBreaksNoStreamAndFailsNothing() throws Exception {
    List<Map<String, String>> expected = undisturbed();
    List<StreamClient> streams = openSlowly();
    String restart = "/admin/v1/replicas/restart";
    JsonNode report;
    try (Load load = Load.start(gateway, 3)) {
      gateway.adminPost(restart, "{\"grace_ms\":0}");
      // Each takes as long as a worker takes to start beside all others.
      for (int worker = 1; worker <= 4; worker++) {
        int due = worker;
        InProcessGateway.await(() -> restarted(gateway.adminUnchecked(restart)) >= due);
      }
      InProcessGateway.await(() -> gateway.adminUnchecked(restart).path("done").asBoolean());
      report = gateway.admin(restart);
      load.assertNothingFailed();
    }

    assertSame(expected, streams);
    assertFalse(report.path("failed").asBoolean(), report::toString);
    assertEquals(4, report.path("workers").size(), report::toString);
    assertEquals(4, restarted(report), report::toString);
    int stayed = moves(streams).getOrDefault("0", 0);
    assertTrue(stayed < streams.size(), () -> stayed + " of them stayed");
    report("restart of all workers", streams);
  }

  private static long restarted(JsonNode report) {
    return report
        .path("workers")
        .valueStream()
        .filter(row -> row.path("step").asText().equals("DONE"))
        .count();
  }

  @Test
  void drainsUnderLoadFailNothing() throws Exception {
    MetricsText before = new MetricsText(gateway.metrics());
    try (Load load = Load.start(gateway, 9)) {
      for (int i = 0; i < 6; i++) {
        String replica = gateway.firstReady();
        gateway.adminPost("/admin/v1/replicas/" + replica + "/drain", "{\"grace_ms\":30}");
        gateway.awaitState(replica, "DRAINED");
        JsonNode drain = gateway.admin("/admin/v1/replicas/" + replica).path("drain");
        assertEquals(0, drain.path("broken").asInt(), drain::toString);
        gateway.adminPost("/admin/v1/replicas/" + replica + "/resume", "");
        gateway.awaitStates(3, 1);
      }

      load.assertNothingFailed();
      InProcessGateway.await(this::nothingInFlight);
      MetricsText after = new MetricsText(gateway.metrics());
      assertEquals(List.of(), load.ledger().compare(before, after));
      assertEquals(load.served(), grown(before, after, "switchboard_requests_total", "ok"));
      assertEquals(
          (double) load.ledger().generated(),
          grown(before, after, "switchboard_tokens_total", "direction=\"completion\""));
      System.out.printf("drain ×6 under load: %d requests, 0 failed%n", load.served());
    }
  }

  /** One more starts and one stands by instead, whose streams go on elsewhere; then it leaves. */
  @Test
  void reloadsThatAddAndRemoveWorkersUnderLoadFailNothing() throws Exception {
    MetricsText before = new MetricsText(gateway.metrics());
    String reload = "/admin/v1/config/reload";
    try (Load load = Load.start(gateway, 9)) {
      load.awaitServed(20);
      gateway.rewrite("models: " + models(4));
      gateway.rewrite("workers: {drain-grace-ms: 0}");
      JsonNode more = gateway.adminPost(reload, "");
      gateway.awaitStates(4, 1);
      gateway.rewrite("models: " + models(3));
      JsonNode fewer = gateway.adminPost(reload, "");
      gateway.awaitStates(3, 1);
      InProcessGateway.await(
          () -> gateway.adminUnchecked("/admin/v1/replicas").path("replicas").size() == 4);
      load.awaitServed(load.served() + 20);

      load.assertNothingFailed();
      String fresh = more.at("/replicas/added/0").asText();
      assertEquals("[\"" + fresh + "\"]", fewer.at("/replicas/removed").toString());
      InProcessGateway.await(this::nothingInFlight);
      MetricsText after = new MetricsText(gateway.metrics());
      assertEquals(load.served(), grown(before, after, "switchboard_requests_total", "ok"));
      JsonNode drain = gateway.admin("/admin/v1/replicas/w0").path("drain");
      assertEquals(0, drain.path("broken").asInt(), drain::toString);
      assertTrue(drain.path("done").asBoolean(), drain::toString);
    }
  }

  private static String models(int workers) {
    return "[{file: "
        + GatewayProcess.home()
        + "/native-engine/demo-model/switchboard-demo.gguf, name: switchboard-demo, standby: 1,"
        + " workers: "
        + workers
        + "}]";
  }

  @Test
  void aStoppedWorkerIsLeftWithinTwoSecondsAndSaysNothingTwiceWhenItWakes() throws Exception {
    List<Map<String, String>> expected = undisturbed();
    List<StreamClient> streams = openAll();
    awaitEvents(streams, 5);
    String replica = streams.getFirst().replica();
    long pid = gateway.pid(replica);

    stop(pid);
    long stopped = System.nanoTime();
    gateway.awaitState(replica, "EJECTED");
    long ejectedMs = (System.nanoTime() - stopped) / 1_000_000;
    for (StreamClient stream : streams) {
      stream.rest();
    }
    GatewayProcess.signal("-CONT", pid);

    assertSame(expected, streams);
    assertTrue(ejectedMs <= 3500, () -> "ejected after " + ejectedMs + " ms");
    gateway.awaitStates(3, 1);
    assertEquals(pid, gateway.pid(replica));
    report("SIGSTOP: ejected after " + ejectedMs + " ms", streams);
  }

  @Test
  void aStreamWhoseWorkerStopsBeforeItsFirstTokenIsAnsweredByAnotherAndCountsOnce()
      throws Exception {
    for (int i = 0; i < LESSONS; i++) {
      hedged().rest();
    }
    StreamClient usual = hedged();
    Map<String, String> expected = Told.by(usual.rest());
    String replica = usual.replica();
    long pid = gateway.pid(replica);
    MetricsText before = new MetricsText(gateway.metrics());

    stop(pid);
    StreamClient late;
    try {
      // The session goes where it was.
      late = hedged();
      assertEquals(expected, Told.by(late.rest()));
    } finally {
      GatewayProcess.signal("-CONT", pid);
    }

    assertNotEquals(replica, late.replica());
    JsonNode attempts =
        gateway.admin("/admin/v1/requests/" + late.id() + "/timeline?full=true").path("attempts");
    assertEquals(2, attempts.size(), attempts::toString);
    assertEquals(replica, attempts.path(0).path("replica").asText(), attempts::toString);
    assertEquals("another replica answered first", attempts.path(0).path("error").asText());
    assertTrue(attempts.path(1).path("hedge").asBoolean(), attempts::toString);
    InProcessGateway.await(() -> heldBy(replica) == 0 && heldBy(late.replica()) == 0);
    MetricsText after = new MetricsText(gateway.metrics());
    String usage = String.valueOf(expected.get("usage"));
    int plus = usage.indexOf('+');
    double tokens =
        Double.parseDouble(usage.substring(0, plus)) + Double.parseDouble(usage.substring(plus));
    assertEquals(1, grown(before, after, "switchboard_requests_total", "outcome=\"ok\""));
    assertEquals(1, grown(before, after, "switchboard_hedges_total", "result=\"won\""));
    assertEquals(1, grown(before, after, "switchboard_upstream_attempts_total", "outrun"));
    assertEquals(tokens, grown(before, after, "switchboard_tokens_total", "direction="));
  }

  private boolean nothingInFlight() {
    try {
      MetricsText now = new MetricsText(gateway.metrics());
      return now.sum("switchboard_requests_in_flight") == 0
          && now.sum("switchboard_replica_in_flight") == 0;
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  private static double grown(MetricsText before, MetricsText after, String name, String label) {
    return after.sum(name, label) - before.sum(name, label);
  }

  /** A stream that may be sent to a second worker; all of them are one session. */
  private StreamClient hedged() throws Exception {
    String body =
        ("{'model':'switchboard-demo','stream':true,'stream_options':{'include_usage':true},"
                + "'temperature':1,'seed':9,'max_tokens':4,'ignore_eos':true,"
                + "'messages':[{'role':'user','content':'Hello'}]}")
            .replace('\'', '"');
    return StreamClient.open(
        gateway, CHAT, body, "X-SLO-Class", "batch", "X-Switchboard-Session", "hedged");
  }

  /** Requests, sequences and KV blocks that a worker holds. */
  private int heldBy(String replica) {
    try {
      JsonNode load = gateway.worker(replica, "/engine/v1/load");
      int held = 0;
      for (String what : new String[] {"requests", "running", "waiting", "kv_blocks_used"}) {
        held += load.path(what).asInt(1);
      }
      return held;
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  /** On a busy machine some threads go on for a while after the signal was sent. */
  private static void stop(long pid) throws Exception {
    GatewayProcess.signal("-STOP", pid);
    InProcessGateway.await(() -> stands(Path.of("/proc/" + pid + "/task")));
  }

  private static boolean stands(Path threads) {
    try (Stream<Path> each = Files.list(threads)) {
      for (Path thread : each.toList()) {
        String stat = Files.readString(thread.resolve("stat"));
        if (stat.charAt(stat.lastIndexOf(')') + 2) != 'T') {
          return false;
        }
      }
      return true;
    } catch (NoSuchFileException ended) {
      return false;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void report(String what, List<StreamClient> streams) {
    long longestMs = streams.stream().mapToLong(StreamClient::longestGapMs).max().orElse(0);
    System.out.printf("%s: longest gap of %d streams %d ms%n", what, streams.size(), longestMs);
  }

  private List<Map<String, String>> undisturbed() throws Exception {
    List<Map<String, String>> told = new ArrayList<>();
    for (StreamClient stream : openAll()) {
      told.add(Told.by(stream.rest()));
    }
    return told;
  }

  private static void awaitEvents(List<StreamClient> streams, int events) throws Exception {
    for (StreamClient stream : streams) {
      stream.awaitEvents(events);
    }
  }

  private static void assertSame(List<Map<String, String>> expected, List<StreamClient> streams)
      throws Exception {
    for (int i = 0; i < streams.size(); i++) {
      assertEquals(expected.get(i), Told.by(streams.get(i).rest()), REQUESTS.get(i)[1]);
      assertTrue(expected.get(i).containsKey("done"));
    }
  }

  private List<StreamClient> openAll() throws Exception {
    return openAll(REQUESTS);
  }

  private List<StreamClient> openAll(List<String[]> requests) throws Exception {
    List<StreamClient> streams = new ArrayList<>();
    for (String[] request : requests) {
      streams.add(open(request));
    }
    return streams;
  }

  /**
   * Streams of which none ends before its worker is made to go, however long it takes to open them
   * all; so without the call: nothing is told of it until its function is named, and shorter
   * streams would be over then.
   */
  private List<StreamClient> openSlowly() throws Exception {
    slow(100);
    List<StreamClient> streams = openAll(REQUESTS.subList(0, REQUESTS.size() - 1));
    awaitEvents(streams, 5);
    return streams;
  }

  private StreamClient open(String[] request) throws Exception {
    String body =
        ("{'model':'switchboard-demo','stream':true,'stream_options':{'include_usage':true},"
                + request[1]
                + "}")
            .replace('\'', '"');
    return StreamClient.open(gateway, request[0], body);
  }

  /** How many streams moved how often; what their timelines tell must be whole. */
  private Map<String, Integer> moves(List<StreamClient> streams) throws Exception {
    Map<String, Integer> moves = new HashMap<>();
    for (StreamClient stream : streams) {
      JsonNode timeline =
          gateway.admin("/admin/v1/requests/" + stream.id() + "/timeline?full=true");
      double sum = 0;
      for (JsonNode phase : timeline.path("phases")) {
        sum += phase.path("ms").asDouble();
      }
      assertEquals(timeline.path("wall_ms").asDouble(), sum, 0.01, timeline::toString);
      int told = timeline.path("migrations").asInt();
      JsonNode last = timeline.path("attempts").path(timeline.path("attempts").size() - 1);
      assertEquals(told > 0, last.at("/migration/resumed_ms").isNumber(), timeline::toString);
      moves.merge(timeline.path("migrations").asText(), 1, Integer::sum);
    }
    return moves;
  }
}
