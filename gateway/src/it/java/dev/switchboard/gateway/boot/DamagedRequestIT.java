package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.testing.Await;
import java.io.BufferedReader;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/**
 * Requests that are made, or happen, to end the workers which they reach: three real workers and
 * somebody's stream beside them.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class DamagedRequestIT {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String MODEL = "switchboard-demo";

  /** Of a step; until its second one nothing of an answer comes. */
  private static final long SLOW_MS = 30_000;

  private @Nullable GatewayProcess started;
  private Path log;

  @BeforeAll
  void start(@TempDir Path folder) throws Exception {
    Path config = folder.resolve("switchboard.yaml");
    Files.writeString(
        config,
        """
        workers: {local: 3, threads: 1, arguments: [--allow-fault-injection]}
        migration: {attempts: 5}
        """);
    log = folder.resolve("gateway.log");
    started =
        GatewayProcess.startLogging(
                log,
                List.of("-Dswitchboard.library=" + System.getProperty("switchboard.library")),
                "--config",
                config.toString())
            .awaitReady();
    awaitReady();
  }

  private GatewayProcess gateway() {
    return Objects.requireNonNull(started, "it was started");
  }

  @AfterAll
  void stop() {
    gateway().close();
  }

  @Test
  void damagedRequestsAreAnsweredAndNoWorkerEnds() throws Exception {
    Set<Long> before = pids();
    CompletableFuture<List<String>> stream = lines(gateway().stream(300));

    List<String> answers = new ArrayList<>();
    for (String fields : damaged()) {
      HttpResponse<String> answer = gateway().post(completions(), body(fields));
      answers.add(answer.statusCode() + " " + fields);
    }

    assertTrue(
        answers.stream().allMatch(answer -> answer.matches("(200|400) .*")), answers::toString);
    assertEquals("data: [DONE]", last(stream));
    assertEquals(before, pids());
    assertEquals(3, ready());
  }

  private static List<String> damaged() {
    List<String> damaged = new ArrayList<>();
    for (String number : List.of("2147483645", "2147483646", "2147483647", "1e30", "-1")) {
      for (String name : List.of("minItems", "maxItems", "minLength", "maxLength")) {
        damaged.add("\"guided_json\":{\"%s\":%s}".formatted(name, number));
      }
      damaged.add(
          "\"guided_json\":{\"maxItems\":%1$s,\"items\":{\"maxItems\":%1$s}}".formatted(number));
      damaged.add("\"guided_regex\":\"a{%s}\"".formatted(number));
      damaged.add("\"n\":%s".formatted(number));
      damaged.add("\"best_of\":%s".formatted(number));
      damaged.add("\"top_k\":%s".formatted(number));
    }
    damaged.add("\"guided_regex\":\"((((a{9999}){9999}){9999}){9999}){9999}\"");
    damaged.add(
        "\"guided_json\":{\"oneOf\":[{\"type\":\"number\",\"enum\":[1e999999999]},{\"type\":\"number\",\"minimum\":0}]}");
    return damaged;
  }

  @Test
  void aRequestWithWhichTwoWorkersDieEndsAndAnEqualOneIsNotTriedForAWhile() throws Exception {
    awaitReady();
    HttpResponse<InputStream> opened = gateway().stream(600);
    String healthy = opened.headers().firstValue("X-Switchboard-Replica").orElseThrow();
    CompletableFuture<List<String>> stream = lines(opened);
    for (String replica : List.of("w0", "w1", "w2")) {
      if (!replica.equals(healthy)) {
        gateway().slow(replica, SLOW_MS);
      }
    }
    // So that the request reaches the others, whatever is expected of them.
    JsonNode _ = gateway().adminPost("/admin/v1/replicas/" + healthy + "/cordon", "");
    String body = body("\"temperature\":0.5");

    CompletableFuture<HttpResponse<String>> damaged =
        CompletableFuture.supplyAsync(() -> send(body, "X-Request-Id", "deadly"));
    killWhoHasIt(healthy);
    killWhoHasIt(healthy);
    HttpResponse<String> answer = damaged.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
    JsonNode _ = gateway().adminPost("/admin/v1/replicas/" + healthy + "/uncordon", "");
    HttpResponse<String> equal = send(body);

    assertEquals(502, answer.statusCode());
    assertEquals("engine_failed", JSON.readTree(answer.body()).at("/error/code").asText());
    assertEquals(502, equal.statusCode());
    assertEquals("engine_failed", JSON.readTree(equal.body()).at("/error/code").asText());
    assertTrue(equal.headers().firstValueAsLong("Retry-After").orElse(0) > 30);
    assertEquals("data: [DONE]", last(stream));
    awaitReady();
    assertEquals(200, send(body("\"temperature\":0.6")).statusCode());
    assertEquals(1, poisoned("ended"));
    assertEquals(1, poisoned("held"));
    String told = Files.readString(log);
    assertTrue(
        told.lines()
            .anyMatch(
                line -> line.contains("request_ended_workers") && line.contains("request=deadly")),
        told);
  }

  /** Ends the process of the replica that has a request, as the request itself might. */
  private void killWhoHasIt(String butNot) throws Exception {
    String victim = Await.until("who has it", () -> busy(butNot), id -> !id.isEmpty());
    gateway().kill(victim);
    Await.until("another that has it", () -> busy(butNot), id -> !id.equals(victim));
  }

  /** Empty for nobody. */
  private String busy(String butNot) throws Exception {
    for (JsonNode replica : replicas()) {
      String id = replica.path("id").asText();
      if (!id.equals(butNot) && replica.path("in_flight").asInt() > 0) {
        return id;
      }
    }
    return "";
  }

  private void awaitReady() {
    Await.until("all three", this::ready, ready -> ready == 3);
  }

  private int ready() throws Exception {
    int ready = 0;
    for (JsonNode replica : replicas()) {
      ready += replica.path("state").asText().equals("READY") ? 1 : 0;
    }
    return ready;
  }

  private Set<Long> pids() throws Exception {
    Set<Long> pids = new TreeSet<>();
    replicas().forEach(replica -> pids.add(replica.path("pid").asLong()));
    return pids;
  }

  private JsonNode replicas() throws Exception {
    return gateway().admin("/admin/v1/replicas").path("replicas");
  }

  private int poisoned(String result) throws Exception {
    String series = "switchboard_poison_requests_total{";
    return gateway()
        .metrics()
        .lines()
        .filter(line -> line.startsWith(series) && line.contains("result=\"" + result + "\""))
        .mapToInt(line -> (int) Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1)))
        .sum();
  }

  private URI completions() {
    return gateway().api("/v1/completions");
  }

  private HttpResponse<String> send(String body, String... headers) {
    try {
      return gateway().post(completions(), body, headers);
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  private static String body(String fields) {
    return "{\"model\":\"%s\",\"prompt\":\"Hello\",\"max_tokens\":3,%s}".formatted(MODEL, fields);
  }

  private static CompletableFuture<List<String>> lines(HttpResponse<InputStream> answer) {
    return CompletableFuture.supplyAsync(
        () ->
            new BufferedReader(new InputStreamReader(answer.body(), StandardCharsets.UTF_8))
                .lines()
                .filter(line -> !line.isEmpty())
                .toList());
  }

  private static String last(CompletableFuture<List<String>> stream) throws Exception {
    return stream.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS).getLast();
  }
}
