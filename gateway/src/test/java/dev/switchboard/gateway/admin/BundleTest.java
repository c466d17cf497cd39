package dev.switchboard.gateway.admin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import org.junit.jupiter.api.Test;

class BundleTest {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private long nowMs;

  private Bundle bundle(String... secrets) {
    return new Bundle(out, List.of(secrets), () -> nowMs, 100);
  }

  private Map<String, String> entries() throws IOException {
    Map<String, String> entries = new LinkedHashMap<>();
    try (ZipInputStream zip = new ZipInputStream(new ByteArrayInputStream(out.toByteArray()))) {
      for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
        entries.put(entry.getName(), new String(zip.readAllBytes(), StandardCharsets.UTF_8));
      }
    }
    return entries;
  }

  private static JsonNode row(Map<String, String> entries, int index) throws IOException {
    return new ObjectMapper()
        .readTree(entries.getOrDefault("manifest.json", ""))
        .path("entries")
        .path(index);
  }

  @Test
  void whatIsSecretIsTakenOutWhereverItStands() throws IOException {
    try (Bundle bundle = bundle("secret", "secret-and-more", "a")) {
      bundle.add("a.txt", () -> "a secret-and-more, secretsecret");
    }

    assertEquals("a …, ……", entries().get("a.txt"));
  }

  @Test
  void whatIsTooMuchIsCutAndTheManifestSaysSo() throws IOException {
    try (Bundle bundle = bundle()) {
      for (int i = 0; i < 9; i++) {
        bundle.add(i + ".txt", () -> "x".repeat(Bundle.MOST_ENTRY_CHARS + 1));
      }
    }

    Map<String, String> entries = entries();
    assertEquals(9, entries.size());
    assertEquals(Bundle.MOST_ENTRY_CHARS, entries.getOrDefault("0.txt", "").length());
    assertTrue(row(entries, 0).path("cut").asBoolean());
    assertEquals("the archive is full", row(entries, 8).path("left_out").asText());
  }

  @Test
  void whatComesTooLateOrFailsIsLeftOut() throws IOException {
    try (Bundle bundle = bundle("secret")) {
      bundle.add(
          "broken.txt",
          () -> {
            throw new IOException("the secret is gone");
          });
      nowMs = 100;
      bundle.add("late.txt", () -> "x");
    }

    Map<String, String> entries = entries();
    assertEquals(List.of("manifest.json"), List.copyOf(entries.keySet()));
    assertEquals("java.io.IOException: the … is gone", row(entries, 0).path("left_out").asText());
    assertEquals("no time was left", row(entries, 1).path("left_out").asText());
  }
}
