package dev.switchboard.executor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.executor.CudaDevices.ComputeMode;
import dev.switchboard.executor.CudaDevices.Device;
import dev.switchboard.executor.CudaDevices.Driver;
import dev.switchboard.executor.CudaDevices.Peer;
import dev.switchboard.executor.DeviceReading.Sharer;
import dev.switchboard.executor.DeviceReading.Throttle;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the bindings make of a driver's answers. */
class DeviceInventoryIT {
  private static DeviceInventory take(@Nullable String visible, String... lines) {
    FakeDriver.set(lines);
    DeviceSensors sensors = new DeviceSensors();
    try {
      return DeviceInventory.take(sensors, visible);
    } finally {
      sensors.close();
    }
  }

  @Test
  void aDeviceIsDescribedWhole() {
    CudaDevices cuda = take(null).cuda();

    assertEquals(new Driver.Works(13000), cuda.driver());
    assertEquals(
        List.of(
            new Device(
                0,
                "NVIDIA H100 80GB HBM3",
                "a0a0a0a0-a0a0-a0a0-a0a0-a0a0a0a0a0a0",
                "0000:1b:00.0",
                9,
                0,
                132,
                81559L << 20,
                50 << 20,
                232448,
                3_352_320_000_000L,
                true,
                ComputeMode.SHARED)),
        cuda.devices());
  }

  @Test
  void everyOrderedPairOfDevicesHasALink() {
    List<Peer> linked = take(null, "devices 3").cuda().peers();
    List<Peer> apart = take(null, "devices 2", "peers 0").cuda().peers();

    assertEquals(6, linked.size());
    assertTrue(linked.contains(new Peer(0, 2, true, true, 1)));
    assertEquals(List.of(new Peer(0, 1, false, false, 0), new Peer(1, 0, false, false, 0)), apart);
  }

  @Test
  void aReadingIsOfTheDeviceOnTheSameBus() {
    DeviceInventory inventory =
        take(null, "devices 2", "throttle 0x44", "process 4711", "corrected 3", "remapped 1");
    DeviceReading second = inventory.readings().devices().get(1);

    assertEquals("580.65.06", inventory.readings().driver());
    assertEquals(List.of(1), second.ordinals());
    assertEquals("GPU-" + inventory.cuda().devices().get(1).uuid(), second.uuid());
    assertEquals(0.75, second.utilisation());
    assertEquals(0.4, second.memoryUtilisation());
    assertEquals(512L << 20, second.usedBytes());
    assertEquals((81559L - 512) << 20, second.freeBytes());
    assertEquals(61, second.celsius());
    assertEquals(412.5, second.watts());
    assertEquals(700.0, second.limitWatts());
    assertEquals(1755, second.clockMhz());
    assertEquals(1980, second.mostClockMhz());
    assertEquals(Set.of(Throttle.POWER_CAP, Throttle.THERMAL), second.throttles());
    assertEquals(new DeviceReading.Ecc(true, true, 3L, 0L, 1, false, false), second.ecc());
    assertEquals(List.of(new Sharer(4711, 1L << 30)), second.sharers());
  }

  @Test
  void whatADeviceDoesNotTellIsAbsent() {
    DeviceReading reading = take(null, "unsupported 1").readings().devices().getFirst();

    assertNull(reading.utilisation());
    assertNull(reading.celsius());
    assertNull(reading.watts());
    assertNull(reading.mig());
    assertNull(reading.ecc().on());
    assertNull(reading.ecc().uncorrected());
    assertEquals(Set.of(), reading.throttles());
    assertEquals(81559L << 20, reading.memoryBytes());
  }

  @Test
  void aSecondReadingTellsWhatChanged() {
    FakeDriver.set("celsius 50");
    DeviceSensors sensors = new DeviceSensors();
    DeviceInventory first = DeviceInventory.take(sensors, null);
    FakeDriver.set("celsius 90");
    sensors.close();
    DeviceInventory second = first.again(sensors);
    sensors.close();

    assertEquals(50, first.readings().devices().getFirst().celsius());
    assertEquals(90, second.readings().devices().getFirst().celsius());
    assertEquals(first.cuda(), second.cuda());
  }

  /** Settings apart by a slash; the finding; what its message must have. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          version 12040 / driver 550.54.15 | driver_too_old | driver 550.54.15 supports CUDA 12.4 and 13.0 is needed: install driver 580 or newer, or on devices for data centres the package cuda-compat-13-0
          devices 0 | no_device | the driver has no device: the CPU computes
          init 803 / nvml_init 18 | driver_mismatch | (CUDA_ERROR_SYSTEM_DRIVER_MISMATCH, as the fake says): reboot
          init 802 | system_not_ready | (CUDA_ERROR_SYSTEM_NOT_READY, as the fake says): start nvidia-fabricmanager
          init 804 | driver_too_old | cuda-compat does not serve this machine's devices
          init 999 / nvml_init 9 | driver_failed | CUDA_ERROR_UNKNOWN, as the fake says; libnvidia-ml.so.1: Driver Not Loaded (9)
          init 34 | driver_failed | is the toolkit's stub
          capability 75 | device_too_old | has compute capability 7.5, and 8.0 is needed
          mode 2 | device_prohibited | `nvidia-smi -i 0000:1b:00.0 -c DEFAULT`
          mode 3 / process 4711 | device_busy | is busy: it is in compute mode exclusive and process 4711 has it
          name NVIDIA H100 MIG 1g.10gb / mig 1 | mig_instance | device 0 (NVIDIA H100 MIG 1g.10gb) is a MIG instance
          devices 0 / nvml_devices 1 / mig 1 | mig_without_instance | `nvidia-smi mig -cgi`
          ecc 0 / ecc_next 1 | ecc_pending | ECC is off and will be on after the next reset
          uncorrected 2 | ecc_errors | had 2 memory errors that were not corrected
          remap_pending 1 | row_remap_pending | drain and reset it
          remap_failed 1 | row_remap_failed | has no spare row left
          nvml_init 9 | no_sensors | devices tell no state: libnvidia-ml.so.1: Driver Not Loaded (9)
          """)
  void eachTroubleIsNamed(String settings, String code, String message) {
    List<DeviceFinding> findings = take(null, settings.split(" / ")).findings();

    assertEquals(1, findings.size(), findings::toString);
    assertEquals(code, findings.getFirst().code().word());
    assertTrue(findings.getFirst().message().contains(message), findings::toString);
  }

  @Test
  void aHealthyMachineHasNoFindings() {
    assertEquals(List.of(), take(null, "devices 4").findings());
    assertEquals(List.of(), take("0,1", "devices 2", "nvml_devices 8", "mode 3").findings());
  }

  @Test
  void devicesThatTheEnvironmentHidesAreNotCalledMissing() {
    List<DeviceFinding> findings = take("", "devices 0", "nvml_devices 4").findings();

    assertEquals(DeviceFinding.Code.DEVICES_HIDDEN, findings.getFirst().code());
    assertEquals(
        "CUDA_VISIBLE_DEVICES=\"\" hides all 4 devices: unset it, or name devices by index or UUID;"
            + " the CPU computes",
        findings.getFirst().message());
    assertEquals(1, findings.size());
  }
}
