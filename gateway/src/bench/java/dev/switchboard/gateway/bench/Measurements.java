package dev.switchboard.gateway.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.bench.Comparison;
import dev.switchboard.bench.Samples;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Every sample of a run: of each server and each load on it its quantities, round by round. */
final class Measurements {
  private final String machine;
  private final Map<String, Map<String, Map<String, Samples>>> servers = new LinkedHashMap<>();
  private final Map<String, List<double[]>> latencies = new HashMap<>();
  private final Map<String, Comparison> comparisons = new LinkedHashMap<>();

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

  /** What a load gave in one round, with all its latencies. */
  void add(String server, String load, Workload.Outcome outcome) {
    add(server, load, outcome.values());
    latencies.computeIfAbsent(key(server, load), first -> new ArrayList<>()).add(outcome.micros());
  }

  /** What was compared within one process. */
  void add(String name, Comparison comparison) {
    comparisons.put(name, comparison);
  }

  /** Empty when it was not measured. */
  Comparison comparison(String name) {
    return comparisons.getOrDefault(name, new Comparison());
  }

  /** One quantity of two servers, a sample for each round; empty when it was not measured. */
  Comparison comparison(String without, String with, String load, String quantity) {
    return comparison(
        rounds(of(without, load, quantity).values()), rounds(of(with, load, quantity).values()));
  }

  /** All latencies of two servers in microseconds; empty when they were not measured. */
  Comparison latencies(String without, String with, String load) {
    return comparison(
        latencies.getOrDefault(key(without, load), List.of()),
        latencies.getOrDefault(key(with, load), List.of()));
  }

  private static List<double[]> rounds(double[] samples) {
    return Arrays.stream(samples).mapToObj(sample -> new double[] {sample}).toList();
  }

  private static Comparison comparison(List<double[]> without, List<double[]> with) {
    Comparison comparison = new Comparison();
    for (int round = 0; round < Math.min(without.size(), with.size()); round++) {
      comparison.add(without.get(round), with.get(round));
    }
    return comparison;
  }

  private static String key(String server, String load) {
    return server + "/" + load;
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

  /** Writes {@link #json}. */
  void write(Path file) throws IOException {
    write(file, json());
  }

  static void write(Path file, ObjectNode root) throws IOException {
    new ObjectMapper().writerWithDefaultPrettyPrinter().writeValue(file.toFile(), root);
  }

  /** Every sample but single latencies, so that other statistics can be made later. */
  ObjectNode json() {
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    root.put("machine", machine);
    servers.forEach(
        (server, loads) -> {
          ObjectNode node = root.withObject("/servers").putObject(server);
          loads.forEach((load, samples) -> write(node.putObject(load), samples));
        });
    comparisons.forEach(
        (name, comparison) -> {
          ObjectNode node = root.withObject("/comparisons").putObject(name);
          write(node.putArray("without"), comparison.without());
          write(node.putArray("with"), comparison.with());
        });
    return root;
  }

  private static void write(ArrayNode node, List<double[]> rounds) {
    for (double[] round : rounds) {
      ArrayNode samples = node.addArray();
      Arrays.stream(round).forEach(samples::add);
    }
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
