package dev.switchboard.gateway.telemetry;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;

/** Processor time of the current thread. A system call, so it is asked for twice a request. */
final class ThreadTime {
  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();
  private static final boolean KNOWN =
      THREADS.isCurrentThreadCpuTimeSupported() && THREADS.isThreadCpuTimeEnabled();

  private ThreadTime() {}

  /** So far; 0 where the JVM cannot tell. */
  static long nanos() {
    return KNOWN ? THREADS.getCurrentThreadCpuTime() : 0;
  }
}
