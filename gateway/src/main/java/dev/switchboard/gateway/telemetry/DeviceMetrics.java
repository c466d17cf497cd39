package dev.switchboard.gateway.telemetry;

import dev.switchboard.gateway.fleet.DeviceReport;
import io.prometheus.metrics.core.metrics.Counter;
import io.prometheus.metrics.core.metrics.Gauge;
import java.util.List;

/**
 * What workers tell of their devices, as series. What a device does not tell has none. Errors are
 * counted since a driver's start, which is longer than a worker's: what a worker finds at its start
 * was there before it, so only the growth is added.
 */
final class DeviceMetrics {
  private static final List<String> THROTTLES =
      List.of("power_cap", "thermal", "hardware", "power_brake", "sync_boost");

  private final Gauge utilisation;
  private final Gauge memoryUtilisation;
  private final Gauge memory;
  private final Gauge temperature;
  private final Gauge power;
  private final Gauge clock;
  private final Gauge throttled;
  private final Gauge remapPending;
  private final Counter errors;

  DeviceMetrics(MetricRegistry made) {
    utilisation = made.gauge(Metric.DEVICE_UTILISATION);
    memoryUtilisation = made.gauge(Metric.DEVICE_MEMORY_UTILISATION);
    memory = made.gauge(Metric.DEVICE_MEMORY);
    temperature = made.gauge(Metric.DEVICE_TEMPERATURE);
    power = made.gauge(Metric.DEVICE_POWER);
    clock = made.gauge(Metric.DEVICE_CLOCK);
    throttled = made.gauge(Metric.DEVICE_THROTTLED);
    remapPending = made.gauge(Metric.DEVICE_ROW_REMAP_PENDING);
    errors = made.counter(Metric.DEVICE_ECC_ERRORS);
  }

  void report(String replica, List<DeviceReport> before, List<DeviceReport> now) {
    for (DeviceReport device : before) {
      if (now.stream().noneMatch(each -> each.device() == device.device())) {
        gone(replica, device);
      }
    }
    for (DeviceReport device : now) {
      String number = Integer.toString(device.device());
      held(replica, number, device);
      before.stream()
          .filter(each -> each.device() == device.device())
          .findFirst()
          .ifPresentOrElse(
              earlier -> errors(replica, number, earlier, device),
              () -> errors(replica, number, device, device));
    }
  }

  private void held(String replica, String number, DeviceReport device) {
    set(utilisation, device.utilisation(), replica, number);
    set(memoryUtilisation, device.memoryUtilisation(), replica, number);
    set(memory, device.memoryBytes(), replica, number, "total");
    set(memory, device.usedBytes(), replica, number, "used");
    set(temperature, device.celsius(), replica, number);
    set(power, device.watts(), replica, number, "drawn");
    set(power, device.limitWatts(), replica, number, "limit");
    set(clock, device.clockMhz() * 1e6, replica, number);
    for (String reason : THROTTLES) {
      set(throttled, device.throttles().contains(reason) ? 1 : 0, replica, number, reason);
    }
    set(remapPending, device.remapPending() ? 1 : 0, replica, number);
  }

  private static void set(Gauge gauge, double value, String... labels) {
    if (Double.isNaN(value)) {
      gauge.remove(labels);
    } else {
      gauge.labelValues(labels).set(value);
    }
  }

  private void errors(String replica, String number, DeviceReport before, DeviceReport now) {
    errors(replica, number, "corrected", before.corrected(), now.corrected());
    errors(replica, number, "uncorrected", before.uncorrected(), now.uncorrected());
  }

  private void errors(String replica, String number, String kind, long before, long now) {
    if (now >= 0) {
      long growth = now < before ? now : now - Math.max(0, before);
      errors.labelValues(replica, number, kind).inc(growth);
    }
  }

  void gone(String replica, DeviceReport device) {
    String number = Integer.toString(device.device());
    for (Gauge gauge : List.of(utilisation, memoryUtilisation, temperature, clock, remapPending)) {
      gauge.remove(replica, number);
    }
    for (String kind : List.of("total", "used")) {
      memory.remove(replica, number, kind);
    }
    for (String kind : List.of("drawn", "limit")) {
      power.remove(replica, number, kind);
    }
    for (String reason : THROTTLES) {
      throttled.remove(replica, number, reason);
    }
  }
}
