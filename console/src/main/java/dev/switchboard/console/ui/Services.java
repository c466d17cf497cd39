package dev.switchboard.console.ui;

import dev.switchboard.console.action.Changes;
import dev.switchboard.console.auth.SignIn;
import dev.switchboard.console.live.Gateways;
import dev.switchboard.console.live.History;
import java.time.Clock;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What views need; Vaadin makes them itself, so they fetch it here. There is one console in a
 * process.
 *
 * @param traceUrl where traces are looked up, with {trace_id}
 * @param history more than the last hour; null where nothing has it
 */
public record Services(
    Gateways gateways,
    SignIn signIn,
    Changes changes,
    Clock clock,
    String version,
    @Nullable String traceUrl,
    @Nullable History history) {
  private static volatile @Nullable Services installed;

  /** Without a history. */
  public Services(
      Gateways gateways,
      SignIn signIn,
      Changes changes,
      Clock clock,
      String version,
      @Nullable String traceUrl) {
    this(gateways, signIn, changes, clock, version, traceUrl, null);
  }

  /** Those that the views use from now on. */
  public static void install(Services services) {
    installed = services;
  }

  public static Services get() {
    return Objects.requireNonNull(installed, "the console has not started");
  }
}
