package dev.switchboard.gateway.routing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import org.junit.jupiter.api.Test;

/** A replica of known speed teaches a predictor; then the predictor is asked what it knows. */
class PredictorTest {
  private static final long SECOND = 1_000_000_000L;

  private final SharedCostModel peers = new SharedCostModel();
  private final Random random = new Random(7);
  private long now = SECOND;

  /** Times of a replica, with noise of some ten per cent. */
  private final class Machine {
    private final Predictor predictor = new Predictor(peers);
    private final double overheadMs;
    private final double tokenMs;
    private final double stepMs;
    private final double batchMs;
    private double slowdown = 1;
    private int below;
    private int seen;

    Machine(double overheadMs, double tokenMs, double stepMs, double batchMs) {
      this.overheadMs = overheadMs;
      this.tokenMs = tokenMs;
      this.stepMs = stepMs;
      this.batchMs = batchMs;
    }

    double ttftMs(Load load, double tokens) {
      return slowdown * (overheadMs + tokenMs * (tokens + load.waitingTokens()));
    }

    double tpotMs(double running) {
      return slowdown * (stepMs + batchMs * running);
    }

    void serve(int requests) {
      for (int i = 0; i < requests; i++) {
        now += SECOND / 20;
        Load load = new Load(random.nextInt(4), random.nextInt(2000), random.nextInt(16));
        double tokens = 20 + random.nextInt(1500);
        Prediction told = predictor.rates().predict(load, tokens, 100, 0, now);
        double ttft = ttftMs(load, tokens) * Math.exp(random.nextGaussian() * 0.1);
        predictor.firstToken(load, tokens, told.ttftMs(), ttft, now);
        seen++;
        below += ttft <= told.ttftP90Ms() ? 1 : 0;
        double running = load.running() + 1;
        double tpot = tpotMs(running) * Math.exp(random.nextGaussian() * 0.1);
        predictor.tokens(running, 0, told.tpotMs(), tpot, now);
      }
    }

    double errorOfTtft() {
      Load load = new Load(1, 700, 6);
      double told = predictor.rates().predict(load, 500, 100, 0, now).ttftMs();
      return Math.abs(told / ttftMs(load, 500) - 1);
    }

    double errorOfTpot() {
      Load load = new Load(1, 700, 6);
      double told = predictor.rates().predict(load, 500, 100, 0, now).tpotMs();
      return Math.abs(told / tpotMs(7) - 1);
    }
  }

  @Test
  void eachMachineOfAMixedFleetIsLearnedByItself() {
    Machine fast = new Machine(8, 0.02, 8, 0.1);
    Machine slow = new Machine(30, 0.3, 40, 1);
    Machine tiny = new Machine(200, 6, 300, 30);

    for (int i = 0; i < 60; i++) {
      fast.serve(2);
      slow.serve(2);
      tiny.serve(2);
    }

    for (Machine machine : new Machine[] {fast, slow, tiny}) {
      assertTrue(machine.errorOfTtft() < 0.15, () -> "ttft off by " + machine.errorOfTtft());
      assertTrue(machine.errorOfTpot() < 0.15, () -> "tpot off by " + machine.errorOfTpot());
    }
  }

  @Test
  void aDozenRequestsAreEnoughToBegin() {
    Machine machine = new Machine(60, 1.5, 80, 4);

    machine.serve(12);

    assertTrue(machine.errorOfTtft() < 0.4, () -> "ttft off by " + machine.errorOfTtft());
    assertTrue(machine.errorOfTpot() < 0.4, () -> "tpot off by " + machine.errorOfTpot());
  }

  @Test
  void aReplicaThatBecomesSlowIsKnownToBeAfterAFewRequests() {
    Machine machine = new Machine(20, 0.2, 20, 0.5);
    machine.serve(200);

    machine.slowdown = 8;
    machine.serve(6);
    double afterSix = machine.errorOfTtft();
    machine.serve(60);

    assertTrue(afterSix < 0.5, () -> "off by " + afterSix);
    assertTrue(machine.errorOfTtft() < 0.2, () -> "off by " + machine.errorOfTtft());
  }

  @Test
  void oneOutlierMovesLittle() {
    Machine machine = new Machine(20, 0.2, 20, 0.5);
    machine.serve(200);
    double before = machine.predictor.rates().predict(Load.NONE, 500, 100, 0, now).ttftMs();

    machine.predictor.firstToken(Load.NONE, 500, before, 100 * before, now);
    double after = machine.predictor.rates().predict(Load.NONE, 500, 100, 0, now).ttftMs();

    assertEquals(1, after / before, 0.15);
  }

  @Test
  void nineOfTenStayBelowTheUpperQuantile() {
    Machine machine = new Machine(20, 0.2, 20, 0.5);
    machine.serve(100);
    machine.below = 0;
    machine.seen = 0;

    machine.serve(2000);

    assertEquals(0.9, (double) machine.below / machine.seen, 0.04);
  }

  @Test
  void aFreshReplicaBeginsAsItsPeersAre() {
    Machine old = new Machine(50, 0.9, 60, 2);
    old.serve(200);

    Machine fresh = new Machine(50, 0.9, 60, 2);

    assertTrue(fresh.errorOfTtft() < 0.2, () -> "off by " + fresh.errorOfTtft());
    assertTrue(fresh.errorOfTpot() < 0.2, () -> "off by " + fresh.errorOfTpot());
  }

  @Test
  void theBeliefInASlowdownFadesSoThatAnAvoidedReplicaIsTriedAgain() {
    Machine machine = new Machine(20, 0.2, 20, 0.5);
    machine.serve(200);
    double usual = machine.predictor.rates().predict(Load.NONE, 500, 100, 0, now).ttftMs();
    machine.slowdown = 10;
    machine.serve(5);

    double slow = machine.predictor.rates().predict(Load.NONE, 500, 100, 0, now).ttftMs();
    double later =
        machine.predictor.rates().predict(Load.NONE, 500, 100, 0, now + 60 * SECOND).ttftMs();

    assertTrue(slow > 3 * usual, () -> slow + " after " + usual);
    assertTrue(later < 2.5 * usual, () -> later + " after " + usual);
  }
}
