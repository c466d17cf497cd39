package dev.switchboard.gateway.simulation;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.slf4j.LoggerFactory;

/** Keeps the log free of the thousands of workers that die in simulations. */
final class QuietFleet implements BeforeAllCallback, AfterAllCallback {
  private static final String FLEET = "dev.switchboard.gateway.fleet";

  @Override
  public void beforeAll(ExtensionContext context) {
    level(Level.OFF);
  }

  @Override
  public void afterAll(ExtensionContext context) {
    level(null);
  }

  private static void level(@Nullable Level level) {
    ((Logger) LoggerFactory.getLogger(FLEET)).setLevel(level);
  }
}
