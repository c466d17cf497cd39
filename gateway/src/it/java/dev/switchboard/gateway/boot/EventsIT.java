package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.gateway.boot.EventReader.Event;
import dev.switchboard.gateway.events.EventType;
import dev.switchboard.gateway.identity.Caller.Role;
import dev.switchboard.testing.Await;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The events of a gateway as who listens gets them. */
class EventsIT {
  private static final String SECRET = "sb-0123456789012345678901234567890123456789012";

  /** Of some 200 bytes each: several times what may wait for a listener. */
  private static final int MOST_HELD = 1500;

  private static FakeUpstream upstream;
  private static InProcessGateway gateway;

  @BeforeAll
  static void start() throws Exception {
    upstream = new FakeUpstream();
    upstream.script(
        (request, body) ->
            request.response().setStatusCode(body.toString().contains("fail") ? 400 : 200).end());
    gateway = InProcessGateway.before("", upstream);
  }

  @AfterAll
  static void stop() {
    gateway.close();
    upstream.close();
  }

  private static void post(String path, String body) throws Exception {
    gateway.admin("POST", path, body);
  }

  private static void awaitListeners(InProcessGateway gateway, int count) {
    gateway.awaitMetric("switchboard_event_listeners", count);
  }

  @Test
  void whatHappenedIsToldAsJsonNewestFirst() throws Exception {
    post("/admin/v1/replicas/u0/cordon", "");
    post("/admin/v1/replicas/u0/uncordon", "");

    JsonNode all = history("?limit=1000");
    JsonNode states = history("?types=replica_state&limit=2");
    JsonNode more = history("?types=replica_state&limit=1&before=" + states.path("next").asText());

    assertEquals("READY", states.at("/events/0/data/to").asText());
    assertEquals("CORDONED", states.at("/events/1/data/to").asText());
    long second = states.at("/events/1/id").asLong();
    assertTrue(more.at("/events/0/id").asLong() < second, () -> states + " before " + more);
    assertTrue(all.path("events").size() > 3, all::toString);
    ApiDocument document = ApiDocument.at(gateway, gateway.admin("/openapi.json"));
    assertEquals(List.of(), document.faults("Events", all.toString()));
    assertEquals(0, history("?since=2100-01-01T00:00:00Z").path("events").size());
    assertEquals(400, gateway.get(gateway.admin("/admin/v1/events?since=x")).statusCode());
    assertEquals(400, gateway.get(gateway.admin("/admin/v1/events?limit=5&before=1")).statusCode());
  }

  private static JsonNode history(String query) throws Exception {
    HttpResponse<String> answer = gateway.get(gateway.admin("/admin/v1/events" + query));
    assertEquals(200, answer.statusCode(), answer::body);
    return new ObjectMapper().readTree(answer.body());
  }

  @Test
  void aDrainIsToldFromItsBeginningToItsReport() throws Exception {
    try (EventReader events = EventReader.of(gateway, "")) {
      post("/admin/v1/replicas/u0/drain", "{\"grace_ms\":0}");
      Event draining = events.await(event -> event.data().path("to").asText().equals("DRAINING"));
      Event began = events.await("drain_started");
      Event ended = events.await("drain_ended");
      post("/admin/v1/replicas/u0/resume", "");
      Event back = events.await(event -> event.data().path("to").asText().equals("READY"));

      assertEquals("text/event-stream", events.header("Content-Type"));
      assertEquals("no-store", events.header("Cache-Control"));
      assertEquals("replica_state", draining.type());
      assertEquals("READY", draining.data().path("from").asText());
      assertEquals("operator", draining.data().path("reason").asText());
      assertEquals("m", draining.data().path("model").asText());
      assertFalse(began.data().path("done").asBoolean());
      assertTrue(ended.data().path("done").asBoolean(), ended::toString);
      assertTrue(draining.id() < began.id() && began.id() < ended.id() && ended.id() < back.id());
      assertTrue(draining.data().path("at").asText().matches("\\d{4}-\\d\\d-\\d\\dT.*Z"));
    }
  }

