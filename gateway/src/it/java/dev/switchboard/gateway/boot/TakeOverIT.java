package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.bench.UsageSum;
import dev.switchboard.gateway.store.PostgresServer;
import dev.switchboard.testing.Await;
import dev.switchboard.testing.Stopwatch;
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
  private static final int BESIDE_MS = 2000;

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

        old.terminate();

        next.adminPost("/admin/v1/keys", key("meanwhile"));
        assertTrue(old.process().waitFor(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
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
        UsageSum _ = used(next, "", load);
        SloLedger levels = SloLedger.history(next.admin("/admin/v1/slo?buckets=true"));
        assertEquals(load.served(), levels.requests());
        assertEquals(load.served(), levels.answered());
        System.out.printf("SIGTERM of one of two gateways: %d requests, 0 failed%n", load.served());
      }
    }
  }

  private static String key(String name) {
    return "{\"name\":\"" + name + "\",\"role\":\"viewer\"}";
  }

  private static List<String> sorted(JsonNode list, String member, String field) {
    return list.path(member).valueStream().map(one -> one.path(field).asText()).sorted().toList();
  }

  /**
   * As a Deployment of gateways on one PostgreSQL is rolled, twice. A store in memory would be lost
   * with its gateway, so what each says at its end is held against the clients as well.
   */
  @Test
  void whatTenantsUsedIsCountedOnceWhicheverGatewaysServedThem(@TempDir Path folder)
      throws Exception {
    try (PostgresServer database = new PostgresServer();
        GatewayProcess first = start(folder, database, "0")) {
      String shop = tenantKey(first, "shop");
      String bank = tenantKey(first, "bank");
      String port = Integer.toString(first.api("").getPort());
      try (Load ofShop = Load.start(first, 4, "Authorization", "Bearer " + shop);
          Load ofBank = Load.start(first, 2, "Authorization", "Bearer " + bank);
          GatewayProcess second = start(folder, database, port, "--take-over")) {
        awaitServed(20, ofShop, ofBank);
        UsageSum ended = ended(first);
        awaitServed(20, ofShop, ofBank);
        try (GatewayProcess third = start(folder, database, port, "--take-over")) {
          awaitServed(20, ofShop, ofBank);
          ended = ended.plus(ended(second));
          awaitServed(20, ofShop, ofBank);

          ofShop.assertNothingFailed();
          ofBank.assertNothingFailed();
          UsageSum used =
              used(third, "?tenant=shop", ofShop).plus(used(third, "?tenant=bank", ofBank));
          UsageSum byAll = UsageSum.of(third.admin("/admin/v1/usage"));
          UsageSum last = ended(third);

          assertEquals(used, byAll, "nobody else used anything");
          assertEquals(used, ended.plus(last));
          assertTrue(ended.requests() > 0 && last.requests() > 0, () -> last + " of " + used);
          System.out.println("two gateways replaced under load: clients and usage have " + used);
        }
      }
    }
  }

  private static GatewayProcess start(
      Path folder, PostgresServer database, String port, String... more) throws Exception {
    Path config = folder.resolve("gateways.yaml");
    Files.writeString(
        config, "{store: {url: \"" + database.url() + "\"}, shutdown: {linger-ms: 1000}}");
    List<String> arguments = new ArrayList<>(List.of("--workers", "1", "--port", port));
    arguments.addAll(List.of("--config", config.toString()));
    arguments.addAll(List.of(more));
    return GatewayProcess.start(List.of(), arguments.toArray(String[]::new)).awaitReady();
  }

  private static String tenantKey(GatewayProcess gateway, String tenant) throws Exception {
    String asked = "{\"name\":\"" + tenant + "\",\"tenant\":\"" + tenant + "\"}";
    return gateway.adminPost("/admin/v1/keys", asked).path("key").asText();
  }

  private static void awaitServed(int more, Load... loads) throws Exception {
    for (Load load : loads) {
      load.awaitServed(load.served() + more);
    }
  }

  /** Holds it against the clients; the last may be counted a moment after its answer was read. */
  private static UsageSum used(GatewayProcess gateway, String query, Load load) throws Exception {
    String path = "/admin/v1/usage" + query;
    UsageSum used =
        Await.until(
            "what all used",
            () -> UsageSum.of(gateway.admin(path)),
            sum -> sum.requests() >= load.served());
    assertEquals(List.of(), load.ledger().compare(used));
    return used;
  }

  /**
   * Ends it, and gives what it says last, which one that is told by Java could not be heard say.
   */
  private static UsageSum ended(GatewayProcess gateway) throws Exception {
    GatewayProcess.signal("-TERM", gateway.process().pid());
    assertTrue(gateway.process().waitFor(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
    assertEquals(0, gateway.process().exitValue());
    JsonNode said = gateway.await(event -> event.path("event").asText().equals("stopped"));
    return UsageSum.atEnd(said.toString());
  }

  @Test
  void whoTakesOverGetsNoRequestBeforeItCanServeOne(@TempDir Path folder) throws Exception {
    try (FakeUpstream upstream = new FakeUpstream();
        ServerSocket silent = new ServerSocket(0);
        InProcessGateway old = InProcessGateway.before("", upstream)) {
      silent.setSoTimeout(Await.LIMIT_MS);
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
        Stopwatch beside = Stopwatch.start();
        while (beside.millis() < BESIDE_MS) {
          try (HttpClient client = HttpClient.newHttpClient()) {
            assertEquals(200, ask(client, old.api(InProcessGateway.CHAT)));
          }
        }

        next.terminate();
        assertTrue(next.process().waitFor(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
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
