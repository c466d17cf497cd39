package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.bench.MetricsText;
import dev.switchboard.testing.Await;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** Three real workers of the demonstration model and one on standby, and streams of every kind. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class FailoverFleet {
  static final String CHAT = "/v1/chat/completions";
  private static final String TEXT = "/v1/completions";
  static final int STEP_MS = 15;

  private static final String SCHEMA =
      "{'type':'object','properties':{'name':{'type':'string','minLength':30,'maxLength':60},"
          + "'age':{'type':'integer','minimum':0,'maximum':150}},'required':['name','age'],"
          + "'additionalProperties':false}";

  @TempDir private static @Nullable Path folder;

  GatewayProcess gateway;
  private final List<Map<String, String>> undisturbed = new ArrayList<>();

  /** A request of each kind, each with a seed of its own. */
  static final List<String[]> REQUESTS =
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

  static String[] chat(String more) {
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
          LIVENESS
        retry: {hedge: {classes: [batch], after-ms: 300}}
        """
            .replace("MODELS", models(3))
            .replace("LIVENESS", liveness()));
    gateway = GatewayProcess.start(List.of(), "--config", config.toString());
    gateway.awaitReady();
  }

  /** A further key of {@code workers}, of those that want to see a silent one left. */
  String liveness() {
    return "";
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

  void slow(long stepMs) throws Exception {
    for (int i = 0; i < 4; i++) {
      gateway.slow("w" + i, stepMs);
    }
  }

  static String models(int workers) {
    return "[{file: "
        + GatewayProcess.home()
        + "/native-engine/demo-model/switchboard-demo.gguf, name: switchboard-demo, standby: 1,"
        + " workers: "
        + workers
        + "}]";
  }

  static double grown(MetricsText before, MetricsText after, String name, String label) {
    return after.sum(name, label) - before.sum(name, label);
  }

  /** Requests, sequences and KV blocks that a worker holds. */
  int heldBy(String replica) throws Exception {
    JsonNode load = gateway.worker(replica, "/engine/v1/load");
    int held = 0;
    for (String what : new String[] {"requests", "running", "waiting", "kv_blocks_used"}) {
      held += load.path(what).asInt(1);
    }
    return held;
  }

  static void report(String what, List<StreamClient> streams) {
    long longestMs = streams.stream().mapToLong(StreamClient::longestGapMs).max().orElse(0);
    System.out.printf("%s: longest gap of %d streams %d ms%n", what, streams.size(), longestMs);
  }

  /** What all are told by workers that are as fast as they can be; it is asked for once. */
  List<Map<String, String>> undisturbed() throws Exception {
    if (undisturbed.isEmpty()) {
      slow(0);
      for (StreamClient stream : openAll()) {
        undisturbed.add(StreamFacts.by(stream.rest()));
      }
      slow(STEP_MS);
    }
    return undisturbed;
  }

  /** On a busy machine some threads go on for a while after the signal was sent. */
  static void stop(long pid) throws Exception {
    GatewayProcess.signal("-STOP", pid);
    Await.until("the stop of " + pid, () -> stands(Path.of("/proc/" + pid + "/task")));
  }

  private static boolean stands(Path threads) throws IOException {
    try (Stream<Path> each = Files.list(threads)) {
      for (Path thread : each.toList()) {
        String stat = Files.readString(thread.resolve("stat"));
        if (stat.charAt(stat.lastIndexOf(')') + 2) != 'T') {
          return false;
        }
      }
      return true;
    }
  }

  static void awaitEvents(List<StreamClient> streams, int events) throws Exception {
    for (StreamClient stream : streams) {
      stream.awaitEvents(events);
    }
  }

  static void assertSame(List<Map<String, String>> expected, List<StreamClient> streams)
      throws Exception {
    for (int i = 0; i < streams.size(); i++) {
      assertEquals(expected.get(i), StreamFacts.by(streams.get(i).rest()), REQUESTS.get(i)[1]);
      assertTrue(expected.get(i).containsKey("done"));
    }
  }

  List<StreamClient> openAll() throws Exception {
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
  List<StreamClient> openSlowly() throws Exception {
    slow(100);
    List<StreamClient> streams = openAll(REQUESTS.subList(0, REQUESTS.size() - 1));
    awaitEvents(streams, 5);
    return streams;
  }

  StreamClient open(String[] request) throws Exception {
    String body =
        ("{'model':'switchboard-demo','stream':true,'stream_options':{'include_usage':true},"
                + request[1]
                + "}")
            .replace('\'', '"');
    return StreamClient.open(gateway, request[0], body);
  }

  /** How many streams moved how often; what their timelines tell must be whole. */
  Map<String, Integer> moves(List<StreamClient> streams) throws Exception {
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
