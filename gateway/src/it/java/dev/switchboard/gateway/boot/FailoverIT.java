package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.bench.MetricsText;
import dev.switchboard.testing.Await;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Real workers that die and are drained under load, and clients that cannot tell. */
class FailoverIT extends FailoverFleet {
  /** First tokens before a gateway says what is late, and some more. */
  private static final int LESSONS = 20;

  @Test
  void clientsReadTheSameWhateverWorkersDie() throws Exception {
    List<Map<String, String>> expected = undisturbed();
    slow(50);
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
  void aDrainIsForetoldMovesItsStreamsAndTellsHowItWent() throws Exception {
    List<Map<String, String>> expected = undisturbed();
    List<StreamClient> streams = openSlowly();
    String replica = streams.getFirst().replica();
    String path = "/admin/v1/replicas/" + replica;
    long there = streams.stream().filter(stream -> stream.replica().equals(replica)).count();

    JsonNode plan = gateway.adminPost(path + "/drain?plan=true", "{\"grace_ms\":0}");
    JsonNode begun = gateway.adminPost(path + "/drain", "{\"grace_ms\":3000}");
    JsonNode meanwhile = gateway.admin(path).path("drain");
    gateway.awaitState(replica, "DRAINED");
    JsonNode done =
        Await.until(
            "its report", () -> gateway.admin(path), told -> told.at("/drain/done").asBoolean());
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
    List<Map<String, String>> expected = undisturbed();
    List<StreamClient> streams = openSlowly();
    String replica = streams.getFirst().replica();
    String path = "/admin/v1/replicas/" + replica;

    JsonNode begun = gateway.adminPost(path + "/drain", "{\"grace_ms\":3000}");
    JsonNode back = gateway.adminSend("DELETE", path + "/drain", "");
    // Steps of a tenth of a second: the grace that it had is over by then.
    streams.getFirst().awaitEvents(streams.getFirst().events() + 35);
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
    Await.until("its end", () -> heldBy(replica) == 0 && nothingInFlight());
    assertEquals(0, gateway.workerState(replica).path("in_flight").size());
    StreamClient next = open(chat("'max_tokens':4,'ignore_eos':true"));
    assertTrue(StreamFacts.by(next.rest()).containsKey("done"));
  }

  @Test
  void whatAMovedStreamsFirstWorkerDidIsKeptThoughThatDiesToo() throws Exception {
    double before = computedAgain();
    slow(100);
    StreamClient stream = open(REQUESTS.getFirst());
    stream.awaitEvents(5);
    String first = stream.replica();
    leftAlone(first);
    slow(0);
    stream.rest();
    String path = "/admin/v1/requests/" + stream.id() + "/timeline?full=true";
    // Until the worker has noticed that the stream left it tells nothing.
    JsonNode told =
        Await.until(
            "what it tells",
            () -> gateway.admin(path).at("/attempts/0/engine"),
            engine -> !engine.isMissingNode());

    killed(first);
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
    slow(100);
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
    Await.until(
        "its move",
        () -> gateway.admin(path).at("/drain/longest_pause_ms").asDouble(),
        pauseMs -> pauseMs > 0);
    for (JsonNode each : gateway.admin("/admin/v1/replicas").path("replicas")) {
      if (each.path("in_flight").asInt() > 0) {
        return each.path("id").asText();
      }
    }
    throw new AssertionError("the stream is nowhere");
  }

  /** Kills the worker of a replica, and waits until it is known to be gone. */
  private void killed(String replica) throws Exception {
    long pid = gateway.pid(replica);
    gateway.kill(replica);
    Await.until("another process", () -> gateway.pid(replica), now -> now != pid);
  }

  private double computedAgain() throws Exception {
    return new MetricsText(gateway.metrics())
        .sum("switchboard_wasted_tokens_total", "cause=\"moved\"");
  }

  @Test
  void aBrokenStreamsRecordTellsWhatTheSurvivorDidAndThatTheOtherWorkerIsGone() throws Exception {
    StreamClient stream = open(chat("'max_tokens':2000,'ignore_eos':true"));
    stream.awaitEvents(5);

    killed(stream.replica());
    // By then the killed one may have sent more than these.
    stream.awaitEvents(stream.events() + 20);
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
        Await.until(
            due + " restarted", () -> restarted(gateway.admin(restart)), done -> done >= due);
      }
      report =
          Await.until(
              "its end", () -> gateway.admin(restart), told -> told.path("done").asBoolean());
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
      Await.until("the end of all", this::nothingInFlight);
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
      Await.until(
          "the end of the fifth",
          () -> gateway.admin("/admin/v1/replicas").path("replicas").size() == 4);
      load.awaitServed(load.served() + 20);

      load.assertNothingFailed();
      String fresh = more.at("/replicas/added/0").asText();
      assertEquals("[\"" + fresh + "\"]", fewer.at("/replicas/removed").toString());
      Await.until("the end of all", this::nothingInFlight);
      MetricsText after = new MetricsText(gateway.metrics());
      assertEquals(load.served(), grown(before, after, "switchboard_requests_total", "ok"));
      JsonNode drain = gateway.admin("/admin/v1/replicas/w0").path("drain");
      assertEquals(0, drain.path("broken").asInt(), drain::toString);
      assertTrue(drain.path("done").asBoolean(), drain::toString);
    }
  }

  private boolean nothingInFlight() throws Exception {
    MetricsText now = new MetricsText(gateway.metrics());
    return now.sum("switchboard_requests_in_flight") == 0
        && now.sum("switchboard_replica_in_flight") == 0;
  }

  @Test
  void aStreamWhoseWorkerStopsBeforeItsFirstTokenIsAnsweredByAnotherAndCountsOnce()
      throws Exception {
    for (int i = 0; i < LESSONS; i++) {
      hedged().rest();
    }
    StreamClient usual = hedged();
    Map<String, String> expected = StreamFacts.by(usual.rest());
    String replica = usual.replica();
    long pid = gateway.pid(replica);
    MetricsText before = new MetricsText(gateway.metrics());

    stop(pid);
    StreamClient late;
    try {
      // The session goes where it was.
      late = hedged();
      assertEquals(expected, StreamFacts.by(late.rest()));
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
    Await.until("the end of both", () -> heldBy(replica) == 0 && heldBy(late.replica()) == 0);
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
}
