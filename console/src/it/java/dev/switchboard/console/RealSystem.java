package dev.switchboard.console;

import dev.switchboard.console.api.Acting;
import dev.switchboard.console.api.AdminClient;
import dev.switchboard.console.api.ApiFailure;
import dev.switchboard.console.api.GatewayAddress;
import dev.switchboard.console.api.Role;
import dev.switchboard.testing.Await;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Predicate;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A gateway with workers of several ranks, and a console before it, as processes of their own. */
final class RealSystem implements AutoCloseable {
  /** A file that the gateway may load beside the first model. */
  static final String SECOND_FILE = "assistant.gguf";

  private final RealGateway gateway;
  private final ConsoleProcess console;
  private final AdminClient admin;

  private RealSystem(RealGateway gateway, ConsoleProcess console) {
    this.gateway = gateway;
    this.console = console;
    GatewayAddress address = GatewayAddress.parse("gw=" + gateway.admin());
    this.admin = new AdminClient(address, RealGateway.KEYS);
  }

  static RealSystem start(Path folder, int stages) throws Exception {
    Path models = Files.createDirectories(folder.resolve("models"));
    Files.copy(RealGateway.model(), models.resolve(SECOND_FILE));
    RealGateway gateway =
        RealGateway.start(
            folder.resolve("gateway"),
            """
            workers: {local: 2, stages: %d, ranks: 2, threads: 1, state-poll-ms: 200,
              java-options: %s}
            model-files: {folder: %s}
            drills: {enabled: true, max-ms: 600000}
            slo:
              classes:
                - {name: interactive, ttft-ms: 120, tpot-ms: 2, deadline-ms: 0, priority: 10,
                   objective: 0.99, window-days: 28}
                - {name: standard, ttft-ms: 1000, tpot-ms: 60, deadline-ms: 0, priority: 0,
                   objective: 0.99, window-days: 28}
                - {name: batch, ttft-ms: 0, tpot-ms: 0, deadline-ms: 60000, priority: -10,
                   objective: 0.9, window-days: 28}
            """
                .formatted(stages, RealGateway.WORKER_OPTIONS, models));
    RealSystem system =
        new RealSystem(gateway, ConsoleProcess.start(folder.resolve("console"), gateway));
    system.await("/admin/v1/models", m -> m.path("models").path(0).path("ready").asInt(0) == 2);
    return system;
  }

  RealGateway gateway() {
    return gateway;
  }

  ConsoleProcess console() {
    return console;
  }

  JsonNode get(String path) throws ApiFailure {
    return admin.get(path);
  }

  /** What the gateway says of where a request's time went. */
  String explanation(String request) {
    try {
      return get("/admin/v1/requests/" + request + "/explain").path("text").asString("");
    } catch (ApiFailure e) {
      throw new AssertionError(e);
    }
  }

  /** Changes something at the gateway, as somebody else than who looks. */
  JsonNode change(String person, String method, String path, String body, String reason)
      throws ApiFailure {
    JsonNode json = body.isEmpty() ? null : JsonMapper.shared().readTree(body);
    return admin.change(method, path, json, new Acting(Role.ADMIN, person, reason, null));
  }

  /** Asks until it is so. */
  JsonNode await(String path, Predicate<JsonNode> wanted) {
    return Await.until(path, () -> get(path), wanted);
  }

  @Override
  public void close() throws IOException {
    try (gateway;
        console) {
      admin.close();
    }
  }
}
