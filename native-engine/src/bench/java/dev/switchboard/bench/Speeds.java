package dev.switchboard.bench;

/** What one engine reached with one model, in tokens per second of all sequences together. */
final class Speeds {
  final Samples prefill = new Samples();
  final Samples[] decode;
  final Samples decodeBesideBusyCore = new Samples();

  /** Of what it reached undisturbed just before and after. */
  final Samples busyShare = new Samples();

  /** For so many batch sizes. */
  Speeds(int batches) {
    decode = new Samples[batches];
    for (int i = 0; i < batches; i++) {
      decode[i] = new Samples();
    }
  }
}
