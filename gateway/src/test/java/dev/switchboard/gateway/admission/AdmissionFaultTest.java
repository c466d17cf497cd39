package dev.switchboard.gateway.admission;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.routing.LatencyTarget;
import dev.switchboard.gateway.routing.Prompt;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** A fault at any step of a request's way in and out: what the steps before took is given back. */
class AdmissionFaultTest {
  private static final long SECOND = 1_000_000_000L;
  private static final int MOST = 100;

  /** Whatever is asked from outside throws at one of the calls. */
  private static final class Faults {
    private int left;
    private boolean thrown;

    <T> T step(Supplier<T> value) {
      if (left-- == 0) {
        thrown = true;
        throw new IllegalStateException("a fault");
      }
      return value.get();
    }
  }

  private final Faults faults = new Faults();
  private final WaitPredictor predictor =
      new WaitPredictor() {
        @Override
        public long ttftNanos(Demand demand, long nowNanos) {
          return faults.step(() -> SECOND / 10);
        }

        @Override
        public long endNanos(Demand demand, long nowNanos) {
          return faults.step(() -> SECOND);
        }

        @Override
        public int rooms(LatencyTarget promise, double promptTokens, long nowNanos) {
          return faults.step(() -> 1);
        }
      };
  private final Admission.Waiter waiter =
      new Admission.Waiter() {
        @Override
        public void admitted() {
          faults.step(() -> true);
        }

        @Override
        public void refused(Refusal refusal) {
          faults.step(() -> true);
        }
      };
  private final Reservation held =
      new Reservation() {
        @Override
        public boolean counted() {
          return faults.step(() -> false);
        }

        @Override
        public void settle(long used, boolean served) {
          settled++;
          faults.step(() -> true);
        }
      };
  private int asked;
  private int settled;

  @Test
  void aFaultAtAnyStepLeavesNoPlaceTakenAndNoSlotOfItsTenant() {
    int step = 0;
    do {
      faults.left = step;
      faults.thrown = false;
      asked = 0;
      settled = 0;

      assertNothingLeft(course(), "step " + step);

      step++;
    } while (faults.thrown);
    assertTrue(step > 20, "steps: " + step);
  }

  /** Some run, some wait, some are refused, some are dropped from the queue, and all leave. */
  private Admission course() {
    TenantConfig tenant = new TenantConfig("t", 1.0, 0, 0, MOST, null);
    Admission admission =
        new Admission(
            new AdmissionConfig(9, 4, 1000, 5000, 2, 50, 1),
            TenantConfig.limits(List.of(tenant)),
            model -> predictor,
            () -> faults.step(() -> 0.5));
    admission.queue("m").replica("r", true, 0);
    List<Admission.Pass> inside = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      Admission.Answer answer = enter(admission, i);
      if (answer != null && answer.pass() != null) {
        inside.add(answer.pass());
      }
    }
    step(() -> admission.tick(SECOND / 2));
    for (Admission.Pass pass : inside) {
      step(() -> pass.routed("r", true, SECOND / 2));
      step(() -> pass.firstToken(SECOND / 2));
      step(() -> pass.close(20, SECOND));
    }
    return admission;
  }

  private Admission.@Nullable Answer enter(Admission admission, int number) {
    Band band = number % 3 == 0 ? Band.SHEDDABLE : Band.NORMAL;
    int ttftMs = number % 2 == 0 ? 400 : 0;
    long deadline = number % 4 == 0 ? 3 * SECOND : Long.MAX_VALUE;
    Demand demand =
        Demands.withPlaces(
            1 + number % 2, Demands.of("t", band, 0, ttftMs, 0, deadline, Prompt.of(10), 10, 10));
    asked++;
    Admission.Answer[] answer = new Admission.Answer[1];
    step(() -> answer[0] = admission.enter("m", demand, held, waiter, 0));
    return answer[0];
  }

  private static void step(Runnable step) {
    try {
      step.run();
    } catch (IllegalStateException fault) {
      assertEquals("a fault", fault.getMessage());
    }
  }

  private void assertNothingLeft(Admission admission, String name) {
    AdmissionQueue.Snapshot queue = admission.queue("m").snapshot(2 * SECOND);
    assertEquals(0, admission.inFlight(), name);
    assertEquals(0, queue.running(), name);
    assertEquals(0, queue.waiting().values().stream().mapToInt(Integer::intValue).sum(), name);
    assertEquals(asked, settled, name);
    Demand next = Demands.of("t", Band.NORMAL, 0, 0, 0, Long.MAX_VALUE, Prompt.of(1), 0, 1);
    faults.left = Integer.MAX_VALUE;
    assertEquals(
        String.valueOf(MOST - 1),
        admission
            .enter("m", next, waiter, 2 * SECOND)
            .headers()
            .get("x-ratelimit-remaining-concurrency"),
        name);
  }
}
