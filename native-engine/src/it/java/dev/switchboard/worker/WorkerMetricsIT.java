package dev.switchboard.worker;

import static dev.switchboard.worker.WorkerFixture.json;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.testing.Await;
import dev.switchboard.testing.Stopwatch;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** {@code /metrics} of a real worker, held to what its clients saw. */
class WorkerMetricsIT {
  private static final String LABELS = "{model_name=\"switchboard-demo\",engine=\"0\"}";
  private static final int TOKENS = 12;
  private static final int STEP_MS = 30;

  /** Until it was seen who waits. */
  private static final int LONG_STEP_MS = 1000;

  private static final HttpClient CLIENT = HttpClient.newHttpClient();

  private static WorkerProcess worker;
  private static int port;

  /** One sequence at a time, so that the others wait. */
  @BeforeAll
  static void start() {
    worker =
        new WorkerProcess(
            "--model",
            WorkerProcess.MODEL.toString(),
            "--max-sequences",
            "1",
            "--allow-fault-injection");
    port = worker.await("listening").path("port").asInt();
    worker.await("ready");
  }

  @AfterAll
  static void stop() {
    worker.close();
    CLIENT.close();
  }

  private static HttpRequest.Builder request(String path) {
    return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path));
  }

  private static Map<String, Double> metrics() throws Exception {
    HttpResponse<String> page =
        CLIENT.send(request("/metrics").GET().build(), BodyHandlers.ofString());
    assertEquals(200, page.statusCode());
    assertEquals(
        "text/plain; version=0.0.4; charset=utf-8",
        page.headers().firstValue("Content-Type").orElse(""));
    Map<String, Double> values = new HashMap<>();
    page.body()
        .lines()
        .filter(line -> !line.startsWith("#"))
        .forEach(
            line -> {
              int space = line.lastIndexOf(' ');
              values.put(line.substring(0, space), Double.valueOf(line.substring(space + 1)));
            });
    return values;
  }

  /** As Prometheus' own exporters are asked for some of them. */
  @Test
  void onlyTheMetricsThatAreNamedAreTold() throws Exception {
    String query = "?name[]=vllm:num_requests_running&name%5B%5D=vllm:request_prompt_tokens_bucket";

    String page =
        CLIENT
            .send(
                request("/metrics" + query.replace("[]", "%5B%5D")).GET().build(),
                BodyHandlers.ofString())
            .body();

    Set<String> families = new TreeSet<>();
    page.lines()
        .filter(line -> line.startsWith("# TYPE "))
        .forEach(line -> families.add(line.split(" ", 4)[2]));
    assertEquals(Set.of("vllm:num_requests_running", "vllm:request_prompt_tokens"), families);
    assertTrue(page.contains("vllm:request_prompt_tokens_count{"), page);
    HttpRequest others = request("/metrics?name%5B%5D=none&x=1").GET().build();
    assertEquals("", CLIENT.send(others, BodyHandlers.ofString()).body());
  }

  private static double value(Map<String, Double> page, String name) {
    return page.getOrDefault("vllm:" + name + LABELS, Double.NaN);
  }

  /** Its usage, and how long the client waited for all of it. */
  private record Seen(int prompt, int generated, int cached, double seconds) {}

  private static CompletableFuture<Seen> ask(String prompt, String more, String... headers) {
    String body =
        "{\"model\":\"switchboard-demo\",\"prompt\":\"%s\",\"temperature\":0%s}"
            .formatted(prompt, more);
    HttpRequest.Builder request =
        request("/v1/completions")
            .header("Content-Type", "application/json")
            .POST(BodyPublishers.ofString(body));
    for (int i = 0; i < headers.length; i += 2) {
      request.header(headers[i], headers[i + 1]);
    }
    Stopwatch asked = Stopwatch.start();
    return CLIENT
        .sendAsync(request.build(), BodyHandlers.ofString())
        .thenApply(
            answer -> {
              JsonNode usage = json(answer.body()).path("usage");
              return new Seen(
                  usage.path("prompt_tokens").asInt(),
                  usage.path("completion_tokens").asInt(),
                  usage.at("/prompt_tokens_details/cached_tokens").asInt(),
                  asked.nanos() / 1e9);
            });
  }

  private static void delay(long millis) throws Exception {
    String fault =
        millis == 0
            ? "{\"kind\":\"none\"}"
            : "{\"kind\":\"delay\",\"amount\":%d,\"steps\":100000}".formatted(millis * 1_000_000);
    HttpResponse<String> answer =
        CLIENT.send(
            request("/engine/v1/faults")
                .header("Content-Type", "application/json")
                .POST(BodyPublishers.ofString(fault))
                .build(),
            BodyHandlers.ofString());
    assertEquals(200, answer.statusCode(), answer::body);
  }

  /** Two at once where one at a time runs, each step made to take a known time. */
  @Test
  void countsAndTimesAreWhatTheClientsSaw() throws Exception {
    String exactly = ",\"ignore_eos\":true,\"max_tokens\":" + TOKENS;
    ask("warm", ",\"max_tokens\":1").join();
    Map<String, Double> before = metrics();
    delay(LONG_STEP_MS);

    List<CompletableFuture<Seen>> asked = List.of(ask("one", exactly), ask("two", exactly));
    awaitQueued(1);
    Map<String, Double> during = metrics();
    delay(STEP_MS);
    List<Seen> seen = asked.stream().map(CompletableFuture::join).toList();
    delay(0);
    Map<String, Double> after = metrics();

    assertEquals(1, value(during, "num_requests_running"));
    assertTrue(value(during, "kv_cache_usage_perc") > 0);
    assertTrue(value(during, "kv_cache_usage_perc") <= 1);
    assertEquals(0, value(after, "num_requests_waiting"));
    assertEquals(0, value(after, "kv_cache_usage_perc"));
    counts(before, after, seen);
    times(before, after, seen);
  }

  /** The higher the sooner, in a header as in a body; the header stands over the body. */
  @Test
  void theMostUrgentGoesFirstWhereverThatIsSaid() throws Exception {
    delay(LONG_STEP_MS);
    String exactly = ",\"ignore_eos\":true,\"max_tokens\":" + TOKENS;
    List<String> order = Collections.synchronizedList(new ArrayList<>());
    CompletableFuture<?> running = ask("running", exactly + ",\"priority\":100");
    Await.until("running", WorkerMetricsIT::running, count -> count == 1);

    List<CompletableFuture<?>> asked = new ArrayList<>();
    asked.add(ask("low", exactly + ",\"priority\":-5").thenRun(() -> order.add("low")));
    asked.add(ask("high", exactly + ",\"priority\":50").thenRun(() -> order.add("high")));
    asked.add(
        ask("header", exactly + ",\"priority\":-100", "X-Priority", "60")
            .thenRun(() -> order.add("header")));
    asked.add(ask("plain", exactly).thenRun(() -> order.add("plain")));
    awaitQueued(4);
    delay(0);
    CompletableFuture.allOf(asked.toArray(CompletableFuture[]::new)).join();
    running.join();

    assertEquals(List.of("header", "high", "plain", "low"), order);
  }

  private static void awaitQueued(int count) {
    Await.until("queued", WorkerMetricsIT::queued, queued -> queued == count);
  }

  private static int running() throws Exception {
    return (int) value(metrics(), "num_requests_running");
  }

  private static int queued() throws Exception {
    return (int) value(metrics(), "num_requests_waiting");
  }

  private static void counts(
      Map<String, Double> before, Map<String, Double> after, List<Seen> seen) {
    int prompt = seen.stream().mapToInt(Seen::prompt).sum();
    int generated = seen.stream().mapToInt(Seen::generated).sum();
    assertEquals(2 * TOKENS, generated);
    Map<String, Double> grown = new HashMap<>();
    after.forEach((name, value) -> grown.put(name, value - before.getOrDefault(name, 0.0)));
    assertEquals(prompt, value(grown, "prompt_tokens_total"));
    assertEquals(generated, value(grown, "generation_tokens_total"));
    assertEquals(prompt, value(grown, "prefix_cache_queries_total"));
    assertEquals(
        seen.stream().mapToInt(Seen::cached).sum(), value(grown, "prefix_cache_hits_total"));
    assertEquals(2, value(grown, "time_to_first_token_seconds_count"));
    assertEquals(2 * (TOKENS - 1), value(grown, "inter_token_latency_seconds_count"));
    assertEquals(2, value(grown, "e2e_request_latency_seconds_count"));
    assertEquals(prompt, value(grown, "request_prompt_tokens_sum"));
    assertEquals(generated, value(grown, "request_generation_tokens_sum"));
    assertEquals(0, bucket(grown, "request_generation_tokens", "10.0"));
    assertEquals(2, bucket(grown, "request_generation_tokens", "20.0"));
    assertEquals(2, bucket(grown, "request_generation_tokens", "+Inf"));
    assertEquals(
        2,
        grown.get(
            "vllm:request_success_total{model_name=\"switchboard-demo\",engine=\"0\","
                + "finished_reason=\"length\"}"));
  }

  private static double bucket(Map<String, Double> page, String name, String bound) {
    String labels = LABELS.replace("}", ",le=\"" + bound + "\"}");
    return page.getOrDefault("vllm:" + name + "_bucket" + labels, Double.NaN);
  }

  /** What a worker tells is within what its client waited, and has what the steps took. */
  private static void times(
      Map<String, Double> before, Map<String, Double> after, List<Seen> seen) {
    double first = grown(before, after, "time_to_first_token_seconds_sum");
    double between = grown(before, after, "inter_token_latency_seconds_sum");
    double whole = grown(before, after, "e2e_request_latency_seconds_sum");
    double waited = seen.stream().mapToDouble(Seen::seconds).sum();
    double stepSeconds = STEP_MS / 1e3;

    assertTrue(whole <= waited, () -> whole + " > " + waited);
    assertTrue(first + between <= whole + 1e-6, () -> first + " + " + between + " > " + whole);
    // The second waited for all steps of the first; a wakeup that comes late only shifts between.
    assertTrue(first >= stepSeconds * (TOKENS - 2), () -> "first " + first);
    assertTrue(first + between >= stepSeconds * (3 * TOKENS - 3), () -> "all " + between);
    assertEquals(0, grownBucket(before, after, "time_to_first_token_seconds", "0.02"));
  }

  private static double grown(Map<String, Double> before, Map<String, Double> after, String name) {
    return value(after, name) - value(before, name);
  }

  private static double grownBucket(
      Map<String, Double> before, Map<String, Double> after, String name, String bound) {
    return bucket(after, name, bound) - bucket(before, name, bound);
  }

  /** Labels and buckets as vLLM has them: a query that names them finds them. */
  @Test
  void theKvPoolAndOurOwnNamesAreTold() throws Exception {
    ask("cached", ",\"max_tokens\":1").join();
    Map<String, Double> page = metrics();

    String config =
        page.keySet().stream()
            .filter(name -> name.startsWith("vllm:cache_config_info{"))
            .findFirst()
            .orElse("");
    assertTrue(config.matches(".*block_size=\"32\",num_gpu_blocks=\"[1-9][0-9]*\".*"), config);
    assertEquals(1, page.get("switchboard_worker_phase{phase=\"ready\"}"));
    assertEquals(0, page.get("switchboard_worker_phase{phase=\"draining\"}"));
    assertTrue(
        page.getOrDefault(
                "switchboard_worker_rank_seconds_total{stage=\"0\",rank=\"0\",kind=\"compute\"}",
                0.0)
            > 0);
    assertTrue(page.getOrDefault("switchboard_worker_steps_total", 0.0) > 0);
    assertFalse(page.containsKey("switchboard_worker_rank_step_age_seconds"));
    assertEquals(
        22 + 1,
        page.keySet().stream()
            .filter(name -> name.startsWith("vllm:time_to_first_token_seconds_bucket"))
            .count());
  }
}
