package dev.switchboard.timeline;

import java.util.Locale;

/**
 * Where the ranks of a stage meet, and which of a step's meetings one was.
 *
 * @param layer of the model; 0 where the kind has no layers
 */
public record Collective(Kind kind, int layer) {

  /** Upper bounds in seconds between which spreads of arrivals are counted; then infinity. */
  private static final double[] SPREADS = {
    0.000005, 0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05,
    0.1, 0.5
  };

  /** In the order of their numbers, which are the library's. */
  public enum Kind {
    /** Of a step, where faults may be injected. */
    START(0),
    ATTENTION(1),
    FEED_FORWARD(2),
    /** Logits. */
    OUTPUT(3);

    private static final Kind[] ALL = values();

    private final int number;

    Kind(int number) {
      this.number = number;
    }

    public int number() {
      return number;
    }

    public static Kind of(int number) {
      return ALL[number];
    }

    /** As JSON and labels say it. */
    public String word() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** What the library tells in one number, of 16 bits. */
  public static Collective of(int piece) {
    return new Collective(Kind.of(piece & 3), (piece & 0xffff) >>> 2);
  }

  /** The same as one number again. */
  public int piece() {
    return layer << 2 | kind.number();
  }

  public static double[] spreadBounds() {
    return SPREADS.clone();
  }

  /** For people. */
  @Override
  public String toString() {
    return switch (kind) {
      case START, OUTPUT -> kind.word();
      case ATTENTION, FEED_FORWARD -> kind.word() + " of layer " + layer;
    };
  }
}
