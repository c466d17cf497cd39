package dev.switchboard.log;

import ch.qos.logback.classic.pattern.ThrowableProxyConverter;
import ch.qos.logback.classic.spi.ILoggingEvent;
import java.util.List;

/**
 * A stack trace whose every line is indented, so that no message of an exception can begin a line
 * that looks like an event, or speak to a terminal.
 */
final class LogStack {
  private static final String FRAMES = "8";

  private final ThrowableProxyConverter converter = new ThrowableProxyConverter();

  LogStack() {
    converter.setOptionList(List.of(FRAMES));
    converter.start();
  }

  /** Empty where nothing was thrown; each line ends in a line feed. */
  String of(ILoggingEvent event) {
    if (event.getThrowableProxy() == null) {
      return "";
    }
    StringBuilder text = new StringBuilder();
    for (String line : converter.convert(event).lines().filter(each -> !each.isEmpty()).toList()) {
      text.append('\t');
      for (int i = 0; i < line.length(); i++) {
        char each = line.charAt(i);
        text.append(each != '\t' && LogFields.unprintable(each) ? ' ' : each);
      }
      text.append('\n');
    }
    return text.toString();
  }
}
