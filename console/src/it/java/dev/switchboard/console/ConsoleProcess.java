package dev.switchboard.console;

import dev.switchboard.console.api.Role;
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
                "-XX:+UseSerialGC",
                "-Xmx160m",
                "-XX:TieredStopAtLevel=1",
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
