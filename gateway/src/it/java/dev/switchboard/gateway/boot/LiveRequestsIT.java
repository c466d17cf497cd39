package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.FlightTail;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.slo.Slo;
import dev.switchboard.testing.Await;
import io.vertx.core.http.HttpServerResponse;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Requests that run: listed, cancelled, and told as they end. */
class LiveRequestsIT {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String ANSWER =
      "{\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}";

  private static final int SAMPLED = 200;

  /** More than wait to be looked at, by far. */
  private static final int FLOOD = 20_000;

  private static FakeUpstream upstream;
  private static InProcessGateway gateway;
  private static ApiDocument document;

  @BeforeAll
  static void start() throws Exception {
    upstream = new FakeUpstream();
    upstream.script(
        (request, body) -> {
          HttpServerResponse answer = request.response();
          if (body.toString().contains("stream-on")) {
            FakeUpstream.events(request).write(FakeUpstream.role() + FakeUpstream.content("x"));
          } else if (!body.toString().contains("silent")) {
            answer.putHeader("Content-Type", "application/json");
            answer.setStatusCode(body.toString().contains("refuse") ? 400 : 200).end(ANSWER);
          }
        });
    gateway =
        InProcessGateway.before(
            "admin: {heartbeat-ms: 500}\nadmission: {replica-concurrency: 2}", upstream);
    document = ApiDocument.at(gateway, gateway.admin("/openapi.json"));
  }

  @AfterAll
  static void stop() {
    gateway.close();
    upstream.close();
  }

  private static CompletableFuture<HttpResponse<InputStream>> send(
      String id, String text, boolean stream) {
    String body =
        "{\"model\":\"m\",\"stream\":"
            + stream
            + ",\"messages\":[{\"role\":\"user\",\"content\":\""
            + text
            + "\"}]}";
    HttpRequest request =
        HttpRequest.newBuilder(gateway.api(InProcessGateway.CHAT))
            .header("X-Request-Id", id)
            .header("X-SLO-TTFT-Ms", "1")
            .POST(HttpRequest.BodyPublishers.ofString(body))
            .build();
    return gateway.client().sendAsync(request, HttpResponse.BodyHandlers.ofInputStream());
  }

