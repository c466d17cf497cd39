package dev.switchboard.executor;

import dev.switchboard.executor.binding.Nvml;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What one device told of itself at a time. Null is what it does not tell.
 *
 * @param index its number among all devices of the machine
 * @param ordinals what CUDA calls it in this process: none where it may not use it, several where
 *     its MIG instances are devices of their own
 * @param uuid with its prefix, {@code GPU-}
 * @param utilisation share of the last sample's time in which a kernel ran
 * @param memoryUtilisation share of it in which memory was read or written
 * @param sharers processes that compute on it
 */
public record DeviceReading(
    int index,
    List<Integer> ordinals,
    String name,
    String uuid,
    @Nullable Double utilisation,
    @Nullable Double memoryUtilisation,
    @Nullable Long memoryBytes,
    @Nullable Long usedBytes,
    @Nullable Long freeBytes,
    @Nullable Integer celsius,
    @Nullable Double watts,
    @Nullable Double limitWatts,
    @Nullable Integer clockMhz,
    @Nullable Integer mostClockMhz,
    @Nullable Integer memoryClockMhz,
    Set<Throttle> throttles,
    Ecc ecc,
    @Nullable Boolean mig,
    List<Sharer> sharers) {

  public DeviceReading {
    ordinals = List.copyOf(ordinals);
    throttles = Set.copyOf(throttles);
    sharers = List.copyOf(sharers);
  }

  /**
   * A process on a device.
   *
   * @param bytes of its memory; null where it is not told, as in a container
   */
  public record Sharer(long pid, @Nullable Long bytes) {}

  /**
   * Errors of its memory.
   *
   * @param next whether it is on after the next reset
   * @param corrected since the driver's start, as are those that were not
   * @param rowsRemapped for good, because of errors
   * @param remapPending a row is taken out of use at the next reset
   * @param remapFailed no spare row was left
   */
  public record Ecc(
      @Nullable Boolean on,
      @Nullable Boolean next,
      @Nullable Long corrected,
      @Nullable Long uncorrected,
      @Nullable Integer rowsRemapped,
      boolean remapPending,
      boolean remapFailed) {}

  /** Why its clock is lower than it may be, other than that it has nothing to do. */
  public enum Throttle {
    POWER_CAP(Nvml.NVML_THROTTLE_SW_POWER_CAP()),
    THERMAL(Nvml.NVML_THROTTLE_SW_THERMAL() | Nvml.NVML_THROTTLE_HW_THERMAL()),
    HARDWARE(Nvml.NVML_THROTTLE_HW_SLOWDOWN()),
    POWER_BRAKE(Nvml.NVML_THROTTLE_HW_POWER_BRAKE()),
    SYNC_BOOST(Nvml.NVML_THROTTLE_SYNC_BOOST());

    private final long bits;

    Throttle(long bits) {
      this.bits = bits;
    }

    long bits() {
      return bits;
    }

    public String word() {
      return name().toLowerCase(Locale.ROOT);
    }
  }
}
