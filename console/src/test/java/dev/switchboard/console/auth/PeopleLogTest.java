package dev.switchboard.console.auth;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.switchboard.console.auth.PeopleLog.Entry;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PeopleLogTest {
  private static final Instant NOW = Instant.parse("2026-01-01T10:00:00Z");

  @TempDir private Path folder;

  private static Entry entry(String did) {
    return new Entry(NOW, "alice", did, "a \"reason\"\n of two lines", "done");
  }

  @Test
  void whatWasWrittenIsReadAgainNewestFirst() throws IOException {
    PeopleLog log = PeopleLog.open(folder);
    log.write(entry("add bob as viewer"), () -> PeopleLog.DONE);
    log.write(entry("remove bob, viewer"), () -> PeopleLog.DONE);

    List<Entry> expected = List.of(entry("remove bob, viewer"), entry("add bob as viewer"));
    assertEquals(expected, log.newest());
    assertEquals(expected, PeopleLog.open(folder).newest());
    assertEquals(
        PosixFilePermissions.fromString("rw-------"),
        Files.getPosixFilePermissions(folder.resolve("people.jsonl")));
  }

  @Test
  void anOutcomeOfAnyLengthIsReadAgain() throws IOException {
    PeopleLog log = PeopleLog.open(folder);
    for (String outcome : List.of("no", "denied", "somebody must stay an admin", "done")) {
      log.write(entry("remove bob, viewer"), () -> outcome);
    }

    assertEquals(
        List.of("done", "somebody must stay an admin", "denied", "no"),
        PeopleLog.open(folder).newest().stream().map(Entry::outcome).toList());
  }

  @Test
  void whatSaysThatItDidNothingHasNoLine() throws IOException {
    PeopleLog log = PeopleLog.open(folder);
    log.write(entry("add bob as viewer"), () -> PeopleLog.DONE);

    assertThrows(
        IllegalArgumentException.class,
        () ->
            log.write(
                entry("never"),
                () -> {
                  throw new IllegalArgumentException("too short");
                }));

    assertEquals(List.of(entry("add bob as viewer")), PeopleLog.open(folder).newest());
  }

  @Test
  void aLineThatWasCutOffIsLeftOut() throws IOException {
    PeopleLog.open(folder).write(entry("add bob as viewer"), () -> PeopleLog.DONE);
    Files.writeString(folder.resolve("people.jsonl"), "{\"at\":\"2026", StandardOpenOption.APPEND);

    assertEquals(List.of(entry("add bob as viewer")), PeopleLog.open(folder).newest());
  }

  @Test
  void aLineThatWasCutOffWithinACharacterCostsNeitherTheStartNorTheNextLine() throws IOException {
    PeopleLog.open(folder);
    byte[] line = "{\"at\":\"2026-01-01T10:00:00Z\",\"reason\":\"für".getBytes(UTF_8);
    byte[] cut = Arrays.copyOf(line, line.length - 2);
    Files.write(folder.resolve("people.jsonl"), cut, StandardOpenOption.APPEND);

    PeopleLog log = PeopleLog.open(folder);
    log.write(entry("remove bob, viewer"), () -> PeopleLog.DONE);

    assertEquals(List.of(entry("remove bob, viewer")), PeopleLog.open(folder).newest());
  }

  @Test
  void nothingIsDoneThatCannotBeWrittenDown() throws IOException {
    PeopleLog log = PeopleLog.open(folder);
    Files.delete(folder.resolve("people.jsonl"));
    AtomicInteger done = new AtomicInteger();

    assertThrows(
        UncheckedIOException.class,
        () ->
            log.write(
                entry("never"),
                () -> {
                  done.incrementAndGet();
                  return PeopleLog.DONE;
                }));

    assertEquals(0, done.get());
    assertEquals(List.of(), log.newest());
  }

  @Test
  void theNewestTwoHundredAreKeptAtHand() throws IOException {
    PeopleLog log = PeopleLog.open(folder);
    for (int i = 0; i < 201; i++) {
      log.write(entry("change " + i), () -> PeopleLog.DONE);
    }

    assertEquals(200, log.newest().size());
    assertEquals("change 200", log.newest().getFirst().did());
    assertEquals("change 1", log.newest().getLast().did());
  }
}
