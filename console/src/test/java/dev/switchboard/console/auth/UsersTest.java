package dev.switchboard.console.auth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.console.api.Role;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.util.Comparator;
import java.util.List;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class UsersTest {
  @TempDir private Path folder;

  private Users open() throws IOException {
    return Users.open(folder, Clock.systemUTC());
  }

  @Test
  void passwordsOpenWhatTheyWereMadeForAndNothingElse() throws IOException {
    Users users = open();
    users.add("alice", Role.ADMIN, "correct horse");

    assertEquals("alice", users.verify("alice", "correct horse").orElseThrow().name());
    assertTrue(users.verify("alice", "correct hors").isEmpty());
    assertTrue(users.verify("bob", "correct horse").isEmpty());
  }

  @Test
  void theFileIsItsOwnersAloneAndHoldsNoPassword() throws IOException {
    open().add("alice", Role.ADMIN, "correct horse");
    Path file = folder.resolve("users.json");

    assertEquals(PosixFilePermissions.fromString("rw-------"), Files.getPosixFilePermissions(file));
    assertFalse(Files.readString(file).contains("correct"));
    assertTrue(Files.readString(file).contains("$argon2id$v=19$m=19456,t=2,p=1$"));
    assertFalse(Files.exists(folder.resolve("users.json.new")));
  }

  @Test
  void whatWasWrittenIsReadAgain() throws IOException {
    open().add("alice", Role.ADMIN, "correct horse");

    Users again = open();

    assertTrue(again.hasAdmin());
    assertTrue(again.verify("alice", "correct horse").isPresent());
  }

  @Test
  void somebodyStaysAnAdmin() throws IOException {
    Users users = open();
    users.add("alice", Role.ADMIN, "correct horse");
    users.add("bob", Role.VIEWER, "battery staple");

    assertThrows(IllegalArgumentException.class, () -> users.remove("alice"));
    assertThrows(IllegalArgumentException.class, () -> users.changeRole("alice", Role.VIEWER));
    users.changeRole("bob", Role.ADMIN);
    users.remove("alice");

    assertEquals(1, users.all().size());
  }

  @Test
  void namesAndPasswordsHaveBounds() throws IOException {
    Users users = open();

    assertThrows(
        IllegalArgumentException.class, () -> users.add("<img>", Role.VIEWER, "correct horse"));
    assertThrows(IllegalArgumentException.class, () -> users.add("a", Role.VIEWER, "too short"));
    assertThrows(
        IllegalArgumentException.class, () -> users.add("a", Role.VIEWER, "x".repeat(257)));
  }

  @Test
  void aBrokenFileIsNoEmptyOne() throws IOException {
    Files.writeString(folder.resolve("users.json"), "{\"users\": [{\"name\": \"a\"}]}");

    assertThrows(IOException.class, this::open);
  }

  /** What was forced to the disk while something was done, in this order. */
  private List<Path> forced(Runnable what) throws IOException {
    Path file = folder.resolve("recording.jfr");
    try (Recording recording = new Recording()) {
      recording.enable("jdk.FileForce").withoutThreshold();
      recording.start();
      what.run();
      recording.stop();
      recording.dump(file);
    }
    return RecordingFile.readAllEvents(file).stream()
        .sorted(Comparator.comparing(RecordedEvent::getStartTime))
        .map(event -> Path.of(event.getString("path")))
        .toList();
  }

  /** Else a loss of power brings back the password that was changed, or the one who was removed. */
  @Test
  void aChangeIsOnTheDiskWhenItIsDone() throws IOException {
    Users users = open();
    users.add("alice", Role.ADMIN, "correct horse");
    users.add("bob", Role.VIEWER, "battery staple");

    List<Path> changed = forced(() -> users.changePassword("alice", "another horse"));
    List<Path> removed = forced(() -> users.remove("bob"));

    assertEquals(List.of(folder.resolve("users.json.new"), folder), changed);
    assertEquals(List.of(folder.resolve("users.json.new"), folder), removed);
  }
}
