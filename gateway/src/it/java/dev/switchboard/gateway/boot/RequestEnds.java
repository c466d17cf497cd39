package dev.switchboard.gateway.boot;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import ch.qos.logback.core.OutputStreamAppender;
import dev.switchboard.gateway.bench.RequestEnd;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.slf4j.LoggerFactory;

/** The ends of requests as gateways of this process write them to the log, while it is open. */
final class RequestEnds extends AppenderBase<ILoggingEvent> implements AutoCloseable {
  private final Logger root = (Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
  private final OutputStreamAppender<ILoggingEvent> console = console(root);
  private final Queue<RequestEnd> ends = new ConcurrentLinkedQueue<>();

  RequestEnds() {
    setContext(root.getLoggerContext());
    start();
    root.addAppender(this);
  }

  private static OutputStreamAppender<ILoggingEvent> console(Logger root) {
    return (OutputStreamAppender<ILoggingEvent>) root.getAppender("stderr");
  }

  @Override
  protected void append(ILoggingEvent event) {
    RequestEnd end =
        RequestEnd.of(
            new String(console.getEncoder().encode(event), StandardCharsets.UTF_8).strip());
    if (end != null) {
      ends.add(end);
    }
  }

  List<RequestEnd> all() {
    return List.copyOf(ends);
  }

  @Override
  public void close() {
    root.detachAppender(this);
  }
}
