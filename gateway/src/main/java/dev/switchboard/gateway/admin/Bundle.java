package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.function.LongSupplier;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * A zip archive of texts without secrets, bounded in bytes and time: each text is made when its
 * turn comes, and what comes too late or is too much is named in the last entry, {@code
 * manifest.json}. What is known to be secret is taken out of every text, wherever it stands.
 */
final class Bundle implements AutoCloseable {
  static final int MOST_ENTRY_CHARS = 4 << 20;
  static final long MOST_CHARS = 32L << 20;

  /** What is shorter stands everywhere, and hides nothing when it is taken out. */
  private static final int LEAST_SECRET_CHARS = 4;

  private static final String HIDDEN = "…";

  private final ZipOutputStream zip;
  private final List<String> secrets;
  private final LongSupplier nowMs;
  private final long untilMs;
  private final ObjectNode manifest = JsonNodeFactory.instance.objectNode();
  private final ArrayNode entries = manifest.putArray("entries");
  private long chars;

  /** Makes a text. */
  @FunctionalInterface
  interface Part {
    String text() throws IOException;
  }

  /**
   * @param untilMs when nothing more is begun
   */
  Bundle(OutputStream to, List<String> secrets, LongSupplier nowMs, long untilMs) {
    this.zip = new ZipOutputStream(to, StandardCharsets.UTF_8);
    this.secrets =
        secrets.stream()
            .filter(each -> each.length() >= LEAST_SECRET_CHARS)
            .sorted((one, other) -> other.length() - one.length())
            .toList();
    this.nowMs = nowMs;
    this.untilMs = untilMs;
  }

  /** Adds a text; one that cannot be made is told in the manifest. */
  void add(String name, Part part) throws IOException {
    ObjectNode row = entries.addObject().put("name", name);
    if (nowMs.getAsLong() >= untilMs) {
      row.put("left_out", "no time was left");
      return;
    }
    if (chars >= MOST_CHARS) {
      row.put("left_out", "the archive is full");
      return;
    }
    String text;
    try {
      text = hidden(part.text());
    } catch (IOException | RuntimeException e) {
      row.put("left_out", hidden(String.valueOf(e)));
      return;
    }
    int most = (int) Math.min(MOST_ENTRY_CHARS, MOST_CHARS - chars);
    String kept = text.length() <= most ? text : text.substring(0, most);
    row.put("chars", kept.length()).put("cut", kept.length() < text.length());
    chars += kept.length();
    write(name, kept);
  }

  private void write(String name, String text) throws IOException {
    zip.putNextEntry(new ZipEntry(name));
    zip.write(text.getBytes(StandardCharsets.UTF_8));
    zip.closeEntry();
  }

  private String hidden(String text) {
    String shown = text;
    for (String secret : secrets) {
      shown = shown.replace(secret, HIDDEN);
    }
    return shown;
  }

  /** Ends the archive. */
  @Override
  public void close() throws IOException {
    write("manifest.json", manifest.toPrettyString());
    zip.close();
  }
}
