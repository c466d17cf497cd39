package dev.switchboard.gateway.telemetry;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.lang.management.ThreadMXBean;
import java.util.HashMap;
import java.util.Map;

/**
 * The processor time of the agent's threads that encode and send spans, known by their names. What
 * a thread takes between the last look and its end is missed. Not thread-safe.
 */
public final class ExporterThreads {
  private static final String[] NAMES = {"BatchSpanProcessor_", "OkHttp", "okhttp"};

  private final ThreadMXBean threads = ManagementFactory.getThreadMXBean();
  private Map<Long, Long> seen = new HashMap<>();
  private long totalNanos;

  /** All of it so far, as of the looks at it; 0 where the JVM cannot tell. */
  public long cpuNanos() {
    if (!threads.isThreadCpuTimeSupported() || !threads.isThreadCpuTimeEnabled()) {
      return 0;
    }
    Map<Long, Long> now = new HashMap<>();
    for (ThreadInfo thread : threads.getThreadInfo(threads.getAllThreadIds())) {
      if (thread != null && exports(thread.getThreadName())) {
        long cpuNanos = threads.getThreadCpuTime(thread.getThreadId());
        now.put(thread.getThreadId(), cpuNanos);
        totalNanos += Math.max(0, cpuNanos - seen.getOrDefault(thread.getThreadId(), 0L));
      }
    }
    seen = now;
    return totalNanos;
  }

  private static boolean exports(String thread) {
    for (String name : NAMES) {
      if (thread.startsWith(name)) {
        return true;
      }
    }
    return false;
  }
}
