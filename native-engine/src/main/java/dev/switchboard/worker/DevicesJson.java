package dev.switchboard.worker;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.switchboard.executor.CudaDevices;
import dev.switchboard.executor.CudaDevices.Device;
import dev.switchboard.executor.CudaDevices.Driver;
import dev.switchboard.executor.CudaDevices.Peer;
import dev.switchboard.executor.DeviceFinding;
import dev.switchboard.executor.DeviceInventory;
import dev.switchboard.executor.DeviceReading;
import dev.switchboard.executor.DeviceReading.Sharer;
import java.io.IOException;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Devices as {@code /engine/v1/devices} and {@code /engine/v1/state} tell them. */
final class DevicesJson {
  private DevicesJson() {}

  /**
   * All that is known.
   *
   * @param ageNanos since it was read
   */
  static String document(DeviceInventory inventory, long ageNanos) {
    return Json.object(
        json -> {
          json.writeNumberField("age_ms", Math.round(ageNanos / 1e3) / 1e3);
          driver(json, inventory);
          text(json, "visible_devices", inventory.visible());
          json.writeArrayFieldStart("findings");
          for (DeviceFinding finding : inventory.findings()) {
            finding(json, finding);
          }
          json.writeEndArray();
          devices(json, inventory, true);
          json.writeArrayFieldStart("peers");
          for (Peer peer : inventory.cuda().peers()) {
            peer(json, peer);
          }
          json.writeEndArray();
        });
  }

  private static void driver(JsonGenerator json, DeviceInventory inventory) throws IOException {
    json.writeObjectFieldStart("driver");
    String problem = null;
    String state = "works";
    String cuda = null;
    switch (inventory.cuda().driver()) {
      case Driver.Absent(String why) -> {
        state = "absent";
        problem = why;
      }
      case Driver.Refused refused -> {
        state = "failed";
        problem = refused.name() + ": " + refused.text();
      }
      case Driver.Works(int version) -> cuda = DeviceFinding.text(version);
    }
    json.writeStringField("state", state);
    text(json, "version", emptyToNull(inventory.readings().driver()));
    text(json, "cuda", cuda);
    json.writeStringField("needed_cuda", DeviceFinding.text(CudaDevices.NEEDED_VERSION));
    text(json, "problem", problem);
    text(json, "sensors_problem", inventory.readings().problem());
    json.writeEndObject();
  }

  private static void finding(JsonGenerator json, DeviceFinding finding) throws IOException {
    json.writeStartObject();
    json.writeStringField("code", finding.code().word());
    json.writeStringField("level", finding.code().level().word());
    json.writeStringField("message", finding.message());
    json.writeEndObject();
  }

  private static void peer(JsonGenerator json, Peer peer) throws IOException {
    json.writeStartObject();
    json.writeNumberField("from", peer.from());
    json.writeNumberField("to", peer.to());
    json.writeBooleanField("access", peer.access());
    json.writeBooleanField("atomics", peer.atomics());
    json.writeNumberField("performance_rank", peer.rank());
    json.writeEndObject();
  }

  /**
   * Every device that CUDA offers, then those of the machine that it does not.
   *
   * @param whole with the processes on them
   */
  static void devices(JsonGenerator json, DeviceInventory inventory, boolean whole)
      throws IOException {
    List<DeviceReading> readings = inventory.readings().devices();
    json.writeArrayFieldStart("devices");
    for (Device device : inventory.cuda().devices()) {
      DeviceReading reading =
          readings.stream()
              .filter(each -> each.ordinals().contains(device.ordinal()))
              .findFirst()
              .orElse(null);
      one(json, device, reading, whole);
    }
    for (DeviceReading reading : readings) {
      if (reading.ordinals().isEmpty()) {
        one(json, null, reading, whole);
      }
    }
    json.writeEndArray();
  }

