package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.gateway.telemetry.TraceDetail;
import java.net.http.HttpResponse;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** How much traces tell, as operators and clients say. */
class TraceLevelsIT {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String ALL = "/admin/v1/trace-levels";

  private FakeUpstream upstream;
  private InProcessGateway gateway;

  @BeforeEach
  void start() throws Exception {
    upstream = new FakeUpstream();
    upstream.script(
        (request, body) ->
            FakeUpstream.events(request).end(FakeUpstream.content("a") + FakeUpstream.done()));
    gateway = InProcessGateway.before("telemetry: {trace-level: 1}", upstream);
  }

  @AfterEach
  void stop() {
    gateway.close();
    upstream.close();
  }

  @Test
  void aLevelHoldsFromTheNextRequestOnUntilItIsDeleted() throws Exception {
    assertEquals(1, gateway.adminJson(ALL).path("level").asInt());

    assertEquals(200, put(ALL, 0).statusCode());
    assertEquals(200, put(ALL + "/m", 3).statusCode());

    JsonNode set = gateway.adminJson(ALL);
    assertEquals("off", set.path("detail").asText());
    assertEquals("m", set.at("/models/0/model").asText());
    assertEquals(3, set.at("/models/0/level").asInt());
    assertEquals("steps", set.at("/models/0/detail").asText());
    assertTrue(set.path("ceiling").isNull());
    assertEquals(TraceDetail.STEPS, levelOf("m"));
    assertEquals(200, gateway.admin("DELETE", ALL + "/m", "").statusCode());
    assertEquals(404, gateway.admin("DELETE", ALL + "/m", "").statusCode());
    assertEquals(TraceDetail.OFF, levelOf("m"));
    assertEquals(200, gateway.admin("DELETE", ALL, "").statusCode());
    assertEquals(404, gateway.admin("DELETE", ALL, "").statusCode());
    assertEquals(TraceDetail.REQUEST, levelOf("m"));
  }

  private TraceDetail levelOf(String model) {
    return gateway.gateway().reconfiguration().context().traces().of(model);
  }

  @Test
  void theCeilingIsShown() throws Exception {
    gateway.gateway().reconfiguration().context().traces().ceiling(TraceDetail.OFF);

    assertEquals(0, gateway.adminJson(ALL).at("/ceiling/level").asInt(-1));
  }

  @Test
  void whatIsWrongIsNamedAndChangesNothing() throws Exception {
    for (String body :
        new String[] {"{}", "{\"level\":4}", "{\"level\":-1}", "{\"level\":\"2\"}"}) {
      HttpResponse<String> refused = gateway.admin("PUT", ALL, body);

      assertEquals(400, refused.statusCode(), body);
      assertEquals("level", JSON.readTree(refused.body()).at("/error/param").asText(), body);
    }
    assertEquals(404, put(ALL + "/nobody", 1).statusCode());
    assertEquals("[]", gateway.adminJson(ALL).path("models").toString());
  }

  @Test
  void everyChangeIsAudited() throws Exception {
    put(ALL + "/m", 3);
    put(ALL + "/m", 2);

    JsonNode entry = gateway.adminJson("/admin/v1/audit").path("audit").path(0);
    assertEquals("PUT /admin/v1/trace-levels/:model", entry.path("action").asText());
    assertEquals("m", entry.path("target").asText());
    assertEquals(3, entry.at("/before/level").asInt());
    assertEquals(2, entry.at("/after/level").asInt());
  }

  @ParameterizedTest
  @ValueSource(strings = {"4", "-1", "", "steps", "1, 2", "01"})
  void aWrongHeaderIsRefusedByName(String value) throws Exception {
    HttpResponse<String> refused =
        gateway.post(
            InProcessGateway.CHAT, InProcessGateway.chat(true), "X-Switchboard-Trace", value);

    assertEquals(400, refused.statusCode());
    assertEquals("X-Switchboard-Trace", JSON.readTree(refused.body()).at("/error/param").asText());
  }

  @Test
  void aRightHeaderIsTakenAndNotSentOn() throws Exception {
    HttpResponse<String> answer =
        gateway.post(
            InProcessGateway.CHAT, InProcessGateway.chat(true), "X-Switchboard-Trace", "3");

    assertEquals(200, answer.statusCode());
    assertFalse(upstream.seen.take().headers().containsKey("X-Switchboard-Trace"));
  }

  private HttpResponse<String> put(String path, int level) throws Exception {
    return gateway.admin("PUT", path, "{\"level\":" + level + "}");
  }
}
