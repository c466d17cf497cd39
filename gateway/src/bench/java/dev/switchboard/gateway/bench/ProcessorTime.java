package dev.switchboard.gateway.bench;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * Processor time of another process, to the nanosecond. What {@code /proc} tells is in steps of ten
 * milliseconds, which is more than half a percent of a core over a turn of three seconds.
 */
final class ProcessorTime {
  private static final Linker LINKER = Linker.nativeLinker();
  private static final MethodHandle CLOCK = function("clock_getcpuclockid");
  private static final MethodHandle READ = function("clock_gettime");

  private ProcessorTime() {}

  @SuppressWarnings("restricted") // The C library is there.
  private static MethodHandle function(String name) {
    return LINKER.downcallHandle(
        LINKER.defaultLookup().findOrThrow(name),
        FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS));
  }

  /** Of all its threads so far, also those that have ended. */
  static double seconds(long pid) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment clock = arena.allocate(JAVA_INT);
      MemorySegment time = arena.allocate(JAVA_LONG, 2);
      if (call(CLOCK, (int) pid, clock) != 0 || call(READ, clock.get(JAVA_INT, 0), time) != 0) {
        throw new IOException("process " + pid + " has no processor time");
      }
      return time.getAtIndex(JAVA_LONG, 0) + time.getAtIndex(JAVA_LONG, 1) / 1e9;
    }
  }

  private static int call(MethodHandle function, int number, MemorySegment result) {
    try {
      return (int) function.invokeExact(number, result);
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }
}
