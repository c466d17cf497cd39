package dev.switchboard.gateway.slo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import dev.switchboard.gateway.slo.SloFigures.Time;
import dev.switchboard.gateway.slo.SloMeter.Part;
import dev.switchboard.gateway.slo.SloResult.Judged;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

class SloMeterTest {
  private static final long HOUR_MS = SloFigures.HOUR_MS;
  private static final SloResult MISSED =
      new SloResult(
          true, 40_000_000, -1, 90_000_000, List.of(new Judged(Objective.TTFT, SloCause.QUEUE, 0)));
  private static final SloResult MET =
      new SloResult(true, 4_000_000, -1, 9_000_000, List.of(new Judged(Objective.TTFT, null, 0)));

  private final SloMeter meter = new SloMeter();

  @Test
  void aCellIsHandedOutWholeUntilItWasWrittenAsItIs() {
    meter.add("m", "live", HOUR_MS, MET);
    Part first = meter.changed().getFirst();
    meter.add("m", "live", HOUR_MS + 1, MISSED);

    meter.written(List.of(first), HOUR_MS);
    Part second = meter.changed().getFirst();
    meter.written(List.of(second), HOUR_MS);

    assertEquals(1, first.figures().kept(Objective.TTFT).met(0));
    assertEquals(1, second.figures().kept(Objective.TTFT).met(0));
    assertEquals(1, second.figures().kept(Objective.TTFT).missed(0));
    assertEquals(first.number(), second.number());
    assertEquals(List.of(), meter.changed());
  }

  @Test
  void whatComesWhenItsHourWasLetGoBeginsAnotherCell() {
    meter.add("m", "live", HOUR_MS, MET);
    Part first = meter.changed().getFirst();
    meter.written(List.of(first), 2 * HOUR_MS);

    meter.add("m", "live", HOUR_MS, MET);

    Part late = meter.changed().getFirst();
    assertNotEquals(first.number(), late.number());
    assertEquals(1, late.figures().kept(Objective.TTFT).met(0));
  }

  @Test
  void hoursModelsAndClassesAreApart() {
    meter.add("m", "live", HOUR_MS - 1, MET);
    meter.add("m", "live", HOUR_MS, MET);
    meter.add("m", "batch", HOUR_MS, MET);
    meter.add("n", "live", HOUR_MS, MET);

    assertEquals(4, meter.changed().size());
  }

  @Test
  void anHourIsTwelveParts() {
    meter.add("m", "live", HOUR_MS + 299_999, MISSED);
    meter.add("m", "live", HOUR_MS + 300_000, MISSED);

    SloFigures.Kept kept = meter.changed().getFirst().figures().kept(Objective.TTFT);

    assertEquals(2, kept.missed(0));
    assertEquals(1, kept.missed(1));
    assertEquals(0, kept.missed(2));
    assertEquals(2, kept.causes().get(SloCause.QUEUE));
  }

  @Test
  void nothingIsLostWhileCellsAreWrittenAndLetGo() throws Exception {
    int each = 20_000;
    long seen = 0;
    CountDownLatch ended = new CountDownLatch(2);
    for (int thread = 0; thread < 2; thread++) {
      Thread _ =
          Thread.ofPlatform()
              .start(
                  () -> {
                    for (int i = 0; i < each; i++) {
                      meter.add("m", "live", i % 3 * HOUR_MS, MET);
                    }
                    ended.countDown();
                  });
    }
    while (ended.getCount() > 0) {
      seen += letGo();
    }
    seen += letGo();

    assertEquals(2L * each, seen);
  }

  /** Requests of cells that were let go, each counted when it was seen last. */
  private long letGo() {
    List<Part> parts = meter.changed();
    meter.written(parts, 9 * HOUR_MS);
    List<Part> since = meter.changed();
    long sum = 0;
    for (Part part : parts) {
      boolean goesOn = since.stream().anyMatch(other -> other.number() == part.number());
      sum += goesOn ? 0 : part.figures().times(Time.WALL).count();
    }
    return sum;
  }
}
