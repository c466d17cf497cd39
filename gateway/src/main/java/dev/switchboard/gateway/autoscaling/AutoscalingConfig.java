package dev.switchboard.gateway.autoscaling;

import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What is said of the number of replicas.
 *
 * @param min of a model that says nothing else
 * @param max of the same
 * @param busyRatio share of the replicas' places that the expected load may take
 * @param kvRatio share of the replicas' KV that sequences may hold
 * @param upSeconds that more must be needed before more are desired
 * @param downSeconds that fewer must be enough before fewer are desired
 * @param startSeconds that a replica takes until it is ready, before any was seen to
 * @param idleSeconds without a request after which a model that may have no replica has none
 * @param holdRequests that wait for the first replica of a model that has none
 * @param holdBytes of their bodies
 * @param holdMs that one of them waits at most
 * @param models with bounds of their own
 */
public record AutoscalingConfig(
    int min,
    int max,
    double busyRatio,
    double kvRatio,
    int upSeconds,
    int downSeconds,
    int startSeconds,
    int idleSeconds,
    int holdRequests,
    long holdBytes,
    int holdMs,
    List<Model> models) {
  private static final int MOST = 1000;

  public static final AutoscalingConfig DEFAULTS =
      new AutoscalingConfig(1, 64, 0.8, 0.8, 5, 90, 60, 600, 256, 16_777_216, 180_000, List.of());

  /** The least and the most replicas that are desired. */
  public record Bounds(int min, int max) {
    public Bounds {
      range("min", min, 0, MOST);
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
    range("start-seconds", startSeconds, 1, 3600);
    range("idle-seconds", idleSeconds, 1, 604_800);
    range("hold-requests", holdRequests, 0, 1_000_000);
    if (holdBytes < 0 || holdBytes > 1L << 40) {
      throw new IllegalArgumentException(
          "hold-bytes must be 0 to " + (1L << 40) + ", not " + holdBytes);
    }
    range("hold-ms", holdMs, 1, 3_600_000);
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

  /** Whether a model is named: its workers that stand by then serve when load rises. */
  public boolean names(String model) {
    return models.stream().anyMatch(each -> each.model().equals(model));
  }

  /** Models that may have no replica at all, and that are served all the same. */
  public Set<String> fromZero() {
    return models.stream()
        .map(Model::model)
        .filter(model -> bounds(model).min() == 0)
        .collect(Collectors.toCollection(LinkedHashSet::new));
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
