package dev.switchboard.worker;

import dev.switchboard.toolcall.FunctionCall;
import dev.switchboard.toolcall.ToolFormat;
import java.util.function.LongSupplier;
import java.util.regex.Pattern;

/** The ids of function calls, in a form that the model's template takes back. */
final class CallIds {
  private static final int MISTRAL_CHARS = 9;
  private static final Pattern MISTRAL = Pattern.compile("[A-Za-z0-9]{9}");

  private CallIds() {}

  /**
   * Mistral's templates refuse an id that is not nine letters and digits; its models write some.
   */
  static String of(ToolFormat format, FunctionCall call, LongSupplier random) {
    if (format != ToolFormat.MISTRAL) {
      return "call_" + Long.toHexString(random.getAsLong());
    }
    String own = call.id();
    if (own != null && MISTRAL.matcher(own).matches()) {
      return own;
    }
    String digits = "0".repeat(MISTRAL_CHARS) + Long.toUnsignedString(random.getAsLong(), 36);
    return digits.substring(digits.length() - MISTRAL_CHARS);
  }
}