  private static String read(CompletableFuture<HttpResponse<InputStream>> sent) throws Exception {
    try (InputStream body = sent.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS).body()) {
      return new String(body.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  private static JsonNode running(String query) throws Exception {
    HttpResponse<String> answer =
        gateway.get(gateway.admin("/admin/v1/requests?running=true" + query));
    assertEquals(200, answer.statusCode(), answer::body);
    assertEquals(List.of(), document.faults("Requests", answer.body()));
    return JSON.readTree(answer.body()).path("requests");
  }

  private static String phase(String id) throws Exception {
    return StreamSupport.stream(running("").spliterator(), false)
        .filter(each -> each.path("id").asText().equals(id))
        .map(each -> each.path("phase").asText())
        .findFirst()
        .orElse("none");
  }

  private static void awaitPhase(String id, String phase) {
    Await.until("phase of " + id, () -> phase(id), phase::equals);
  }

  private static HttpResponse<String> cancel(String id) throws Exception {
    return gateway.admin(
        "DELETE", "/admin/v1/requests/" + id, "", "X-Switchboard-Change-Reason", "it loops");
  }

  @Test
  void whatRunsIsListedWithItsPhaseAndCancelledInEachOfThem() throws Exception {
    var streaming = send("streaming", "stream-on", true);
    awaitPhase("streaming", "streaming");
    var prefill = send("prefill", "silent", true);
    awaitPhase("prefill", "prefill");
    var queued = send("queued", "silent", true);
    awaitPhase("queued", "queued");

    JsonNode first = running("&limit=1").path(0);
    assertEquals("queued", first.path("id").asText());
    assertTrue(first.path("replica").isNull(), first::toString);
    assertEquals(1, running("&replica=u0&slo=missed&min_ms=0&model=m&limit=1").size());
    assertEquals(0, running("&replica=u7").size());
    String at = first.path("accepted_at").asText();
    assertEquals(3, running("&tenant=default&class=standard&since=2020-01-01T00:00:00Z").size());
    assertEquals("queued", running("&since=" + at).path(0).path("id").asText());
    assertEquals(1, running("&since=" + at).size());
    assertEquals(2, running("&until=" + at).size());
    for (String other : List.of("tenant=nobody", "class=batch", "model=n", "trace_id=none")) {
      assertEquals(0, running("&" + other).size(), other);
    }
    assertEquals(0, running("&min_ms=3600000").size());

    HttpResponse<String> answer = cancel("queued");
    assertEquals(200, answer.statusCode(), answer::body);
    assertEquals(List.of(), document.faults("Cancelled", answer.body()));
    assertEquals("queued", JSON.readTree(answer.body()).at("/cancelled/0/phase").asText());
    assertEquals(410, queued.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS).statusCode());
    told(read(queued));

    upstream.closed.clear();
    assertEquals(200, cancel("prefill").statusCode());
    told(read(prefill));
    assertEquals("closed", upstream.closed.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS));

    assertEquals(200, cancel("streaming").statusCode());
    String stream = read(streaming);
    assertTrue(stream.contains("\"content\":\"x\""), stream);
    assertFalse(stream.contains("[DONE]"), stream);
    told(stream.substring(stream.lastIndexOf("data: ") + "data: ".length()));
    assertEquals("closed", upstream.closed.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
    Await.until("the end of all", () -> running(""), JsonNode::isEmpty);

    ended("streaming");
    JsonNode entry = gateway.adminJson("/admin/v1/audit").at("/audit/0");
    assertEquals("DELETE /admin/v1/requests/:id", entry.path("action").asText());
    assertEquals("streaming", entry.path("target").asText());
    assertEquals("it loops", entry.path("reason").asText());
    assertEquals(409, cancel("streaming").statusCode());
    assertEquals(404, cancel("nobody").statusCode());
  }

  /** Its client reads the code and where its time went. */
  private static void told(String json) throws Exception {
    JsonNode error = JSON.readTree(json);
    assertEquals("cancelled", error.at("/error/code").asText(), json);
    assertTrue(error.at("/switchboard/time_ms/total").isNumber(), json);
  }

  private static void ended(String id) throws Exception {
    JsonNode timeline = gateway.timeline(id);
    assertEquals("cancelled", timeline.path("outcome").asText());
    assertEquals("u0", timeline.at("/replicas/0").asText());
    assertFalse(timeline.path("missed").asBoolean(), timeline::toString);
  }

  @ParameterizedTest
  @CsvSource({
    "?running=true&outcome=ok, outcome",
    "?running=true&before=3, before",
    "?running=maybe, running",
    "/tail?sample=0, sample",
    "/tail?sample=2, sample",
    "/tail?limit=3, limit",
    "/tail?status=x, status"
  })
  void whatCannotBeAskedIsRefusedByItsName(String query, String param) throws Exception {
    HttpResponse<String> answer = gateway.get(gateway.admin("/admin/v1/requests" + query));

    assertEquals(400, answer.statusCode(), answer::body);
    assertEquals(param, JSON.readTree(answer.body()).at("/error/param").asText());
  }

  private static EventReader tail(String query) throws Exception {
    URI uri = gateway.admin("/admin/v1/requests/tail" + query);
    return EventReader.of(gateway.client(), uri);
  }

  @Test
  void whatEndsIsToldToThoseThatWantIt() throws Exception {
    try (EventReader all = tail("");
        EventReader refused = tail("?status=400");
        EventReader none = tail("?sample=0.000001")) {
      read(send("good", "a", false));
      read(send("bad", "refuse", false));

      assertEquals("good", all.await("request").data().path("id").asText());
      JsonNode bad = all.await("request").data();
      assertEquals("bad", refused.await("request").data().path("id").asText());
      assertEquals(List.of(), document.faults("TailEvent", bad.toString()));
      assertEquals("u0", bad.at("/replicas/0").asText());
      assertEquals(2, none.await("left_out").data().path("left_out").asInt());
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "model=m",
        "class=standard",
        "tenant=default",
        "outcome=invalid_request",
        "status=400",
        "replica=u0",
        "min_ms=0",
        "since=2020-01-01T00:00:00Z&until=2100-01-01T00:00:00Z",
        "model=m&status=400&replica=u0"
      })
  void theTailTakesTheFiltersOfTheList(String query) throws Exception {
    String id = "of-" + query.hashCode();
    try (EventReader wanted = tail("?" + query);
        EventReader all = tail("?status=400")) {
      read(send(id, "refuse", false));

      assertEquals(id, wanted.await("request").data().path("id").asText());
      assertEquals(id, all.await("request").data().path("id").asText());
    }
  }

  private static FlightTail ended() {
    return gateway.gateway().reconfiguration().context().recorder().tail();
  }

  /** One that a filter wants, or one of which everything is different. */
  private static FlightRecord record(String id, boolean wanted) {
    AtomicLong now = new AtomicLong(1_000_000_000L);
    Flight flight = new Flight(id, now::get);
    flight.model(wanted ? "big" : "small");
    flight.slo(new Slo(wanted ? "gold" : "tin", 0, 0, 0, 0));
    flight.tenant(wanted ? "acme" : "other");
    flight.traceId(wanted ? "8cf92f35" : "77f92f35");
    String replica = wanted ? "w7" : "w8";
    flight.attempt(new FlightRecord.Attempt(1, replica, 1, 2, null, false, null));
    now.addAndGet(wanted ? 500_000_000L : 499_000_000L);
    Outcome outcome = wanted ? Outcome.UPSTREAM_BROKEN : Outcome.OK;
    return flight.finish(outcome, outcome.status(), null);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "model=big",
        "class=gold",
        "tenant=acme",
        "outcome=upstream_broken",
        "status=502",
        "replica=w7",
        "min_ms=500",
        "slo=missed",
        "waited_for=1.3",
        "trace_id=8cf92f35"
      })
  void theTailPassesByWhatAFilterDoesNotWant(String query) throws Exception {
    try (EventReader reader = tail("?" + query)) {
      ended().ended(record("passed-by", false), List.of("1.2"));
      ended().ended(record("wanted", true), List.of("1.3"));

      JsonNode told = reader.await("request").data();
      assertEquals("wanted", told.path("id").asText(), told::toString);
      assertEquals(0, told.path("left_out").asInt(-1), told::toString);
    }
    awaitListeners(0);
  }

