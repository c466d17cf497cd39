package dev.switchboard.gateway.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.bench.Samples;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/** Every sample of a run: of each server and each load on it its quantities, round by round. */
final class Measurements {
  private final String machine;
  private final Map<String, Map<String, Map<String, Samples>>> servers = new LinkedHashMap<>();

  /**
   * @param machine where and how it was measured
   */
  Measurements(String machine) {
    this.machine = machine;
  }

  String machine() {
    return machine;
  }

  /** What a load gave in one round. */
  void add(String server, String load, Map<String, Double> values) {
    Map<String, Samples> samples =
        servers
            .computeIfAbsent(server, first -> new LinkedHashMap<>())
            .computeIfAbsent(load, first -> new LinkedHashMap<>());
    values.forEach(
        (name, value) -> samples.computeIfAbsent(name, first -> new Samples()).add(value));
  }

  /** In the order in which they came. */
  Set<String> servers() {
    return servers.keySet();
  }

  /** One quantity, a sample for each round; empty when it was not measured. */
  Samples of(String server, String load, String name) {
    Samples found = servers.getOrDefault(server, Map.of()).getOrDefault(load, Map.of()).get(name);
    return found == null ? new Samples() : found;
  }

  /** Writes every sample, so that other statistics than medians can be made later. */
  void write(Path file) throws IOException {
    ObjectMapper json = new ObjectMapper();
    ObjectNode root = json.createObjectNode();
    root.put("machine", machine);
    servers.forEach(
        (server, loads) -> {
          ObjectNode node = root.withObject("/servers").putObject(server);
          loads.forEach((load, samples) -> write(node.putObject(load), samples));
        });
    json.writerWithDefaultPrettyPrinter().writeValue(file.toFile(), root);
  }

  private static void write(ObjectNode node, Map<String, Samples> samples) {
    samples.forEach(
        (name, values) -> {
          ObjectNode quantity = node.putObject(name);
          quantity.put("median", values.median());
          for (double value : values.values()) {
            quantity.withArray("samples").add(value);
          }
        });
  }
}
