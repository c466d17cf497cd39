package dev.switchboard.worker;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.testing.Await;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A worker in a process of its own, as a supervisor starts it. */
final class WorkerProcess implements AutoCloseable {
  static final Path MODEL =
      Path.of(
          System.getProperty("switchboard.home", ""),
          "native-engine/demo-model/switchboard-demo.gguf");

  private final Process process;
  private final BufferedReader events;

  WorkerProcess(String... options) {
    this(List.of(), List.of(options));
  }

  /**
   * @param machine options of its JVM
   */
  WorkerProcess(List<String> machine, List<String> options) {
    this(ProcessBuilder.Redirect.INHERIT, Map.of(), machine, options);
  }

  /** With more variables in its environment. */
  static WorkerProcess within(Map<String, String> environment, String... options) {
    return new WorkerProcess(
        ProcessBuilder.Redirect.INHERIT, environment, List.of(), List.of(options));
  }

  /** With its log in a file. */
  static WorkerProcess logging(Path log, List<String> machine, List<String> options) {
    return new WorkerProcess(ProcessBuilder.Redirect.to(log.toFile()), Map.of(), machine, options);
  }

  private WorkerProcess(
      ProcessBuilder.Redirect log,
      Map<String, String> environment,
      List<String> machine,
      List<String> options) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "--enable-native-access=ALL-UNNAMED",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-XX:+ExitOnOutOfMemoryError",
            "-Xmx224m"));
    command.addAll(machine);
    command.addAll(
        List.of("-cp", System.getProperty("java.class.path"), WorkerMain.class.getName()));
    command.addAll(List.of("--library", System.getProperty("switchboard.library")));
    command.addAll(options);
    try {
      ProcessBuilder builder = new ProcessBuilder(command).redirectError(log);
      builder.environment().putAll(environment);
      process = builder.start();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    events = process.inputReader(StandardCharsets.UTF_8);
  }

  /** Reads events until this one; fails when the process ends without it. */
  JsonNode await(String event) {
    try {
      for (String line = events.readLine(); line != null; line = events.readLine()) {
        JsonNode json = WorkerFixture.json(line);
        if (json.path("event").asText().equals(event)) {
          return json;
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    throw new AssertionError("the worker ended without " + event);
  }

  long pid() {
    return process.pid();
  }

  void terminate() {
    process.destroy();
  }

  void kill() {
    process.destroyForcibly();
  }

  /** Closes the end of its standard input that the parent holds. */
  void leave() {
    try {
      process.getOutputStream().close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Its exit code; null when it does not end. */
  @Nullable Integer exitCode() {
    try {
      return process.waitFor(Await.LIMIT_SECONDS, TimeUnit.SECONDS) ? process.exitValue() : null;
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void close() {
    process.destroyForcibly();
  }
}
