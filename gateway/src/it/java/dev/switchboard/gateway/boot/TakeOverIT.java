package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A gateway that listens beside another one on its port, and takes over when that is stopped. */
class TakeOverIT {

  @Test
  void aGatewayReplacedUnderLoadFailsNoRequestAndLosesNothingOfTheStore(@TempDir Path state)
      throws Exception {
    try (GatewayProcess old = start(state, "0");
        Load load = Load.start(old, 6)) {
      String port = Integer.toString(old.api("").getPort());
      old.adminPost("/admin/v1/keys", key("before"));
      old.adminPost("/admin/v1/replicas/w0/weight", "{\"weight\":0.5}");
      try (GatewayProcess next = start(state, port, "--take-over")) {
        load.awaitServed(load.served() + 20);
        next.adminPost("/admin/v1/keys", key("there"));
        old.adminPost("/admin/v1/keys", key("here"));
        long begun = System.nanoTime();

        old.terminate();

        next.adminPost("/admin/v1/keys", key("meanwhile"));
        assertTrue(old.process().waitFor(60, TimeUnit.SECONDS));
        long tookMs = (System.nanoTime() - begun) / 1_000_000;
        load.awaitServed(load.served() + 20);
        next.adminPost("/admin/v1/keys", key("after"));
        load.assertNothingFailed();
        assertEquals(0, old.process().exitValue());
        assertEquals(port, Integer.toString(next.api("").getPort()));
        assertEquals(
            List.of("after", "before", "here", "meanwhile", "there"),
            sorted(next.admin("/admin/v1/keys"), "keys", "name"));
        assertEquals(0.5, next.admin("/admin/v1/replicas/w0").path("weight").asDouble());
        assertEquals(6, next.admin("/admin/v1/audit").path("audit").size());
        assertEquals(load.served(), requests(next.admin("/admin/v1/usage")));
        SloLedger levels = SloLedger.history(next.admin("/admin/v1/slo?buckets=true"));
        assertEquals(load.served(), levels.requests());
        assertEquals(load.served(), levels.answered());
        System.out.printf(
            "SIGTERM of one of two gateways: out after %d ms, %d requests, 0 failed%n",
            tookMs, load.served());
      }
    }
  }

  private static String key(String name) {
    return "{\"name\":\"" + name + "\",\"role\":\"viewer\"}";
  }

  private static List<String> sorted(JsonNode list, String member, String field) {
    return list.path(member).valueStream().map(one -> one.path(field).asText()).sorted().toList();
  }

  private static int requests(JsonNode usage) {
    return usage.path("usage").valueStream().mapToInt(hour -> hour.path("requests").asInt()).sum();
  }

  @Test
  void whoTakesOverGetsNoRequestBeforeItCanServeOne(@TempDir Path folder) throws Exception {
    try (FakeUpstream upstream = new FakeUpstream();
        ServerSocket silent = new ServerSocket(0);
        InProcessGateway old = InProcessGateway.before("", upstream)) {
      upstream.script((request, body) -> request.response().end("{\"choices\":[]}"));
      Path config = folder.resolve("switchboard.yaml");
      String port = Integer.toString(old.api("").getPort());
      Files.writeString(
          config,
          "upstreams: [{url: \"http://127.0.0.1:" + silent.getLocalPort() + "\", models: [m]}]");
      try (GatewayProcess next =
          GatewayProcess.start(
              List.of(), "--port", port, "--take-over", "--config", config.toString())) {
        // It probes, and would listen next.
        Socket _ = silent.accept();
        for (int i = 0; i < 40; i++) {
          try (HttpClient client = HttpClient.newHttpClient()) {
            assertEquals(200, ask(client, old.api(InProcessGateway.CHAT)));
          }
          Thread.sleep(50);
        }

        next.terminate();
        assertTrue(next.process().waitFor(60, TimeUnit.SECONDS));
        assertEquals(1, next.process().exitValue());
      }
    }
  }

  private static int ask(HttpClient client, URI uri) throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(uri)
            .POST(HttpRequest.BodyPublishers.ofString(InProcessGateway.chat(false)))
            .build();
    return client.send(request, HttpResponse.BodyHandlers.ofString()).statusCode();
  }

  @Test
  void withoutTheOptionATakenPortIsAnError() throws Exception {
    try (InProcessGateway running =
        InProcessGateway.unready("", URI.create("http://127.0.0.1:1"))) {
      String port = Integer.toString(running.api("").getPort());
      try (GatewayProcess second =
          GatewayProcess.start(List.of(), "--port", port, "--workers", "1")) {
        String message =
            second.await(event -> event.path("event").asText().equals("failed")).toString();

        assertTrue(message.contains("cannot listen on 127.0.0.1:" + port), message);
      }
    }
  }

  private static GatewayProcess start(Path state, String port, String... more) throws Exception {
    // Load goes on over connections that are kept.
    Path config = state.resolve("switchboard.yaml");
    Files.writeString(config, "shutdown: {linger-ms: 1000}");
    List<String> arguments = new ArrayList<>(List.of("--workers", "1", "--port", port));
    arguments.addAll(List.of("--config", config.toString()));
    arguments.addAll(List.of(more));
    return GatewayProcess.start(
            List.of("-Dswitchboard.state=" + state), arguments.toArray(String[]::new))
        .awaitReady();
  }
}
