package dev.switchboard.gateway.store;

import dev.switchboard.gateway.slo.SloFigures;

/**
 * What became of the requests of a model and service class in an hour, over all gateways.
 *
 * @param hourMs its beginning, epoch milliseconds
 */
public record SloHour(long hourMs, String model, String sloClass, SloFigures figures) {
  boolean sameAs(SloHour other) {
    return hourMs == other.hourMs && model.equals(other.model) && sloClass.equals(other.sloClass);
  }
}
