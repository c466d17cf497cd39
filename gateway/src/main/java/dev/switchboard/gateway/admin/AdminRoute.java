package dev.switchboard.gateway.admin;

import dev.switchboard.gateway.identity.Caller;

/**
 * One thing that can be asked of the admin API.
 *
 * @param method as in the request line
 * @param path with {@code :name} for its parameters
 * @param role that it takes at least
 * @param mutating whether it changes something, so that it is audited
 */
public record AdminRoute(String method, String path, Caller.Role role, boolean mutating) {
  /** What the audit log calls it. */
  public String action() {
    return method + " " + path;
  }
}
