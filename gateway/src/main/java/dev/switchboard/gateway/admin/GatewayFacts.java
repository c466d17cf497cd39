package dev.switchboard.gateway.admin;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What this gateway says of itself.
 *
 * @param addresses of its listeners, by their names
 * @param inFlight requests that have not ended
 * @param connections that clients have open
 * @param connectionsLimit how many they may have
 * @param adminConnections open at the admin listener
 * @param valkey null where every gateway is alone
 */
public record GatewayFacts(
    Identity identity,
    Map<String, Object> addresses,
    int inFlight,
    int connections,
    int connectionsLimit,
    int adminConnections,
    StoreFacts store,
    @Nullable ValkeyFacts valkey) {

  /**
   * Who it is, as long as its process lives.
   *
   * @param id as workers and other gateways know it; another one after a restart
   * @param commit it was built from; empty where that is not known
   * @param startedMs epoch milliseconds
   */
  public record Identity(
      String id, String version, String commit, long startedMs, String host, long pid) {}

  /**
   * Where keys, tenants and usage are kept.
   *
   * @param kind of the database
   * @param why it cannot be written to; null where it can
   */
  public record StoreFacts(String kind, @Nullable String why) {}

  /**
   * What gateways share limits by.
   *
   * @param reached whether it answered when it was asked last
   */
  public record ValkeyFacts(String address, boolean reached) {}
}
