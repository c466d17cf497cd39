package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

class SignalsTest {
  private static final int SIGHUP = 1;
  private static final int SIGTERM = 15;

  @Test
  void aSignalThatWasIgnoredAtTheStartIsFound() {
    List<String> underNohup = List.of("Name:\tjava", "SigIgn:\t0000000000000001");

    assertTrue(Signals.ignored(underNohup, SIGHUP));
    assertFalse(Signals.ignored(underNohup, SIGTERM));
  }

  @Test
  void whereNothingIsKnownNothingIsSaid() {
    assertFalse(Signals.ignored(List.of(), SIGHUP));
  }
}
