package dev.switchboard.worker;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import org.jspecify.annotations.Nullable;

/**
 * What a gateway must send to a worker's port: {@code Authorization: Bearer SECRET}. Compared in a
 * time that does not depend on where two texts differ. Prints nothing of itself.
 */
final class FleetSecret {
  /** Environment variable that holds it, where no file does. */
  static final String VARIABLE = "SWITCHBOARD_FLEET_SECRET";

  private static final int LEAST_CHARS = 16;
  private static final int MOST_CHARS = 4096;

  /** More than this is no secret but another file. */
  private static final long MOST_FILE_BYTES = MOST_CHARS + 2;

  private final byte[] expected;

  private FleetSecret(String secret) {
    this.expected = ("Bearer " + secret).getBytes(StandardCharsets.US_ASCII);
  }

  /**
   * The secret of a file, else of the environment.
   *
   * @param file null for none
   * @param variable the environment's; null where it has none
   * @return null where neither has one
   * @throws IllegalArgumentException naming the option or the variable
   */
  static @Nullable FleetSecret of(@Nullable Path file, @Nullable String variable) {
    if (file != null) {
      return new FleetSecret(checked("--secret-file", read(file)));
    }
    return variable == null ? null : new FleetSecret(checked(VARIABLE, variable));
  }

  private static String read(Path file) {
    try {
      if (Files.size(file) > MOST_FILE_BYTES) {
        throw new IllegalArgumentException("--secret-file: " + file + " is too large");
      }
      return Files.readString(file, StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      throw new IllegalArgumentException("--secret-file: cannot read " + file, e);
    }
  }

  private static String checked(String name, String text) {
    String secret = text.strip();
    if (!secret.matches("[\\x21-\\x7e]{" + LEAST_CHARS + "," + MOST_CHARS + "}")) {
      throw new IllegalArgumentException(
          name
              + " must be one word of "
              + LEAST_CHARS
              + " to "
              + MOST_CHARS
              + " visible ASCII characters");
    }
    return secret;
  }

  /**
   * Whether a request has it.
   *
   * @param authorization the value of that header; null for none
   */
  boolean matches(@Nullable String authorization) {
    return authorization != null
        && MessageDigest.isEqual(expected, authorization.getBytes(StandardCharsets.UTF_8));
  }

  @Override
  public String toString() {
    return "FleetSecret";
  }
}
