package dev.switchboard.gateway.bench;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.List;

/** One of two gateways on a port is told to stop while clients ask. */
final class GatewayChaos {
  private static final int CLIENTS = 16;
  private static final int TOKENS = 20;
  private static final int BEFORE_MS = 2000;
  private static final int AFTER_MS = 2000;
  private static final int STOP_SECONDS = 60;

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
        reconcile(stage, first.ended(), second, before);
      }
    }
  }

  private static ChaosLoad load(ChaosStage stage, ChaosGateway first) {
    return ChaosLoad.start(
        first.address(),
        stage.ledger(),
        new ChaosLoad.Plan(ChaosGateway.MODEL, CLIENTS, TOKENS, 0));
  }

  /**
   * Nobody can scrape the ended gateway: its records are held against what it left in its store,
   * read by another one. That one begins its log anew.
   */
  private static void reconcile(
      ChaosStage stage, List<RequestEnd> byFirst, ChaosGateway second, MetricsText before)
      throws IOException {
    stage.reconcile(second, before, byFirst);
    stage.figure("by_the_first", byFirst.size());
    stage.figure("by_the_second", second.ended().size());
    stage.figure("tokens", stage.ledger().generated());
    stage.promise(
        !byFirst.isEmpty() && !second.ended().isEmpty(), "not both of the gateways served");
    try (ChaosGateway reader =
        ChaosGateway.start(stage.directory(), "first", READER, "listening")) {
      JsonNode usage = reader.admin("/admin/v1/usage");
      stored(stage, usage, "requests", byFirst.size());
      stored(
          stage,
          usage,
          "prompt_tokens",
          byFirst.stream().mapToLong(RequestEnd::promptTokens).sum());
      stored(
          stage,
          usage,
          "output_tokens",
          byFirst.stream().mapToLong(RequestEnd::completionTokens).sum());
    }
  }

  private static void stored(ChaosStage stage, JsonNode usage, String member, long written) {
    long stored = 0;
    for (JsonNode row : usage.path("usage")) {
      stored += row.path(member).asLong();
    }
    stage.promise(
        stored == written,
        member + " of the gateway that ended: records " + written + ", its store " + stored);
  }
}
