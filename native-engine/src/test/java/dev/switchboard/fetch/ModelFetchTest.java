package dev.switchboard.fetch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.fetch.FetchException.Reason;
import dev.switchboard.fetch.ModelFetch.Outcome;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ModelFetchTest {
  private static final byte[] CONTENT = new byte[300_000];

  static {
    new Random(1).nextBytes(CONTENT);
  }

  @TempDir private Path folder;
  private ModelServer server;
  private final List<String> log = new ArrayList<>();
  private final List<Duration> pauses = new ArrayList<>();
  private Path to;

  @BeforeEach
  void start() throws IOException {
    server = new ModelServer(CONTENT);
    to = folder.resolve("models/m.gguf");
  }

  @AfterEach
  void stop() {
    server.close();
  }

  @Test
  void theFileIsThereWithItsContentAndNothingBesideButTheLock() throws Exception {
    assertEquals(Outcome.FETCHED, fetch(order(CONTENT)));

    assertArrayEquals(CONTENT, Files.readAllBytes(to));
    assertEquals(List.of(".m.gguf.lock", "m.gguf"), names());
  }

  @Test
  void aFileWithTheRightSumIsNotAskedForAgain() throws Exception {
    Files.createDirectories(to.getParent());
    Files.write(to, CONTENT);

    assertEquals(Outcome.ALREADY_THERE, fetch(order(CONTENT)));

    assertEquals(List.of(), server.requests());
    assertEquals(List.of("m.gguf"), names());
  }

  @Test
  void aFileWithAnotherSumStaysUntilTheNewOneIsWhole() throws Exception {
    Files.createDirectories(to.getParent());
    Files.writeString(to, "the older version");
    server.then(ModelServer.status(404));

    assertEquals(Reason.REFUSED, failure(order(CONTENT)).reason());
    assertEquals("the older version", Files.readString(to));

    assertEquals(Outcome.FETCHED, fetch(order(CONTENT)));
    assertArrayEquals(CONTENT, Files.readAllBytes(to));
  }

  @Test
  void whatBreaksOffGoesOnAtTheNextByte() throws Exception {
    server.then(server.breakAfter(1000)).then(server.breakAfter(500));

    assertEquals(Outcome.FETCHED, fetch(order(CONTENT)));

    assertArrayEquals(CONTENT, Files.readAllBytes(to));
    assertEquals(
        List.of(Map.of(), Map.of("Range", "bytes=1000-"), Map.of("Range", "bytes=1500-")),
        server.requests());
  }

  @Test
  void anotherProcessGoesOnWithWhatAStoppedOneLeft() throws Exception {
    FetchOrder order = order(CONTENT);
    Files.createDirectories(to.getParent());
    Files.write(order.partial(), Arrays.copyOf(CONTENT, 2000));

    assertEquals(Outcome.FETCHED, fetch(order));

    assertArrayEquals(CONTENT, Files.readAllBytes(to));
    assertEquals(List.of(Map.of("Range", "bytes=2000-")), server.requests());
  }

  @Test
  void aDownloadThatOnlyLacksItsNameIsNotRepeated() throws Exception {
    FetchOrder order = order(CONTENT);
    Files.createDirectories(to.getParent());
    Files.write(order.partial(), CONTENT);

    assertEquals(Outcome.FETCHED, fetch(order));

    assertArrayEquals(CONTENT, Files.readAllBytes(to));
    assertEquals(1, server.requests().size());
  }

  @Test
  void aServerThatDoesNotResumeIsReadFromTheBeginning() throws Exception {
    server.then(server.breakAfter(1000)).then(server::serveAll);

    assertEquals(Outcome.FETCHED, fetch(order(CONTENT)));

    assertArrayEquals(CONTENT, Files.readAllBytes(to));
  }

  @Test
  void resumedBytesOfAnotherVersionAreThrownAwayOnce() throws Exception {
    FetchOrder order = order(CONTENT);
    Files.createDirectories(to.getParent());
    Files.write(order.partial(), new byte[2000]);

    assertEquals(Outcome.FETCHED, fetch(order));

    assertArrayEquals(CONTENT, Files.readAllBytes(to));
    assertEquals(List.of(Map.of("Range", "bytes=2000-"), Map.of()), server.requests());
  }

  @Test
  void contentWithAnotherSumIsRefusedAndLeavesNothing() throws Exception {
    FetchException failed = failure(order(new byte[] {1}));

    assertEquals(Reason.WRONG_CONTENT, failed.reason());
    assertEquals(1, server.requests().size());
    assertEquals(List.of(".m.gguf.lock"), names());
  }

  @Test
  void attemptsWithoutAByteAreCountedAndSpaced() throws Exception {
    for (int i = 0; i < 3; i++) {
      server.then(ModelServer.status(503));
    }

    FetchException failed = failure(order(CONTENT));

    assertEquals(Reason.UNREACHABLE, failed.reason());
    assertEquals(3, server.requests().size());
    assertEquals(List.of(Duration.ofSeconds(1), Duration.ofSeconds(2)), pauses);
    assertTrue(message(failed).contains("answers 503"), message(failed));
    assertFalse(message(failed).contains("secret"), message(failed));
  }

  @Test
  void progressMakesTheCountBeginAgain() throws Exception {
    for (int i = 0; i < 5; i++) {
      server.then(ModelServer.status(503)).then(server.breakAfter(100));
    }

    assertEquals(Outcome.FETCHED, fetch(order(CONTENT)));
  }

  @Test
  void aBusyServerIsAskedAgainWhenItSays() throws Exception {
    server.then(ModelServer.status(429, "Retry-After", "17"));

    assertEquals(Outcome.FETCHED, fetch(order(CONTENT)));

    assertEquals(List.of(Duration.ofSeconds(17)), pauses);
  }

  @Test
  void aBodyThatStallsIsGivenUpAndResumed() throws Exception {
    CountDownLatch ended = new CountDownLatch(1);
    server.then(
        exchange -> {
          exchange.sendResponseHeaders(200, CONTENT.length);
          exchange.getResponseBody().write(CONTENT, 0, 1000);
          exchange.getResponseBody().flush();
          awaitEnd(ended);
        });

    assertEquals(Outcome.FETCHED, fetch(order(CONTENT, null, Duration.ofMillis(200))));
    ended.countDown();

    assertArrayEquals(CONTENT, Files.readAllBytes(to));
    assertEquals(Map.of("Range", "bytes=1000-"), server.requests().get(1));
  }

  @Test
  void aTokenGoesToItsServerAndNotWhereThatRedirects() throws Exception {
    try (ModelServer other = new ModelServer(CONTENT)) {
      server.then(ModelServer.status(302, "Location", other.url().toString()));

      assertEquals(Outcome.FETCHED, fetch(order(CONTENT, "token", Duration.ofSeconds(10))));

      assertEquals(List.of(Map.of("Authorization", "Bearer token")), server.requests());
      assertEquals(List.of(Map.of()), other.requests());
    }
  }

  @Test
  void redirectsEndAndLeadToTheWebOnly() throws Exception {
    for (int i = 0; i < 7; i++) {
      server.then(ModelServer.status(302, "Location", "/again"));
    }
    assertEquals(Reason.REFUSED, failure(order(CONTENT)).reason());

    try (ModelServer second = new ModelServer(CONTENT)) {
      second.then(ModelServer.status(302, "Location", "file:///etc/passwd"));
      FetchOrder order =
          new FetchOrder(second.url(), sum(CONTENT), to, null, 3, Duration.ofSeconds(10));
      assertEquals(Reason.REFUSED, failure(order).reason());
    }
  }

  @Test
  void aVolumeThatIsTooSmallIsToldBeforeItIsFilled() throws Exception {
    server.then(
        exchange -> {
          exchange.sendResponseHeaders(200, Long.MAX_VALUE / 2);
          exchange.getResponseBody().write(CONTENT, 0, 1000);
          exchange.getResponseBody().flush();
        });

    FetchException failed = failure(order(CONTENT));

    assertEquals(Reason.NO_SPACE, failed.reason());
    assertTrue(message(failed).contains("the volume has"), message(failed));
  }

  @Test
  void aFolderThatCannotBeMadeIsTold() throws Exception {
    Files.writeString(folder.resolve("models"), "a file");

    assertEquals(Reason.CANNOT_WRITE, failure(order(CONTENT)).reason());
  }

  @Test
  void ordersThatCannotBeCarriedOutAreRefused() {
    refused("the URL", URI.create("file:///m.gguf"), sum(CONTENT), 3);
    refused("a password", URI.create("https://user:pass@host/m.gguf"), sum(CONTENT), 3);
    refused("64 hexadecimal", server.url(), "abc", 3);
    refused("attempts", server.url(), sum(CONTENT), 0);
  }

  private void refused(String why, URI url, String sum, int attempts) {
    IllegalArgumentException refused =
        assertThrows(
            IllegalArgumentException.class,
            () -> new FetchOrder(url, sum, to, null, attempts, Duration.ofSeconds(1)));
    assertTrue(String.valueOf(refused.getMessage()).contains(why), refused.getMessage());
  }

  private static String message(FetchException failed) {
    return String.valueOf(failed.getMessage());
  }

  private static void awaitEnd(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException stopped) {
      Thread.currentThread().interrupt();
    }
  }

  private Outcome fetch(FetchOrder order) throws Exception {
    return new ModelFetch(order, log::add, pauses::add).run();
  }

  private FetchException failure(FetchOrder order) {
    return assertThrows(FetchException.class, () -> fetch(order));
  }

  private FetchOrder order(byte[] content) {
    return order(content, null, Duration.ofSeconds(10));
  }

  private FetchOrder order(byte[] content, @Nullable String token, Duration timeout) {
    return new FetchOrder(server.url(), sum(content), to, token, 3, timeout);
  }

  private static String sum(byte[] content) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
    } catch (java.security.NoSuchAlgorithmException impossible) {
      throw new IllegalStateException(impossible);
    }
  }

  private List<String> names() throws IOException {
    try (Stream<Path> files = Files.list(to.getParent())) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }
}
