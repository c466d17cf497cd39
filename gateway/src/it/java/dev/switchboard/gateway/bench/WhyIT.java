package dev.switchboard.gateway.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.explain.Culprit;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What the explanation of a request to a real worker names, for each cause once. */
@Tag("timing")
class WhyIT {
  private static final int MOST_TIMES = 8;

  private static @Nullable WhyStage started;

  @BeforeAll
  static void start(@TempDir Path directory) throws IOException {
    started = new WhyStage(directory);
  }

  @AfterAll
  static void stop() {
    Objects.requireNonNull(started).close();
  }

  /**
   * Other programs that take every core may hold a request up before its cause reaches it, and so
   * may the compilers of workers that are new: it is done again then.
   */
  private static JsonNode told(WhyCause cause) throws IOException {
    WhyStage stage = Objects.requireNonNull(started);
    JsonNode told = stage.explained(cause, 1);
    for (int seed = 2; seed <= MOST_TIMES && missed(cause, told); seed++) {
      told = stage.explained(cause, seed);
    }
    return told;
  }

  private static boolean missed(WhyCause cause, JsonNode told) {
    return WhyBench.Verdict.of(cause, told) == WhyBench.Verdict.WRONG
        && told.path("culprit").asText().equals(Culprit.HOST_CONTENTION.label());
  }

  private static List<String> ids(JsonNode array) {
    return array.valueStream().map(JsonNode::asText).toList();
  }

  /** Where other programs have the cores meanwhile that is what it waits for, and what it says. */
  @ParameterizedTest
  @EnumSource
  void theCulpritIsWhatWasDone(WhyCause cause) throws IOException {
    JsonNode told = told(cause);

    assertNotEquals(WhyBench.Verdict.WRONG, WhyBench.Verdict.of(cause, told), told::toPrettyString);
    assertTrue(told.path("text").asText().contains("What held it up was"), told::toString);
    if (cause == WhyCause.SLOW_RANK) {
      assertEquals("0.1", told.path("rank").asText(), told::toString);
    }
    List<String> sent = Objects.requireNonNull(started).sent();
    int place = sent.indexOf(told.path("id").asText());
    if (cause == WhyCause.NEIGHBOURS_PREFILL) {
      assertTrue(told.path("neighbour_tokens").asInt() > 1000, told::toString);
      List<String> neighbours = ids(told.path("neighbours"));
      assertFalse(neighbours.isEmpty());
      assertTrue(sent.subList(place + 1, sent.size()).containsAll(neighbours), told::toString);
    }
    if (cause == WhyCause.LONG_QUEUE) {
      assertEquals(WhyStage.PLACES, told.at("/queue/running").asInt(), told::toString);
      assertEquals(1, told.at("/queue/admitted_before").asInt(), told::toString);
      assertEquals(sent.subList(place - 1, place), ids(told.at("/queue/requests")), told::toString);
    }
  }
}
