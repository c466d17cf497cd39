package dev.switchboard.console.models;

import java.util.List;

/**
 * A model. Texts are empty where the gateway does not tell them.
 *
 * @param about architecture, parameters, quantisation, context
 * @param served workers, stages and ranks
 */
public record ModelRow(
    String id, List<String> replicas, int ready, String about, String served, boolean loaded) {
  /** Copies the list. */
  public ModelRow {
    replicas = List.copyOf(replicas);
  }
}
