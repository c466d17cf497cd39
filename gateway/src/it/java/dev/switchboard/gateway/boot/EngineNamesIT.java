package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.telemetry.EngineName;
import dev.switchboard.gateway.telemetry.EngineTime;
import dev.switchboard.testing.Await;
import java.net.URI;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** A real worker under the names of vLLM, once as it tells them itself and once as its gateway. */
class EngineNamesIT {
  private static final Pattern LINE = Pattern.compile("(vllm:\\w+)\\{([^}]*)} ([0-9.E+-]+)");
  private static final Pattern LABEL = Pattern.compile("(\\w+)=\"([^\"]*)\"");
  private static final int REQUESTS = 6;
  private static final int STREAMS = REQUESTS / 2;
  private static final int TOKENS = 12;

  private static LoneWorker worker;
  private static InProcessGateway gateway;
  private static String replica;

  @BeforeAll
  static void start() throws Exception {
    worker =
        new LoneWorker(
            GatewayProcess.home().resolve("native-engine/demo-model/switchboard-demo.gguf"),
            "--threads",
            "1");
    gateway =
        InProcessGateway.of(
            """
            telemetry: {replica-engine-names: true}
            workers: {state-poll-ms: 50}
            upstreams:
              - {url: "%s", worker: true, models: [%s]}
            """
                .formatted(worker.url(), GatewayProcess.MODEL));
    replica = gateway.fleet().replicas().getFirst().id();
    for (int i = 0; i < REQUESTS; i++) {
      String answer = gateway.post(InProcessGateway.CHAT, chat(i % 2 == 0)).body();
      assertTrue(answer.contains("\"finish_reason\":\"length\""), answer);
    }
  }

  @AfterAll
  static void stop() {
    gateway.close();
    worker.close();
  }

  private static String chat(boolean stream) {
    return "{\"model\":\""
        + GatewayProcess.MODEL
        + "\",\"ignore_eos\":true,\"max_tokens\":"
        + TOKENS
        + ",\"stream\":"
        + stream
        + ",\"messages\":[{\"role\":\"user\",\"content\":\""
        + "Where is my parcel? ".repeat(20)
        + "\"}]}";
  }

  /** Every sample by its name, and what of its labels is said of both. */
  private static Map<String, Double> page(URI uri) throws Exception {
    Map<String, Double> page = new TreeMap<>();
    for (String line : text(uri).lines().toList()) {
      Matcher sample = LINE.matcher(line);
      if (sample.matches()) {
        Map<String, String> labels = new TreeMap<>();
        LABEL.matcher(sample.group(2)).results().forEach(l -> labels.put(l.group(1), l.group(2)));
        assertTrue(
            labels.getOrDefault("replica", replica).equals(replica)
                && labels
                    .getOrDefault("model_name", GatewayProcess.MODEL)
                    .equals(GatewayProcess.MODEL),
            line);
        labels.keySet().retainAll(List.of("le", "block_size", "num_gpu_blocks"));
        page.put(sample.group(1) + labels, Double.parseDouble(sample.group(3)));
      }
    }
    return page;
  }

  private static String text(URI uri) throws Exception {
    return gateway.get(uri).body();
  }

  private static Map<String, Double> ofGateway() throws Exception {
    return page(gateway.admin("/metrics"));
  }

  /** A client may have its answer before that is counted. */
  private static Map<String, Double> ofAllRequests() {
    return Await.until(
        "all requests",
        EngineNamesIT::ofGateway,
        page -> sample(page, "vllm:e2e_request_latency_seconds_count{}") == REQUESTS);
  }

  private static Map<String, Double> ofWorker() throws Exception {
    return page(URI.create(worker.url() + "/metrics"));
  }

  /** A gateway's canaries may be computed between two looks. */
  @Test
  void whatTheWorkerTellsOfItselfIsPassedOn() throws Exception {
    List<String> same =
        List.of("vllm:prefix_cache_queries_total{}", "vllm:prefix_cache_hits_total{}");
    List<Map<String, Double>> both =
        Await.until(
            "the same numbers",
            () -> List.of(ofGateway(), ofWorker()),
            pages ->
                same.stream()
                        .allMatch(name -> sample(pages.get(0), name) == sample(pages.get(1), name))
                    && sample(pages.get(0), "vllm:generation_tokens_total{}") >= REQUESTS * TOKENS);
    Map<String, Double> told = both.get(0);
    Map<String, Double> own = both.get(1);

    assertTrue(sample(own, "vllm:prefix_cache_hits_total{}") > 0, own::toString);
    for (EngineName name : EngineName.values()) {
      assertTrue(told.containsKey(name.word() + "{}"), name.word());
    }
    assertEquals(layout(own), layout(told));
  }

  private static double sample(Map<String, Double> page, String name) {
    return page.getOrDefault(name, Double.NaN);
  }

  private static String layout(Map<String, Double> page) {
    return page.keySet().stream()
        .filter(sample -> sample.startsWith("vllm:cache_config_info"))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void tokensOfRequestsFallIntoTheWorkersOwnBuckets() throws Exception {
    Map<String, Double> told = ofAllRequests();
    Map<String, Double> own = ofWorker();
    for (EngineTime tokens :
        List.of(EngineTime.REQUEST_PROMPT_TOKENS, EngineTime.REQUEST_GENERATION_TOKENS)) {
      assertEquals(REQUESTS, told.get(tokens.word() + "_count{}"), told::toString);
      assertEquals(own.get(tokens.word() + "_sum{}"), told.get(tokens.word() + "_sum{}"));
      own.forEach(
          (sample, count) -> {
            if (sample.startsWith(tokens.word() + "_bucket")) {
              assertEquals(count, told.get(sample), sample);
            }
          });
    }
  }

  /** The gateway's times begin before the worker's and end after them. */
  @Test
  void timesAreThoseOfTheWorkerAndTheWayToIt() throws Exception {
    Map<String, Double> told = ofAllRequests();
    Map<String, Double> own = ofWorker();
    assertEquals(REQUESTS, sample(told, "vllm:e2e_request_latency_seconds_count{}"));
    assertTrue(
        sample(told, "vllm:e2e_request_latency_seconds_sum{}")
            > sample(own, "vllm:e2e_request_latency_seconds_sum{}"),
        () -> told + " " + own);
    assertEquals(STREAMS, sample(told, "vllm:time_to_first_token_seconds_count{}"));
    double gaps = sample(told, "vllm:inter_token_latency_seconds_count{}");
    assertTrue(gaps > 0 && gaps <= STREAMS * (TOKENS - 1), () -> "gaps: " + gaps);
    own.keySet().stream()
        .filter(sample -> sample.contains("_seconds_bucket"))
        .forEach(sample -> assertTrue(told.containsKey(sample), sample));
  }
}
