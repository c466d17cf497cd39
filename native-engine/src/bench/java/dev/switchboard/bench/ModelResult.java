package dev.switchboard.bench;

import org.jspecify.annotations.Nullable;

/** All that was measured of one model. */
final class ModelResult {
  final String model;
  final Speeds ours;

  /** Null when no peer was measured beside. */
  final @Nullable Speeds peer;

  /** Weight bytes that one decode step reads. */
  long bytesPerToken;

  /** Multiply-adds with weights that one token of a prompt takes. */
  long macsPerToken;

  final Samples readBandwidth = new Samples();
  final Samples int8Peak = new Samples();
  final Samples bf16Peak = new Samples();

  /** From opening the file, which is in the page cache, to the first token of a short prompt. */
  final Samples loadSeconds = new Samples();

  /** Of a prompt of the prefill's length. */
  final Samples firstTokenMs = new Samples();

  /** Bytes of weights per second of decoding one sequence, of the round's read bandwidth. */
  final Samples shareOfRead = new Samples();

  /** Multiply-adds per second of prefill, of the round's peaks. */
  final Samples shareOfInt8 = new Samples();

  final Samples shareOfBf16 = new Samples();

  ModelResult(String model, int batches, boolean withPeer) {
    this.model = model;
    ours = new Speeds(batches);
    peer = withPeer ? new Speeds(batches) : null;
  }
}
