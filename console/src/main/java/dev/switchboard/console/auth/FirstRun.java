package dev.switchboard.console.auth;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import org.jspecify.annotations.Nullable;

/** The token by which the first admin is made: once, and for an hour after the start. */
public final class FirstRun {
  static final Duration VALID = Duration.ofHours(1);

  private final Clock clock;
  private final Instant until;
  private @Nullable String token;

  public FirstRun(Clock clock) {
    this.clock = clock;
    this.until = clock.instant().plus(VALID);
    byte[] bytes = new byte[24];
    new SecureRandom().nextBytes(bytes);
    this.token = Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
  }

  /** The token, as long as it is valid. */
  public synchronized @Nullable String token() {
    return clock.instant().isBefore(until) ? token : null;
  }

  /** Does it if that is the token, which then is none any more. What fails leaves it valid. */
  public synchronized boolean use(String offered, Runnable then) {
    String valid = token();
    if (valid == null || !same(valid, offered)) {
      return false;
    }
    then.run();
    token = null;
    return true;
  }

  private static boolean same(String one, String other) {
    return MessageDigest.isEqual(
        one.getBytes(StandardCharsets.UTF_8), other.getBytes(StandardCharsets.UTF_8));
  }
}
