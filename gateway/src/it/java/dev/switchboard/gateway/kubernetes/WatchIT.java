package dev.switchboard.gateway.kubernetes;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.bench.KubernetesObjects;
import dev.switchboard.gateway.discovery.DiscoveryStatus.State;
import dev.switchboard.gateway.discovery.DiscoveryStatus.Trouble;
import dev.switchboard.testing.Await;
import dev.switchboard.testing.Stopwatch;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The watch protocol against a server that does all that one may do, and more. */
class WatchIT {
  private @Nullable WatchedPods opened;

  private WatchedPods pods() {
    return Objects.requireNonNull(opened);
  }

  private WatchedPods watching() throws Exception {
    opened = WatchedPods.patient();
    for (int i = 0; i < 5; i++) {
      pods().put("p" + i);
    }
    return pods().start().awaitWatching();
  }

  private void awaitFailures(Trouble why, int count) {
    Await.until(why + " failures", () -> pods().failures(why), failures -> failures >= count);
  }

  private void awaitLists(int count) {
    Await.until("lists", () -> pods().server.asked("list"), lists -> lists >= count);
  }

  @AfterEach
  void stop() throws Exception {
    pods().close();
  }

  @Test
  void itListsInPagesAndThenWatches() throws Exception {
    opened = WatchedPods.patient();
    for (int i = 0; i < 600; i++) {
      pods().put("p" + i);
    }

    pods().start().awaitWatching();
    pods().put("later");
    pods().delete("p7");

    pods().awaitTruth();
    assertEquals(3, pods().server.asked("list"));
    assertEquals(600, pods().status().objects());
    assertEquals(Map.of(), pods().status().failures());
  }

