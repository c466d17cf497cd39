package dev.switchboard.gateway.edge;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/** The links of all entries of the configuration, by the name that clients ask for. */
public final class Edges {
  private final EdgeLink.Listener listener;
  private volatile Map<String, EdgeLink> links = Map.of();

  /**
   * @param listener hears of each change
   */
  public Edges(List<EdgeConfig> entries, EdgeLink.Listener listener) {
    this.listener = listener;
    reconfigure(entries);
  }

  /**
   * Whether entries fit what is served.
   *
   * @param names that clients may ask for
   * @param models that are served
   * @throws IllegalArgumentException naming the key
   */
  public static void check(List<EdgeConfig> entries, Set<String> names, Set<String> models) {
    for (int i = 0; i < entries.size(); i++) {
      EdgeConfig entry = entries.get(i);
      if (!names.contains(entry.name())) {
        throw new IllegalArgumentException(
            "edge[" + i + "].name: nobody serves " + entry.name() + ", and no route is called so");
      }
      if (!models.contains(entry.local())) {
        throw new IllegalArgumentException("edge[" + i + "].local: nobody serves " + entry.local());
      }
    }
  }

  /** Goes by other entries from now on; a link that stays keeps its state. */
  public synchronized void reconfigure(List<EdgeConfig> entries) {
    Map<String, EdgeLink> wanted = new HashMap<>();
    for (EdgeConfig entry : entries) {
      EdgeLink known = links.get(entry.name());
      if (known == null) {
        wanted.put(entry.name(), new EdgeLink(entry, listener));
      } else {
        known.reconfigure(entry);
        wanted.put(entry.name(), known);
      }
    }
    links = Map.copyOf(wanted);
  }

  /** The link of a name; null for none. */
  public @Nullable EdgeLink of(String name) {
    return links.get(name);
  }

  /** Tells of every name whether the local model serves. */
  public void each(BiConsumer<String, Boolean> told) {
    links.forEach((name, link) -> told.accept(name, link.local() != null));
  }
}
