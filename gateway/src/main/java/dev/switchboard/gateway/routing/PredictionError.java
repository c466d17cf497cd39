package dev.switchboard.gateway.routing;

/**
 * How sure it is what was learned of a replica. Errors are standard errors.
 *
 * @param ownTtft whether its times to a first token are told by a model of its own, and no longer
 *     by the one of all replicas; {@code ownTpot} likewise
 * @param ttftSlowdownError of the logarithm that is its slowdown; {@code tpotSlowdownError}
 *     likewise
 * @param promptTokenErrorMs of the time for a prompt token
 * @param batchErrorMs of what a request of the batch adds to a token
 */
public record PredictionError(
    boolean ownTtft,
    boolean ownTpot,
    double ttftSlowdownError,
    double tpotSlowdownError,
    double promptTokenErrorMs,
    double batchErrorMs) {}
