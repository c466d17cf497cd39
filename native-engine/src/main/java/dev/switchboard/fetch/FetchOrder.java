package dev.switchboard.fetch;

import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What to fetch.
 *
 * @param url http or https
 * @param sha256 of the whole file, 64 hexadecimal digits
 * @param to the file that is there afterwards
 * @param token sent as a bearer token to the server of {@code url}, to no other; null for none
 * @param attempts in a row that may end without a single new byte
 * @param timeout for connecting, and for each wait for bytes
 */
public record FetchOrder(
    URI url, String sha256, Path to, @Nullable String token, int attempts, Duration timeout) {
  private static final Pattern SUM = Pattern.compile("[0-9a-f]{64}");

  public FetchOrder {
    sha256 = sha256.toLowerCase(Locale.ROOT);
    String scheme = String.valueOf(url.getScheme()).toLowerCase(Locale.ROOT);
    if ((!scheme.equals("http") && !scheme.equals("https")) || url.getHost() == null) {
      throw new IllegalArgumentException("the URL must begin with http:// or https:// and a host");
    }
    if (url.getUserInfo() != null) {
      throw new IllegalArgumentException(
          "the URL must not hold a password: a token goes in a file");
    }
    if (!SUM.matcher(sha256).matches()) {
      throw new IllegalArgumentException("the SHA-256 sum must be 64 hexadecimal digits");
    }
    if (to.getFileName() == null) {
      throw new IllegalArgumentException("the target must be a file");
    }
    to = to.toAbsolutePath().normalize();
    if (attempts < 1 || attempts > 100) {
      throw new IllegalArgumentException("attempts must be 1 to 100");
    }
    if (timeout.toMillis() < 1 || timeout.compareTo(Duration.ofHours(1)) > 0) {
      throw new IllegalArgumentException("the timeout must be 1 to 3600 seconds");
    }
  }

  @Override
  public String toString() {
    return "FetchOrder[" + where() + " to " + to + "]";
  }

  /** The URL without its query, which may be a signature. */
  String where() {
    return HttpSource.shown(url);
  }

  /** What came so far. Its name has the sum, so that only bytes of the same content are resumed. */
  Path partial() {
    return to.resolveSibling("." + to.getFileName() + "." + sha256.substring(0, 12) + ".partial");
  }

  /** Held by the one process that downloads. */
  Path lock() {
    return to.resolveSibling("." + to.getFileName() + ".lock");
  }
}
