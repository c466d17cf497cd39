package dev.switchboard.console.auth;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Arrays;
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
 * change and each that was refused, readable by its owner alone. A line is added before its change
 * is made and gets its outcome after it; no other is ever touched. All methods may be called from
 * any thread.
 */
public final class PeopleLog {
  private static final Logger LOG = LoggerFactory.getLogger(PeopleLog.class);
  private static final JsonMapper JSON = new JsonMapper();
  private static final int REMEMBERED = 200;

  /** The outcome of what is not over, or of which nobody knows. */
  public static final String BEGUN = "begun";

  /** The outcome of what was done. */
  public static final String DONE = "done";

  /**
   * A change.
   *
   * @param who asked for it
   * @param did what, in words
   * @param outcome "done", or why it was not; "begun" of one whose end could not be written down
   */
  public record Entry(Instant at, String who, String did, String reason, String outcome) {
    Entry with(String other) {
      return new Entry(at, who, did, reason, other);
    }
  }

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
   * Writes down that something is begun, does it, and writes down what became of it. Nothing is
   * done that could not be written down first. What the second time is not written, as when a disk
   * breaks in between, stays {@value #BEGUN}.
   *
   * @param asked what is begun; its outcome does not count
   * @param then does it and says what became of it. Where it throws that it did nothing, as an
   *     argument that is wrong or a file that cannot be written, there is no line
   */
  public synchronized Entry write(Entry asked, Supplier<String> then) {
    byte[] begun = line(asked.with(BEGUN));
    try (FileChannel out =
        FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      long at = begin(out, begun);
      Entry done = asked.with(outcome(then, out, at));
      end(out, at, begun, line(done));
      remember(done);
      LOG.info(
          "people_changed person={} change=\"{}\" outcome=\"{}\"",
          done.who(),
          done.did(),
          done.outcome());
      return done;
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write " + file + ": " + e.getMessage(), e);
    }
  }

  private static byte[] line(Entry entry) {
    String line =
        JSON.createObjectNode()
                .put("at", entry.at().toString())
                .put("who", entry.who())
                .put("did", entry.did())
                .put("reason", entry.reason())
                .put("outcome", entry.outcome())
            + "\n";
    return line.getBytes(StandardCharsets.UTF_8);
  }

  /** Adds the line, or nothing; where it stands. A last line that was cut off is ended first. */
  private static long begin(FileChannel out, byte[] line) throws IOException {
    long size = out.size();
    try {
      long at = size;
      if (cutOff(out)) {
        put(out, at++, new byte[] {'\n'});
      }
      put(out, at, line);
      out.force(false);
      return at;
    } catch (IOException e) {
      out.truncate(size);
      throw e;
    }
  }

  private static boolean cutOff(FileChannel in) throws IOException {
    ByteBuffer last = ByteBuffer.allocate(1);
    return in.size() > 0 && in.read(last, in.size() - 1) == 1 && last.get(0) != '\n';
  }

  private static String outcome(Supplier<String> then, FileChannel out, long at)
      throws IOException {
    try {
      return then.get();
    } catch (IllegalArgumentException | UncheckedIOException e) {
      out.truncate(at);
      throw e;
    }
  }

  /** In the place of the line that it was begun with: "done" takes no room that is not there. */
  private void end(FileChannel out, long at, byte[] begun, byte[] line) {
    byte[] told = line;
    if (line.length < begun.length) {
      told = Arrays.copyOf(line, begun.length);
      Arrays.fill(told, line.length - 1, begun.length - 1, (byte) ' ');
      told[begun.length - 1] = '\n';
    }
    try {
      put(out, at, told);
    } catch (IOException e) {
      LOG.warn("people_log_outcome_not_written file={} message=\"{}\"", file, e.getMessage());
      restore(out, at, begun);
    }
  }

  private void restore(FileChannel out, long at, byte[] begun) {
    try {
      out.truncate(at + begun.length);
      put(out, at, begun);
    } catch (IOException e) {
      LOG.warn("people_log_broken file={} message=\"{}\"", file, e.getMessage());
    }
  }

  private static void put(FileChannel out, long at, byte[] bytes) throws IOException {
    ByteBuffer left = ByteBuffer.wrap(bytes);
    while (left.hasRemaining()) {
      out.write(left, at + left.position());
    }
  }
}
