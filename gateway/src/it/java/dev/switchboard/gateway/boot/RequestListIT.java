package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.testing.Await;
import io.vertx.core.http.HttpServerResponse;
import java.net.http.HttpResponse;
import java.time.Instant;
import java.util.List;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Lists of requests by what they have in common. */
class RequestListIT {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int LATE_MS = 30;
  private static final String ANSWER =
      "{\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}";
  private static final String STREAM =
      "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\ndata: [DONE]\n\n";

  private static FakeUpstream upstream;
  private static InProcessGateway gateway;

  @BeforeAll
  static void start() throws Exception {
    upstream = new FakeUpstream();
    upstream.script(
        (request, body) -> {
          HttpServerResponse answer = request.response();
          if (body.toString().contains("late")) {
            answer.putHeader("Content-Type", "text/event-stream");
            upstream.vertx().setTimer(LATE_MS, late -> answer.end(STREAM));
          } else {
            answer.setStatusCode(body.toString().contains("refuse") ? 400 : 200);
            answer.putHeader("Content-Type", "application/json").end(ANSWER);
          }
        });
    gateway = InProcessGateway.before("", upstream);
    gateway.admin("PUT", "/admin/v1/slo-classes/live", "{\"ttft_ms\":60000}");
    send("plain", "a");
    send("live", "a", "X-SLO-Class", "live");
    send("late", "late", "X-SLO-TTFT-Ms", "1");
    send("refused", "refuse");
    for (String id : List.of("plain", "live", "late", "refused")) {
      JsonNode _ = gateway.timeline(id);
    }
  }

  private static void send(String id, String text, String... header) throws Exception {
    String body =
        "{\"model\":\"m\",\"stream\":"
            + text.equals("late")
            + ",\"messages\":[{\"role\":\"user\",\"content\":\""
            + text
            + "\"}]}";
    String[] headers =
        header.length == 0
            ? new String[] {"X-Request-Id", id}
            : new String[] {"X-Request-Id", id, header[0], header[1]};
    HttpResponse<String> _ = gateway.post(InProcessGateway.CHAT, body, headers);
    // Times are told in milliseconds, and no two requests may have the same.
    Instant next = Instant.now().plusMillis(2);
    Await.until(() -> Instant.now().isAfter(next));
  }

  @AfterAll
  static void stop() {
    gateway.close();
    upstream.close();
  }

  private static JsonNode list(String query) throws Exception {
    HttpResponse<String> answer = gateway.get(gateway.admin("/admin/v1/requests?" + query));
    assertEquals(200, answer.statusCode(), answer::body);
    return JSON.readTree(answer.body());
  }

  private static List<String> ids(JsonNode list) {
    return StreamSupport.stream(list.path("requests").spliterator(), false)
        .map(each -> each.path("id").asText())
        .toList();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "class=live                    | live",
        "status=400                    | refused",
        "outcome=invalid_request       | refused",
        "replica=u0&class=live         | live",
        "replica=u9                    | ''",
        "model=other                   | ''",
        "model=m&class=live            | live",
        "tenant=default&class=live     | live",
        "tenant=default&status=400     | refused",
        "tenant=nobody                 | ''",
        "until=2020-01-01T00:00:00Z    | ''",
        "since=2020-01-01T00:00:00Z    | refused,late,live,plain",
        "since=2300-01-01T00:00:00Z    | ''",
        "until=-300000-01-01T00:00:00Z | ''",
        "min_ms=3600000                | ''",
        "waited_for=0.1                | ''",
        "trace_id=none                 | ''"
      })
  void aFilterLeavesThoseThatItNames(String query, String ids) throws Exception {
    assertEquals(ids, String.join(",", ids(list(query))));
  }

  @Test
  void whatWasLaterThanWantedIsMissed() throws Exception {
    List<String> missed = ids(list("slo=missed"));

    assertTrue(missed.contains("late"), missed::toString);
    assertFalse(missed.contains("live"), missed::toString);
    assertTrue(list("slo=missed").at("/requests/0/missed").asBoolean());
    assertFalse(list("class=live").at("/requests/0/missed").asBoolean());
  }

  @Test
  void aTimeIsFound() throws Exception {
    JsonNode late = list("status=200&replica=u0&class=standard").path("requests").path(0);
    String at = late.path("accepted_at").asText();

    assertEquals("late", late.path("id").asText(), late::toString);
    List<String> before = ids(list("until=" + at));
    List<String> after = ids(list("since=" + at));
    assertTrue(before.containsAll(List.of("plain", "live")), before::toString);
    assertFalse(before.contains("refused"), before::toString);
    assertTrue(after.containsAll(List.of("late", "refused")), after::toString);
    assertFalse(after.contains("plain"), after::toString);
    assertTrue(ids(list("min_ms=" + LATE_MS)).contains("late"));
  }

  @Test
  void pagesFollowEachOther() throws Exception {
    JsonNode first = list("limit=3");
    JsonNode second = list("limit=3&before=" + first.path("next").asText());

    assertEquals(List.of("refused", "late", "live"), ids(first));
    assertEquals(List.of("plain"), ids(second));
    assertTrue(second.path("next").isMissingNode(), second::toString);
  }

  @ParameterizedTest
  @CsvSource({
    "modell=m, modell",
    "outcome=good, outcome",
    "slo=met, slo",
    "waited_for=1, waited_for",
    "since=now, since",
    "status=x, status",
    "before=0, before"
  })
  void aFilterThatIsNoneIsRefusedByItsName(String query, String param) throws Exception {
    HttpResponse<String> answer = gateway.get(gateway.admin("/admin/v1/requests?" + query));

    assertEquals(400, answer.statusCode(), answer::body);
    assertEquals(param, JSON.readTree(answer.body()).at("/error/param").asText());
  }
}
