package dev.switchboard.gateway.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.stream.DoubleStream;
import org.junit.jupiter.api.Test;

class PairedDifferenceTest {
  @Test
  void theMedianLiesBetweenDifferencesOfTheMiddle() {
    double[] differences = DoubleStream.iterate(15, each -> each - 1).limit(15).toArray();

    PairedDifference found = PairedDifference.of(differences);

    // By tables of the sign test, 4th and 12th of 15.
    assertEquals(new PairedDifference(8, 4, 12), found);
  }

  @Test
  void ofFewPairsAllCount() {
    assertEquals(new PairedDifference(2.5, 1, 4), PairedDifference.of(4, 1, 3, 2));
    assertEquals(new PairedDifference(7, 7, 7), PairedDifference.of(7));
  }

  @Test
  void whatIsNotKnownWellEnoughIsNotJudged() {
    PairedDifference known = new PairedDifference(1, 0.5, 1.5);

    assertEquals(PairedDifference.Verdict.KEPT, known.against(2));
    assertEquals(PairedDifference.Verdict.UNCLEAR, known.against(1));
    assertEquals(PairedDifference.Verdict.BROKEN, known.against(0.2));
  }

  @Test
  void ofNothingNothingIsKept() {
    assertEquals(PairedDifference.Verdict.UNCLEAR, PairedDifference.of().against(1));
  }
}
