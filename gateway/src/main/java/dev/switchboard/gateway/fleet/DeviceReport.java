package dev.switchboard.gateway.fleet;

import java.util.Set;

/**
 * One device that a replica's engine may compute on, as its driver last told it. Not a number, or
 * −1 of what is counted, is what the device does not tell.
 *
 * @param device its number at that worker
 * @param utilisation share of the time in which a kernel ran
 * @param memoryUtilisation share of the time in which memory was read or written
 * @param limitWatts what it may draw
 * @param clockMhz of its multiprocessors
 * @param throttles why its clock is lower than it may be
 * @param corrected memory errors since the driver's start
 */
public record DeviceReport(
    int device,
    double utilisation,
    double memoryUtilisation,
    double memoryBytes,
    double usedBytes,
    double celsius,
    double watts,
    double limitWatts,
    double clockMhz,
    Set<String> throttles,
    long corrected,
    long uncorrected,
    boolean remapPending) {
  public DeviceReport {
    throttles = Set.copyOf(throttles);
  }
}
