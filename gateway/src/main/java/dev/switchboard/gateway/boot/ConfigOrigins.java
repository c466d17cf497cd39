package dev.switchboard.gateway.boot;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.store.Snapshot;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Where each key of a configuration has its value from: what is not known to be from elsewhere is a
 * default. A part of a list has its own entry, {@code upstreams[0].url}. Immutable.
 *
 * @param file that was read; null for none
 * @param lines of the file's keys, from 1
 * @param flags of the command line, by the keys that they set
 */
record ConfigOrigins(@Nullable Path file, Map<String, Integer> lines, Map<String, String> flags) {
  /** Of a configuration of which nobody says where it is from. */
  static final ConfigOrigins NONE = new ConfigOrigins(null, Map.of(), Map.of());

  ConfigOrigins {
    lines = Map.copyOf(lines);
    flags = Map.copyOf(flags);
  }

  /**
   * Of a file, if there is one, that was read as a configuration just now, and of flags over it.
   */
  static ConfigOrigins of(@Nullable Path file, Map<String, String> flags) {
    return new ConfigOrigins(file, file == null ? Map.of() : lines(file), flags);
  }

  private static Map<String, Integer> lines(Path file) {
    try {
      return ConfigReader.lines(Files.readString(file));
    } catch (IOException e) {
      // It was there a moment ago; where its keys stand is all that is missing.
      return Map.of();
    }
  }

  /** Where a key has its value from: {@code default}, {@code file} or {@code flag}. */
  String of(String key) {
    return flags.containsKey(key) ? "flag" : lines.containsKey(key) ? "file" : "default";
  }

  /** All of it: of each key, and of what is set in the store and in the environment. */
  ObjectNode json(GatewayConfig config, Snapshot stored) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    for (String key : Reconfiguration.leaves(config).keySet()) {
      json.set(key, json(key));
      parts(key).forEach(part -> json.set(part, json(part)));
    }
    for (int i = 0; i < config.upstreams().size(); i++) {
      String variable = config.upstreams().get(i).apiKeyEnv();
      if (variable != null) {
        json.putObject("upstreams[" + i + "].api-key")
            .put("origin", "environment")
            .put("variable", variable);
      }
    }
    store(json, stored);
    return json;
  }

  /** Keys inside of a list, which a flag replaces as a whole. */
  private Iterable<String> parts(String key) {
    return flags.containsKey(key)
        ? List.of()
        : new TreeMap<>(lines).tailMap(key + "[").headMap(key + "\\").keySet();
  }

  private ObjectNode json(String key) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    String origin = of(key);
    json.put("origin", origin);
    if (origin.equals("flag")) {
      json.put("flag", flags.get(key));
    } else if (origin.equals("file") && file != null) {
      json.put("file", file.toString()).put("line", lines.get(key));
    }
    return json;
  }

  /** What is set in the store stands over the configuration's of its name. */
  private static void store(ObjectNode json, Snapshot stored) {
    List<String> names = new ArrayList<>();
    stored.keys().forEach(key -> names.add("auth.keys[" + key.name() + "]"));
    stored.models().forEach(model -> names.add("models[" + model.name() + "]"));
    stored.routes().forEach(route -> names.add("routes[" + route.name() + "]"));
    stored.classes().forEach(each -> names.add("slo.classes[" + each.name() + "]"));
    stored.tenants().forEach(tenant -> names.add("tenants[" + tenant.name() + "]"));
    names.forEach(name -> json.putObject(name).put("origin", "store"));
  }
}
