package dev.switchboard.console.ui;

import dev.switchboard.console.live.LiveGateway;
import dev.switchboard.console.live.Snapshot;

/** How a gateway is, in words. */
public final class GatewayState {
  private GatewayState() {}

  public static Tone tone(LiveGateway gateway) {
    Snapshot is = gateway.snapshot();
    if (is.reached()) {
      return Tone.GOOD;
    }
    return is.lastSeen() == null && is.failure() == null ? Tone.BUSY : Tone.BAD;
  }

  /** Live; or since when it is lost. Never as if nothing ran there. */
  public static String words(LiveGateway gateway) {
    Snapshot is = gateway.snapshot();
    if (is.reached()) {
      return "live";
    }
    if (is.lastSeen() == null) {
      return is.failure() == null ? "connecting" : "never seen";
    }
    return "last seen " + Format.duration(gateway.silence()) + " ago";
  }
}
