package dev.switchboard.console.api;

import org.jspecify.annotations.Nullable;

/**
 * For whom and why something is changed, for the gateway's audit log.
 *
 * @param version of what is changed, as it was read; null for any
 */
public record Acting(Role role, String person, String reason, @Nullable String version) {}
