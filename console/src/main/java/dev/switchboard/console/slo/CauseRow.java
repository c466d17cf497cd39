package dev.switchboard.console.slo;

/**
 * What made requests miss an objective.
 *
 * @param lateMs by how much they were later than their targets together; NaN where that is not
 *     known
 */
public record CauseRow(String cause, long requests, double lateMs) {
  /** The mean of a request. */
  double eachMs() {
    return lateMs / requests;
  }
}
