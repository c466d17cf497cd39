package dev.switchboard.console.models;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A model. Texts are empty where the gateway does not tell them.
 *
 * @param about architecture, parameters, quantisation, context
 * @param served workers, stages and ranks
 * @param spec how local workers serve it; null where none are to
 * @param loading of one of its replicas; null where none loads
 * @param version for If-Match; empty where the gateway has none
 */
public record ModelRow(
    String id,
    List<String> replicas,
    int ready,
    String about,
    String served,
    boolean loaded,
    @Nullable Spec spec,
    @Nullable Loading loading,
    String version) {
  /** Copies the list. */
  public ModelRow {
    replicas = List.copyOf(replicas);
  }

  /**
   * How local workers serve it.
   *
   * @param stored whether it was set by the admin API
   * @param grouped whether its workers are started differently, by numbers of the configuration
   */
  public record Spec(
      boolean stored,
      String file,
      int workers,
      int standby,
      int stages,
      int ranks,
      boolean grouped) {

    /** This again where something else was asked for. */
    ModelPlans.Wanted wanted(ModelPlans.Wanted changed) {
      return new ModelPlans.Wanted(
          changed.file() == null ? null : file,
          "",
          changed.workers() == null ? null : workers,
          changed.standby() == null ? null : standby,
          changed.stages() == null ? null : stages,
          changed.ranks() == null ? null : ranks);
    }
  }

  /** How far a worker has come with the file. */
  public record Loading(double share, String text) {}
}
