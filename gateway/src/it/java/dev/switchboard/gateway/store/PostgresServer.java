package dev.switchboard.gateway.store;

import dev.switchboard.testing.Await;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * A PostgreSQL of Debian's package on a free port, with its data in a folder of its own. PostgreSQL
 * refuses to run as root; there it runs as its own user.
 */
public final class PostgresServer implements AutoCloseable {

  private final Path bin;
  private final Path folder;
  private final int port;
  private final boolean root;

  /** Makes a database and starts it. */
  public PostgresServer() throws IOException {
    bin = binaries();
    root = "root".equals(System.getProperty("user.name"));
    folder = Files.createTempDirectory("switchboard-postgres");
    try (ServerSocket socket = new ServerSocket(0)) {
      port = socket.getLocalPort();
    }
    if (root) {
      run(List.of("chown", "postgres", folder.toString()));
    }
    server("initdb", "-D", data(), "-U", "switchboard", "-A", "trust", "--no-sync");
    begin();
    server(
        "psql",
        "-h",
        "127.0.0.1",
        "-p",
        "" + port,
        "-U",
        "switchboard",
        "-d",
        "postgres",
        "-c",
        "CREATE DATABASE switchboard");
  }

  private static Path binaries() throws IOException {
    Path versions = Path.of("/usr/lib/postgresql");
    if (!Files.isDirectory(versions)) {
      throw new AssertionError("the Debian package postgresql is missing; switchboard test has it");
    }
    try (Stream<Path> found = Files.list(versions)) {
      return found
          .filter(version -> Files.isExecutable(version.resolve("bin/initdb")))
          .max(Comparator.comparing(version -> Integer.valueOf(version.getFileName().toString())))
          .orElseThrow(() -> new AssertionError("no initdb below " + versions))
          .resolve("bin");
    }
  }

  private String data() {
    return folder.resolve("data").toString();
  }

  /** Where it is. */
  public String url() {
    return "jdbc:postgresql://127.0.0.1:" + port + "/switchboard";
  }

  /** Starts it again. */
  public void begin() throws IOException {
    server(
        "pg_ctl",
        "-D",
        data(),
        "-w",
        "-l",
        folder.resolve("log").toString(),
        "-o",
        "-p " + port + " -h 127.0.0.1 -k " + folder + " -F",
        "start");
  }

  /** Stops it, clients or not. */
  public void end() throws IOException {
    server("pg_ctl", "-D", data(), "-m", "immediate", "-w", "stop");
  }

  /** Stops all of its processes where they are, which keep their connections. */
  public void freeze() throws IOException {
    signal("-STOP");
  }

  /** Lets them go on. */
  public void thaw() throws IOException {
    signal("-CONT");
  }

  /** The first process is signalled first, since it would start others meanwhile. */
  private void signal(String name) throws IOException {
    String first = Files.readAllLines(Path.of(data(), "postmaster.pid")).getFirst().strip();
    run(List.of("kill", name, first));
    for (ProcessHandle each :
        ProcessHandle.of(Long.parseLong(first)).orElseThrow().descendants().toList()) {
      try {
        run(List.of("kill", name, Long.toString(each.pid())));
      } catch (AssertionError failed) {
        // The first process ends those of connections that broke meanwhile.
        if (each.isAlive()) {
          throw failed;
        }
      }
    }
  }

  private void server(String program, String... arguments) throws IOException {
    List<String> command = new ArrayList<>();
    if (root) {
      command.addAll(List.of("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"));
    }
    command.add(bin.resolve(program).toString());
    command.addAll(List.of(arguments));
    run(command);
  }

  private void run(List<String> command) throws IOException {
    // Output goes to a file: the server would keep a pipe open, and reading it would never end.
    Path output = Path.of(folder + ".out");
    Process process =
        new ProcessBuilder(command)
            .directory(folder.toFile())
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    try {
      if (!process.waitFor(Await.LIMIT_SECONDS, TimeUnit.SECONDS) || process.exitValue() != 0) {
        throw new AssertionError(command + " failed: " + Files.readString(output));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
    Files.delete(output);
  }

  @Override
  public void close() throws IOException {
    server("pg_ctl", "-D", data(), "-m", "immediate", "-w", "stop");
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
