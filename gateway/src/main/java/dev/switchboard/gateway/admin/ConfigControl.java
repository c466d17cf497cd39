package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.fleet.FleetChange;
import dev.switchboard.gateway.routing.RouteSpec;
import dev.switchboard.gateway.slo.SloConfig;
import dev.switchboard.openai.ApiException;
import java.util.List;
import java.util.Set;

/** The configuration that is in force, and the way to change it while the gateway runs. */
public interface ConfigControl {
  /** All of it, without what is secret. */
  ObjectNode effective();

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
