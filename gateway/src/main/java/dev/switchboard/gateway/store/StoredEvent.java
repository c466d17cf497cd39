package dev.switchboard.gateway.store;

/**
 * Something that happened in the fleet.
 *
 * @param gateway that told it
 * @param id rises with each of its events
 * @param atMs Unix epoch milliseconds
 * @param data a JSON object
 */
public record StoredEvent(String gateway, long id, long atMs, String type, String data) {}
