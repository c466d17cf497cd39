package dev.switchboard.console.fleet;

import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The audit log's actions, such as POST /admin/v1/replicas/:id/drain, in words. */
public final class Actions {
  private static final Pattern ROUTE =
      Pattern.compile("([A-Z]+) /admin/v1/([a-z-]+)(/[^?]*)?(?:[?](plan|preview)=true)?");
  private static final Map<String, String> VERBS =
      Map.of("POST", "make", "PUT", "set", "DELETE", "delete", "GET", "read");

  private Actions() {}

  /**
   * Such as "drain replica", and "plan: drain replica" where only its effects were asked for; the
   * action itself where it is none that is known.
   */
  public static String words(String action) {
    Matcher route = ROUTE.matcher(action);
    if (!route.matches()) {
      return action;
    }
    String only = route.group(4) == null ? "" : route.group(4) + ": ";
    return only + done(route);
  }

  /** Whether only the effects were asked for, so that nothing changed. */
  static boolean isDryRun(String action) {
    Matcher route = ROUTE.matcher(action);
    return route.matches() && route.group(4) != null;
  }

  private static String done(Matcher route) {
    String thing = thing(route.group(2));
    String rest = route.group(3) == null ? "" : route.group(3);
    String verb = rest.substring(rest.lastIndexOf('/') + 1);
    if (verb.isEmpty() || verb.startsWith(":")) {
      return VERBS.getOrDefault(route.group(1), route.group(1).toLowerCase(Locale.ROOT))
          + " "
          + thing;
    }
    return (route.group(1).equals("DELETE") ? "cancel " + verb + " of" : verb) + " " + thing;
  }

  private static String thing(String plural) {
    return switch (plural) {
      case "slo-classes" -> "service class";
      case "trace-levels" -> "trace level";
      default -> plural.endsWith("s") ? plural.substring(0, plural.length() - 1) : plural;
    };
  }
}
