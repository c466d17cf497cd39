package dev.switchboard.console.auth;

import dev.switchboard.console.api.Role;
import java.io.Serializable;
import java.time.Instant;

/** Somebody who may sign in, without what opens anything. */
public record Person(String name, Role role, Instant since) implements Serializable {}
