package dev.switchboard.gateway.admin;

import dev.switchboard.gateway.identity.Caller;

/**
 * One thing that can be asked of the admin API.
 *
 * @param method as in the request line
 * @param path with {@code :name} for its parameters
 * @param role that it takes at least
 */
public record AdminRoute(String method, String path, Caller.Role role) {
  /** What the audit log calls it. */
  public String action() {
    return method + " " + path;
  }

  /** Whether it changes something, so that it is audited. */
  public boolean mutating() {
    return !method.equals("GET");
  }
}
