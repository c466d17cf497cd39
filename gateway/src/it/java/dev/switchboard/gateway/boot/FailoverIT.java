package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
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
          text("'prompt':'x','temperature':1,'seed':8,'max_tokens':150,'regex':'([a-z]{5} ){20}'"));

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
        models: [{file: MODEL, name: switchboard-demo, workers: 3, standby: 1}]
        workers: {arguments: [--allow-fault-injection], restart-first-ms: 0, crash-loop-exits: 50}
        """
            .replace(
                "MODEL",
                GatewayProcess.home() + "/native-engine/demo-model/switchboard-demo.gguf"));
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
    for (int i = 0; i < 4; i++) {
      gateway.slow("w" + i, STEP_MS);
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
    int stayed = moves(streams).getOrDefault("0", 0);
    assertTrue(stayed < streams.size(), () -> stayed + " of them stayed");
    report("kill -9 of two of three workers", streams);
  }

  @Test
  void aDrainIsForetoldMovesItsStreamsAndTellsHowItWent() throws Exception {
    List<Map<String, String>> expected = undisturbed();
    List<StreamClient> streams = openAll();
    awaitEvents(streams, 5);
    String replica = streams.getFirst().replica();
    String path = "/admin/v1/replicas/" + replica;
    long there = streams.stream().filter(stream -> stream.replica().equals(replica)).count();

    JsonNode plan = gateway.adminPost(path + "/drain?plan=true", "{\"graceMs\":0}");
    JsonNode begun = gateway.adminPost(path + "/drain", "{\"graceMs\":0}");
    gateway.awaitState(replica, "DRAINED");
    InProcessGateway.await(
        () -> gateway.adminUnchecked(path).path("drain").path("done").asBoolean());
    JsonNode done = gateway.admin(path);

    assertSame(expected, streams);
    assertEquals(there, plan.path("migrate").asInt(), plan::toString);
    assertEquals("DRAINING", begun.path("state").asText());
    JsonNode drain = done.path("drain");
    assertEquals(there, drain.path("requests").asInt(), drain::toString);
    assertEquals(there, drain.path("migrated").asInt() + drain.path("finishedInPlace").asInt());
    assertEquals(0, drain.path("broken").asInt(), drain::toString);
    assertTrue(drain.path("longestPauseMs").asDouble() > 0, drain::toString);
    report("drain: " + drain, streams);
  }

  @Test
  void drainsUnderLoadFailNothing() throws Exception {
    try (Load load = Load.start(gateway, 9)) {
      for (int i = 0; i < 6; i++) {
        String replica = gateway.firstReady();
        gateway.adminPost("/admin/v1/replicas/" + replica + "/drain", "{\"graceMs\":30}");
        gateway.awaitState(replica, "DRAINED");
        JsonNode drain = gateway.admin("/admin/v1/replicas/" + replica).path("drain");
        assertEquals(0, drain.path("broken").asInt(), drain::toString);
        gateway.adminPost("/admin/v1/replicas/" + replica + "/resume", "");
        gateway.awaitStates(3, 1);
      }

      load.assertNothingFailed();
      System.out.printf("drain ×6 under load: %d requests, 0 failed%n", load.served());
    }
  }

  @Test
  void aStoppedWorkerIsLeftWithinTwoSecondsAndSaysNothingTwiceWhenItWakes() throws Exception {
    List<Map<String, String>> expected = undisturbed();
    List<StreamClient> streams = openAll();
    awaitEvents(streams, 5);
    String replica = streams.getFirst().replica();
    long pid = gateway.pid(replica);

    signal("-STOP", pid);
    long stopped = System.nanoTime();
    gateway.awaitState(replica, "EJECTED");
    long ejectedMs = (System.nanoTime() - stopped) / 1_000_000;
    for (StreamClient stream : streams) {
      stream.rest();
    }
    signal("-CONT", pid);

    assertSame(expected, streams);
    assertTrue(ejectedMs <= 3500, () -> "ejected after " + ejectedMs + " ms");
    gateway.awaitStates(3, 1);
    assertEquals(pid, gateway.pid(replica));
    report("SIGSTOP: ejected after " + ejectedMs + " ms", streams);
  }

  private static void signal(String signal, long pid) throws Exception {
    assertEquals(0, new ProcessBuilder("kill", signal, Long.toString(pid)).start().waitFor());
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
    List<StreamClient> streams = new ArrayList<>();
    for (String[] request : REQUESTS) {
      String body =
          ("{'model':'switchboard-demo','stream':true,'stream_options':{'include_usage':true},"
                  + request[1]
                  + "}")
              .replace('\'', '"');
      streams.add(StreamClient.open(gateway, request[0], body));
    }
    return streams;
  }

  /** How many streams moved how often; what their timelines tell must be whole. */
  private Map<String, Integer> moves(List<StreamClient> streams) throws Exception {
    Map<String, Integer> moves = new HashMap<>();
    for (StreamClient stream : streams) {
      JsonNode timeline = gateway.admin("/admin/v1/requests/" + stream.id() + "/timeline");
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
