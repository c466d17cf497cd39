package dev.switchboard.gateway.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Predicate;
import java.util.stream.Stream;

/** A server that takes part in a measurement: a process on one core, with what it used of it. */
final class ServerProcess implements AutoCloseable {
  private static final int STOP_SECONDS = 10;
  private static final int START_MS = 180_000;

  private final Process process;
  private final Path log;

  private ServerProcess(Process process, Path log) {
    this.process = process;
    this.log = log;
  }

  /**
   * Starts a command.
   *
   * @param cores where it runs, as taskset has them; empty for wherever this process may
   * @param log takes its standard error
   */
  static ServerProcess start(
      String cores, Path log, Map<String, String> environment, List<String> command)
      throws IOException {
    List<String> pinned = new ArrayList<>();
    if (!cores.isEmpty()) {
      pinned.addAll(List.of("taskset", "-c", cores));
    }
    pinned.addAll(command);
    ProcessBuilder builder = new ProcessBuilder(pinned);
    builder.redirectError(log.toFile());
    builder.environment().keySet().removeIf(name -> name.startsWith("OTEL_"));
    builder.environment().putAll(environment);
    Process process = builder.start();
    // Whoever interrupts the measurement wants its servers gone as well.
    Runtime.getRuntime().addShutdownHook(new Thread(process::destroy));
    return new ServerProcess(process, log);
  }

  /** Waits for a line of its standard output, for a while; later ones are read and dropped. */
  String await(Predicate<String> wanted) throws IOException {
    AtomicBoolean found = new AtomicBoolean();
    Thread.ofVirtual().start(() -> endUnless(found));
    BufferedReader reader =
        new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    for (String line = reader.readLine(); line != null; line = reader.readLine()) {
      if (wanted.test(line)) {
        found.set(true);
        Thread.ofPlatform().daemon().start(() -> drop(reader));
        return line;
      }
    }
    throw new IOException(process.info().command().orElse("?") + " ended:\n" + tail());
  }

  /** Writes a line to its standard input. */
  void tell(String line) throws IOException {
    OutputStream input = process.getOutputStream();
    input.write((line + "\n").getBytes(StandardCharsets.UTF_8));
    input.flush();
  }

  /** What has its standard error. */
  Path log() {
    return log;
  }

  long pid() {
    return process.pid();
  }

  /** Asks it to end and waits for that; says with which status it did. */
  int terminate(int seconds) throws IOException {
    process.destroy();
    try {
      if (!process.waitFor(seconds, TimeUnit.SECONDS)) {
        throw new IOException("a server did not end within " + seconds + " s:\n" + tail());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
    return process.exitValue();
  }

  /** Ends it as kill -9 does. */
  void kill() throws IOException {
    try {
      int _ = process.destroyForcibly().waitFor();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }

  /** Fails when it has ended. */
  void requireAlive() throws IOException {
    if (!process.isAlive()) {
      throw new IOException("a server ended:\n" + tail());
    }
  }

  private void endUnless(AtomicBoolean found) {
    try {
      Thread.sleep(START_MS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    if (!found.get()) {
      process.destroyForcibly();
    }
  }

  private static void drop(BufferedReader reader) {
    try {
      while (reader.readLine() != null) {
        // A full pipe would stop it.
      }
    } catch (IOException e) {
      // It has ended.
    }
  }

  private String tail() throws IOException {
    String text = Files.readString(log);
    return text.substring(Math.max(0, text.length() - 2000));
  }

  /** Processor time of it and its children so far. */
  double cpuSeconds() throws IOException {
    double seconds = ProcessorTime.seconds(process.pid());
    List<Long> children = process.descendants().map(ProcessHandle::pid).toList();
    for (long child : children) {
      seconds += ProcessorTime.seconds(child);
    }
    return seconds;
  }

  /** Resident memory. */
  long residentBytes() throws IOException {
    try (Stream<String> lines = Files.lines(Path.of("/proc/" + process.pid() + "/status"))) {
      return lines
          .filter(line -> line.startsWith("VmRSS:"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) * 1024)
          .findFirst()
          .orElse(0);
    }
  }

  @Override
  public void close() {
    process.descendants().forEach(ProcessHandle::destroy);
    process.destroy();
    try {
      if (!process.waitFor(STOP_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      process.destroyForcibly();
    }
  }
}
