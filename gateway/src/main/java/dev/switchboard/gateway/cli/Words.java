package dev.switchboard.gateway.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** What people type. */
final class Words {
  private static final int WRONG_COMMAND_LINE = 2;
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9._-]{1,64}");

  private Words() {}

  /** A name, or a failure that says what one may hold. */
  static String checked(String what, String word) {
    if (!NAME.matcher(word).matches()) {
      throw new CommandFailure(
          WRONG_COMMAND_LINE, what + " may hold 1 to 64 letters, digits and . _ - only");
    }
    return word;
  }

  /** The next line; null at the end. */
  static @Nullable String line(BufferedReader in) {
    try {
      return in.readLine();
    } catch (IOException e) {
      throw new CommandFailure(CommandFailure.FAILED, "cannot read the input: " + e);
    }
  }
}