  @Test
  void changesAreToldWithoutWhatTheyWereMadeOf() throws Exception {
    try (EventReader events = EventReader.of(gateway, "?types=audit,config_reload")) {
      post("/admin/v1/keys", "{\"name\":\"told\",\"role\":\"viewer\"}");
      JsonNode made = events.await("audit").data();
      gateway.admin("DELETE", "/admin/v1/keys/" + SECRET, "");
      JsonNode missed = events.await("audit").data();
      gateway.rewrite("retry: {ratio: 0.2}");
      post("/admin/v1/config/reload", "");
      JsonNode taken = events.await("config_reload").data();
      gateway.rewrite("http: {port: 1}");
      post("/admin/v1/config/reload", "");
      JsonNode refused = events.await("config_reload").data();

      assertEquals("POST /admin/v1/keys", made.path("action").asText());
      assertEquals(
          Set.of("at", "action", "target", "actor", "on_behalf_of", "role", "status", "code"),
          names(made));
      assertEquals(404, missed.path("status").asInt());
      assertTrue(missed.path("target").isNull(), missed::toString);
      assertEquals("done", taken.path("result").asText());
      assertEquals("[\"retry.ratio\"]", taken.path("keys").toString());
      assertEquals("needs_restart", refused.path("result").asText());
      assertTrue(refused.path("keys").toString().contains("http.port"), refused::toString);
    }
  }

  private static Set<String> names(JsonNode object) {
    return object.properties().stream().map(member -> member.getKey()).collect(Collectors.toSet());
  }

  @Test
  void whoComesAgainGetsWhatItMissedOnce() throws Exception {
    List<Event> all;
    try (EventReader events = EventReader.of(gateway, "?types=audit")) {
      post("/admin/v1/replicas/u0/weight", "{\"weight\":2}");
      Event first = events.await("audit");
      post("/admin/v1/replicas/u0/weight", "{\"weight\":1}");
      Event second = events.await("audit");
      all = List.of(first, second);
    }
    long id = all.getFirst().id();

    try (EventReader again =
            EventReader.of(gateway, "?types=audit", "Last-Event-ID", Long.toString(id));
        EventReader foreign = EventReader.of(gateway, "", "Last-Event-ID", "17")) {
      assertEquals(all.getLast(), again.await(event -> true));
      assertTrue(foreign.await(event -> true).data().path("lost").isNull());
    }
  }

  @ParameterizedTest
  @CsvSource({
    "types, '?types=audit,drains', ",
    "types, ?types=, ",
    "types, ?types=audit&types=gap, ",
    "Last-Event-ID, '', x",
    "Last-Event-ID, '', -1",
    "Last-Event-ID, '', 1234567890123456789"
  })
  void aMistakeIsNamed(String field, String query, String lastId) throws Exception {
    String[] headers = lastId == null ? new String[0] : new String[] {"Last-Event-ID", lastId};

    HttpResponse<String> refused = gateway.get(gateway.admin("/admin/v1/events" + query), headers);

    assertEquals(400, refused.statusCode(), refused.body());
    assertTrue(refused.body().contains("\"param\":\"" + field + "\""), refused.body());
  }

  @Test
  void thereAreNoMoreListenersThanMayBeAndTheirPlacesBecomeFree() throws Exception {
    awaitListeners(gateway, 0);
    List<EventReader> readers = new ArrayList<>();
    try {
      EventReader one = EventReader.of(gateway, "");
      while (one.status() == 200) {
        readers.add(one);
        one = EventReader.of(gateway, "");
      }
      HttpResponse<String> refused = gateway.get(gateway.admin("/admin/v1/events"));

      assertTrue(readers.size() >= 30 && readers.size() <= 32, () -> "" + readers.size());
      assertEquals(429, refused.statusCode());
      assertTrue(refused.body().contains("too_many_listeners"), refused.body());
    } finally {
      for (EventReader reader : readers) {
        reader.close();
      }
    }
    Await.until(
        "a free place",
        () -> {
          try (EventReader reader = EventReader.of(gateway, "")) {
            return reader.status() == 200;
          }
        });
  }

