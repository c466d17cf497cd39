package dev.switchboard.gateway.routing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Replicas of one model that learn together. Their steps take 40 ms and 1 ms for each sequence. */
class SharedCostModelTest {
  private static final long SECOND = 1_000_000_000L;
  private static final double PROMPT_TOKEN_MS = 0.05;

  private final SharedCostModel peers = new SharedCostModel();
  private final Random random = new Random(5);
  private final List<Machine> machines = new ArrayList<>();
  private long now = SECOND;

  /** A replica, and how it is loaded. */
  private final class Machine {
    private final Predictor predictor = new Predictor(peers);
    private final int leastRunning;
    private double slowdown = 1;

    Machine(int leastRunning) {
      this.leastRunning = leastRunning;
      machines.add(this);
    }

    /**
     * One request: its first token waits for a part of a step, which drowns what its prompt takes.
     */
    void serve() {
      now += SECOND / 20;
      int running = leastRunning + random.nextInt(5);
      Load load = new Load(0, 0, running);
      double tokens = 20 + random.nextInt(200);
      double step = 40 + running + 1;
      double ttft = slowdown * (step * (1 + random.nextDouble()) + PROMPT_TOKEN_MS * tokens);
      Prediction told = predictor.rates().predict(load, tokens, 100, 0, now);
      predictor.firstToken(load, tokens, told.ttftMs(), ttft, now);
      for (int i = 0; i < 4; i++) {
        double tpot = slowdown * step * (1 + 0.04 * random.nextGaussian());
        predictor.tokens(running + 1, 0, told.tpotMs(), tpot, now);
      }
    }

    Rates rates() {
      return predictor.rates();
    }

    double tokenMs(int running) {
      return rates().predict(new Load(0, 0, running - 1), 0, 100, 0, now).tpotMs();
    }
  }

  private void serve(int rounds) {
    for (int i = 0; i < rounds; i++) {
      machines.forEach(Machine::serve);
    }
  }

  @Test
  void replicasThatAreAlikeArePredictedAlikeUnderOneLoad() {
    Machine busy = new Machine(50);
    Machine idle = new Machine(0);

    serve(300);

    assertEquals(1, busy.tokenMs(30) / idle.tokenMs(30), 0.03);
    assertEquals(70, busy.tokenMs(30), 4);
    assertEquals(busy.rates().promptTokenMs(), idle.rates().promptTokenMs());
  }

  @Test
  void whatIsDrownedInNoiseIsNeverNothingAndItsErrorIsTold() {
    Machine busy = new Machine(50);

    for (int i = 0; i < 400; i++) {
      busy.serve();
      double prompt = busy.rates().promptTokenMs();
      assertTrue(prompt > 0, "a prompt token costs something");
    }
    PredictionError doubt = busy.predictor.doubt();
    double off = Math.abs(busy.rates().promptTokenMs() - PROMPT_TOKEN_MS);

    assertTrue(off < 4 * doubt.promptTokenErrorMs(), () -> off + " off, told " + doubt);
    assertTrue(doubt.promptTokenErrorMs() > 0.01, doubt::toString);
  }

  /** All run with the same number, so nobody can say what one more costs. */
  @Test
  void aCoefficientOfWhatDoesNotVaryStaysAsItWas() {
    Predictor predictor = new Predictor(peers);
    for (int i = 0; i < 2000; i++) {
      now += SECOND / 20;
      predictor.tokens(8, 0, 19, 19 * (1 + 0.05 * random.nextGaussian()), now);
    }

    Rates rates = predictor.rates();
    double share = rates.batchMs() * 8 / rates.tpotMs(8, 0);
    double before = Rates.UNKNOWN.batchMs() * 8 / Rates.UNKNOWN.tpotMs(8, 0);
    assertEquals(before, share, 0.15);
    assertTrue(predictor.doubt().batchErrorMs() > 0.1 * rates.batchMs());
  }

  @Test
  void aReplicaOfTwiceTheTimesIsKnownToBe() {
    Machine one = new Machine(8);
    Machine two = new Machine(5);
    two.slowdown = 2;

    serve(100);

    assertEquals(2, two.tokenMs(10) / one.tokenMs(10), 0.3);
  }

  @Test
  void whoRecoversIsKnownToHaveAfterTwoRequests() {
    Machine one = new Machine(10);
    Machine two = new Machine(10);
    two.slowdown = 8;
    serve(60);
    double slow = two.tokenMs(10);

    two.slowdown = 1;
    two.serve();
    two.serve();

    assertTrue(slow > 300, () -> "it took " + slow);
    assertEquals(1, two.tokenMs(10) / one.tokenMs(10), 0.3);
  }

  /** Not even what it was: another process has another machine, or another state. */
  @Test
  void whoIsStartedAnewIsAsItsPeersAre() {
    Machine one = new Machine(10);
    Machine two = new Machine(10);
    two.slowdown = 8;
    serve(60);

    two.predictor.renew();

    assertEquals(1, two.tokenMs(10) / one.tokenMs(10), 0.1);
  }

  @Test
  void oneThatIsSlowTeachesTheOthersNothing() {
    Machine one = new Machine(10);
    serve(100);
    double before = one.tokenMs(10);
    Machine two = new Machine(10);
    two.slowdown = 20;

    serve(40);

    assertEquals(before, one.tokenMs(10), 0.08 * before);
  }

  /** Its step is short, and each sequence costs much: no factor makes it like the others. */
  @Test
  void hardwareThatIsUnlikeTheOthersHasAModelOfItsOwn() {
    Machine one = new Machine(5);
    Machine other = new Machine(20);
    Predictor unlike = new Predictor(peers);
    for (int i = 0; i < 200; i++) {
      one.serve();
      other.serve();
      int running = 1 + random.nextInt(30);
      double tpot = (5 + 3 * running) * (1 + 0.04 * random.nextGaussian());
      unlike.tokens(running, 0, 50, tpot, now);
    }

    assertTrue(unlike.doubt().ownTpot());
    assertFalse(one.predictor.doubt().ownTpot());
    assertFalse(other.predictor.doubt().ownTpot());
    assertEquals(8, unlike.rates().tpotMs(1, 0), 6);
    assertEquals(95, unlike.rates().tpotMs(30, 0), 10);
    assertEquals(60, one.tokenMs(20), 4);
  }
}
