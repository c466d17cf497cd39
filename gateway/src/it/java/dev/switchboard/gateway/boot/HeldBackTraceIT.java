package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.bench.MetricsText;
import dev.switchboard.testing.Await;
import io.opentelemetry.proto.trace.v1.Span;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What a collector gets from a real gateway whose agent samples everything, while telemetry takes
 * more of the machine than it may: few of the good requests' spans, all of a failed one's, and
 * those of a late one's ranks.
 */
class HeldBackTraceIT {
  private static final String CALLER = "00f067aa0ba902b7";
  private static final int REQUESTS = 40;

  @TempDir private static @Nullable Path folder;

  private int traces;

  @Test
  void onlyWhatIsOfInterestIsToldWhereTelemetryTakesTooMuch() throws Exception {
    Path config = Path.of(String.valueOf(folder)).resolve("switchboard.yaml");
    try (OtlpReceiver collector = new OtlpReceiver();
        FakeUpstream upstream = new FakeUpstream()) {
      GatewayProcess.writeConfig(
          config,
          """
          workers: {local: 1}
          upstreams: [{url: "URL", models: [foreign]}]
          retry: {attempts: 1}
          circuit: {failures: 1000}
          telemetry: {exemplars-per-second: 0, governor: {cpu-percent: 0.000001, window-ms: 100}}
          """
              .replace("URL", upstream.url().toString()));
      try (GatewayProcess gateway =
          GatewayProcess.start(GatewayProcess.underAgent(collector), "--config", config.toString())
              .awaitReady()) {
        // The scrapes by which this is seen are what takes too much.
        Await.until("the share of what is told", () -> told(gateway), share -> share < 0.02);

        upstream.script(
            (request, body) ->
                FakeUpstream.events(request).end(FakeUpstream.content("a") + FakeUpstream.done()));
        List<String> good = new ArrayList<>();
        for (int i = 0; i < REQUESTS; i++) {
          good.add(send(gateway, 200));
        }
        upstream.script((request, body) -> request.response().setStatusCode(500).end());
        String failed = send(gateway, 500);

        Await.until("its span", () -> !collector.named("chat foreign", failed).isEmpty());
        Span root = collector.servers(failed).getFirst();
        Span attempt = collector.named("chat foreign", failed).getFirst();
        assertEquals(root.getSpanId(), attempt.getParentSpanId());
        assertEquals(1, collector.named("switchboard.route", failed).size());
        assertEquals(1, collector.servers(good.getLast()).size());
        int told = 0;
        for (String trace : good) {
          told += collector.named("chat foreign", trace).size();
        }
        assertTrue(told <= REQUESTS / 4, "told of " + told);
        ranksOfALateOneAreTold(gateway, collector);
      }
    }
  }

  private static void ranksOfALateOneAreTold(GatewayProcess gateway, OtlpReceiver collector)
      throws Exception {
    String trace = "9cf92f3577b34da6a3ce929dffffffff";
    String body =
        "{\"model\":\"switchboard-demo\",\"max_tokens\":4,\"stream\":true,"
            + "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}";
    gateway.post(
        gateway.api("/v1/chat/completions"),
        body,
        "X-SLO-TTFT-Ms",
        "1",
        "traceparent",
        "00-" + trace + "-" + CALLER + "-01");

    assertTrue(told(gateway) < 0.02);
    Await.until("the rank's span", () -> !collector.named("stage 0 › rank 0", trace).isEmpty());
  }

  private String send(GatewayProcess gateway, int status) throws Exception {
    String trace = String.format(Locale.ROOT, "9cf92f3577b34da6a3ce929d%08x", ++traces);
    String body =
        "{\"model\":\"foreign\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}";
    String parent = "00-" + trace + "-" + CALLER + "-01";
    assertEquals(
        status,
        gateway
            .post(gateway.api("/v1/chat/completions"), body, "traceparent", parent)
            .statusCode());
    return trace;
  }

  private static double told(GatewayProcess gateway) throws Exception {
    return new MetricsText(gateway.metrics()).sum("switchboard_telemetry_told_ratio");
  }
}