  private static void one(
      JsonGenerator json, @Nullable Device device, @Nullable DeviceReading reading, boolean whole)
      throws IOException {
    json.writeStartObject();
    json.writeBooleanField("usable", device != null);
    if (device != null) {
      offered(json, device);
    } else if (reading != null) {
      json.writeStringField("name", reading.name());
      json.writeStringField("uuid", reading.uuid());
      number(json, "memory_bytes", reading.memoryBytes());
    }
    if (reading != null) {
      // Sensors know the memory in use of whole devices only.
      if (device == null || !device.isMigInstance()) {
        number(json, "memory_used_bytes", reading.usedBytes());
        number(json, "memory_free_bytes", reading.freeBytes());
      }
      told(json, reading);
      if (whole) {
        processes(json, reading.sharers());
      }
    }
    json.writeEndObject();
  }

  private static void offered(JsonGenerator json, Device device) throws IOException {
    json.writeNumberField("device", device.ordinal());
    json.writeStringField("name", device.name());
    json.writeStringField("uuid", (device.isMigInstance() ? "MIG-" : "GPU-") + device.uuid());
    json.writeStringField("pci_bus_id", device.pciBusId());
    json.writeStringField("compute_capability", device.major() + "." + device.minor());
    json.writeNumberField("multiprocessors", device.multiprocessors());
    json.writeNumberField("memory_bytes", device.memoryBytes());
    json.writeNumberField("l2_bytes", device.l2Bytes());
    json.writeNumberField("shared_memory_bytes", device.sharedBytes());
    if (device.bandwidth() > 0) {
      json.writeNumberField("bandwidth_gb_per_s", Math.round(device.bandwidth() / 1e9));
    }
    json.writeStringField("compute_mode", device.mode().word());
    json.writeBooleanField("ecc", device.ecc());
    json.writeBooleanField("mig_instance", device.isMigInstance());
  }

  private static void told(JsonGenerator json, DeviceReading reading) throws IOException {
    json.writeNumberField("index", reading.index());
    flag(json, "mig", reading.mig());
    number(json, "utilisation_ratio", reading.utilisation());
    number(json, "memory_utilisation_ratio", reading.memoryUtilisation());
    number(json, "temperature_celsius", reading.celsius());
    number(json, "power_watts", reading.watts());
    number(json, "power_limit_watts", reading.limitWatts());
    number(json, "clock_mhz", reading.clockMhz());
    number(json, "clock_limit_mhz", reading.mostClockMhz());
    number(json, "memory_clock_mhz", reading.memoryClockMhz());
    json.writeArrayFieldStart("throttles");
    Stream<String> words = reading.throttles().stream().map(DeviceReading.Throttle::word).sorted();
    for (String word : words.toList()) {
      json.writeString(word);
    }
    json.writeEndArray();
    number(json, "ecc_corrected", reading.ecc().corrected());
    number(json, "ecc_uncorrected", reading.ecc().uncorrected());
    number(json, "rows_remapped", reading.ecc().rowsRemapped());
    json.writeBooleanField("row_remap_pending", reading.ecc().remapPending());
    json.writeBooleanField("row_remap_failed", reading.ecc().remapFailed());
  }

  private static void processes(JsonGenerator json, List<Sharer> sharers) throws IOException {
    json.writeArrayFieldStart("processes");
    for (Sharer sharer : sharers) {
      json.writeStartObject();
      json.writeNumberField("pid", sharer.pid());
      number(json, "memory_bytes", sharer.bytes());
      json.writeEndObject();
    }
    json.writeEndArray();
  }

  private static void number(JsonGenerator json, String name, @Nullable Number value)
      throws IOException {
    switch (value) {
      case null -> {}
      case Double real -> json.writeNumberField(name, real);
      default -> json.writeNumberField(name, value.longValue());
    }
  }

  private static void flag(JsonGenerator json, String name, @Nullable Boolean value)
      throws IOException {
    if (value != null) {
      json.writeBooleanField(name, value);
    }
  }

  private static void text(JsonGenerator json, String name, @Nullable String value)
      throws IOException {
    if (value != null) {
      json.writeStringField(name, value);
    }
  }

  private static @Nullable String emptyToNull(String text) {
    return text.isEmpty() ? null : text;
  }
}
