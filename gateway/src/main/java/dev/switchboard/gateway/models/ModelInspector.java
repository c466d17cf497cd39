package dev.switchboard.gateway.models;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.gateway.fleet.Launch;
import dev.switchboard.gateway.models.ModelFolder.Found;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
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
  private static final int MOST_COMPLAINT_CHARS = 300;
  private static final int MOST_REMEMBERED = 1024;

  /** Named on one command line. */
  private static final int MOST_AT_ONCE = 64;

  private final Function<List<Path>, Launch> inspection;
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

    /**
     * Nobody knows.
     *
     * @param why for people
     */
    record Unknown(String why) implements Answer {}
  }

  /**
   * What a process told.
   *
   * @param end how it ended, for people
   */
  private record Output(List<JsonNode> lines, String end) {}

  /**
   * @param inspection the process that tells what files hold
   */
  public ModelInspector(Function<List<Path>, Launch> inspection) {
    this.inspection = inspection;
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
    Output told = run(inspection.apply(files.stream().map(Found::path).toList()));
    List<JsonNode> lines = told.lines();
    for (int i = 0; i < Math.min(lines.size(), files.size()); i++) {
      remembered.put(files.get(i), ModelHeader.of(lines.get(i)));
    }
    if (lines.size() < files.size()) {
      LOG.warn(
          "model_files_not_read file={} reason=\"{}\"", files.get(lines.size()).name(), told.end());
    }
    return lines.size() >= files.size();
  }

  private void forget() {
    while (remembered.size() > MOST_REMEMBERED) {
      remembered.remove(remembered.keySet().iterator().next());
    }
  }

  /** What a worker would take. */
  public synchronized Answer plan(Launch plan) {
    Output told = run(plan);
    for (JsonNode line : told.lines()) {
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
    LOG.warn("model_not_planned reason=\"{}\"", told.end());
    return new Answer.Unknown(told.end());
  }

  /** The lines that a process tells within its time. */
  private static Output run(Launch launch) {
    List<JsonNode> lines = new ArrayList<>();
    try {
      Process process = launch.process().start();
      CompletableFuture<String> complaint =
          CompletableFuture.supplyAsync(() -> lastLine(process), Thread::startVirtualThread);
      // One that ended in time is left alone: to end it again would close what it told, unread.
      CompletableFuture<Boolean> late =
          process
              .onExit()
              .thenApply(ended -> false)
              .completeOnTimeout(true, SECONDS, TimeUnit.SECONDS)
              .whenComplete((ran, never) -> endLate(process, ran));
      try (BufferedReader reader = process.inputReader(StandardCharsets.UTF_8)) {
        for (String line = reader.readLine(); line != null; line = reader.readLine()) {
          add(line, lines);
        }
        return new Output(
            lines,
            end(process, late.join(), complaint.completeOnTimeout("", 1, TimeUnit.SECONDS).join()));
      } finally {
        process.destroyForcibly();
      }
    } catch (IOException e) {
      return new Output(lines, "its process failed: " + e.getMessage());
    }
  }

  private static void endLate(Process process, boolean late) {
    if (late) {
      process.destroyForcibly();
    }
  }

  private static String end(Process process, boolean late, String complaint) {
    if (late) {
      return "its process took longer than " + SECONDS + " s";
    }
    return "its process ended with status "
        + process.exitValue()
        + (complaint.isEmpty() ? "" : ": " + complaint);
  }

  /** What a process said last beside its lines, which is why it failed where it did. */
  private static String lastLine(Process process) {
    String last = "";
    try (BufferedReader reader = process.errorReader(StandardCharsets.UTF_8)) {
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        last = line.isBlank() ? last : line.strip();
      }
    } catch (IOException e) {
      LOG.debug("model_inspector_ended", e);
    }
    return last.substring(0, Math.min(MOST_COMPLAINT_CHARS, last.length()));
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
