package dev.switchboard.gateway.routing;

import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What becomes of requests for a name.
 *
 * @param name what clients ask for: an alias, or a model that is served
 * @param targets models that share its requests; empty for the model of that name
 * @param fallbacks models that stand in, the first that can, when the target has no replica that
 *     could take the request, or none that would meet its deadline
 * @param policy null takes {@code routing.policy}
 * @param shadow a policy whose decisions are only recorded; null for none
 */
public record RouteSpec(
    String name,
    List<Target> targets,
    List<String> fallbacks,
    @Nullable String policy,
    @Nullable String shadow) {

  /** A model and its share of the requests. */
  public record Target(String model, @Nullable Double weight) {
    public Target {
      Objects.requireNonNull(model, "model is missing");
      if (weight != null && !(weight >= 0 && weight <= 1000)) {
        throw new IllegalArgumentException("weight must be 0 to 1000");
      }
    }

    double share() {
      return weight == null ? 1 : weight;
    }
  }

  public RouteSpec(
      @Nullable String name,
      @Nullable List<Target> targets,
      @Nullable List<String> fallbacks,
      @Nullable String policy,
      @Nullable String shadow) {
    this.name = Objects.requireNonNull(name, "name is missing");
    if (!name.matches("[A-Za-z0-9._:/-]{1,128}")) {
      throw new IllegalArgumentException("name may hold letters, digits and . _ : / - only");
    }
    this.targets = whole("targets", targets);
    this.fallbacks = whole("fallbacks", fallbacks);
    this.policy = policy;
    this.shadow = shadow;
    if (policy != null) {
      Policies.of(policy);
    }
    if (shadow != null) {
      Policies.of(shadow);
    }
    Set<String> models = new HashSet<>();
    double sum = 0;
    for (Target target : this.targets) {
      sum += target.share();
      if (!models.add(target.model())) {
        throw new IllegalArgumentException("targets: two are " + target.model());
      }
    }
    if (!this.targets.isEmpty() && sum <= 0) {
      throw new IllegalArgumentException("targets: some weight must be above 0");
    }
  }

  private static <T> List<T> whole(String field, @Nullable List<T> values) {
    if (values == null) {
      return List.of();
    }
    if (values.stream().anyMatch(Objects::isNull)) {
      throw new IllegalArgumentException(field + " must not hold null");
    }
    return List.copyOf(values);
  }
}
