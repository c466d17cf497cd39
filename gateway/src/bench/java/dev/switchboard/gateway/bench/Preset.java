package dev.switchboard.gateway.bench;

/** How much a run measures, where its options do not say. */
enum Preset {
  /** One short round: does it work, and about how fast. */
  QUICK(1, 2, 4, 4000, 100),
  /** The table of the module's README. */
  STANDARD(3, 8, 240, 20_000, 1000);

  final int rounds;

  /** Of each measurement. */
  final int seconds;

  /** Of load on each server before the first round, at most, so that its code is compiled. */
  final int warmSeconds;

  /** That a gateway sends to itself before that. */
  final int warmUpRequests;

  final int streams;

  Preset(int rounds, int seconds, int warmSeconds, int warmUpRequests, int streams) {
    this.rounds = rounds;
    this.seconds = seconds;
    this.warmSeconds = warmSeconds;
    this.warmUpRequests = warmUpRequests;
    this.streams = streams;
  }
}