  /** It is cut at the second heartbeat at which it has taken nothing. */
  @Test
  void whoNeverReadsIsCutAndHoldsLittleWhileOthersHearAll() throws Exception {
    try (InProcessGateway own = InProcessGateway.before("admin: {heartbeat-ms: 2000}", upstream);
        EventReader events = EventReader.of(own, "?types=audit");
        Socket silent = new Socket()) {
      silent.setReceiveBufferSize(4 << 10);
      silent.connect(new InetSocketAddress(own.admin("").getHost(), own.admin("").getPort()));
      silent
          .getOutputStream()
          .write(
              "GET /admin/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"
                  .getBytes(StandardCharsets.US_ASCII));
      awaitListeners(own, 2);

      AtomicLong changes = new AtomicLong();
      Await.until(
          "the end of the silent one",
          () -> {
            for (int i = 0; i < 50; i++) {
              change(own, events);
            }
            changes.addAndGet(50);
            return own.metric("switchboard_event_listeners_cut_total") == 1;
          });

      double dropped = own.metric("switchboard_events_dropped_total");
      assertTrue(dropped > 0, () -> "none of " + changes);
      assertTrue(changes.get() - dropped < MOST_HELD, () -> changes + " less " + dropped);
      awaitListeners(own, 1);
      change(own, events);
    }
  }

  /** Changes something, of which who listens is told at once. */
  private static void change(InProcessGateway gateway, EventReader events) throws Exception {
    gateway.admin("POST", "/admin/v1/replicas/u0/weight", "{\"weight\":1}");
    events.await("audit");
  }

  @Test
  void aRevokedKeyHearsNothingMoreAndTheEndOfTheGatewayEndsTheStream() throws Exception {
    InProcessGateway other =
        InProcessGateway.before(IdentityIT.keys(Role.ADMIN, Role.OPERATOR), upstream);
    try (other) {
      String[] admin = {"Authorization", "Bearer admin"};
      String made =
          other
              .admin("POST", "/admin/v1/keys", "{\"name\":\"eye\",\"role\":\"viewer\"}", admin)
              .body();
      JsonNode key = ApiDocument.of(made).root();
      String[] viewer = {"Authorization", "Bearer " + key.path("key").asText()};
      try (EventReader revoked = EventReader.of(other, "", viewer);
          EventReader stays = EventReader.of(other, "", admin)) {
        other.admin("DELETE", "/admin/v1/keys/" + key.path("id").asText(), "", admin);

        assertEquals(200, revoked.status());
        assertEquals(List.of(), revoked.rest());
        stays.await("audit");
        other.gateway().stop();
        List<Event> rest = stays.rest();
        assertTrue(
            rest.stream().anyMatch(event -> event.type().equals("gateway_stopping")),
            rest::toString);
      }
    }
  }

  @Test
  void everyTypeIsDocumentedAndWhatComesIsAsTheDocumentSays() throws Exception {
    ApiDocument document = ApiDocument.at(gateway, gateway.admin("/openapi.json"));
    JsonNode types =
        document
            .operation("GET", "/admin/v1/events")
            .node()
            .at("/responses/200/content/text~1event-stream/x-event-types");
    Set<String> wanted = new TreeSet<>(Set.of("gap"));
    EventType.all().forEach(type -> wanted.add(type.label()));
    try (EventReader events = EventReader.of(gateway, "", "Last-Event-ID", "17")) {
      post("/admin/v1/replicas/u0/drain", "{\"grace_ms\":0}");
      Set<String> missing =
          new TreeSet<>(Set.of("gap", "replica_state", "audit", "drain_started", "drain_ended"));
      while (!missing.isEmpty()) {
        Event event = events.await(any -> true);
        String type = event.type();
        String schema = types.path(type).path("$ref").asText().replaceFirst(".*/", "");

        assertEquals(List.of(), document.faults(schema, event.data().toString()), type);
        missing.remove(type);
      }
    } finally {
      post("/admin/v1/replicas/u0/resume", "");
      Await.until("the drained one", gateway.fleet()::everyModelReady);
    }
    assertEquals(wanted, new TreeSet<>(names(types)));
  }
}
