package dev.switchboard.gateway.boot;

import dev.switchboard.gateway.admin.ConfigControl.ModelState;
import dev.switchboard.gateway.fleet.ModelSpec;
import dev.switchboard.gateway.store.ModelSetting;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Lays the models that operators set over those of the configuration: of the same name the
 * operator's holds as a whole, until it is forgotten.
 */
final class ModelOverlay {
  private static final Logger LOG = LoggerFactory.getLogger(ModelOverlay.class);

  private ModelOverlay() {}

  /** What local workers are to serve. A setting whose file cannot be read is left out. */
  static List<ModelSpec> of(List<ModelSpec> configured, List<ModelSetting> settings) {
    List<ModelSpec> models = configured;
    for (ModelSetting each : settings) {
      ModelSpec spec = each.spec();
      if (spec != null && !Files.isReadable(spec.file())) {
        LOG.error("stored_model_left_out model={} unreadable={}", each.name(), spec.file());
      } else {
        models = with(models, each.name(), spec);
      }
    }
    return models;
  }

  /** The same models, but one of them served otherwise, or not at all. */
  static List<ModelSpec> with(List<ModelSpec> models, String name, @Nullable ModelSpec spec) {
    List<ModelSpec> others = new ArrayList<>();
    boolean there = false;
    for (ModelSpec each : models) {
      if (!each.servedName().equals(name)) {
        others.add(each);
      } else if (spec != null) {
        others.add(spec);
        there = true;
      }
    }
    if (spec != null && !there) {
      others.add(spec);
    }
    return List.copyOf(others);
  }

  /** Each model that the configuration or an operator names. */
  static List<ModelState> states(
      List<ModelSpec> configured, String origin, List<ModelSetting> settings) {
    Map<String, ModelState> states = new LinkedHashMap<>();
    for (ModelSpec spec : configured) {
      String name = spec.servedName();
      states.put(name, new ModelState(name, spec, origin, null));
    }
    for (ModelSetting each : settings) {
      ModelState before = states.get(each.name());
      ModelSpec spec = before == null ? null : before.configured();
      states.put(each.name(), new ModelState(each.name(), spec, origin, each));
    }
    return List.copyOf(states.values());
  }
}
