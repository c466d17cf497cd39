package dev.switchboard.console;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The tasks of a page's main thread in a trace of Chromium's: how long each took by the clock, and
 * for how long of that it was on a processor. Meanwhile it waited for one, or for the threads that
 * collect with it: browser, console and gateway share the machine.
 */
record TaskTrace(List<Task> tasks) {
  private static final JsonMapper JSON = new JsonMapper();
  private static final double US_PER_MS = 1000;

  /** A task of the main thread. */
  record Task(double wallMs, double processorMs) {}

  static TaskTrace of(byte[] trace) throws IOException {
    JsonNode events = JSON.readTree(trace).path("traceEvents");
    Set<String> mains = new HashSet<>();
    for (JsonNode event : events) {
      if (event.path("name").asString("").equals("thread_name")
          && event.path("args").path("name").asString("").equals("CrRendererMain")) {
        mains.add(thread(event));
      }
    }
    List<Task> tasks = new ArrayList<>();
    for (JsonNode event : events) {
      if (event.path("name").asString("").equals("RunTask")
          && event.has("tdur")
          && mains.contains(thread(event))) {
        tasks.add(
            new Task(
                event.path("dur").asDouble() / US_PER_MS,
                event.path("tdur").asDouble() / US_PER_MS));
      }
    }
    if (tasks.isEmpty()) {
      throw new IOException("the trace tells no task of a page's main thread");
    }
    return new TaskTrace(tasks);
  }

  private static String thread(JsonNode event) {
    return event.path("pid").asString("") + "." + event.path("tid").asString("");
  }

  double longestMs() {
    return tasks.stream().mapToDouble(Task::wallMs).max().orElse(0);
  }

  double longestOnProcessorMs() {
    return tasks.stream().mapToDouble(Task::processorMs).max().orElse(0);
  }
}
