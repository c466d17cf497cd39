package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** One archive tells all that is needed, and nothing that is secret. */
class DiagnosticsIT {
  private static final String ADMIN_KEY = "sb-diagnostics-admin-key";
  private static final String APP_KEY = "sb-diagnostics-app-key";
  private static final String UPSTREAM_KEY = "sk-upstream-key-of-the-file";
  private static final String PASSWORD = "password-of-the-store";
  private static final String PROMPT = "what-only-the-prompt-says";
  private static final String ANSWER = "what-only-the-answer-says";

  @TempDir private Path folder;

  static Map<String, String> entries(byte[] archive) throws IOException {
    Map<String, String> entries = new LinkedHashMap<>();
    try (ZipInputStream zip = new ZipInputStream(new ByteArrayInputStream(archive))) {
      for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
        entries.put(entry.getName(), new String(zip.readAllBytes(), StandardCharsets.UTF_8));
      }
    }
    return entries;
  }

  private static String sha256(String text) throws Exception {
    return HexFormat.of()
        .formatHex(
            MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
  }

  private String yaml() throws Exception {
    Path upstreamKey = Files.writeString(folder.resolve("upstream.key"), UPSTREAM_KEY + "\n");
    Path password = Files.writeString(folder.resolve("store.password"), PASSWORD + "\n");
    return "auth: {keys: [{name: boss, role: admin, sha256: %s}, {name: app, sha256: %s}]}%n"
            .formatted(sha256(ADMIN_KEY), sha256(APP_KEY))
        + "store: {url: \"jdbc:h2:file:%s/s;IFEXISTS=FALSE\", password-file: %s}%n"
            .formatted(folder, password)
        + "upstreams: [{url: \"UPSTREAM\", models: [m], api-key-file: "
        + upstreamKey
        + "}]\n";
  }

  private static HttpResponse<byte[]> diagnostics(InProcessGateway gateway) throws Exception {
    return gateway
        .client()
        .send(
            HttpRequest.newBuilder(gateway.admin("/admin/v1/diagnostics"))
                .headers("Authorization", "Bearer " + ADMIN_KEY)
                .headers("Content-Type", "application/json")
                .headers("X-Switchboard-Change-Reason", "it is slow")
                .POST(HttpRequest.BodyPublishers.noBody())
                .build(),
            HttpResponse.BodyHandlers.ofByteArray());
  }

  @Test
  void theArchiveTellsAllButNoSecret() throws Exception {
    try (FakeUpstream upstream = new FakeUpstream()) {
      upstream.script(
          (request, body) -> {
            request.response().setStatusCode(500);
            request.response().end("{\"error\":{\"message\":\"" + ANSWER + "\"}}");
          });
      String yaml = yaml().replace("UPSTREAM", upstream.url().toString());
      try (InProcessGateway gateway = InProcessGateway.started(yaml)) {
        String[] admin = {"Authorization", "Bearer " + ADMIN_KEY};
        String made =
            InProcessGateway.JSON
                .readTree(
                    gateway.admin("POST", "/admin/v1/keys", "{\"name\":\"fresh\"}", admin).body())
                .path("key")
                .asText();
        assertFalse(made.isEmpty());
        HttpResponse<String> chat =
            gateway.post(
                InProcessGateway.CHAT,
                InProcessGateway.chat(false).replace("\"x\"", "\"" + PROMPT + "\""),
                "Authorization",
                "Bearer " + made,
                "X-Request-Id",
                "broken-one");
        assertTrue(chat.statusCode() >= 500, chat.body());

        HttpResponse<byte[]> answer = diagnostics(gateway);

        assertEquals(200, answer.statusCode());
        Map<String, String> entries = entries(answer.body());
        assertTold(entries);
        for (String secret :
            List.of(
                ADMIN_KEY,
                APP_KEY,
                sha256(ADMIN_KEY),
                sha256(APP_KEY),
                made,
                sha256(made),
                UPSTREAM_KEY,
                PASSWORD,
                PROMPT,
                ANSWER)) {
          entries.forEach((name, text) -> assertFalse(text.contains(secret), name + ": " + secret));
        }
        JsonNode entry =
            InProcessGateway.JSON
                .readTree(gateway.get(gateway.admin("/admin/v1/audit?limit=1"), admin).body())
                .path("audit")
                .path(0);
        assertEquals("POST /admin/v1/diagnostics", entry.path("action").asText());
        assertEquals("it is slow", entry.path("reason").asText());
      }
    }
  }

  private static void assertTold(Map<String, String> entries) throws Exception {
    assertEquals("manifest.json", List.copyOf(entries.keySet()).getLast());
    JsonNode manifest = InProcessGateway.JSON.readTree(entries.getOrDefault("manifest.json", ""));
    assertTrue(manifest.path("entries").findValues("left_out").isEmpty(), manifest::toString);
    assertTrue(entries.getOrDefault("threads.txt", "").contains("vert.x-eventloop-thread"));
    assertTrue(entries.getOrDefault("metrics.txt", "").contains("switchboard_requests_total"));
    assertTrue(entries.getOrDefault("requests.json", "").contains("broken-one"));
    assertTrue(entries.getOrDefault("events.json", "").contains("replica_state"));
    assertTrue(entries.getOrDefault("host.json", "").contains("MemAvailable"));
    assertTrue(entries.getOrDefault("memory.json", "").contains("collections"));
    assertTrue(entries.getOrDefault("jvm.json", "").contains("uptime_ms"));
    assertTrue(entries.getOrDefault("gateway.json", "").contains("started"));
    assertTrue(entries.getOrDefault("replicas.json", "").contains("u0"));
    assertTrue(entries.getOrDefault("config.json", "").contains("origins"));
  }
}
