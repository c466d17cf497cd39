package dev.switchboard.gateway.autoscaling;

import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What is said of the number of replicas.
 *
 * @param min of a model that says nothing else
 * @param max of the same
 * @param busyRatio share of the replicas' places that may be taken
 * @param kvRatio share of the replicas' KV that sequences may hold
 * @param upSeconds that more must be needed before more are desired
 * @param downSeconds that fewer must be enough before fewer are desired
 * @param models with bounds of their own
 */
public record AutoscalingConfig(
    int min,
    int max,
    double busyRatio,
    double kvRatio,
    int upSeconds,
    int downSeconds,
    List<Model> models) {
  private static final int MOST = 1000;

  public static final AutoscalingConfig DEFAULTS =
      new AutoscalingConfig(1, 64, 0.7, 0.8, 5, 300, List.of());

  /** The least and the most replicas that are desired. */
  public record Bounds(int min, int max) {
    public Bounds {
      range("min", min, 1, MOST);
      range("max", max, 1, MOST);
      if (min > max) {
        throw new IllegalArgumentException("min is " + min + ", above max, which is " + max);
      }
    }

    int clamp(int replicas) {
      return Math.clamp(replicas, min, max);
    }
  }

  /**
   * Bounds of one model.
   *
   * @param model what clients call it
   * @param min null for that of all
   * @param max null for that of all
   */
  public record Model(String model, @Nullable Integer min, @Nullable Integer max) {
    public Model {
      Objects.requireNonNull(model, "model is missing");
    }
  }

  public AutoscalingConfig {
    Bounds all = new Bounds(min, max);
    ratio("busy-ratio", busyRatio);
    ratio("kv-ratio", kvRatio);
    range("up-seconds", upSeconds, 1, 600);
    range("down-seconds", downSeconds, 1, 3600);
    models = List.copyOf(models);
    Set<String> names = new HashSet<>();
    for (Model each : models) {
      if (!names.add(each.model())) {
        throw new IllegalArgumentException("models: two are for " + each.model());
      }
      checked(each, all);
    }
  }

  private static void checked(Model model, Bounds all) {
    try {
      Bounds _ = bounds(model, all);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("models: of " + model.model() + " " + e.getMessage(), e);
    }
  }

  private static Bounds bounds(Model model, Bounds all) {
    return new Bounds(
        Objects.requireNonNullElse(model.min(), all.min()),
        Objects.requireNonNullElse(model.max(), all.max()));
  }

  /** Of a model. */
  public Bounds bounds(String model) {
    Bounds all = new Bounds(min, max);
    return models.stream()
        .filter(each -> each.model().equals(model))
        .findFirst()
        .map(each -> bounds(each, all))
        .orElse(all);
  }

  private static void ratio(String key, double value) {
    if (!(value >= 0.05 && value <= 1)) {
      throw new IllegalArgumentException(key + " must be 0.05 to 1, not " + value);
    }
  }

  private static void range(String key, int value, int low, int high) {
    if (value < low || value > high) {
      throw new IllegalArgumentException(
          key + " must be " + low + " to " + high + ", not " + value);
    }
  }
}
