package dev.switchboard.gateway.store;

import java.nio.file.Path;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Where state that must last is kept.
 *
 * @param url a JDBC URL of H2 or PostgreSQL; a relative H2 file lies in the launcher's state folder
 * @param user of the database
 * @param passwordFile its first line is the password; empty for none
 * @param pollMs between two looks at what other gateways changed; writes of this one are no further
 *     apart, those of when keys were used twenty times as far
 * @param keepDays how long audit entries and usage stay; 0 for ever
 * @param sloKeepDays how long hours of the service levels' history stay
 * @param requests of interest that stay
 */
public record StoreConfig(
    String url,
    String user,
    String passwordFile,
    int pollMs,
    int keepDays,
    int sloKeepDays,
    Requests requests) {
  public static final StoreConfig DEFAULTS =
      new StoreConfig(
          "jdbc:h2:file:store/gateway", "switchboard", "", 1000, 400, 35, Requests.DEFAULTS);

  /**
   * Which requests of interest stay beyond the memory and the life of a gateway.
   *
   * @param keepDays how long; 0 for none at all
   * @param most of them, of each gateway
   * @param mostBytes of their records, of each gateway
   */
  public record Requests(int keepDays, int most, long mostBytes) {
    public static final Requests DEFAULTS = new Requests(0, 20_000, 256L << 20);

    public Requests {
      if (keepDays < 0 || keepDays > 400) {
        throw new IllegalArgumentException("keep-days must be 0 to 400");
      }
      if (most < 1 || most > 1_000_000) {
        throw new IllegalArgumentException("most must be 1 to 1000000");
      }
      if (mostBytes < 1 << 20 || mostBytes > 1L << 40) {
        throw new IllegalArgumentException("most-bytes must be 1048576 to 1099511627776");
      }
    }
  }

  private static final String H2_FILE = "jdbc:h2:file:";
  private static final String H2_MEMORY = "jdbc:h2:mem:";

  /** The database: {@code h2} or {@code postgresql}. */
  public String kind() {
    return url.startsWith("jdbc:h2:") ? "h2" : "postgresql";
  }

  /** Whether it has anything at a start: a database in memory ends with its gateway. */
  public boolean lasts() {
    return !url.startsWith(H2_MEMORY);
  }

  public StoreConfig {
    Objects.requireNonNull(url, "url is missing");
    Objects.requireNonNull(user, "user is missing");
    Objects.requireNonNull(passwordFile, "password-file is missing");
    Objects.requireNonNull(requests, "requests is missing");
    if (!url.startsWith(H2_FILE)
        && !url.startsWith(H2_MEMORY)
        && !url.startsWith("jdbc:postgresql:")) {
      throw new IllegalArgumentException(
          "url must begin with jdbc:h2:file:, jdbc:h2:mem: or jdbc:postgresql:");
    }
    if (pollMs < 50 || pollMs > 60_000) {
      throw new IllegalArgumentException("poll-ms must be 50 to 60000");
    }
    if (keepDays < 0 || keepDays > 36_500) {
      throw new IllegalArgumentException("keep-days must be 0 to 36500");
    }
    if (sloKeepDays < 1 || sloKeepDays > 400) {
      throw new IllegalArgumentException("slo-keep-days must be 1 to 400");
    }
  }

  /** The same with an H2 file's relative path laid under a folder. */
  public StoreConfig under(Path folder) {
    if (!url.startsWith(H2_FILE)) {
      return this;
    }
    String path = url.substring(H2_FILE.length());
    return path.startsWith("/") || path.startsWith("~")
        ? this
        : new StoreConfig(
            H2_FILE + folder.toAbsolutePath().normalize() + "/" + path,
            user,
            passwordFile,
            pollMs,
            keepDays,
            sloKeepDays,
            requests);
  }

  /** The H2 file, without its suffix; null for other databases. */
  @Nullable Path file() {
    if (!url.startsWith(H2_FILE)) {
      return null;
    }
    String path = url.substring(H2_FILE.length()).split(";", 2)[0];
    return Path.of(
            path.startsWith("~") ? System.getProperty("user.home") + path.substring(1) : path)
        .toAbsolutePath();
  }

  /** The same URL with another H2 file. */
  String url(Path other) {
    int settings = url.indexOf(';');
    return H2_FILE + other + (settings < 0 ? "" : url.substring(settings));
  }

  /** Where an H2 file lies; null for other databases. */
  @Nullable Path folder() {
    Path file = file();
    return file == null ? null : file.getParent();
  }

  boolean embedded() {
    return url.startsWith("jdbc:h2:");
  }
}
