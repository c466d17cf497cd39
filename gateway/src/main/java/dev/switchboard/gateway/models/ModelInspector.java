package dev.switchboard.gateway.models;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.gateway.models.ModelFolder.Found;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads model files in processes of their own, one at a time: the worker's own code says what it
 * could serve and what it would take, and a file that is damaged, or cut short while it is read,
 * harms nobody. What files hold is remembered until they are other files. Blocks.
 */
public final class ModelInspector {
  private static final Logger LOG = LoggerFactory.getLogger(ModelInspector.class);
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int SECONDS = 30;
  private static final int MOST_LINE_CHARS = 65_536;
  private static final int MOST_REMEMBERED = 1024;

  /** Named on one command line. */
  private static final int MOST_AT_ONCE = 64;

  private static final List<String> AGENT_VARIABLES =
      List.of("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS");

  private final Function<List<Path>, List<String>> command;
  private final Map<Found, ModelHeader> remembered = new LinkedHashMap<>();

  /** What became of asking for a plan. */
  public sealed interface Answer {
    /** It could be served. */
    record Planned(MemoryNeed need) implements Answer {}

    /**
     * No worker can serve the file.
     *
     * @param reason a stable word
     */
    record Refused(String reason, String message) implements Answer {}
  }

  /**
   * @param command of the process that tells what files hold
   */
  public ModelInspector(Function<List<Path>, List<String>> command) {
    this.command = command;
  }

  /** What files hold; those that could not be read in time are missing. */
  public synchronized Map<Found, ModelHeader> headers(List<Found> files) {
    List<Found> unknown = new ArrayList<>(files);
    unknown.removeIf(remembered::containsKey);
    for (int from = 0; from < unknown.size(); from += MOST_AT_ONCE) {
      List<Found> some = unknown.subList(from, Math.min(unknown.size(), from + MOST_AT_ONCE));
      if (!read(some)) {
        break;
      }
    }
    Map<Found, ModelHeader> known = new LinkedHashMap<>();
    for (Found file : files) {
      ModelHeader header = remembered.get(file);
      if (header != null) {
        known.put(file, header);
      }
    }
    forget();
    return known;
  }

  private boolean read(List<Found> files) {
    List<JsonNode> lines = run(command.apply(files.stream().map(Found::path).toList()));
    for (int i = 0; i < Math.min(lines.size(), files.size()); i++) {
      remembered.put(files.get(i), ModelHeader.of(lines.get(i)));
    }
    return lines.size() >= files.size();
  }

  private void forget() {
    while (remembered.size() > MOST_REMEMBERED) {
      remembered.remove(remembered.keySet().iterator().next());
    }
  }

  /** What a worker would take; null when that could not be learned. */
  public synchronized @Nullable Answer plan(List<String> plan) {
    for (JsonNode line : run(plan)) {
      switch (line.path("event").asText()) {
        case "planned" -> {
          return new Answer.Planned(MemoryNeed.of(line));
        }
        case "failed" -> {
          return new Answer.Refused(line.path("reason").asText(), line.path("message").asText());
        }
        default -> LOG.debug("model_inspector_said line={}", line);
      }
    }
    return null;
  }

  /** The lines that a process tells within its time. */
  private static List<JsonNode> run(List<String> arguments) {
    List<JsonNode> lines = new ArrayList<>();
    ProcessBuilder builder = new ProcessBuilder(arguments);
    AGENT_VARIABLES.forEach(builder.environment()::remove);
    builder.redirectError(ProcessBuilder.Redirect.DISCARD);
    try {
      Process process = builder.start();
      var _ =
          process
              .onExit()
              .completeOnTimeout(process, SECONDS, TimeUnit.SECONDS)
              .thenAccept(Process::destroyForcibly);
      try (BufferedReader reader = process.inputReader(StandardCharsets.UTF_8)) {
        for (String line = reader.readLine(); line != null; line = reader.readLine()) {
          add(line, lines);
        }
      } finally {
        process.destroyForcibly();
      }
    } catch (IOException e) {
      LOG.warn("model_inspector_failed reason=\"{}\"", e.getMessage());
    }
    return lines;
  }

  private static void add(String line, List<JsonNode> lines) {
    try {
      if (line.length() <= MOST_LINE_CHARS) {
        lines.add(JSON.readTree(line));
      }
    } catch (JsonProcessingException e) {
      LOG.warn("model_inspector_unreadable line={}", line);
    }
  }
}
