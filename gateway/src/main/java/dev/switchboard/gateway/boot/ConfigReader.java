package dev.switchboard.gateway.boot;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.MalformedInputException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Reads the configuration: the defaults as a tree, the file laid over it, the command line's
 * settings over that, then mapped onto the records, whose constructors check the ranges. All that
 * is wrong is told at once, each with its line and path.
 */
final class ConfigReader {
  private static final long MAX_FILE_BYTES = 1 << 20;

  private ConfigReader() {}

  /** A configuration as a tree. */
  static ObjectNode tree(GatewayConfig config) {
    return ConfigValues.JSON.valueToTree(config);
  }

  /** The defaults as a tree that files and flags are laid over. */
  static ObjectNode defaults() {
    return tree(GatewayConfig.DEFAULTS);
  }

  /**
   * A configuration, and what else is checked of it.
   *
   * @param file null for none
   * @param flags lays the settings of the command line over the file's
   * @param checks says what else is wrong, each beginning with the path of the key
   * @throws ConfigFaultsException with all that is wrong
   */
  static GatewayConfig read(
      @Nullable Path file,
      Consumer<ObjectNode> flags,
      Function<GatewayConfig, List<String>> checks) {
    return read(file == null ? "" : file.toString(), file == null ? "" : text(file), flags, checks);
  }

  private static GatewayConfig read(
      String name,
      String yaml,
      Consumer<ObjectNode> flags,
      Function<GatewayConfig, List<String>> checks) {
    List<ConfigFault> faults = new ArrayList<>();
    Map<String, Integer> lines = new HashMap<>();
    ObjectNode tree = defaults();
    merge(tree, parsed(yaml, faults, lines));
    flags.accept(tree);
    ConfigValues values = new ConfigValues(faults, lines);
    GatewayConfig config = values.of(tree);
    if (config != null) {
      List<String> missing =
          checks.apply(config).stream()
              .filter(each -> !values.guessed() || !ConfigChecks.ofNames(each))
              .toList();
      faults.addAll(ConfigValues.faults(missing, lines));
    }
    if (config == null || !faults.isEmpty()) {
      throw new ConfigFaultsException(name, faults);
    }
    return config;
  }

  private static ObjectNode parsed(
      String yaml, List<ConfigFault> faults, Map<String, Integer> lines) {
    ConfigYaml.Keyed file = ConfigYaml.read(yaml, faults);
    return file == null
        ? ConfigValues.JSON.createObjectNode()
        : new ConfigShape(faults, lines).of(file);
  }

  private static String text(Path file) {
    try {
      if (Files.size(file) > MAX_FILE_BYTES) {
        throw new IllegalArgumentException(file + " is larger than " + MAX_FILE_BYTES + " bytes");
      }
      return Files.readString(file);
    } catch (NoSuchFileException e) {
      throw new IllegalArgumentException("there is no file " + file, e);
    } catch (AccessDeniedException e) {
      throw new IllegalArgumentException("may not read " + file, e);
    } catch (MalformedInputException e) {
      throw new IllegalArgumentException(file + " is not UTF-8 text", e);
    } catch (IOException e) {
      throw new IllegalArgumentException("cannot read " + file + ": " + e.getMessage(), e);
    }
  }

  /** Lays a file over the tree. */
  static void overlay(ObjectNode tree, Path file) {
    overlay(tree, file.toString(), text(file));
  }

  static void overlay(ObjectNode tree, String yaml) {
    overlay(tree, "", yaml);
  }

  private static void overlay(ObjectNode tree, String name, String yaml) {
    List<ConfigFault> faults = new ArrayList<>();
    ObjectNode over = parsed(yaml, faults, new HashMap<>());
    if (!faults.isEmpty()) {
      throw new ConfigFaultsException(name, faults);
    }
    merge(tree, over);
  }

  private static void merge(ObjectNode base, ObjectNode over) {
    for (var entry : over.properties()) {
      if (base.get(entry.getKey()) instanceof ObjectNode inner
          && entry.getValue() instanceof ObjectNode value) {
        merge(inner, value);
      } else {
        base.set(entry.getKey(), entry.getValue());
      }
    }
  }

  /**
   * The lines of a file's keys, parts of lists among them, by the paths as they are spelled here.
   */
  static Map<String, Integer> lines(String yaml) {
    Map<String, Integer> lines = new HashMap<>();
    ObjectNode _ = parsed(yaml, new ArrayList<>(), lines);
    return lines;
  }

  /**
   * The configuration a tree holds.
   *
   * @throws ConfigFaultsException naming the keys
   */
  static GatewayConfig read(ObjectNode tree) {
    List<ConfigFault> faults = new ArrayList<>();
    GatewayConfig config = new ConfigValues(faults, Map.of()).of(tree.deepCopy());
    if (config == null || !faults.isEmpty()) {
      throw new ConfigFaultsException("", faults);
    }
    return config;
  }

  /** The configuration that a text holds, for whoever has no file. */
  static GatewayConfig read(String yaml) {
    return read("", yaml, tree -> {}, config -> List.of());
  }
}
