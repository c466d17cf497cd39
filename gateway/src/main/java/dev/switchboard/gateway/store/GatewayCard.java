package dev.switchboard.gateway.store;

/**
 * What a gateway says of itself to those it shares something with.
 *
 * @param heardMs Unix epoch milliseconds by its own clock, when it said so
 * @param about a JSON object
 */
public record GatewayCard(String id, long heardMs, String about) {}
