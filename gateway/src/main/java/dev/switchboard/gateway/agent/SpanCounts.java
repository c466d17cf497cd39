package dev.switchboard.gateway.agent;

import java.lang.management.ManagementFactory;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import javax.management.JMException;
import javax.management.ObjectName;

/**
 * What becomes of the spans that end. A span takes a place, which it gives back when the exporter
 * gets it; one that finds no place is dropped here, before the agent's own queue, which has as many
 * and so is never full. Safe on any thread.
 */
public final class SpanCounts implements SpanCountsMBean {
  /** Where the MBean server has it. */
  public static final String NAME = "dev.switchboard:type=SpanCounts";

  private final int places;
  private final AtomicInteger taken = new AtomicInteger();
  private final LongAdder exported = new LongAdder();
  private final LongAdder failed = new LongAdder();
  private final LongAdder dropped = new LongAdder();

  SpanCounts(int places) {
    this.places = places;
  }

  /** Lets the application see it. */
  void publish() {
    try {
      ManagementFactory.getPlatformMBeanServer().registerMBean(this, new ObjectName(NAME));
    } catch (JMException e) {
      throw new IllegalStateException("cannot publish the counts of spans", e);
    }
  }

  /** A span ended; false when there is no place for it. */
  boolean take() {
    if (taken.incrementAndGet() <= places) {
      return true;
    }
    taken.decrementAndGet();
    dropped.increment();
    return false;
  }

  /** The exporter got spans that had places. */
  void giveBack(int spans) {
    taken.addAndGet(-spans);
  }

  void ended(boolean success, int spans) {
    (success ? exported : failed).add(spans);
  }

  @Override
  public long getExported() {
    return exported.sum();
  }

  @Override
  public long getFailed() {
    return failed.sum();
  }

  @Override
  public long getDropped() {
    return dropped.sum();
  }

  @Override
  public long getQueued() {
    return Math.clamp(taken.get(), 0, places);
  }
}
