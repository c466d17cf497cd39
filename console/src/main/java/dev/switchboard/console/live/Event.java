package dev.switchboard.console.live;

import java.time.Instant;
import tools.jackson.databind.JsonNode;

/** Something that happened at a gateway. */
public record Event(String gateway, String type, Instant at, JsonNode data) {}
