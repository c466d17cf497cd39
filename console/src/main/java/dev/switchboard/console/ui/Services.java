package dev.switchboard.console.ui;

import dev.switchboard.console.action.Changes;
import dev.switchboard.console.auth.SignIn;
import dev.switchboard.console.live.Gateways;
import java.time.Clock;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What views need; Vaadin makes them itself, so they fetch it here. There is one console in a
 * process.
 *
 * @param traceUrl where traces are looked up, with {trace_id}
 */
public record Services(
    Gateways gateways,
    SignIn signIn,
    Changes changes,
    Clock clock,
    String version,
    @Nullable String traceUrl) {
  private static volatile @Nullable Services installed;

  /** Those that the views use from now on. */
  public static void install(Services services) {
    installed = services;
  }

  public static Services get() {
    return Objects.requireNonNull(installed, "the console has not started");
  }
}
