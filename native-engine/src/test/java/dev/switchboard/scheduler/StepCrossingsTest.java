package dev.switchboard.scheduler;

import static java.util.stream.Collectors.counting;
import static java.util.stream.Collectors.groupingBy;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.executor.ExecutorConfig;
import dev.switchboard.executor.ExecutorConfig.KvType;
import dev.switchboard.executor.NativeExecutor;
import dev.switchboard.executor.Sampling;
import dev.switchboard.gguf.GgufFile;
import dev.switchboard.gguf.ModelDescription;
import dev.switchboard.kv.PrefixKey;
import dev.switchboard.timeline.EpochClock;
import dev.switchboard.timeline.RequestTimeline;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * How often a step crosses into the library, which is most of what it may cost beside its
 * computing. The bindings count: in a JVM of its own, told so, they print each call.
 */
@Timeout(60)
class StepCrossingsTest {
  private static final Path MODEL =
      Path.of("src/test/resources/golden/models/tiny-llama-Q8_0.gguf");
  private static final int LIVE = 64;
  private static final int STEPS = 50;
  private static final int PROMPT = 20;
  private static final int CONTEXT = 256;
  private static final String BEGIN = "the steps begin";
  private static final String END = "the steps end";

  @Test
  void aStepIsSubmittedOnceAndAwaitedOnceHoweverManyRequestsAreInIt() throws IOException {
    List<String> lines = linesOf(steps());
    int begin = lines.indexOf(BEGIN);
    int end = lines.indexOf(END);
    assertTrue(0 <= begin && begin < end, lines::toString);

    Map<String, Long> calls =
        lines.subList(begin + 1, end).stream()
            .collect(groupingBy(line -> line.substring(0, line.indexOf('(')), counting()));

    assertEquals(Map.of("sb_submit", (long) STEPS, "sb_await", (long) STEPS), calls);
  }

  private static ProcessBuilder steps() {
    return new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--enable-native-access=ALL-UNNAMED",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Djextract.trace.downcalls=true",
            "-Dswitchboard.library=" + System.getProperty("switchboard.library"),
            "-cp",
            System.getProperty("java.class.path"),
            StepCrossingsTest.class.getName())
        .redirectError(ProcessBuilder.Redirect.INHERIT);
  }

  private static List<String> linesOf(ProcessBuilder command) throws IOException {
    Process process = command.start();
    try (var lines = process.inputReader(StandardCharsets.UTF_8).lines()) {
      return lines.toList();
    } finally {
      process.destroyForcibly();
    }
  }

  /** Decodes for many requests. Nobody comes or goes between the two lines. */
  public static void main(String[] none) {
    ExecutorConfig layout =
        ExecutorConfig.defaults()
            .withKv(KvType.F16, 16, LIVE * CONTEXT / 16)
            .withSteps(LIVE, 512, 512);
    try (GgufFile file = GgufFile.open(MODEL);
        NativeExecutor executor =
            NativeExecutor.open(
                ModelDescription.of(file).withContext(CONTEXT), layout, (done, total) -> {})) {
      EpochClock clock = EpochClock.system();
      EngineCore core =
          new EngineCore(executor, EngineConfig.of(executor.info()), clock, new PrefixKey(1, 2));
      for (int i = 0; i < LIVE; i++) {
        core.scheduler().add(new Sequence(request(i), new Silent(), i, clock, 0), 0);
      }
      // Every prompt is computed by then.
      steps(core, STEPS);
      System.out.println(BEGIN);
      steps(core, STEPS);
      if (core.scheduler().running().size() != LIVE) {
        throw new IllegalStateException(core.scheduler().running().size() + " requests were live");
      }
      System.out.println(END);
    }
  }

  private static void steps(EngineCore core, int steps) {
    for (int i = 0; i < steps; i++) {
      core.fill();
      if (!core.await(10_000_000_000L)) {
        throw new IllegalStateException("a step takes longer than ten seconds");
      }
    }
  }

  private static GenerationRequest request(int id) {
    int[] prompt = IntStream.range(0, PROMPT).map(i -> (i * 31 + id) % 100).toArray();
    return new GenerationRequest(
        "r" + id,
        0,
        prompt,
        CONTEXT - PROMPT,
        Sampling.GREEDY,
        Set.of(),
        -1,
        false,
        0,
        "",
        0,
        false);
  }

  private static final class Silent extends DeafListener {
    @Override
    public void failed(EngineFailure failure, RequestTimeline timeline) {
      throw new IllegalStateException(failure.message());
    }
  }
}
