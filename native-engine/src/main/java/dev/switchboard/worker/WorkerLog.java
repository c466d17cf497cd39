package dev.switchboard.worker;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.ConsoleAppender;
import dev.switchboard.log.LogEncoder;
import dev.switchboard.log.LogFormat;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The worker's log: lines on standard error, since standard output belongs to the supervisor. Set
 * up in code, because reading a configuration file would cost a tenth of the start.
 */
final class WorkerLog {
  private WorkerLog() {}

  /**
   * Begins it, or goes on with it in another way.
   *
   * @param source this worker, as its lines name it
   */
  static void start(String source, LogFormat format) {
    LoggerContext context = (LoggerContext) LoggerFactory.getILoggerFactory();
    context.reset();
    LogEncoder encoder = new LogEncoder();
    encoder.setContext(context);
    encoder.setSource(source);
    encoder.setFormat(format);
    encoder.start();
    ConsoleAppender<ILoggingEvent> appender = new ConsoleAppender<>();
    appender.setContext(context);
    appender.setTarget("System.err");
    appender.setEncoder(encoder);
    appender.start();
    ch.qos.logback.classic.Logger root = context.getLogger(Logger.ROOT_LOGGER_NAME);
    root.setLevel(Level.WARN);
    root.addAppender(appender);
    context.getLogger("dev.switchboard").setLevel(Level.INFO);
  }
}
