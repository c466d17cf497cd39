package dev.switchboard.console.ui;

import java.util.Locale;

/** What a colour says. An icon and a word always say it too. */
public enum Tone {
  GOOD("check"),
  BUSY("loader"),
  WARN("alert"),
  BAD("cross"),
  IDLE("pause");

  private final String icon;

  Tone(String icon) {
    this.icon = icon;
  }

  String icon() {
    return icon;
  }

  /** The class of the stylesheet. */
  public String className() {
    return "sb-tone-" + name().toLowerCase(Locale.ROOT);
  }

  /** Of a replica's state. */
  public static Tone ofReplica(String state) {
    return switch (state) {
      case "READY" -> GOOD;
      case "STARTING", "WARMING", "DRAINING", "RESTARTING" -> BUSY;
      case "CORDONED", "EJECTED" -> WARN;
      case "FAILED" -> BAD;
      default -> IDLE;
    };
  }

  /** Of how a request ended. */
  public static Tone ofOutcome(String outcome) {
    return switch (outcome) {
      case "ok" -> GOOD;
      case "client_gone" -> IDLE;
      case "shed", "deadline", "rate_limited", "invalid", "bad_request" -> WARN;
      default -> BAD;
    };
  }

  /** Of a status of HTTP. */
  public static Tone ofStatus(int status) {
    if (status >= 500 || status == 0) {
      return BAD;
    }
    return status >= 400 ? WARN : GOOD;
  }
}
