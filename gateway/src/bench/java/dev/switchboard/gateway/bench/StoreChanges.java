package dev.switchboard.gateway.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;

/**
 * Every kind of change that a gateway keeps in its store, each with what shows after a restart that
 * it was kept. One round of them, in this order: some change what an earlier one made.
 */
final class StoreChanges implements AutoCloseable {
  private static final String KEYS = "/admin/v1/keys";
  private static final String MODELS = "/admin/v1/models";
  private static final String LOADED = "extra";

  /** Without the model that it is to serve a server would not become ready. */
  private static final String MODEL_LIST =
      "{\"object\":\"list\",\"data\":[{\"id\":\"none\",\"object\":\"model\"}]}";

  private static final String SERVER = "/admin/v1/replicas/u0";
  private static final int READY_SECONDS = 30;
  private static final long OVERLAP_SECONDS = 3600;
  private static final long SLACK_SECONDS = 120;

  private final HttpServer server;
  private final Path folder;
  private final String file;
  private String revoked = "";
  private String rotated = "";
  private String old = "";
  private String fresh = "";
  private Instant ends = Instant.EPOCH;

  /**
   * @param folder where models may lie that are loaded
   */
  StoreChanges(Path folder, Path model) throws IOException {
    this.folder = Files.createDirectories(folder);
    this.file = model.getFileName().toString();
    Path copy = folder.resolve(file);
    if (!Files.exists(copy)) {
      Files.copy(model, copy);
    }
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext(
        "/",
        exchange -> {
          byte[] answer = MODEL_LIST.getBytes(StandardCharsets.UTF_8);
          exchange.getResponseHeaders().add("Content-Type", "application/json");
          exchange.sendResponseHeaders(200, answer.length);
          exchange.getResponseBody().write(answer);
          exchange.close();
        });
    server.start();
  }

  /** Of the gateways: one server, which answers that it is well, and the folder of models. */
  String yaml() {
    return "http: {port: 0}\nadmin: {port: 0}\n"
        + ("upstreams: [{url: \"http://127.0.0.1:" + server.getAddress().getPort())
        + "\", models: [none]}]\n"
        + ("model-files: {folder: " + folder + "}\n")
        + "workers: {threads: 1, arguments: [--kv-memory, 64MiB]}\n";
  }

  /** Something that is changed, until it is confirmed. */
  @FunctionalInterface
  interface Change {
    void make(ChaosGateway gateway) throws IOException;
  }

  /** Whether a change is still there. */
  @FunctionalInterface
  interface Proof {
    boolean holds(ChaosGateway gateway) throws IOException;
  }

  /** One kind. */
  record Kind(String name, Change change, Proof proof) {}

  List<Kind> round() {
    return List.of(
        sent("PUT", "/admin/v1/tenants/t", "{}", there("/admin/v1/tenants", "t", true)),
        sent(
            "PUT",
            "/admin/v1/slo-classes/s",
            "{\"ttft_ms\":9}",
            there("/admin/v1/slo-classes", "s", true)),
        sent(
            "PUT",
            "/admin/v1/splits/p",
            "{\"targets\":[{\"model\":\"none\"}]}",
            there("/admin/v1/splits", "p", true)),
        sent("DELETE", "/admin/v1/tenants/t", "", there("/admin/v1/tenants", "t", false)),
        sent("DELETE", "/admin/v1/slo-classes/s", "", there("/admin/v1/slo-classes", "s", false)),
        sent("DELETE", "/admin/v1/splits/p", "", there("/admin/v1/splits", "p", false)),
        new Kind("a new key", this::create, gateway -> gateway.asked(revoked) == 200),
        new Kind("a revoked key", this::revoke, gateway -> gateway.asked(revoked) == 401),
        new Kind("a rotated key", this::rotate, this::bothAreValid),
        sent("POST", SERVER + "/weight", "{\"weight\":0.5}", StoreChanges::isLight),
        new Kind("a cordon", StoreChanges::cordon, gateway -> isCordoned(gateway)),
        sent("POST", SERVER + "/uncordon", "", gateway -> !isCordoned(gateway)),
        // Last, since a loaded model's workers begin with each start after it.
        sent(
            "POST",
            MODELS,
            "{\"file\":\"" + file + "\",\"name\":\"" + LOADED + "\",\"workers\":1}",
            gateway -> workers(gateway) == 1),
        sent("PATCH", MODELS + "/" + LOADED, "{\"workers\":2}", gateway -> workers(gateway) == 2),
        sent(
            "DELETE",
            MODELS + "/" + LOADED + "?confirm=true",
            "",
            gateway -> workers(gateway) == 0));
  }

