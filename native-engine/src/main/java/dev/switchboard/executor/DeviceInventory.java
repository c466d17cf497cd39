package dev.switchboard.executor;

import dev.switchboard.executor.DeviceSensors.Readings;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Devices of this machine: what CUDA offers, what they told last, and what an operator should know.
 *
 * @param visible the variable {@code CUDA_VISIBLE_DEVICES}; null where it is not set
 */
public record DeviceInventory(
    CudaDevices cuda, Readings readings, @Nullable String visible, List<DeviceFinding> findings) {

  public DeviceInventory {
    findings = List.copyOf(findings);
  }

  /** Asks driver and sensors; never throws. */
  public static DeviceInventory take(DeviceSensors sensors, @Nullable String visible) {
    return of(CudaDevices.probe(), sensors, visible);
  }

  private static DeviceInventory of(
      CudaDevices cuda, DeviceSensors sensors, @Nullable String visible) {
    Readings readings = sensors.read(cuda.devices());
    return new DeviceInventory(cuda, readings, visible, DeviceFinding.all(cuda, readings, visible));
  }

  /** What CUDA offers does not change while a process lives; what devices tell is read again. */
  public DeviceInventory again(DeviceSensors sensors) {
    return of(cuda, sensors, visible);
  }

  /** Whether there is anything to read again. */
  public boolean hasDevices() {
    return !cuda.devices().isEmpty() || !readings.devices().isEmpty();
  }
}
