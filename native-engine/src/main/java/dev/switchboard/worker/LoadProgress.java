package dev.switchboard.worker;

/** How far loading is; written by the loader, read by anyone. */
final class LoadProgress {

  /** Bytes of weights that are in place, of all. */
  record Bytes(long done, long total) {}

  private volatile Bytes bytes = new Bytes(0, 0);

  void update(long done, long total) {
    bytes = new Bytes(done, total);
  }

  Bytes bytes() {
    return bytes;
  }
}
