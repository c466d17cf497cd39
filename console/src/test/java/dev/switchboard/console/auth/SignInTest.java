package dev.switchboard.console.auth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.console.api.Role;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SignInTest {
  @TempDir private Path folder;
  private Instant now = Instant.parse("2026-01-01T00:00:00Z");
  private Users users;
  private SignIn signIn;

  @BeforeEach
  void open() throws IOException {
    InstantSource source = () -> now;
    Clock moving = source.withZone(ZoneOffset.UTC);
    users = Users.open(folder, moving);
    signIn = new SignIn(users, moving);
  }

  @Test
  void theTokenMakesOneAdminOnce() {
    String token = String.valueOf(signIn.firstRunToken());

    assertFalse(signIn.makeFirstAdmin("another", "alice", "correct horse", "a"));
    assertTrue(signIn.makeFirstAdmin(token, "alice", "correct horse", "a"));
    assertFalse(signIn.makeFirstAdmin(token, "bob", "correct horse", "a"));

    assertEquals(Role.ADMIN, users.find("alice").orElseThrow().role());
    assertNull(signIn.firstRunToken());
  }

  @Test
  void noFirstAdminIsMadeOfWhomTheLogHasNoLine() throws IOException {
    Path log = folder.resolve("people.jsonl");
    String token = String.valueOf(signIn.firstRunToken());
    Files.delete(log);
    Files.createSymbolicLink(log, Path.of("/dev/full"));

    assertThrows(
        UncheckedIOException.class,
        () -> signIn.makeFirstAdmin(token, "alice", "correct horse", "a"));
    assertFalse(users.hasAdmin());

    Files.delete(log);
    Files.createFile(log);
    assertTrue(signIn.makeFirstAdmin(token, "alice", "correct horse", "a"));
    assertEquals("add alice as admin", users.log().newest().getFirst().did());
  }

  @Test
  void aPasswordThatWillNotDoLeavesTheTokenValid() {
    String token = String.valueOf(signIn.firstRunToken());

    assertThrows(
        IllegalArgumentException.class, () -> signIn.makeFirstAdmin(token, "alice", "short", "a"));

    assertNotNull(signIn.firstRunToken());
  }

  @Test
  void theTokenEndsAfterAnHour() {
    String token = String.valueOf(signIn.firstRunToken());
    now = now.plus(FirstRun.VALID);

    assertFalse(signIn.makeFirstAdmin(token, "alice", "correct horse", "a"));
    assertNull(signIn.firstRunToken());
  }

  @Test
  void whoGuessesWaitsAndThenTheRightPasswordWorks() {
    users.add("alice", Role.ADMIN, "correct horse");
    for (int i = 0; i < 5; i++) {
      assertInstanceOf(SignIn.Outcome.Wrong.class, signIn.tryPassword("alice", "wrong", "a"));
    }

    assertInstanceOf(SignIn.Outcome.Wait.class, signIn.tryPassword("ALICE", "correct horse", "b"));
    now = now.plus(Duration.ofSeconds(2));

    assertInstanceOf(
        SignIn.Outcome.Welcome.class, signIn.tryPassword("alice", "correct horse", "b"));
  }

  @Test
  void whoGuessesManyAtOnceHasNoMoreTriesThanOneAfterAnother() throws InterruptedException {
    users.add("alice", Role.ADMIN, "correct horse");
    AtomicInteger checked = new AtomicInteger();
    CountDownLatch go = new CountDownLatch(1);
    List<Thread> guesses = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      String address = "a" + i;
      guesses.add(
          Thread.ofPlatform()
              .start(
                  () -> {
                    awaitUninterruptibly(go);
                    if (signIn.tryPassword("alice", "wrong", address)
                        instanceof SignIn.Outcome.Wrong) {
                      checked.incrementAndGet();
                    }
                  }));
    }
    go.countDown();
    for (Thread guess : guesses) {
      guess.join();
    }

    assertEquals(5, checked.get());
  }

  private static void awaitUninterruptibly(CountDownLatch go) {
    try {
      go.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void whoSignsInTakesNoTryFromOthersOfHisAddress() {
    users.add("alice", Role.ADMIN, "correct horse");
    for (int i = 0; i < 4; i++) {
      signIn.tryPassword("name" + i, "wrong", "a");
    }

    for (int i = 0; i < 3; i++) {
      assertInstanceOf(
          SignIn.Outcome.Welcome.class, signIn.tryPassword("alice", "correct horse", "a"));
    }

    assertInstanceOf(SignIn.Outcome.Wrong.class, signIn.tryPassword("other", "wrong", "a"));
  }

  @Test
  void ofANameNoMoreIsRememberedThanANameMayHave() {
    String longest = "x".repeat(Users.NAME_MAX);
    for (int i = 0; i < 5; i++) {
      signIn.tryPassword(longest + i, "wrong", "a" + i);
    }

    assertInstanceOf(SignIn.Outcome.Wait.class, signIn.tryPassword(longest, "wrong", "b"));
  }

  @Test
  void anAddressThatTriesManyNamesWaitsToo() {
    for (int i = 0; i < 5; i++) {
      signIn.tryPassword("name" + i, "wrong", "a");
    }

    assertInstanceOf(SignIn.Outcome.Wait.class, signIn.tryPassword("other", "wrong", "a"));
    assertInstanceOf(SignIn.Outcome.Wrong.class, signIn.tryPassword("other", "wrong", "b"));
  }
}
