package dev.switchboard.gateway.fleet;

import org.jspecify.annotations.Nullable;

/**
 * A server that no configuration names: a pod, found by asking an orchestrator.
 *
 * @param access with its key read
 * @param standby it takes requests only in the place of others of its model
 * @param orders what is wanted of it now
 */
public record DiscoveredServer(
    UpstreamSpec spec,
    String model,
    UpstreamAccess access,
    Pod pod,
    boolean standby,
    Orders orders) {

  /**
   * What runs there. Another pod at the same address is another replica.
   *
   * @param name empty where only an address is known
   * @param node empty where it is not known; {@code zone} likewise
   */
  public record Pod(String namespace, String name, String uid, String node, String zone) {}

  /** What is wanted of a server that was found. */
  public sealed interface Orders {}

  /**
   * It is to serve.
   *
   * @param held why it gets no new requests all the same; null where it does
   * @param drained why it is to be emptied; null where it is not
   * @param graceMs its requests may take to end there when it is emptied
   */
  public record Stay(@Nullable String held, @Nullable String drained, long graceMs)
      implements Orders {}

  /**
   * It ends soon: it gets no new requests, and those that it has end within the grace, or move.
   *
   * @param why in words
   */
  public record Leave(String why, long graceMs) implements Orders {}

  /** It serves like any server. */
  public static final Stay SERVE = new Stay(null, null, 0);

  /** The same with other orders. */
  public DiscoveredServer with(Orders other) {
    return other.equals(orders)
        ? this
        : new DiscoveredServer(spec, model, access, pod, standby, other);
  }

  Server server() {
    return new Server(spec, model, access, pod, standby, orders);
  }
}
