package dev.switchboard.timeline;

import java.util.Arrays;

/**
 * Upper bounds of the histograms that are told under the names of vLLM, by a worker of itself and
 * by a gateway of each replica: the bounds that vLLM has, so that its dashboards add up.
 */
public final class EngineBuckets {
  private EngineBuckets() {}

  /** Seconds to the first token. */
  public static double[] firstToken() {
    return new double[] {
      0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40,
      80, 160, 640, 2560
    };
  }

  /** Seconds from one token to the next. */
  public static double[] interToken() {
    return new double[] {
      0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80
    };
  }

  /** Seconds to the end of an answer. */
  public static double[] endToEnd() {
    return new double[] {
      0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680
    };
  }

  /** Tokens: 1, 2, 5, 10, 20 … up to the largest that is within. */
  public static double[] tokens(int most) {
    double[] bounds = new double[32];
    int size = 0;
    for (long decade = 1; decade <= most; decade *= 10) {
      for (int step : new int[] {1, 2, 5}) {
        if (decade * step <= most) {
          bounds[size++] = decade * step;
        }
      }
    }
    return Arrays.copyOf(bounds, size);
  }
}
