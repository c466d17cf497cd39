package dev.switchboard.executor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** A page outside the heap, as a mapped model file and as memory that may be written to. */
final class TestRange implements AutoCloseable {
  private final Arena arena = Arena.ofShared();
  private final MemorySegment page = arena.allocate(4096, 4096);

  MemorySegment writable() {
    return page;
  }

  MemorySegment readOnly() {
    return page.asReadOnly();
  }

  @Override
  public void close() {
    arena.close();
  }
}
