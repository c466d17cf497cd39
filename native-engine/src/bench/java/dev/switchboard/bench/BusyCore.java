package dev.switchboard.bench;

import java.io.IOException;
import java.util.concurrent.TimeUnit;

/** Another process that keeps one core busy until it is closed. */
final class BusyCore implements AutoCloseable {
  // It ends by itself should nobody be left to end it.
  private static final String SPIN =
      "end=$(($(date +%s) + 900)); while [ \"$(date +%s)\" -lt $end ]; do"
          + " i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); done; done";

  private final Process process;

  private BusyCore(Process process) {
    this.process = process;
  }

  static BusyCore start() throws IOException {
    return new BusyCore(
        new ProcessBuilder("sh", "-c", SPIN)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start());
  }

  @Override
  public void close() {
    process.destroyForcibly();
    try {
      process.waitFor(10, TimeUnit.SECONDS);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
