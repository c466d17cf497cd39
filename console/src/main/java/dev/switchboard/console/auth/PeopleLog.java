package dev.switchboard.console.auth;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Who changed who may sign in, and why: people.jsonl of the state folder, a line of JSON for each
 * change and each that was refused, readable by its owner alone. Lines are only ever added. All
 * methods may be called from any thread.
 */
public final class PeopleLog {
  private static final Logger LOG = LoggerFactory.getLogger(PeopleLog.class);
  private static final JsonMapper JSON = new JsonMapper();
  private static final int REMEMBERED = 200;

  /**
   * A change.
   *
   * @param who asked for it
   * @param did what, in words
   * @param outcome "done", or why it was not
   */
  public record Entry(Instant at, String who, String did, String reason, String outcome) {}

  private final Path file;
  private final Deque<Entry> newest = new ArrayDeque<>();

  private PeopleLog(Path file) {
    this.file = file;
  }

  static PeopleLog open(Path folder) throws IOException {
    PeopleLog log = new PeopleLog(folder.resolve("people.jsonl"));
    if (!Files.exists(log.file)) {
      Files.createFile(
          log.file,
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    }
    // One that was cut off may end within a character.
    try (var lines =
        new BufferedReader(
            new InputStreamReader(Files.newInputStream(log.file), StandardCharsets.UTF_8))) {
      lines.lines().forEach(log::read);
    }
    return log;
  }

  /** A line that was cut off, as by a full disk, is left out. */
  private void read(String line) {
    try {
      JsonNode entry = JSON.readTree(line);
      remember(
          new Entry(
              Instant.parse(entry.required("at").asString()),
              entry.required("who").asString(),
              entry.required("did").asString(),
              entry.required("reason").asString(),
              entry.required("outcome").asString()));
    } catch (JacksonException | IllegalArgumentException | DateTimeException e) {
      LOG.warn("people_log_line_left_out file={} message=\"{}\"", file, e.getMessage());
    }
  }

  /** Whether its last line has no end, which the next one would go on with. */
  private boolean cutOff() throws IOException {
    try (SeekableByteChannel in = Files.newByteChannel(file)) {
      ByteBuffer last = ByteBuffer.allocate(1);
      return in.size() > 0 && in.position(in.size() - 1).read(last) == 1 && last.get(0) != '\n';
    }
  }

  private void remember(Entry entry) {
    newest.addFirst(entry);
    if (newest.size() > REMEMBERED) {
      newest.removeLast();
    }
  }

  /** The newest first, 200 at most. */
  public synchronized List<Entry> newest() {
    return List.copyOf(newest);
  }

  /**
   * Does something and writes down what became of it; does nothing where it could not be written.
   */
  public synchronized Entry write(Supplier<Entry> then) {
    try (OutputStream out = Files.newOutputStream(file, StandardOpenOption.APPEND)) {
      Entry entry = then.get();
      String line =
          JSON.createObjectNode()
                  .put("at", entry.at().toString())
                  .put("who", entry.who())
                  .put("did", entry.did())
                  .put("reason", entry.reason())
                  .put("outcome", entry.outcome())
              + "\n";
      if (cutOff()) {
        out.write('\n');
      }
      out.write(line.getBytes(StandardCharsets.UTF_8));
      remember(entry);
      LOG.info(
          "people_changed person={} change=\"{}\" outcome=\"{}\"",
          entry.who(),
          entry.did(),
          entry.outcome());
      return entry;
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write " + file + ": " + e.getMessage(), e);
    }
  }
}
