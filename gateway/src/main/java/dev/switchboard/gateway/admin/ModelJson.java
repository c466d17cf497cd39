package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.admin.ConfigControl.ModelState;
import dev.switchboard.gateway.fleet.Fleet;
import dev.switchboard.gateway.fleet.LoadedBytes;
import dev.switchboard.gateway.fleet.LocalModels;
import dev.switchboard.gateway.fleet.ModelFacts;
import dev.switchboard.gateway.fleet.ModelSpec;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.fleet.ReplicaState;
import dev.switchboard.gateway.models.ModelFolder;
import dev.switchboard.gateway.models.ModelHeader;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Models, as the admin API tells of them. */
final class ModelJson {
  private final Fleet fleet;

  ModelJson(Fleet fleet) {
    this.fleet = fleet;
  }

  /**
   * A model that local workers or servers serve, or that an operator unloaded.
   *
   * @param state null where only servers serve it
   */
  ObjectNode of(String model, @Nullable ModelState state) {
    ObjectNode json = JsonNodeFactory.instance.objectNode().put("id", model);
    ArrayNode ids = json.putArray("replicas");
    int ready = 0;
    ModelFacts facts = null;
    ObjectNode loading = null;
    for (Replica replica : fleet.replicas()) {
      if (replica.model().equals(model)) {
        ids.add(replica.id());
        ready += replica.state() == ReplicaState.READY ? 1 : 0;
        facts = facts == null ? replica.facts() : facts;
        LoadedBytes loaded = replica.loading();
        loading = loaded == null ? loading : ReplicaJson.loading(loaded);
      }
    }
    json.put("ready", ready);
    json.set("loading", loading);
    json.set("metadata", facts == null ? null : metadata(facts));
    json.set("spec", state == null ? null : settings(state));
    return json.put("version", state == null ? "none" : Versions.of(settings(state)));
  }

  private static ObjectNode metadata(ModelFacts facts) {
    return JsonNodeFactory.instance
        .objectNode()
        .put("architecture", facts.architecture())
        .put("parameters", facts.parameters())
        .put("quantisation", facts.quantisation())
        .put("context", facts.context())
        .put("fingerprint", facts.fingerprint())
        .put("loaded_since", Instant.ofEpochMilli(facts.loadedMs()).toString());
  }

  /** What operators change. */
  ObjectNode settings(ModelState state) {
    return spec(state.spec(), state.origin());
  }

  /**
   * How local workers serve a model.
   *
   * @param spec null where they do not
   */
  ObjectNode spec(@Nullable ModelSpec spec, String origin) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("origin", origin).put("loaded", spec != null);
    if (spec == null) {
      return json.putNull("file")
          .putNull("bytes")
          .putNull("workers")
          .putNull("standby")
          .putNull("stages")
          .putNull("ranks")
          .putNull("groups");
    }
    LocalModels.Layout layout = fleet.localModels().layout(spec);
    json.put("file", spec.file().toString())
        .put("bytes", LocalModels.bytes(spec.file()))
        .put("workers", layout.workers())
        .put("standby", layout.standby())
        .put("stages", layout.stages())
        .put("ranks", layout.ranks());
    ArrayNode groups = json.putArray("groups");
    layout.groups().forEach(group -> groups.add(group(group)));
    return json;
  }

  private static ObjectNode group(LocalModels.Group group) {
    ObjectNode json =
        JsonNodeFactory.instance
            .objectNode()
            .put("device", group.device())
            .put("workers", group.workers())
            .put("standby", group.standby());
    ArrayNode devices = json.putArray("devices");
    group.devices().forEach(devices::add);
    return json.put("stages", group.stages()).put("ranks", group.ranks());
  }

  /**
   * A file that could be loaded.
   *
   * @param header null where it was not read in time
   */
  static ObjectNode file(
      ModelFolder.Found file, @Nullable ModelHeader header, List<ModelState> served) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("file", file.name()).put("bytes", file.bytes()).put("parts", file.parts());
    json.put("modified", Instant.ofEpochMilli(file.modifiedMs()).toString());
    ModelHeader known = header == null || header.problem() != null ? null : header;
    json.put("servable", header == null ? null : (Boolean) (known != null));
    json.put("problem", header == null ? null : header.problem());
    json.put("name", known == null ? null : known.name());
    json.put("architecture", known == null ? null : known.architecture());
    json.put("parameters", known == null ? null : (Long) known.parameters());
    json.put("quantisation", known == null ? null : known.quantisation());
    json.put("context", known == null ? null : (Integer) known.context());
    ArrayNode models = json.putArray("models");
    served.stream().filter(each -> names(each, file.path())).forEach(m -> models.add(m.name()));
    return json;
  }

  private static boolean names(ModelState state, Path file) {
    ModelSpec spec = state.spec();
    return spec != null && spec.file().toAbsolutePath().normalize().equals(file);
  }
}
