package dev.switchboard.console.people;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.console.action.Result;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.auth.PeopleLog;
import dev.switchboard.console.auth.Person;
import dev.switchboard.console.auth.Users;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A change of people and its line: neither is without the other, whatever the disk does. */
class PeoplePresenterTest {
  private static final String PASSWORD = "correct horse";

  @TempDir private Path folder;
  private Users users;
  private Person admin;
  private PeoplePresenter presenter;

  @BeforeEach
  void open() throws IOException {
    users = Users.open(folder, Clock.systemUTC());
    admin = users.add("admin", Role.ADMIN, PASSWORD);
    presenter = new PeoplePresenter(users, Clock.systemUTC());
  }

  private Path log() {
    return folder.resolve("people.jsonl");
  }

  private String written() {
    try {
      return Files.readString(log());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void nobodyIsAddedWhereTheDiskHasNoRoomForTheLine() throws IOException {
    Files.delete(log());
    Files.createSymbolicLink(log(), Path.of("/dev/full"));

    Result result = presenter.run(presenter.add("bob", Role.ADMIN, PASSWORD), admin, "joins");

    String why = assertInstanceOf(Result.Failed.class, result).why();
    assertTrue(why.startsWith("Not done: cannot write "), why);
    assertTrue(users.find("bob").isEmpty());
    assertEquals(List.of(), users.log().newest());
  }

  @Test
  void aChangeStandsInTheFileBeforeItIsMade() throws IOException {
    List<String> before = new ArrayList<>();
    PersonChange change =
        new PersonChange("Add bob", "add bob", List.of(), false, () -> before.add(written()));

    presenter.run(change, admin, "joins");

    assertEquals(1, before.size());
    assertTrue(before.getFirst().contains("\"add bob\""), before.getFirst());
    assertTrue(before.getFirst().contains("\"begun\""), before.getFirst());
    assertEquals(1, written().lines().count());
    assertEquals("done", Users.open(folder, Clock.systemUTC()).log().newest().getFirst().outcome());
  }

  @Test
  void aChangeThatCannotBeWrittenStandsThereAsNotMade() throws IOException {
    Files.createDirectories(folder.resolve("users.json.new").resolve("in the way"));

    Result result = presenter.run(presenter.add("bob", Role.VIEWER, PASSWORD), admin, "joins");

    String why = assertInstanceOf(Result.Failed.class, result).why();
    assertTrue(why.startsWith("Not done: cannot write "), why);
    assertTrue(users.find("bob").isEmpty());
    PeopleLog.Entry entry = users.log().newest().getFirst();
    assertEquals("add bob as viewer", entry.did());
    assertTrue(entry.outcome().startsWith("cannot write "), entry.outcome());
  }
}
