package dev.switchboard.executor;

/** Passes on how far loading is whenever that changed, and the first time. For one thread. */
final class LoadReports {
  private final NativeExecutor.LoadListener listener;
  private long doneBytes = -1;
  private long totalBytes = -1;

  LoadReports(NativeExecutor.LoadListener listener) {
    this.listener = listener;
  }

  void report(long newDoneBytes, long newTotalBytes) {
    if (newDoneBytes != doneBytes || newTotalBytes != totalBytes) {
      doneBytes = newDoneBytes;
      totalBytes = newTotalBytes;
      listener.loaded(doneBytes, totalBytes);
    }
  }
}
