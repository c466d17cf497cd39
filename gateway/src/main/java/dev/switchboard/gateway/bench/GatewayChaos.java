package dev.switchboard.gateway.bench;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.flight.Outcome;
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
  private static final String REQUESTS = "switchboard_requests_total";

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
    JsonNode usage;
    try (ChaosGateway reader =
        ChaosGateway.start(stage.directory(), "first", READER, "listening")) {
      usage = reader.admin("/admin/v1/usage");
    }
    double firstServed = sum(usage, "requests");
    double firstTokens = sum(usage, "output_tokens");
    ClientLedger ledger = stage.ledger();
    long _ =
        ChaosGateway.await(
            () ->
                grew(second, before, REQUESTS) == ledger.begun() - firstServed
                    && grew(second, before, ClientLedger.TOKENS, ClientLedger.COMPLETION)
                        == ledger.generated() - firstTokens,
            SETTLE_SECONDS);
    double secondServed = grew(second, before, REQUESTS);
    stage.figure("by_the_first", firstServed);
    stage.figure("by_the_second", secondServed);
    stage.figure("tokens", ledger.generated());
    stage.promise(firstServed > 0 && secondServed > 0, "not both of them served");
    agree(stage, "requests in all", ledger.begun(), firstServed, secondServed);
    // How those of the first ended went with it, unless the clients say: all well, or this fails.
    agree(
        stage,
        "requests that ended well",
        ledger.count(Outcome.OK),
        firstServed,
        grew(second, before, REQUESTS, "outcome=\"" + Outcome.OK.label() + "\""));
    agree(
        stage,
        "tokens",
        ledger.generated(),
        firstTokens,
        grew(second, before, ClientLedger.TOKENS, ClientLedger.COMPLETION));
  }

  private static void agree(
      ChaosStage stage, String what, long clients, double first, double second) {
    stage.promise(
        first + second == clients,
        what + ": clients " + clients + ", gateways " + first + " and " + second);
  }

  private static double grew(
      ChaosGateway gateway, MetricsText before, String name, String... labels) {
    try {
      return Objects.requireNonNull(gateway.metrics()).sum(name, labels) - before.sum(name, labels);
    } catch (IOException e) {
      return -1;
    }
  }

  private static double sum(JsonNode usage, String member) {
    double sum = 0;
    for (JsonNode row : usage.path("usage")) {
      sum += row.path(member).asDouble();
    }
    return sum;
  }
}
