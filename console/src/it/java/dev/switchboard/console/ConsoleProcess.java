package dev.switchboard.console;

import dev.switchboard.console.api.Role;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;

/** The console as the launcher starts it. */
final class ConsoleProcess implements AutoCloseable {
  private final ChildProcess process;
  private final JsonNode ready;

  private ConsoleProcess(ChildProcess process, JsonNode ready) {
    this.process = process;
    this.ready = ready;
  }

  static ConsoleProcess start(Path folder, RealGateway gateway) throws Exception {
    return start(folder, gateway.admin());
  }

  /** Starts one before the gateway at that admin address, with more options. */
  static ConsoleProcess start(Path folder, String admin, String... more) throws Exception {
    Files.createDirectories(folder);
    StringBuilder keys = new StringBuilder();
    for (Role role : Role.values()) {
      keys.append(role.word()).append('=').append(RealGateway.KEYS.byRole().get(role)).append('\n');
    }
    Path file = Files.writeString(folder.resolve("keys"), keys);
    List<String> options = new ArrayList<>(List.of("--port", "0", "--gateway", "gw=" + admin));
    options.addAll(List.of("--state", folder.resolve("state").toString()));
    options.addAll(List.of("--keys-file", file.toString()));
    options.addAll(List.of(more));
    ChildProcess process = ChildProcess.start(command(options.toArray(String[]::new)));
    return new ConsoleProcess(process, process.await("ready"));
  }

  private static List<String> command(String... arguments) {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "@" + Path.of(System.getProperty("switchboard.home"), "console/jvm.options"),
                "-cp",
                System.getProperty("java.class.path"),
                ConsoleMain.class.getName()));
    command.addAll(List.of(arguments));
    return command;
  }

  /** What it says where it does not start. */
  static String fails(String... arguments) throws Exception {
    Process process = new ProcessBuilder(command(arguments)).redirectErrorStream(true).start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (process.waitFor() == 0) {
      throw new AssertionError("it ended well: " + said);
    }
    return said;
  }

  String url() {
    return ready.path("url").asString("");
  }

  long pid() {
    return process.pid();
  }

  /** How many objects of a class it keeps. */
  long kept(String type) throws IOException {
    Process histogram =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "jcmd").toString(),
                Long.toString(pid()),
                "GC.class_histogram")
            .start();
    try (BufferedReader lines = histogram.inputReader()) {
      return lines
          .lines()
          .map(line -> line.strip().split("\\s+"))
          .filter(columns -> columns.length > 3 && columns[3].equals(type))
          .mapToLong(columns -> Long.parseLong(columns[1]))
          .sum();
    }
  }

  JsonNode ready() {
    return ready;
  }

  /** Told to end, it ends, with this status. */
  int end() throws IOException {
    return process.end();
  }

  @Override
  public void close() throws IOException {
    process.close();
  }
}
