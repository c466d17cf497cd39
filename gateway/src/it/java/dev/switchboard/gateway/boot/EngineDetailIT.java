package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.testing.Await;
import java.net.http.HttpResponse;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a worker tells of a request whose answer it broke off, and who keeps it. */
class EngineDetailIT {
  private static final String TOLD =
      """
      [{"request_id":"r","choice":0,"received_ns":1000,"tokenized_ns":2000,"scheduled_ns":3000,
        "first_token_ns":4000,"finished_ns":5000,"preemptions":0,"prefill":null,
        "decode":{"start_ns":4000,"end_ns":5000,"tokens":7,"cached_tokens":0,"steps":7,
          "wait_ns":0,"critical":null,"slowest":null,"lanes":[]},
        "steps":[]}]
      """;

  private FakeUpstream worker;

  @BeforeEach
  void start() throws Exception {
    worker = new FakeUpstream();
    worker.script(
        (request, body) -> {
          if (InProcessGateway.CHAT.equals(request.path())) {
            request.connection().close();
          } else {
            request.response().end();
          }
        });
  }

  @AfterEach
  void stop() {
    worker.close();
  }

  private InProcessGateway gateway(String more) throws Exception {
    String upstream = "upstreams: [{url: \"" + worker.url() + "\", worker: true, models: [m]}]\n";
    return InProcessGateway.of(upstream + more);
  }

  /** The id of a request that the worker breaks off. */
  private static String broken(InProcessGateway gateway) throws Exception {
    HttpResponse<String> answer = gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false));
    assertNotEquals(200, answer.statusCode());
    return answer.headers().firstValue("X-Request-Id").orElseThrow();
  }

  private static JsonNode engine(InProcessGateway gateway, String id) throws Exception {
    return gateway.timeline(id).at("/attempts/0/engine");
  }

  @Test
  void whatAReaderWasToldIsThereForTheNextOne() throws Exception {
    // It asks nothing by itself.
    try (InProcessGateway gateway = gateway("telemetry: {kept-traces-per-second: 0}")) {
      String id = broken(gateway);
      worker.timelines(TOLD);

      JsonNode told = engine(gateway, id);
      worker.timelines("[]");

      assertEquals(7, told.at("/decode/tokens").asInt(), told::toString);
      assertEquals(told, engine(gateway, id));
    }
  }

  @Test
  void whatTheGatewayWasToldIsThereForReaders() throws Exception {
    worker.timelines(TOLD);
    try (InProcessGateway gateway = gateway("")) {
      String id = broken(gateway);

      Await.until("what the worker tells", () -> heard(gateway, id));
      worker.timelines("[]");

      assertEquals(7, engine(gateway, id).at("/decode/tokens").asInt());
    }
  }

  private static boolean heard(InProcessGateway gateway, String id) {
    FlightRecord record = gateway.gateway().reconfiguration().context().recorder().find(id);
    return record != null && !record.engines().asked().isEmpty();
  }
}
