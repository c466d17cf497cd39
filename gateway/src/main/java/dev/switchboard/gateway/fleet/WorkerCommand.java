package dev.switchboard.gateway.fleet;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The command line of a local worker.
 *
 * @param java the JVM to run
 * @param classPath with the worker in it; the gateway's own has it
 * @param library path of {@code libswitchboard.so}
 */
public record WorkerCommand(Path java, String classPath, Path library) {
  private static final String MAIN_CLASS = "dev.switchboard.worker.WorkerMain";

  List<String> of(String id, ModelSpec model, WorkersConfig config, int threads) {
    List<String> command = new ArrayList<>();
    command.add(java.toString());
    command.addAll(config.javaOptions());
    command.addAll(List.of("-cp", classPath, MAIN_CLASS));
    command.addAll(List.of("--model", model.file().toString()));
    command.addAll(List.of("--model-name", model.servedName()));
    command.addAll(List.of("--id", id, "--port", "0", "--bind", "127.0.0.1"));
    command.addAll(List.of("--stages", Integer.toString(config.stages())));
    command.addAll(List.of("--ranks", Integer.toString(config.ranks())));
    command.addAll(List.of("--threads", Integer.toString(threads)));
    command.addAll(List.of("--library", library.toString(), "--exit-with-parent"));
    command.addAll(config.arguments());
    return command;
  }
}
