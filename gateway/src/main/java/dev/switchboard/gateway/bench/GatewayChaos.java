package dev.switchboard.gateway.bench;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.Objects;

/** One of two gateways on a port is told to stop while clients ask. */
final class GatewayChaos {
  private static final int CLIENTS = 16;
  private static final int TOKENS = 20;
  private static final int BEFORE_MS = 2000;
  private static final int AFTER_MS = 2000;
  private static final int STOP_SECONDS = 60;
  private static final int SETTLE_SECONDS = 10;

  /** Nothing listens here: it only reads what the ended gateway left in its store. */
  private static final String READER =
      """
      http: {port: 0}
      admin: {port: 0}
      upstreams: [{url: "http://127.0.0.1:1", models: [none]}]
      """;

  private GatewayChaos() {}

  /** Nothing fails for clients that try refused connections again. */
  static void terminate(ChaosStage stage) throws IOException {
    String yaml = ChaosGateway.yaml(stage.model(), 1, "");
    try (ChaosGateway first = ChaosGateway.start(stage.directory(), "first", yaml, "ready")) {
      String port = Integer.toString(first.address().getPort());
      try (ChaosGateway second =
          ChaosGateway.start(
              stage.directory(), "second", yaml, "ready", "--port", port, "--take-over")) {
        MetricsText before = second.metrics();
        try (ChaosLoad load = load(stage, first)) {
          Target.pause(BEFORE_MS);
          long asked = System.nanoTime();
          int status = first.process().terminate(STOP_SECONDS);
          stage.figure("stopped_ms", (System.nanoTime() - asked) / 1e6);
          stage.promise(status == 0, "it ended with status " + status);
          Target.pause(AFTER_MS);
          load.end();
          stage.served(load);
          stage.figure("refused_connections", load.refused());
        }
        reconcile(stage, second, before);
      }
    }
  }

  private static ChaosLoad load(ChaosStage stage, ChaosGateway first) {
    return ChaosLoad.start(
        first.address(),
        stage.ledger(),
        new ChaosLoad.Plan(ChaosGateway.MODEL, CLIENTS, TOKENS, 0));
  }

  /** The ended gateway's count is what it left in its store, read by another one. */
  private static void reconcile(ChaosStage stage, ChaosGateway second, MetricsText before)
      throws IOException {
    stage.ledger().faults().forEach(fault -> stage.promise(false, fault));
    double firstServed;
    try (ChaosGateway reader =
        ChaosGateway.start(stage.directory(), "first", READER, "listening")) {
      firstServed = requests(reader.admin("/admin/v1/usage"));
    }
    double wanted = stage.ledger().begun() - firstServed;
    long _ = ChaosGateway.await(() -> served(second, before) == wanted, SETTLE_SECONDS);
    double secondServed = served(second, before);
    stage.figure("by_the_first", firstServed);
    stage.figure("by_the_second", secondServed);
    stage.promise(firstServed > 0 && secondServed > 0, "not both of them served");
    stage.promise(
        secondServed == wanted,
        "requests in all: clients "
            + stage.ledger().begun()
            + ", gateways "
            + firstServed
            + " and "
            + secondServed);
  }

  private static double served(ChaosGateway gateway, MetricsText before) {
    try {
      String name = "switchboard_requests_total";
      return Objects.requireNonNull(gateway.metrics()).sum(name) - before.sum(name);
    } catch (IOException e) {
      return -1;
    }
  }

  private static double requests(JsonNode usage) {
    double sum = 0;
    for (JsonNode row : usage.path("usage")) {
      sum += row.path("requests").asDouble();
    }
    return sum;
  }
}
