package dev.switchboard.gateway.fleet;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.log.LogEncoder;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A worker's process. Its standard output is one JSON event a line; its standard error is its log,
 * whose lines look like the gateway's and become lines of it as they are. What else is said there,
 * by the JVM or a library, is told as an event of the gateway's. Its standard input stays open as
 * long as the gateway lives, so that a worker can notice its parent's death.
 */
final class WorkerProcess implements WorkerStarter.Running {
  private static final Logger LOG = LoggerFactory.getLogger(WorkerProcess.class);
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int SIGNAL_MS = 2000;

  private final Process process;

  /** While it stands still: what has it go on if nobody else does. */
  private volatile @Nullable Process guard;

  private WorkerProcess(Process process) {
    this.process = process;
  }

  /**
   * Starts a process.
   *
   * @param logged called with each line of its log, on that reader's thread
   * @param event called on the reader's thread, in order
   * @param exited called once, after its last event
   */
  static WorkerProcess start(
      String id,
      Launch launch,
      PrintStream log,
      Consumer<String> logged,
      Consumer<JsonNode> event,
      IntConsumer exited)
      throws IOException {
    Process process = launch.process().start();
    LOG.info("worker_started replica={} pid={}", id, process.pid());
    Thread events =
        Thread.ofPlatform()
            .daemon()
            .name(id + "-events")
            .start(() -> lines(process.getInputStream(), line -> parse(id, line, event)));
    WorkerProcess started = new WorkerProcess(process);
    Thread.ofPlatform()
        .daemon()
        .name(id + "-log")
        .start(
            () ->
                lines(
                    process.getErrorStream(),
                    line -> {
                      logged.accept(line);
                      log(id, line, log);
                    }));
    var _ =
        process
            .onExit()
            .thenAccept(
                ended -> {
                  joinBriefly(events);
                  started.dismiss();
                  exited.accept(ended.exitValue());
                });
    return started;
  }

  @Override
  public long pid() {
    return process.pid();
  }

  @Override
  public void terminate() {
    proceed();
    process.destroy();
  }

  @Override
  public void kill() {
    process.destroyForcibly();
  }

  /**
   * Its guard is a process too and hears no signal of a terminal, so that it is there when this one
   * ends without a word. By the time that it acts its charge may be gone and another process have
   * its number, to which going on means nothing.
   */
  @Override
  public void suspend(long mostMs) throws IOException {
    long seconds = mostMs / 1000 + 1;
    guard = shell("trap '' INT TERM HUP; sleep \"$2\"; kill -CONT \"$1\"", Long.toString(seconds));
    if (!signal("STOP")) {
      proceed();
      throw new IOException("its process takes no signal");
    }
  }

  @Override
  public void proceed() {
    if (guard == null) {
      return;
    }
    try {
      if (signal("CONT") || !process.isAlive()) {
        dismiss();
      }
    } catch (IOException e) {
      LOG.warn("worker_stands_still pid={}, until its guard acts", process.pid(), e);
    }
  }

  private void dismiss() {
    Process watching = guard;
    guard = null;
    if (watching != null) {
      List<ProcessHandle> sleeping = watching.descendants().toList();
      watching.destroyForcibly();
      sleeping.forEach(ProcessHandle::destroyForcibly);
    }
  }

  private boolean signal(String name) throws IOException {
    Process kill = shell("kill -\"$2\" \"$1\"", name);
    try {
      return kill.waitFor(SIGNAL_MS, TimeUnit.MILLISECONDS) && kill.exitValue() == 0;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /** Runs a line with the process's number as $1; a shell has its own kill, wherever this runs. */
  private Process shell(String line, String argument) throws IOException {
    return new ProcessBuilder("/bin/sh", "-c", line, "sh", Long.toString(process.pid()), argument)
        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
        .redirectError(ProcessBuilder.Redirect.DISCARD)
        .start();
  }

  @Override
  public void awaitEnd(long millis) throws InterruptedException {
    if (!process.waitFor(millis, TimeUnit.MILLISECONDS)) {
      process.destroyForcibly().waitFor();
    }
  }

  /** A dead worker's grandchild could hold the pipe open; its last event is worth a moment only. */
  private static void joinBriefly(Thread events) {
    try {
      events.join(100);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static void lines(InputStream in, Consumer<String> each) {
    try (BufferedReader reader =
        new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8))) {
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        each.accept(line);
      }
    } catch (IOException e) {
      LOG.debug("worker pipe closed", e);
    }
  }

  private static void log(String id, String line, PrintStream log) {
    if (LogEncoder.wrote(line)) {
      log.println(line);
    } else {
      LOG.warn("worker_said replica={} line={}", id, line);
    }
  }

  private static void parse(String id, String line, Consumer<JsonNode> event) {
    try {
      event.accept(JSON.readTree(line));
    } catch (JsonProcessingException e) {
      LOG.warn("worker_event_unreadable replica={} line={}", id, line);
    }
  }
}
