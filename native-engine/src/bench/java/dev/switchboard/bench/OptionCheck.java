package dev.switchboard.bench;

import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;

/** Ends a benchmark's command for what an option may not be, with a line and its usage. */
public final class OptionCheck {
  private OptionCheck() {}

  /**
   * @param spec of the command; picocli sets it before the command runs
   */
  public static CommandLine.ParameterException wrong(@Nullable CommandSpec spec, String message) {
    return new CommandLine.ParameterException(Objects.requireNonNull(spec).commandLine(), message);
  }

  public static void requirePositive(@Nullable CommandSpec spec, String option, int value) {
    if (value < 1) {
      throw wrong(spec, option + " must be at least 1");
    }
  }
}
