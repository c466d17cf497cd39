package dev.switchboard.executor;

import dev.switchboard.executor.ExecutorConfig.Isa;
import dev.switchboard.executor.binding.Switchboard;
import dev.switchboard.executor.binding.sb_machine;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.OptionalDouble;

/**
 * What libswitchboard sees of this machine. Any thread.
 *
 * @param bestIsa what {@link Isa#AUTO} picks
 * @param availableBytes memory that the machine and the control groups have to give
 */
public record NativeMachine(
    int cores,
    boolean hasAvx2,
    boolean hasAvx512,
    boolean hasAvx512Bf16,
    boolean hasAmxInt8,
    Isa bestIsa,
    long availableBytes) {

  /**
   * Asks the library.
   *
   * @throws ExecutorException when it cannot be loaded
   */
  public static NativeMachine probe() {
    NativeLibrary.load();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment machine = sb_machine.allocate(arena);
      sb_machine.struct_size(machine, (int) sb_machine.sizeof());
      NativeLibrary.check(Switchboard.sb_machine_info(machine));
      return new NativeMachine(
          sb_machine.cores(machine),
          sb_machine.has_avx2(machine) != 0,
          sb_machine.has_avx512(machine) != 0,
          sb_machine.has_avx512_bf16(machine) != 0,
          sb_machine.has_amx_int8(machine) != 0,
          NativeModel.isaOf(sb_machine.best_isa(machine)),
          sb_machine.available_bytes(machine));
    }
  }

  /** Best of some passes of reading bytes of memory with some threads, in bytes per second. */
  public static double readBandwidth(int threads, long bytes, int passes) {
    NativeLibrary.load();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.JAVA_DOUBLE);
      NativeLibrary.check(Switchboard.sb_read_bandwidth(threads, bytes, passes, out));
      return out.get(ValueLayout.JAVA_DOUBLE, 0);
    }
  }

  /** Numbers that the CPU multiplies and adds. */
  public enum MacUnit {
    INT8,
    BF16
  }

  /**
   * Best of some passes of multiplying and adding registers with some threads, in multiply-adds per
   * second; empty where the CPU has no instruction for such numbers.
   */
  public static OptionalDouble peakRate(int threads, MacUnit unit, int passes) {
    NativeLibrary.load();
    int code = unit == MacUnit.INT8 ? Switchboard.SB_MAC_INT8() : Switchboard.SB_MAC_BF16();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.JAVA_DOUBLE);
      int status = Switchboard.sb_peak_rate(threads, code, passes, out);
      if (status == Switchboard.SB_UNSUPPORTED()) {
        return OptionalDouble.empty();
      }
      NativeLibrary.check(status);
      return OptionalDouble.of(out.get(ValueLayout.JAVA_DOUBLE, 0));
    }
  }
}