  @Test
  void aSampleTellsItsShareTheSameToAllAndCountsTheRest() throws Exception {
    try (EventReader one = tail("?sample=0.5&model=big");
        EventReader other = tail("?sample=0.5&model=big")) {
      for (int i = 0; i < SAMPLED; i++) {
        ended().ended(record("s" + i, true), List.of());
        ended().ended(record("passed-by" + i, false), List.of());
      }

      List<String> told = sampled(one);
      assertTrue(told.size() > 0.4 * SAMPLED && told.size() < 0.6 * SAMPLED, told::toString);
      assertEquals(told, sampled(other));
    }
    awaitListeners(0);
  }

  /** The ids that are told until all are, or are counted as left out. */
  private static List<String> sampled(EventReader reader) throws Exception {
    List<String> ids = new ArrayList<>();
    int leftOut = 0;
    while (ids.size() + leftOut < SAMPLED) {
      EventReader.Event event = reader.await(each -> true);
      leftOut += event.data().path("left_out").asInt();
      if (event.type().equals("request")) {
        ids.add(event.data().path("id").asText());
      }
    }
    assertEquals(SAMPLED, ids.size() + leftOut);
    return ids;
  }

  /** Of those that found no room nobody knows whether a filter wanted them. */
  @Test
  void whatEndsFasterThanAnybodyCanLookIsCountedForEveryListener() throws Exception {
    FlightRecord record = record("flood", true);
    try (EventReader reader = tail("?status=200")) {
      for (int i = 0; i < FLOOD; i++) {
        ended().ended(record, List.of());
      }

      int leftOut = reader.await("left_out").data().path("left_out").asInt();
      assertTrue(leftOut > FLOOD / 10 && leftOut < FLOOD, () -> "left out " + leftOut);
    }
    awaitListeners(0);
  }

  private static void awaitListeners(int count) {
    Await.until(
        "listeners", () -> metric("switchboard_request_tail_listeners"), open -> open == count);
  }

  /** Hundreds of long lines, which do not fit into what waits for one that reads none. */
  @Test
  void whoDoesNotReadIsLeftBehindCountedAndCutOff() throws Exception {
    URI admin = gateway.admin("");
    double before = gateway.metric("switchboard_event_listeners_cut_total");
    try (Socket slow = new Socket()) {
      slow.setReceiveBufferSize(2048);
      slow.connect(new InetSocketAddress(admin.getHost(), admin.getPort()));
      String head = "GET /admin/v1/requests/tail HTTP/1.1\r\nHost: " + admin.getAuthority();
      slow.getOutputStream().write((head + "\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
      awaitListeners(1);

      Await.until(
          "a dropped line",
          () -> {
            post();
            return metric("switchboard_request_tail_dropped_total") > 0;
          });
      Await.until("it is cut", () -> metric("switchboard_event_listeners_cut_total") > before);
    }
    awaitListeners(0);
  }

  private static void post() {
    List<CompletableFuture<HttpResponse<String>>> sent =
        IntStream.range(0, 64)
            .mapToObj(
                i ->
                    gateway
                        .client()
                        .sendAsync(
                            HttpRequest.newBuilder(gateway.api(InProcessGateway.CHAT))
                                .POST(
                                    HttpRequest.BodyPublishers.ofString(
                                        InProcessGateway.chat(false)))
                                .build(),
                            HttpResponse.BodyHandlers.ofString()))
            .toList();
    sent.forEach(CompletableFuture::join);
  }

  private static double metric(String name) throws Exception {
    return gateway.metric(name);
  }

  @Test
  void theTailEndsWithTheGateway() throws Exception {
    try (FakeUpstream own = new FakeUpstream();
        InProcessGateway other = InProcessGateway.before("", own);
        EventReader reader =
            EventReader.of(other.client(), other.admin("/admin/v1/requests/tail"))) {
      other.gateway().stop();

      assertEquals(List.of(), reader.rest());
    }
  }
}
