package dev.switchboard.console.models;

import java.util.List;

/**
 * What becomes of a name.
 *
 * @param version for If-Match
 * @param stored whether it was set by the admin API, and so can be deleted
 * @param shadowResults in words; empty where there are none
 */
public record SplitRow(
    String name,
    String version,
    boolean stored,
    List<Target> targets,
    List<String> fallbacks,
    String policy,
    String shadow,
    String shadowResults) {

  /** A model and its share. */
  public record Target(String model, double weight) {}

  /** Copies the lists. */
  public SplitRow {
    targets = List.copyOf(targets);
    fallbacks = List.copyOf(fallbacks);
  }

  /** The share of a model, of 0 to 1. */
  public static double share(List<Target> targets, String model) {
    double all = targets.stream().mapToDouble(Target::weight).sum();
    double one =
        targets.stream().filter(t -> t.model().equals(model)).mapToDouble(Target::weight).sum();
    return all > 0 ? one / all : 0;
  }
}
