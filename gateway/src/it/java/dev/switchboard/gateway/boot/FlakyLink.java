package dev.switchboard.gateway.boot;

import dev.switchboard.gateway.shared.TestLink;
import java.io.IOException;
import java.net.URI;
import java.util.concurrent.TimeUnit;

/** The network between a gateway and a region: it drops, delays, breaks, and is well again. */
final class FlakyLink extends TestLink {
  /** How it is. */
  enum Weather {
    WELL,
    /** Nothing comes through, and nobody is told. */
    DROPS,
    /** Answers come late. */
    DELAYS,
    /** Connections end at once. */
    BREAKS
  }

  private final int delayMs;
  private volatile Weather weather = Weather.WELL;

  FlakyLink(URI region, int delayMs) throws IOException {
    super(region);
    this.delayMs = delayMs;
    open();
  }

  URI url() {
    return URI.create("http://127.0.0.1:" + port());
  }

  /** Is so from now on, for connections that are open too. */
  void is(Weather now) throws IOException {
    weather = now;
    if (now == Weather.BREAKS) {
      breakAll();
    }
  }

  @Override
  protected boolean connects() {
    return weather != Weather.BREAKS;
  }

  @Override
  protected boolean passes(boolean answers) throws InterruptedException {
    if (answers && weather == Weather.DELAYS) {
      TimeUnit.MILLISECONDS.sleep(delayMs);
    }
    return weather != Weather.DROPS;
  }
}
