package dev.switchboard.gateway.events;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;

/** What can be told of. None of it holds a key, or anything of prompts and answers. */
public enum EventType {
  /** A replica went from one state to another. */
  REPLICA_STATE,
  /** It has loaded more of its model. */
  REPLICA_LOADING,
  /** It was taken out because it does not answer, or answers badly. */
  REPLICA_EJECTED,
  /** It is back from that. */
  REPLICA_RETURNED,
  /** A replica is being emptied. */
  DRAIN_STARTED,
  /** What became of its requests so far; told only when that changed. */
  DRAIN_PROGRESS,
  /** How that went. */
  DRAIN_ENDED,
  /** A changed configuration was taken, or refused. */
  CONFIG_RELOAD,
  /** The governor holds detail of traces back, or lets it go. */
  TRACE_CEILING,
  /** Requests of a model are refused for load. */
  OVERLOAD_BEGAN,
  /** None was for a while. */
  OVERLOAD_ENDED,
  /** A request ended that failed, missed an objective, moved or was slow. */
  REQUEST,
  /** Somebody changed something, or tried to. */
  AUDIT,
  /** Something is broken on purpose. */
  DRILL_STARTED,
  /** It is not any more. */
  DRILL_ENDED,
  /** The gateway stops; the stream ends soon. */
  GATEWAY_STOPPING;

  /** Its name in the stream. */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * Whether it is kept for a day: of requests there are too many, and the recorder knows them; how
   * a model was loaded says nothing later.
   */
  public boolean kept() {
    return this != REQUEST && this != REPLICA_LOADING;
  }

  /** All of them. */
  public static Set<EventType> all() {
    return EnumSet.allOf(EventType.class);
  }

  /**
   * Those of some names.
   *
   * @param names separated by commas
   * @throws IllegalArgumentException naming one that there is not
   */
  public static Set<EventType> named(String names) {
    Set<EventType> found = EnumSet.noneOf(EventType.class);
    for (String name : names.split(",", -1)) {
      found.add(
          Arrays.stream(values())
              .filter(type -> type.label().equals(name))
              .findFirst()
              .orElseThrow(() -> new IllegalArgumentException(complaint(name))));
    }
    return found;
  }

  private static String complaint(String name) {
    String known = Arrays.stream(values()).map(EventType::label).collect(Collectors.joining(", "));
    String shown = name.length() <= 64 ? name : name.substring(0, 64) + "…";
    return "names an event that there is not, '" + shown + "'; there are " + known;
  }
}
