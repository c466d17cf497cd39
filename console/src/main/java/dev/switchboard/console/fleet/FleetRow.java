package dev.switchboard.console.fleet;

import dev.switchboard.console.ui.Tone;
import java.util.Arrays;
import java.util.Objects;

/**
 * A line of the tree. Numbers that nobody knows are NaN.
 *
 * @param state in words
 * @param about why it is so, or more of it
 * @param inFlight requests of the gateway there
 * @param running sequences in the batch
 * @param waiting sequences that wait for a place in it
 * @param kv share of the KV blocks in use
 * @param prefixHit share of prompt tokens found in the prefix cache, of the last minute
 * @param tokens generated per second, the last ten minutes
 * @param headroom share of its targets that nine in ten requests left, below 0 where they missed
 */
public record FleetRow(
    FleetNode node,
    String name,
    Tone tone,
    String state,
    String about,
    double inFlight,
    double running,
    double waiting,
    double kv,
    double prefixHit,
    double weight,
    String ranks,
    float[] tokens,
    double headroom) {

  /** One of which no number is known. */
  static FleetRow bare(FleetNode node, String name, Tone tone, String state, String about) {
    double no = Double.NaN;
    return new FleetRow(
        node, name, tone, state, about, no, no, no, no, no, no, "", new float[0], no);
  }

  FleetRow withHeadroom(double share) {
    return new FleetRow(
        node, name, tone, state, about, inFlight, running, waiting, kv, prefixHit, weight, ranks,
        tokens, share);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof FleetRow row
        && node.equals(row.node)
        && name.equals(row.name)
        && tone == row.tone
        && state.equals(row.state)
        && about.equals(row.about)
        && ranks.equals(row.ranks)
        && Arrays.equals(numbers(), row.numbers())
        && Arrays.equals(tokens, row.tokens);
  }

  private double[] numbers() {
    return new double[] {inFlight, running, waiting, kv, prefixHit, weight, headroom};
  }

  @Override
  public int hashCode() {
    return Objects.hash(node, name, tone, state, about);
  }
}
