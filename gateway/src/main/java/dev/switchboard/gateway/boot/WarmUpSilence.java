package dev.switchboard.gateway.boot;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.turbo.TurboFilter;
import ch.qos.logback.core.spi.FilterReply;
import org.jspecify.annotations.Nullable;
import org.slf4j.LoggerFactory;
import org.slf4j.Marker;

/**
 * Keeps what the {@link WarmUp}'s own gateway says out of the log, where its replicas, requests and
 * trace ceilings would look real. Known by its threads: all are begun by one of a thread group, and
 * so are in it.
 */
final class WarmUpSilence extends TurboFilter implements AutoCloseable {
  private final ThreadGroup group;
  private final LoggerContext log = (LoggerContext) LoggerFactory.getILoggerFactory();

  private WarmUpSilence(ThreadGroup group) {
    this.group = group;
  }

  /** Holds until it is closed. */
  static WarmUpSilence of(ThreadGroup group) {
    WarmUpSilence silence = new WarmUpSilence(group);
    silence.setContext(silence.log);
    silence.start();
    silence.log.addTurboFilter(silence);
    return silence;
  }

  @Override
  public FilterReply decide(
      @Nullable Marker marker,
      Logger logger,
      Level level,
      @Nullable String format,
      Object @Nullable [] values,
      @Nullable Throwable thrown) {
    ThreadGroup its = Thread.currentThread().getThreadGroup();
    return its != null && group.parentOf(its) ? FilterReply.DENY : FilterReply.NEUTRAL;
  }

  @Override
  public void close() {
    log.getTurboFilterList().remove(this);
  }
}