  private static Kind sent(String method, String path, String body, Proof proof) {
    return new Kind(
        method + " " + path,
        gateway -> {
          JsonNode _ = gateway.adminSend(method, path, body);
        },
        proof);
  }

  private static Proof there(String path, String name, boolean there) {
    return gateway -> gateway.admin(path).toString().contains("\"name\":\"" + name + "\"") == there;
  }

  private static JsonNode key(ChaosGateway gateway, String name) throws IOException {
    return gateway.adminPost(KEYS, "{\"name\":\"" + name + "\"}");
  }

  private void create(ChaosGateway gateway) throws IOException {
    JsonNode made = key(gateway, "short" + System.nanoTime());
    revoked = made.path("key").asText();
    rotated = made.path("id").asText();
  }

  private void revoke(ChaosGateway gateway) throws IOException {
    // The one that is rotated is made first, so that the revocation is the last that is confirmed.
    JsonNode kept = key(gateway, "long" + System.nanoTime());
    String gone = rotated;
    old = kept.path("key").asText();
    rotated = kept.path("id").asText();
    JsonNode _ = gateway.adminSend("DELETE", KEYS + "/" + gone, "");
  }

  private void rotate(ChaosGateway gateway) throws IOException {
    ends = Instant.now().plusSeconds(OVERLAP_SECONDS);
    fresh =
        gateway
            .adminPost(
                KEYS + "/" + rotated + "/rotate", "{\"overlap_seconds\":" + OVERLAP_SECONDS + "}")
            .path("key")
            .asText();
  }

  /** The old one only until the end of the time in which both are. */
  private boolean bothAreValid(ChaosGateway gateway) throws IOException {
    for (JsonNode each : gateway.admin(KEYS + "?limit=1000").path("keys")) {
      if (each.path("id").asText().equals(rotated)) {
        return near(each.path("expires_at"), ends)
            && gateway.asked(old) == 200
            && gateway.asked(fresh) == 200;
      }
    }
    return false;
  }

  /** Whether a moment that is told is about the one that it should be. */
  static boolean near(JsonNode moment, Instant expected) {
    String told = moment.asText();
    return moment.isTextual()
        && Duration.between(Instant.parse(told), expected).abs().toSeconds() <= SLACK_SECONDS;
  }

  private static boolean isLight(ChaosGateway gateway) throws IOException {
    return gateway.admin(SERVER).path("weight").asDouble() == 0.5;
  }

  private static void cordon(ChaosGateway gateway) throws IOException {
    if (gateway.await("u0", "READY", READY_SECONDS) < 0) {
      throw new IOException("u0 is not ready but " + gateway.state("u0"));
    }
    JsonNode _ = gateway.adminPost(SERVER + "/cordon", "");
  }

  private static boolean isCordoned(ChaosGateway gateway) throws IOException {
    return gateway.admin(SERVER).path("cordoned").asBoolean();
  }

  /** Those that the loaded model is to have; 0 where it is not loaded. */
  private static int workers(ChaosGateway gateway) throws IOException {
    for (JsonNode model : gateway.admin(MODELS).path("models")) {
      if (model.path("id").asText().equals(LOADED)) {
        return model.at("/spec/workers").asInt();
      }
    }
    return 0;
  }

  @Override
  public void close() {
    server.stop(0);
  }
}
