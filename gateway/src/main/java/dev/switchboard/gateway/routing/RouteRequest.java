package dev.switchboard.gateway.routing;

import dev.switchboard.gateway.slo.Slo;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What routing needs to know of a request; {@link #of} and the {@code with} methods make one by
 * hand.
 *
 * @param excluded replicas that already failed it
 * @param turn rising number that breaks ties in turn
 * @param slo what it asks for
 * @param elapsedMs since it was accepted
 * @param promptTokens estimated from its bytes
 * @param outputTokens at most, as it says or as is usual; 0 for what ends with its prompt, as an
 *     embedding does
 * @param prefixTokens by replica, how many tokens of its prompt that one has computed before
 * @param sticky the replica that its session was at; null for none
 */
public record RouteRequest(
    String model,
    Set<String> excluded,
    long turn,
    Slo slo,
    double elapsedMs,
    int promptTokens,
    int outputTokens,
    Map<String, Integer> prefixTokens,
    @Nullable String sticky) {
  public RouteRequest {
    excluded = Set.copyOf(excluded);
    prefixTokens = Map.copyOf(prefixTokens);
  }

  /** One that wants nothing in particular. */
  public static RouteRequest of(String model) {
    return new RouteRequest(model, Set.of(), 0, Slo.NONE, 0, 100, 100, Map.of(), null);
  }

  /** Its prompt, as far as it is known at the replicas of its model. */
  public Prompt prompt() {
    return new Prompt(promptTokens, prefixTokens);
  }

  public RouteRequest withModel(String name) {
    return new RouteRequest(
        name, excluded, turn, slo, elapsedMs, promptTokens, outputTokens, prefixTokens, sticky);
  }

  public RouteRequest withExcluded(Set<String> replicas) {
    return new RouteRequest(
        model, replicas, turn, slo, elapsedMs, promptTokens, outputTokens, prefixTokens, sticky);
  }

  public RouteRequest withTurn(long number) {
    return new RouteRequest(
        model, excluded, number, slo, elapsedMs, promptTokens, outputTokens, prefixTokens, sticky);
  }

  public RouteRequest withSlo(Slo wanted, double elapsed) {
    return new RouteRequest(
        model, excluded, turn, wanted, elapsed, promptTokens, outputTokens, prefixTokens, sticky);
  }

  public RouteRequest withTokens(int prompt, int output) {
    return new RouteRequest(
        model, excluded, turn, slo, elapsedMs, prompt, output, prefixTokens, sticky);
  }

  public RouteRequest withPrefixTokens(Map<String, Integer> tokens) {
    return new RouteRequest(
        model, excluded, turn, slo, elapsedMs, promptTokens, outputTokens, tokens, sticky);
  }

  public RouteRequest withSticky(@Nullable String replica) {
    return new RouteRequest(
        model, excluded, turn, slo, elapsedMs, promptTokens, outputTokens, prefixTokens, replica);
  }
}
