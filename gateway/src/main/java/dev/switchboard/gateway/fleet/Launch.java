package dev.switchboard.gateway.fleet;

import java.util.List;
import java.util.Map;

/**
 * How a process is started.
 *
 * @param environment what is set for it beside what the gateway's own environment has
 */
public record Launch(List<String> command, Map<String, String> environment) {
  private static final List<String> AGENT_VARIABLES =
      List.of("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS");

  public Launch {
    command = List.copyOf(command);
    environment = Map.copyOf(environment);
  }

  /** The process, to be started; agents of the gateway's JVM are not for it. */
  public ProcessBuilder process() {
    ProcessBuilder builder = new ProcessBuilder(command);
    AGENT_VARIABLES.forEach(builder.environment()::remove);
    builder.environment().putAll(environment);
    return builder;
  }
}
