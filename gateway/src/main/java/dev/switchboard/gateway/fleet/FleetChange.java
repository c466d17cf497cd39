package dev.switchboard.gateway.fleet;

import java.util.List;

/**
 * What another configuration does to the fleet; each list in the order of the fleet.
 *
 * @param modelsAdded names that are served from now on; {@code modelsRemoved}: no longer
 * @param added replicas that start, or come back before they had left
 * @param changed replicas that are spoken to or chosen otherwise from now on
 * @param replaced workers that are restarted one after another
 * @param removed replicas that are emptied and then gone
 */
public record FleetChange(
    List<String> modelsAdded,
    List<String> modelsRemoved,
    List<String> added,
    List<String> changed,
    List<String> replaced,
    List<String> removed) {

  public FleetChange {
    modelsAdded = List.copyOf(modelsAdded);
    modelsRemoved = List.copyOf(modelsRemoved);
    added = List.copyOf(added);
    changed = List.copyOf(changed);
    replaced = List.copyOf(replaced);
    removed = List.copyOf(removed);
  }
}
