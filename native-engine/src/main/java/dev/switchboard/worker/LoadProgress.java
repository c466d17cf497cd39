package dev.switchboard.worker;

/** How far loading is; written by the loader, read by anyone. */
final class LoadProgress {

  /** Bytes of weights that are in place, of all. */
  record Bytes(long done, long total) {}

  private volatile Bytes bytes = new Bytes(0, 0);
  private volatile long loadNanos;

  void update(long done, long total) {
    bytes = new Bytes(done, total);
  }

  /** How long it took, from opening the file to an engine that can be asked. */
  void loaded(long nanos) {
    loadNanos = nanos;
  }

  /** 0 until it is loaded. */
  long loadNanos() {
    return loadNanos;
  }

  Bytes bytes() {
    return bytes;
  }
}
