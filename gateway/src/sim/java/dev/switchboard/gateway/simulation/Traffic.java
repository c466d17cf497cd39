package dev.switchboard.gateway.simulation;

import dev.switchboard.gateway.slo.Slo;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.DoubleUnaryOperator;

/** Makes the requests of a run: Poisson arrivals at a rate that may change, mixed lengths. */
final class Traffic {
  /** Most of the service classes in a run of mixed ones. */
  static final Slo INTERACTIVE = new Slo("interactive", 1000, 100, 10_000, 50);

  /** Of people as well, who want to know how it ends. */
  static final Slo PATIENT = new Slo("interactive", 0, 0, 10_000, 50);

  static final Slo STANDARD = new Slo("standard", 3000, 150, 20_000, 0);
  static final Slo BATCH = new Slo("batch", 15_000, 300, 60_000, -50);

  /** A batch that anybody may overtake. */
  static final Slo WHENEVER = new Slo("batch", 0, 0, 0, -50);

  /** Tokens of the mean request. */
  static final double MEAN_PROMPT = 190;

  static final double MEAN_OUTPUT = 63;

  private static final int PROMPT_MEDIAN = 150;
  private static final int OUTPUT_MEDIAN = 50;

  private static final double LEAST_ESTIMATED = 0.75;
  private static final double MOST_ESTIMATED = 1.35;

  /** Share of the requests that say how long their answers may be, and how far that may be off. */
  private static final double BOUNDED = 0.5;

  private static final double LOOSEST_BOUND = 4;

  private final SplittableRandom random;
  private final List<Request> requests = new ArrayList<>();
  private final int prefixes;
  private final int prefixTokens;

  /** By what factor the estimate of each of them is off. */
  private final double[] prefixErrors;

  private boolean streams = true;

  /**
   * @param prefixes shared prompt beginnings, the first ones of which are the most frequent; 0 for
   *     none
   */
  Traffic(SplittableRandom random, int prefixes, int prefixTokens) {
    this.random = random;
    this.prefixes = prefixes;
    this.prefixTokens = prefixTokens;
    this.prefixErrors = new double[prefixes + 1];
    for (int i = 1; i <= prefixes; i++) {
      prefixErrors[i] = estimateError(random);
    }
  }

  /**
   * Adds a stream of arrivals.
   *
   * @param rate requests per second at a second of the run
   * @param mix draws the objective of a request from a number between 0 and 1
   */
  Traffic arrivals(String tenant, double seconds, DoubleUnaryOperator rate, double most, Mix mix) {
    double at = 0;
    while (true) {
      at += -Math.log(1 - random.nextDouble()) / most;
      if (at >= seconds) {
        return this;
      }
      if (random.nextDouble() * most < rate.applyAsDouble(at)) {
        add(tenant, at, mix.draw(random.nextDouble()));
      }
    }
  }

  /** What is added from here on is answered as a whole. */
  Traffic whole() {
    streams = false;
    return this;
  }

  /** Chooses what a request asks for. */
  @FunctionalInterface
  interface Mix {
    Slo draw(double uniform);

    /** Six of ten interactive, three standard, one batch. */
    Mix CLASSES = draw -> draw < 0.6 ? INTERACTIVE : draw < 0.9 ? STANDARD : BATCH;
  }

  private void add(String tenant, double at, Slo slo) {
    int own = length(PROMPT_MEDIAN, 1000);
    int prefix = prefixes == 0 ? 0 : zipf();
    int shared = prefixes == 0 ? 0 : prefixTokens;
    int output = length(OUTPUT_MEDIAN, 400);
    long atNanos = Request.FIRST_NANOS + (long) (at * 1e9);
    requests.add(
        new Request(
            requests.size(),
            atNanos,
            tenant,
            slo,
            own + shared,
            output,
            streams,
            prefix,
            shared,
            seen(new SplittableRandom(atNanos), own, prefix, output)));
  }

  /**
   * What a gateway sees of it.
   *
   * @param draws of this request alone: the workload of a seed does not depend on what is told
   */
  private Request.Seen seen(SplittableRandom draws, int own, int prefix, int output) {
    int shared = prefix == 0 ? 0 : (int) (prefixTokens * prefixErrors[prefix]);
    int prompt = 1 + (int) (own * estimateError(draws));
    double looseness = 1 + draws.nextDouble() * (LOOSEST_BOUND - 1);
    boolean bounded = draws.nextDouble() < BOUNDED;
    return new Request.Seen(
        shared + prompt, shared, bounded ? (int) Math.ceil(output * looseness) : null);
  }

  /** Of a number of tokens that is guessed from bytes: texts and vocabularies differ. */
  private static double estimateError(SplittableRandom random) {
    double most = Math.log(MOST_ESTIMATED / LEAST_ESTIMATED);
    return LEAST_ESTIMATED * Math.exp(random.nextDouble() * most);
  }

  /** Log-normal, as lengths of prompts and answers are. */
  private int length(int median, int most) {
    double gauss = 0;
    for (int i = 0; i < 12; i++) {
      gauss += random.nextDouble();
    }
    return (int) Math.clamp(median * Math.exp(0.7 * (gauss - 6)), 5, most);
  }

  private int zipf() {
    double total = 0;
    for (int i = 1; i <= prefixes; i++) {
      total += 1.0 / i;
    }
    double at = random.nextDouble() * total;
    for (int i = 1; i <= prefixes; i++) {
      at -= 1.0 / i;
      if (at <= 0) {
        return i;
      }
    }
    return prefixes;
  }

  List<Request> requests() {
    return List.copyOf(requests);
  }
}
