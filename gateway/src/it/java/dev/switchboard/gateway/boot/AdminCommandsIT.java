package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.cli.AdminMain;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What operators ask a gateway that runs, as they type it. */
class AdminCommandsIT {
  private static FakeUpstream upstream;
  private static InProcessGateway gateway;

  private String out = "";
  private String log = "";

  @BeforeAll
  static void start() throws Exception {
    upstream = new FakeUpstream();
    upstream.script(
        (request, body) -> {
          request.response().putHeader("Content-Type", "text/event-stream");
          request
              .response()
              .end(
                  """
                  data: {"choices":[{"index":0,"delta":{"content":"Hi you"}}]}

                  data: [DONE]

                  """);
        });
    gateway = InProcessGateway.before("", upstream);
  }

  @AfterAll
  static void stop() throws Exception {
    gateway.close();
    upstream.close();
  }

  private int run(String input, String... arguments) {
    return run(gateway, input, arguments);
  }

  private int run(InProcessGateway asked, String input, String... arguments) {
    List<String> all =
        new ArrayList<>(List.of("--admin", "" + asked.admin(""), "--api", "" + asked.api("")));
    all.addAll(List.of(arguments));
    ByteArrayOutputStream told = new ByteArrayOutputStream();
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    int status =
        AdminMain.run(
            new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)),
            new PrintStream(told, true, StandardCharsets.UTF_8),
            new PrintStream(said, true, StandardCharsets.UTF_8),
            Map.of(),
            all.toArray(String[]::new));
    out = told.toString(StandardCharsets.UTF_8);
    log = said.toString(StandardCharsets.UTF_8);
    return status;
  }

  private JsonNode json() throws Exception {
    return InProcessGateway.JSON.readTree(out);
  }

  private static String replica() throws Exception {
    return gateway.adminJson("/admin/v1/replicas").at("/replicas/0/id").asText();
  }

  @Test
  void statusAndModelsAndTopAreTablesOrJson() throws Exception {
    assertEquals(0, run("", "status"), () -> log);
    assertTrue(out.contains("REPLICA") && out.contains("READY") && out.contains(replica()), out);
    assertTrue(out.contains("ADDRESS") && out.contains(upstream.url().toString()), out);
    assertEquals(0, run("", "status", "--json"), () -> log);
    assertTrue(json().path("running").asBoolean());
    assertEquals(1, json().path("replicas").size());

    assertEquals(0, run("", "models"), () -> log);
    assertTrue(out.startsWith("MODEL") && out.contains("1 of 1"), out);
    assertEquals(0, run("", "models", "--json"), () -> log);
    assertEquals(1, json().path("models").size());

    assertEquals(0, run("", "top"), () -> log);
    assertTrue(out.startsWith("1 of 1 replicas ready, "), out);
    assertFalse(out.contains("\u001b") || out.contains("ADDRESS"), out);
  }

  @Test
  void reloadSaysWhatHasChangedInWordsOrAsJson() throws Exception {
    try (InProcessGateway changed = InProcessGateway.before("", upstream)) {
      assertEquals(0, run(changed, "", "reload"), () -> log);
      assertEquals("Nothing has changed\n", out);

      String url = upstream.url().toString();
      changed.rewrite(
          """
          circuit: {failures: 9}
          upstreams:
          - {url: "%s", models: [m]}
          - {url: "%s/other", models: [other], check-models: false}
          """
              .formatted(url, url));
      assertEquals(0, run(changed, "", "reload"), () -> log);
      assertEquals(
          List.of("keys changed: circuit.failures, upstreams", "models added: other"),
          out.lines().limit(2).toList());
      assertEquals("replicas added: u1", out.lines().skip(2).findFirst().orElse(""));

      assertEquals(0, run(changed, "", "reload", "--json"), () -> log);
      assertTrue(json().path("changed").isEmpty(), out);
    }
  }

  @Test
  void whoeverIsRefusedForWantOfAKeyIsToldWhereOneGoes() throws Exception {
    String keys =
        "auth: {keys: [{name: boss, role: admin, sha256: %1$s}, {name: app, sha256: %1$s}]}%n"
            .formatted("0".repeat(64));
    try (InProcessGateway closed = InProcessGateway.before(keys, upstream)) {
      assertEquals(1, run(closed, "", "models"));
      assertTrue(log.contains("SWITCHBOARD_ADMIN_KEY takes one"), log);
      assertEquals(1, run(closed, "Hello\n", "chat", "m"));
      assertTrue(log.contains("--key or SWITCHBOARD_KEY takes one"), log);
    }
  }

  @Test
  void chatStreamsAndSaysWhereTheTimeWent() throws Exception {
    assertEquals(0, run("Hello\nAnd now?\n", "chat"), () -> log);
    assertEquals("Hi you\nHi you\n", out);
    assertTrue(log.contains("> ") && log.lines().count() >= 3, log);

    assertEquals(0, run("Hello\n", "chat", "--json"), () -> log);
    assertEquals("Hi you", json().path("answer").asText());
    String id = json().path("id").asText();
    assertEquals(id, json().at("/why/id").asText());
    String text = json().at("/why/text").asText();
    assertEquals(0, run("", "why", id), () -> log);
    assertTrue(out.startsWith(text), out);

    assertEquals(1, run("Hello\n", "chat", "nobody"), () -> log);
    assertTrue(log.contains("nobody"), log);
  }

  @Test
  void keysAreMadeListedAndRevoked() throws Exception {
    assertEquals(0, run("", "keys", "create", "--name", "ops", "--role", "viewer"), () -> log);
    assertTrue(out.matches("sb-[0-9A-Za-z]{43}\\n"), out);
    assertEquals(0, run("", "keys", "list", "--json"), () -> log);
    String id = json().at("/keys/0/id").asText();
    assertEquals(0, run("", "keys", "list"), () -> log);
    assertTrue(out.contains("ops") && out.contains("viewer"), out);
    assertEquals(0, run("", "keys", "revoke", id), () -> log);
    assertEquals(1, run("", "keys", "revoke", id), () -> log);
    assertEquals(2, run("", "keys", "create"), () -> log);
  }

  @Test
  void drainOfTheLastReadyReplicaIsAskedFor() throws Exception {
    String replica = replica();

    assertEquals(1, run("n\n", "drain", replica), () -> log);
    assertTrue(log.contains("is the last ready replica of its model"), log);
    assertEquals("READY", gateway.adminJson("/admin/v1/replicas").at("/replicas/0/state").asText());
    assertEquals(1, run("", "drain", "nobody"), () -> log);
  }

  /** With the last of one model gone others serve still; with the last of all nobody does. */
  @Test
  void whatTheLastDrainsTakeAwayIsAskedForAndToldByReadiness() throws Exception {
    String url = upstream.url().toString();
    try (InProcessGateway two =
        InProcessGateway.of(
            """
            upstreams:
            - {url: "%s/one", models: [m], check-models: false}
            - {url: "%s/two", models: [m], check-models: false}
            - {url: "%s/three", models: [other], check-models: false}
            """
                .formatted(url, url, url))) {
      two.awaitEveryReplica();

      assertEquals(0, run(two, "", "drain", "u0"), () -> log);
      assertFalse(log.contains("Drain it?"), log);
      assertEquals(0, run(two, "y\n", "drain", "u1"), () -> log);
      assertTrue(log.contains("u1 is the last ready replica of its model"), log);
      assertEquals(200, two.get(two.api("/readyz")).statusCode());
      assertEquals(1, run(two, "", "drain", "u2"), () -> log);
      assertTrue(log.contains("not drained; --yes drains it unasked"), log);
      assertEquals(0, run(two, "", "drain", "--yes", "u2"), () -> log);

      String taken =
          "{\"status\":\"not ready\",\"reason\":\"no replica is ready, and an operator has drained"
              + " or cordoned at least one\"}";
      for (var probe : List.of(two.api("/readyz"), two.admin("/readyz"), two.api("/health"))) {
        assertEquals(503, two.get(probe).statusCode());
        assertEquals(taken, two.get(probe).body());
      }
      assertEquals(200, two.get(two.api("/livez")).statusCode());
    }
  }

  @Test
  void diagnosticsAreSavedForTheUserAloneAndOverwriteNothing(@TempDir Path folder)
      throws Exception {
    Path file = folder.resolve("found.zip");

    assertEquals(0, run("", "diagnostics", file.toString()), () -> log);
    assertEquals(file + "\n", out);
    try (ZipFile zip = new ZipFile(file.toFile())) {
      assertTrue(zip.stream().count() > 3);
    }
    assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(file)));
    byte[] first = Files.readAllBytes(file);

    assertEquals(1, run("", "diagnostics", file.toString()), () -> log);
    assertTrue(log.contains("is there already"), log);
    assertArrayEquals(first, Files.readAllBytes(file));
    assertEquals(1, run("", "diagnostics", folder.resolve("no/such.zip").toString()), () -> log);
    assertTrue(log.contains("cannot write"), log);
    try (Stream<Path> left = Files.list(folder)) {
      assertEquals(List.of(file), left.toList());
    }
  }

  @Test
  void wrongCommandLinesAndUnknownThingsHaveTheirOwnStatus() {
    assertEquals(2, run("", "why"));
    assertTrue(log.contains("Missing required parameter: 'ID'"), log);
    assertEquals(2, run("", "why", "a/../b"));
    assertTrue(log.contains("letters, digits"), log);
    assertEquals(1, run("", "why", "unknown"));
    assertEquals("switchboard: No such request is known.\n", log);
  }
}