  @Test
  void aListIsRepeatedThoughNothingWentWrong() throws Exception {
    opened = new WatchedPods(Path.of("none"), 60_000, 100);
    pods().put("p");
    pods().start();

    awaitLists(3);

    pods().awaitTruth();
    assertEquals(Map.of(), pods().status().failures());
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void whatIsGoneIsListedAnew(boolean asEvent) throws Exception {
    watching();
    pods().server.away(true);
    pods().put("new");
    pods().delete("p0");
    pods().server.compact(asEvent);
    pods().server.away(false);

    pods().awaitTruth();

    assertTrue(pods().failures(Trouble.GONE) >= 1);
    assertTrue(pods().server.asked("list") >= 2);
  }

  @Test
  void aListWhosePagesAreGoneIsBegunAnew() throws Exception {
    opened = WatchedPods.patient();
    for (int i = 0; i < 300; i++) {
      pods().put("p" + i);
    }
    pods()
        .server
        .next(
            first -> {
              pods().server.compact(false);
              first
                  .response()
                  .end(
                      "{\"metadata\":{\"resourceVersion\":\"1\",\"continue\":\"t9:250\"},\"items\":[]}");
            });

    pods().start().awaitWatching();

    assertEquals(1, pods().failures(Trouble.GONE));
  }

  @Test
  void aBookmarkSavesAList() throws Exception {
    watching();
    pods().server.put("/elsewhere", KubernetesObjects.pod("x", "10.0.0.9", Map.of()));
    String before = pods().status().revision();
    pods().server.bookmark();
    Await.until("a bookmark", () -> !pods().status().revision().equals(before));
    pods().server.compact(false);

    pods().server.drop();
    pods().put("new");

    pods().awaitTruth();
    assertEquals(1, pods().server.asked("list"));
    assertEquals(0, pods().failures(Trouble.GONE));
  }

  @Test
  void aServerThatIsBusySaysHowLongToWait() throws Exception {
    opened = WatchedPods.patient();
    pods().put("p");
    pods().server.refuse(429, "Retry-After", "1");
    Stopwatch refused = Stopwatch.start();

    pods().start().awaitWatching();

    assertTrue(refused.millis() >= 1000);
    assertEquals(1, pods().failures(Trouble.THROTTLED));
  }

  @Test
  void aConnectionThatBreaksIsGoneOnWithWhereItWas() throws Exception {
    watching();
    pods().server.drop();
    pods().put("new");

    pods().awaitTruth();

    assertTrue(pods().failures(Trouble.UNREACHABLE) >= 1);
    assertEquals(1, pods().server.asked("list"));
  }

  @Test
  void aConnectionThatSaysNothingIsGivenUp() throws Exception {
    opened = new WatchedPods(Path.of("none"), 300, 600_000);
    pods().put("p");
    pods().start().awaitWatching();
    pods().server.silent(true);
    pods().put("new");
    awaitFailures(Trouble.SILENT, 1);
    assertEquals(1, pods().view().size());

    pods().server.silent(false);
    pods().server.drop();

    pods().awaitTruth();
  }

  @Test
  void whatComesLateAndInAnotherOrderLeadsToTheSame() throws Exception {
    watching();
    Random random = new Random(7);
    pods().server.hold();
    for (int i = 0; i < 200; i++) {
      String name = "p" + random.nextInt(10);
      if (random.nextBoolean()) {
        pods().put(name);
      } else {
        pods().delete(name);
      }
    }

    pods().server.release(random);

    pods().awaitTruth();
    assertEquals(1, pods().server.asked("list"));
  }

  @Test
  void aTokenThatWasRotatedIsReadAgain(@TempDir Path folder) throws Exception {
    Path token = Files.writeString(folder.resolve("token"), "old\n");
    opened = new WatchedPods(token, 60_000, 600_000);
    pods().server.token("old");
    pods().put("p");
    pods().start().awaitWatching();
    pods().server.token("new");
    pods().server.drop();
    awaitFailures(Trouble.UNAUTHORIZED, 1);

    Files.writeString(token, "new\n");
    pods().put("later");

    pods().awaitTruth();
  }

  @ParameterizedTest
  @ValueSource(strings = {"{nonsense\n", "{\"type\":\"ADDED\"}\n", "\u0000\u0001\n", "[]\n"})
  void whatCannotBeReadIsListedAnew(String line) throws Exception {
    watching();

    pods().server.send(line);
    awaitFailures(Trouble.MALFORMED, 1);
    pods().put("new");

    pods().awaitTruth();
  }

  @Test
  void anObjectThatIsTooLargeIsNotRead() throws Exception {
    watching();

    pods().server.send("{\"type\":\"ADDED\",\"x\":\"" + "x".repeat(Watch.MOST_LINE_BYTES));
    awaitFailures(Trouble.TOO_LARGE, 1);
    pods().put("new");

    pods().awaitTruth();
  }

  @Test
  void whatIsKnownHoldsWhileTheServerIsAway() throws Exception {
    watching();
    Map<String, String> before = pods().view();
    pods().server.away(true);
    awaitFailures(Trouble.UNREACHABLE, 3);
    Await.until("it waits", () -> pods().status().state() == State.WAITING);
    pods().delete("p1");

    assertEquals(before, pods().view());
    assertTrue(pods().status().ageMs(Instant.now().toEpochMilli()) > 0);
    pods().server.away(false);

    pods().awaitTruth();
  }

  @Test
  void aListThatIsOlderThanWhatIsKnownIsNotTaken() throws Exception {
    watching();
    pods().server.freeze(true);
    pods().put("new");
    pods().awaitTruth();
    pods().server.away(true);
    pods().server.compact(false);
    pods().put("newer");
    pods().server.compact(false);
    pods().server.away(false);

    awaitFailures(Trouble.STALE_LIST, 1);
    assertEquals(6, pods().view().size());
    pods().server.freeze(false);

    pods().awaitTruth();
  }

  @Test
  void aListWithNothingInItIsLookedAtTwice() throws Exception {
    watching();
    Map<String, String> before = pods().view();
    pods()
        .server
        .next(
            list ->
                list.response()
                    .end("{\"metadata\":{\"resourceVersion\":\"900000\"},\"items\":[]}"));
    pods().server.send("{nonsense\n");
    List<Map<String, String>> views = new ArrayList<>();
    Await.until(
        "lists",
        () -> {
          views.add(pods().view());
          return pods().server.asked("list");
        },
        lists -> lists >= 3);
    assertEquals(Set.of(before), Set.copyOf(views));
    pods().put("new");
    pods().awaitTruth();
  }

  @Test
  void aRefusalIsToldInWords() throws Exception {
    opened = WatchedPods.patient();
    for (int i = 0; i < 4; i++) {
      pods().server.refuse(403, "X-A", "b");
    }

    pods().start();

    awaitFailures(Trouble.FORBIDDEN, 2);
    assertEquals("status 403: refused for a test", pods().status().failure());
    pods().awaitWatching();
  }
}
