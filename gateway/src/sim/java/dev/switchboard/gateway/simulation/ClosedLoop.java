package dev.switchboard.gateway.simulation;

import dev.switchboard.gateway.slo.Slo;
import java.util.SplittableRandom;
import java.util.function.DoubleToIntFunction;

/**
 * Clients each of which sends a request, waits for its end and sends the next one, a second later
 * where it was not served, up to a second of the run. Answers have 20 to 120 tokens, and the
 * gateway is told how many.
 */
final class ClosedLoop {
  private static final int LEAST_PROMPT = 20;
  private static final int MOST_PROMPT = 220;
  private static final int LEAST_OUTPUT = 20;
  private static final int MOST_OUTPUT = 120;
  private static final double LOOK_MS = 1000;

  private final SplittableRandom random;
  private final Slo slo;
  private final double seconds;
  private final DoubleToIntFunction clients;
  private int there;
  private int numbers;

  /**
   * @param clients how many there are at a second of the run
   * @param seconds until none sends any more
   * @param slo what all of them ask for
   */
  ClosedLoop(SplittableRandom random, DoubleToIntFunction clients, double seconds, Slo slo) {
    this.random = random;
    this.clients = clients;
    this.seconds = seconds;
    this.slo = slo;
  }

  /** The same number all the time. */
  ClosedLoop(SplittableRandom random, int clients, double seconds, Slo slo) {
    this(random, second -> clients, seconds, slo);
  }

  void begin(VirtualTime time, SimulatedGateway gateway) {
    gateway.onOver(
        (ended, end) ->
            time.afterMs(end == Ledger.End.SERVED ? 0 : LOOK_MS, () -> again(time, gateway)));
    time.after(Request.FIRST_NANOS - time.nowNanos(), () -> join(time, gateway));
  }

  private static double second(VirtualTime time) {
    return (time.nowNanos() - Request.FIRST_NANOS) / 1e9;
  }

  /** As many come as are missing; who is too many leaves after its answer. */
  private void join(VirtualTime time, SimulatedGateway gateway) {
    double second = second(time);
    if (second < seconds) {
      for (int wanted = clients.applyAsInt(second); there < wanted; there++) {
        send(time, gateway);
      }
      time.afterMs(LOOK_MS, () -> join(time, gateway));
    }
  }

  private void again(VirtualTime time, SimulatedGateway gateway) {
    double second = second(time);
    if (second < seconds && there <= clients.applyAsInt(second)) {
      send(time, gateway);
    } else {
      there--;
    }
  }

  private void send(VirtualTime time, SimulatedGateway gateway) {
    int prompt = random.nextInt(LEAST_PROMPT, MOST_PROMPT + 1);
    int output = random.nextInt(LEAST_OUTPUT, MOST_OUTPUT + 1);
    Request.Seen seen = new Request.Seen(prompt, 0, output);
    gateway.arrive(
        new Request(numbers++, time.nowNanos(), "t", slo, prompt, output, true, 0, 0, seen));
  }
}
