package dev.switchboard.gateway.telemetry;

import ch.qos.logback.classic.pattern.ThrowableProxyConverter;
import ch.qos.logback.classic.spi.ILoggingEvent;

/**
 * A stack trace whose every line is indented, so that no message of an exception can begin a line
 * that looks like an event, or speak to a terminal.
 */
public final class LogStack extends ThrowableProxyConverter {

  @Override
  public String convert(ILoggingEvent event) {
    StringBuilder text = new StringBuilder();
    for (String line : super.convert(event).lines().filter(each -> !each.isEmpty()).toList()) {
      text.append('\t');
      for (int i = 0; i < line.length(); i++) {
        char each = line.charAt(i);
        text.append(each != '\t' && LogText.unprintable(each) ? ' ' : each);
      }
      text.append('\n');
    }
    return text.toString();
  }
}
