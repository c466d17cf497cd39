package dev.switchboard.executor;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.switchboard.executor.Executor.LaneHeartbeat;
import dev.switchboard.executor.TimelineSink.Kind;
import dev.switchboard.executor.binding.Switchboard;
import dev.switchboard.executor.binding.sb_lane_header;
import dev.switchboard.executor.binding.sb_timeline;
import dev.switchboard.executor.binding.sb_timeline_record;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.List;

/**
 * Reads the library's timeline rings and heartbeats in place. A record is whole once the lane's
 * {@code written} count, read with acquire, is above its index; one the ring has overwritten before
 * it was read is skipped.
 */
final class NativeTimeline {
  private static final VarHandle LONG = JAVA_LONG.varHandle();
  private static final Kind[] KINDS = Kind.values();

  private static final long WRITTEN = sb_lane_header.written$offset();
  private static final long FINISHED_STEP = sb_lane_header.finished_step$offset();
  private static final long FINISHED = sb_lane_header.finished_ns$offset();
  private static final long CURRENT_STEP = sb_lane_header.current_step$offset();
  private static final long CURRENT_SINCE = sb_lane_header.current_since_ns$offset();

  private static final long STEP = sb_timeline_record.step$offset();
  private static final long START = sb_timeline_record.start_ns$offset();
  private static final long END = sb_timeline_record.end_ns$offset();
  private static final long BUSY = sb_timeline_record.busy_ns$offset();
  private static final long BYTES = sb_timeline_record.bytes$offset();
  private static final long TOKENS = sb_timeline_record.tokens$offset();
  private static final long STAGE = sb_timeline_record.stage$offset();
  private static final long RANK = sb_timeline_record.rank$offset();
  private static final long KIND = sb_timeline_record.kind$offset();
  private static final long PIECE = sb_timeline_record.piece$offset();
  private static final long LONGEST = sb_timeline_record.longest_ns$offset();

  private final MemorySegment base;
  private final int ranks;
  private final int lanes;
  private final long laneBytes;
  private final long capacity;
  private final long recordBytes;
  private final long[] next;

  private NativeTimeline(MemorySegment timeline, int ranks) {
    this.ranks = ranks;
    lanes = sb_timeline.lanes(timeline);
    laneBytes = sb_timeline.lane_bytes(timeline);
    capacity = sb_timeline.capacity(timeline);
    recordBytes = sb_timeline.record_bytes(timeline);
    base = sb_timeline.base(timeline).asSlice(0, Math.multiplyExact(laneBytes, lanes));
    next = new long[lanes];
  }

  /** The rings of an engine, which must outlive what is returned. */
  static NativeTimeline of(MemorySegment engine, int ranks) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment timeline = sb_timeline.allocate(arena);
      sb_timeline.struct_size(timeline, (int) sb_timeline.sizeof());
      NativeLibrary.check(Switchboard.sb_engine_timeline(engine, timeline));
      return new NativeTimeline(timeline, ranks);
    }
  }

  void drain(TimelineSink sink) {
    for (int lane = 0; lane < lanes; lane++) {
      long header = lane * laneBytes;
      long written = acquire(header + WRITTEN);
      for (long i = Math.max(next[lane], written - capacity); i < written; i++) {
        read(header + sb_lane_header.sizeof() + i % capacity * recordBytes, header, i, sink);
      }
      next[lane] = written;
    }
  }

  private void read(long at, long header, long index, TimelineSink sink) {
    long step = base.get(JAVA_LONG, at + STEP);
    long start = base.get(JAVA_LONG, at + START);
    long end = base.get(JAVA_LONG, at + END);
    long busy = base.get(JAVA_LONG, at + BUSY);
    long bytes = base.get(JAVA_LONG, at + BYTES);
    int tokens = base.get(JAVA_INT, at + TOKENS);
    int stage = base.get(JAVA_SHORT, at + STAGE);
    int rank = base.get(JAVA_SHORT, at + RANK);
    int kind = base.get(JAVA_SHORT, at + KIND);
    int piece = Short.toUnsignedInt(base.get(JAVA_SHORT, at + PIECE));
    long longest = base.get(JAVA_LONG, at + LONGEST);
    VarHandle.acquireFence();
    boolean isWhole = acquire(header + WRITTEN) - index < capacity;
    if (isWhole && kind >= 1 && kind <= KINDS.length) {
      sink.record(
          step, stage, rank, KINDS[kind - 1], start, end, busy, bytes, tokens, longest, piece);
    }
  }

  List<LaneHeartbeat> heartbeats() {
    List<LaneHeartbeat> beats = new ArrayList<>(lanes);
    for (int lane = 0; lane < lanes; lane++) {
      long header = lane * laneBytes;
      beats.add(
          new LaneHeartbeat(
              lane / ranks,
              lane % ranks,
              acquire(header + FINISHED_STEP),
              acquire(header + FINISHED),
              acquire(header + CURRENT_STEP),
              acquire(header + CURRENT_SINCE)));
    }
    return beats;
  }

  private long acquire(long offset) {
    return (long) LONG.getAcquire(base, offset);
  }
}
