package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.fleet.FleetChange;
import dev.switchboard.gateway.fleet.ModelSpec;
import dev.switchboard.gateway.routing.RouteSpec;
import dev.switchboard.gateway.slo.SloConfig;
import dev.switchboard.gateway.store.ModelSetting;
import dev.switchboard.openai.ApiException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The configuration that is in force, and the way to change it while the gateway runs. */
public interface ConfigControl {
  /**
   * All of it, without what is secret, and in {@code origins} where each key has its value from.
   */
  ObjectNode effective();

  /** What of the configuration and the store must be told to nobody. */
  List<String> secrets();

  /** The service classes, those of the store among them. */
  SloConfig slo();

  /** Every tenant that the configuration or the store names, or a key of theirs. */
  Set<String> tenants();

  /** What becomes of names, what the store says among it. */
  List<RouteSpec> routes();

  /**
   * Whether a route can be followed.
   *
   * @throws IllegalArgumentException when it leads to a model that nobody serves
   */
  void check(RouteSpec route);

  /** The key of the configuration that needs a name which only the store has; null for none. */
  @Nullable String needs(String route);

  /** Models of local workers: those of the configuration, and those that operators set. */
  List<ModelState> models();

  /**
   * Whether a model could be served so, or not at all.
   *
   * @param spec null for not at all
   * @throws IllegalArgumentException when routes lead to a model that nobody would serve
   */
  void check(String name, @Nullable ModelSpec spec);

  /** Where models lie that may be loaded; null where none may. */
  @Nullable Path modelFolder();

  /**
   * How local workers serve a model, and who says so.
   *
   * @param configured by the configuration; null where it does not name the model
   * @param configuredOrigin where the configuration has its models from
   * @param setting of an operator, which holds where there is one
   */
  record ModelState(
      String name,
      @Nullable ModelSpec configured,
      String configuredOrigin,
      @Nullable ModelSetting setting) {

    /** How it is served; null where local workers do not serve it. */
    public @Nullable ModelSpec spec() {
      return setting == null ? configured : setting.spec();
    }

    /** Who says so. */
    public String origin() {
      return setting == null ? configuredOrigin : "api";
    }
  }

  /**
   * What a reload changed.
   *
   * @param before the keys that changed and their values until then, without what is secret; a key
   *     that was not there is missing
   * @param after the same from now on
   * @param fleet what becomes of models and replicas
   */
  record Reloaded(List<String> keys, ObjectNode before, ObjectNode after, FleetChange fleet) {}

  /**
   * Reads the configuration again and puts it in force as a whole; it reads a file.
   *
   * @throws ApiException when it is not valid, or changes what needs a restart; nothing changed
   *     then
   */
  Reloaded reload();
}
