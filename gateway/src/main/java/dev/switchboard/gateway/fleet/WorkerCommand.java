package dev.switchboard.gateway.fleet;

import dev.switchboard.log.LogFormat;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The command line of a local worker.
 *
 * @param java the JVM to run
 * @param classPath with the worker in it; the gateway's own has it
 * @param library path of {@code libswitchboard.so}
 * @param startupCache the JVM's AOT cache of exactly this class path, which halves the time and the
 *     processor time that a worker needs to be ready; null for none
 * @param sockets folder in which a worker listens on a Unix socket and nowhere else; null has it
 *     listen on a port of loopback
 * @param logFormat of what it logs, which becomes lines of the gateway's log
 */
public record WorkerCommand(
    Path java,
    String classPath,
    Path library,
    @Nullable Path startupCache,
    @Nullable Path sockets,
    LogFormat logFormat) {
  private static final String INSPECTOR = "dev.switchboard.worker.InspectMain";
  private static final String MAIN_CLASS = "dev.switchboard.worker.WorkerMain";

  /**
   * A worker.
   *
   * @param model what clients call it
   * @param threads of a rank
   */
  Launch of(String id, String model, WorkerSpec worker, WorkersConfig config, int threads) {
    return new Launch(command(id, model, worker, config, threads), worker.environment());
  }

  private List<String> command(
      String id, String model, WorkerSpec worker, WorkersConfig config, int threads) {
    List<String> command = java(config);
    command.addAll(List.of("-cp", classPath, MAIN_CLASS));
    command.addAll(List.of("--model", worker.file().toString()));
    command.addAll(List.of("--model-name", model));
    command.addAll(List.of("--id", id));
    if (sockets == null) {
      command.addAll(List.of("--port", "0", "--bind", "127.0.0.1"));
    } else {
      command.addAll(List.of("--socket", sockets.resolve(id + ".sock").toString()));
    }
    command.addAll(List.of("--stages", Integer.toString(worker.stages())));
    command.addAll(List.of("--ranks", Integer.toString(worker.ranks())));
    command.addAll(List.of("--threads", Integer.toString(threads)));
    command.addAll(List.of("--library", library.toString(), "--exit-with-parent"));
    command.addAll(List.of("--log-format", logFormat.word()));
    command.addAll(worker.arguments());
    return command;
  }

  /** What a worker of a model would take, told without starting one. */
  Launch plan(String model, WorkerSpec worker, WorkersConfig config, int threads) {
    List<String> command = command("plan", model, worker, config, threads);
    command.add("--plan");
    return new Launch(command, worker.environment());
  }

  /** What files hold. */
  Launch inspect(List<Path> files, WorkersConfig config) {
    List<String> command = java(config);
    command.addAll(List.of("-cp", classPath, INSPECTOR));
    files.forEach(file -> command.add(file.toString()));
    return new Launch(command, Map.of());
  }

  private List<String> java(WorkersConfig config) {
    List<String> command = new ArrayList<>();
    command.add(java.toString());
    if (startupCache != null) {
      // A cache that does not fit is ignored with a warning, which must not mix with the events.
      command.addAll(List.of("-Xlog:disable", "-Xlog:all=warning:stderr"));
      command.add("-XX:AOTCache=" + startupCache);
    }
    command.add("-Xmx" + config.heapMb() + "m");
    command.addAll(config.javaOptions());
    return command;
  }
}
