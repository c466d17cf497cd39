package dev.switchboard.console.replica;

/** What the heat map of ranks can show. */
public enum Metric {
  SKEW("Skew", "a rank's median step over that of the fastest rank of its stage"),
  COMPUTE("Compute", "mean time that a rank computed, of its latest steps"),
  WAITING("Waiting", "mean time that a rank waited for others, of its latest steps"),
  OFF_CPU("Off-CPU", "mean time that a rank had work and no core, of its latest steps"),
  LATE("Late", "mean time that others of the stage waited for this rank, of its latest steps"),
  BANDWIDTH("Bandwidth", "bytes that a rank read and moved over the time that it computed"),
  HEARTBEAT("Heartbeat", "time since a rank finished its last step; grows while nothing runs");

  private final String title;
  private final String about;

  Metric(String title, String about) {
    this.title = title;
    this.about = about;
  }

  public String title() {
    return title;
  }

  public String about() {
    return about;
  }
}
