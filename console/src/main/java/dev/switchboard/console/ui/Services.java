package dev.switchboard.console.ui;

import dev.switchboard.console.action.Changes;
import dev.switchboard.console.auth.SignIn;
import dev.switchboard.console.live.Gateways;
import dev.switchboard.console.live.History;
import java.time.Clock;
import java.time.Duration;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What views need; Vaadin makes them itself, so they fetch it here. There is one console in a
 * process.
 *
 * @param traceUrl where traces are looked up, with {trace_id}
 * @param history more than the last hour; null where nothing has it
 * @param idle after which a session that nobody uses ends
 */
public record Services(
    Gateways gateways,
    SignIn signIn,
    Changes changes,
    Clock clock,
    String version,
    @Nullable String traceUrl,
    @Nullable History history,
    Duration idle) {
  private static final Duration AN_HOUR = Duration.ofHours(1);
  private static volatile @Nullable Services installed;

  /** Without a history, and with sessions that end after an hour. */
  public Services(
      Gateways gateways,
      SignIn signIn,
      Changes changes,
      Clock clock,
      String version,
      @Nullable String traceUrl) {
    this(gateways, signIn, changes, clock, version, traceUrl, null, AN_HOUR);
  }

  /** Those that the views use from now on. */
  public static void install(Services services) {
    installed = services;
  }

  public static Services get() {
    return Objects.requireNonNull(installed, "the console has not started");
  }
}
