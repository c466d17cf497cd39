package dev.switchboard.gateway.kubernetes;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.discovery.DiscoveryStatus.State;
import dev.switchboard.testing.HandAsk;
import dev.switchboard.testing.HandTimers;
import dev.switchboard.testing.HandVertx;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What it waits for and how long; which step follows which is {@link WatchPlan}'s. */
class WatchTest {
  private static final int IDLE_MS = 60_000;
  private static final int RESYNC_MS = 600_000;
  private static final List<Long> WAITS =
      List.of(100L, 200L, 400L, 800L, 1600L, 3200L, 6400L, 12_800L, 25_600L, 30_000L, 30_000L);
  private static final String EVENT =
      """
      {"type":"ADDED","object":{"metadata":{"name":"b","namespace":"n","resourceVersion":"11"}}}
      """;

  private final HandTimers time = new HandTimers();
  private final long begun = time.nanos();
  private final HandVertx vertx = new HandVertx(time);
  private @Nullable HandAsk lastAsked;
  private int changes;
  private final Watch<ApiObjects.PodMeta> watch =
      new Watch<>(
          time,
          new ApiServer(
              vertx.vertx(),
              URI.create("http://kubernetes"),
              Path.of("none"),
              Path.of("none"),
              time::nanos),
          new Watch.Target<>("pods", "/pods", "", ApiObjects.PodMeta.class, true),
          new Watch.Patience(IDLE_MS, RESYNC_MS),
          time::nanos,
          () -> 1,
          () -> changes++);

  /** What was asked for since this was asked last, with the milliseconds since the beginning. */
  private List<String> steps() {
    List<String> steps = new ArrayList<>();
    for (HandAsk each : vertx.asked()) {
      lastAsked = each;
      String step = each.what().contains("watch=1") ? "WATCH " : "LIST ";
      steps.add(step + (each.nanos() - begun) / 1_000_000);
    }
    return steps;
  }

  private HandAsk last() {
    return Objects.requireNonNull(lastAsked, "nothing was asked");
  }

  private void lists() {
    last()
        .answers(200)
        .says(
            """
            {"metadata":{"resourceVersion":"10"},
             "items":[{"metadata":{"name":"a","namespace":"n","resourceVersion":"5"}}]}
            """)
        .ends();
  }

  /** Begins, lists and watches. */
  private HandAsk watches() {
    watch.start();
    assertEquals(List.of("LIST 0"), steps());
    lists();
    assertEquals(List.of("WATCH 0"), steps());
    return last().answers(200);
  }

  @Test
  void allIsListedAndThenWatchedAtOnce() {
    watches().says(EVENT);

    assertEquals(State.WATCHING, watch.status().state());
    assertEquals(2, watch.objects().size());
    assertEquals(2, changes);
    assertEquals(0, time.waiting());
  }

  private void refuses(int status, @Nullable String retryAfter) {
    if (retryAfter != null) {
      last().header("Retry-After", retryAfter);
    }
    last().answers(status).ends();
  }

  @ParameterizedTest
  @CsvSource({
    "500,, 100",
    "503, 7, 7000",
    "429, 30, 30000",
    "429, 3600, 60000",
    "403,, 100",
    "404,, 100",
    "401,, 0"
  })
  void aListThatIsRefusedIsAskedForAgainAfterAWhile(
      int status, @Nullable String retryAfter, long waitMs) {
    watch.start();
    assertEquals(List.of("LIST 0"), steps());
    refuses(status, retryAfter);
    if (waitMs > 0) {
      assertEquals(State.WAITING, watch.status().state());
      time.advance(waitMs - 1);
      assertEquals(List.of(), steps());
      time.advance(1);
    }
    assertEquals(List.of("LIST " + waitMs), steps());
    assertEquals(State.LISTING, watch.status().state());
  }

  @Test
  void whileTheServerIsAwayItIsAskedLessAndLessOftenAndAtOnceAnewWhenItIsBack() {
    watch.start();
    assertEquals(List.of("LIST 0"), steps());
    long at = 0;
    for (long wait : WAITS) {
      last().breaks(new IOException("away"));
      assertEquals("away", watch.trouble());
      time.advance(wait - 1);
      assertEquals(List.of(), steps());
      time.advance(1);
      at += wait;
      assertEquals(List.of("LIST " + at), steps());
    }

    lists();
    assertEquals(List.of("WATCH " + at), steps());
    last().answers(200).says(EVENT);
    assertNull(watch.trouble());
    time.advance(10);
    last().breaks(new IOException("reset"));
    time.advance(100);

    assertEquals(List.of("WATCH " + (at + 110)), steps());
  }

  @Test
  void aWatchThatSaysNothingIsBegunAnew() {
    HandAsk answer = watches();
    time.advance(IDLE_MS - 1);
    watch.tick();
    assertEquals(List.of(), steps());

    time.advance(1);
    watch.tick();

    assertEquals(List.of("WATCH " + IDLE_MS), steps());
    assertTrue(answer.reset());
    assertTrue(watch.known());
  }

  @Test
  void whatAWatchSaysKeepsIt() {
    HandAsk answer = watches();
    time.advance(IDLE_MS - 1);
    answer.says(EVENT);
    time.advance(IDLE_MS - 1);

    watch.tick();

    assertEquals(List.of(), steps());
    assertFalse(answer.reset());
  }

  @Test
  void allIsListedAgainNowAndThen() {
    HandAsk answer = watches();
    for (long at = 30_000; at < RESYNC_MS; at += 30_000) {
      time.advance(30_000);
      answer.says(EVENT);
      watch.tick();
    }
    assertEquals(List.of(), steps());

    time.advance(30_000);
    watch.tick();

    assertEquals(List.of("LIST " + RESYNC_MS), steps());
    assertTrue(answer.reset());
  }

  @ParameterizedTest
  @CsvSource({"5000, 0", "4999, 100"})
  void aWatchThatEndsGoesOnAtOnceWhereItLived(long livedMs, long waitMs) {
    HandAsk answer = watches();
    time.advance(livedMs);

    answer.ends();
    time.advance(waitMs);

    assertEquals(List.of("WATCH " + (livedMs + waitMs)), steps());
  }

  @Test
  void onceItIsStoppedNothingIsAskedAndAnAnswerIsNotRead() {
    watch.start();
    assertEquals(List.of("LIST 0"), steps());
    refuses(500, null);
    watch.stop();
    time.advance(RESYNC_MS);
    assertEquals(List.of(), steps());
    assertFalse(watch.known());
    assertEquals(0, changes);
  }

  @Test
  void anAnswerToAStepThatIsOverIsGivenBack() {
    watch.start();
    assertEquals(List.of("LIST 0"), steps());
    watch.stop();

    last().answers(200);

    assertTrue(last().reset());
    assertEquals(0, changes);
  }
}
