package dev.switchboard.console.replica;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.json.JsonMapper;

class DevicesTest {
  private static final String DEVICE =
      """
      {"usable": true, "device": 0, "name": "NVIDIA H100", "pci_bus_id": "0000:1b:00.0",
       "memory_bytes": 85899345920, "bandwidth_gb_per_s": 3352, "utilisation_ratio": 0.75,
       "temperature_celsius": 61, "power_watts": 412.5, "clock_mhz": 1755, "mig": false,
       "throttles": ["power_cap", "thermal"], "ecc_uncorrected": 2, "row_remap_pending": true}
      """;

  private static Map<String, String> facts(String devices) {
    return Devices.facts(JsonMapper.builder().build().readTree("{\"devices\": [" + devices + "]}"));
  }

  @Test
  void aGpuIsShownWithItsUnits() {
    Map<String, String> facts = facts(DEVICE);

    assertEquals("NVIDIA H100", facts.get("Name"));
    assertEquals("0000:1b:00.0", facts.get("PCI bus id"));
    assertEquals("80 GiB", facts.get("Memory"));
    assertEquals("3,352 GB/s", facts.get("Bandwidth"));
    assertEquals("75 %", facts.get("Utilisation"));
    assertEquals("61 °C", facts.get("Temperature"));
    assertEquals("413 W", facts.get("Power"));
    assertEquals("1,755 MHz", facts.get("Clock"));
    assertEquals("power cap, thermal", facts.get("Throttles"));
    assertEquals("2", facts.get("ECC uncorrected"));
    assertEquals("yes", facts.get("Row remap pending"));
    assertEquals("no", facts.get("MIG"));
  }

  /** That fact is the instruction set of the CPU, or what it computes on instead. */
  @Test
  void aGpuDoesNotTakeThePlaceOfWhatTheEngineComputesOn() {
    assertFalse(facts(DEVICE).containsKey("Device"));
    assertEquals("0", facts(DEVICE).get("CUDA number"));
  }

  @Test
  void eightGpusAreShownWhole() {
    Map<String, String> facts = facts(DEVICE + (", " + DEVICE).repeat(7));

    assertEquals("yes", facts.get("Device 7: Row remap pending"));
    assertTrue(facts.containsKey("Device 0: Name"));
  }
}
