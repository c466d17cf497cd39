package dev.switchboard.console.ui;

import dev.switchboard.console.api.AdminClient;

/** The addresses of views, without the first slash. */
public final class Paths {
  private Paths() {}

  public static String replica(String gateway, String replica) {
    return "replicas/" + AdminClient.encode(gateway) + "/" + AdminClient.encode(replica);
  }

  public static String request(String gateway, String request) {
    return "requests/" + AdminClient.encode(gateway) + "/" + AdminClient.encode(request);
  }

  /** Two requests beside each other. */
  public static String compare(String gateway, String first, String second) {
    return "compare/"
        + AdminClient.encode(gateway)
        + "/"
        + AdminClient.encode(first)
        + "/"
        + AdminClient.encode(second);
  }
}
